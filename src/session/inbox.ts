import type { Socket } from 'node:net';
import { type Frame, PduFramer } from '../smpp/framing.ts';
import { STALL_MS } from './timers.ts';
import { endOfTurn, type Turn } from './turn.ts';

/**
 * What one session reads: frames, at most so many a turn, none while anybody holds it.
 *
 *   flowing ──budget of the turn spent──> held back (socket paused, rest in the framer) ──next turns──> flowing
 *      └────pause(reason)──> paused until every reason is resumed ──> held back, then flowing
 *
 * What is not read stays in the kernel, whose window then stops the peer.
 */
export class Inbox {
  readonly #socket: Socket;
  readonly #owner: Turn;
  readonly #framer: PduFramer;
  readonly #perTurn: number;
  #budget: number;
  /** Undefined while nobody holds reading, which is nearly always. */
  #reasons: string[] | undefined;
  /** Frames wait in the framer for the next turn. */
  #heldBack = false;
  #flowing = true;
  #discarding = false;
  /** The PDU begun and not ended that the last look saw, and when one first saw it. */
  #partial = 0;
  #partialSinceMs = 0;
  #lookedAtMs = 0;

  /** @param owner gets a turn when frames wait: its onTurn must call `newTurn` and read on */
  constructor(socket: Socket, owner: Turn, maxPduOctets: number, perTurn: number) {
    this.#socket = socket;
    this.#owner = owner;
    this.#framer = new PduFramer(maxPduOctets);
    this.#perTurn = perTurn;
    this.#budget = perTurn;
  }

  /** False while somebody holds reading. */
  get reading(): boolean {
    return this.#reasons === undefined;
  }

  push(chunk: Buffer): void {
    if (!this.#discarding) this.#framer.push(chunk);
  }

  /** Longest PDU from here on, in octets. */
  setMaxPdu(octets: number): void {
    this.#framer.setMax(octets);
  }

  /** Octets that came and belong to no PDU given out yet. */
  get octetsHeld(): number {
    return this.#framer.pendingOctets;
  }

  /** Called at each tick: for how many ms the same PDU is begun and not ended, though we read. */
  partialForMs(nowMs: number): number {
    const partial = this.#framer.partial;
    const stalled = nowMs - this.#lookedAtMs > STALL_MS;
    this.#lookedAtMs = nowMs;
    if (partial === 0 || partial !== this.#partial || stalled || !this.reading) {
      this.#partial = partial;
      this.#partialSinceMs = nowMs;
    }
    return nowMs - this.#partialSinceMs;
  }

  newTurn(): void {
    this.#budget = this.#perTurn;
  }

  /**
   * The next frame that may be read now.
   * @throws PduError (fatal) when the stream is lost
   */
  next(): Frame | undefined {
    if (this.#discarding || this.#reasons !== undefined) return undefined;
    if (this.#budget === 0) {
      this.#heldBack = true;
      endOfTurn(this.#owner);
      this.#applyFlow();
      return undefined;
    }
    const frame = this.#framer.next();
    if (frame !== undefined) this.#budget--;
    else if (this.#heldBack) {
      this.#heldBack = false;
      this.#applyFlow();
    }
    return frame;
  }

  /** Holds reading. The same reason twice is one; each reason must be resumed. */
  pause(reason: string): void {
    this.#reasons ??= [];
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
    this.#applyFlow();
  }

  resume(reason: string): void {
    if (this.#reasons === undefined) return;
    const left = this.#reasons.filter((other) => other !== reason);
    this.#reasons = left.length > 0 ? left : undefined;
    if (left.length === 0) this.#readOn();
  }

  /** Lets go of every reason. */
  unhold(): void {
    if (this.#reasons === undefined) return;
    this.#reasons = undefined;
    this.#readOn();
  }

  /** The socket is gone: what is left may be read in one go. */
  noLimit(): void {
    this.#budget = Number.POSITIVE_INFINITY;
  }

  /**
   * From now on whatever comes is thrown away. It is still read: octets left unread when a socket
   * closes make the kernel send RST, which can overtake our last answer.
   */
  discard(): void {
    this.#discarding = true;
    this.#reasons = undefined;
    this.#heldBack = false;
    this.#applyFlow();
  }

  #readOn(): void {
    // Held back counts too when nothing is left: the turn that would have found that out was held itself.
    if (this.#heldBack || this.#framer.pendingOctets > 0) {
      this.#heldBack = true;
      endOfTurn(this.#owner);
    }
    this.#applyFlow();
  }

  #applyFlow(): void {
    const flowing = this.#reasons === undefined && !this.#heldBack;
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    if (flowing) this.#socket.resume();
    else this.#socket.pause();
  }
}
