import type { Socket } from 'node:net';
import { encodePdu, PduWriter } from '../smpp/codec.ts';
import type { Pdu } from '../smpp/pdu.ts';
import { endOfTurn, type Turn } from './turn.ts';

/** A run of PDUs is cut here, so that the shared slab of 64 KiB does not have to grow. */
const PIECE_OCTETS = 48 * 1024;

/**
 * What one session has to send. All PDUs of a turn leave as one write, and a write is begun only when
 * the one before it was taken by the kernel: what is still here was certainly never sent.
 *
 *   put ──> pieces (views of a slab that all sessions share) ──flush──> socket.write
 *                 └──while a write is under way──> backlog (a copy of our own)
 *
 * The slab is shared, because a buffer per session would cost 10,000 idle sessions their memory, and
 * one response each to 500 sessions 500 buffers. Consecutive PDUs of one session are one piece. While
 * the socket is blocked the pieces are copied out: else 36 octets for a peer that does not read would
 * hold a slab of 64 KiB each.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #owner: Turn;
  #pieces: Buffer[] = NO_PIECES;
  /** Octets in pieces, backlog, and the shared writer while it is ours. */
  #pending = 0;
  #backlog: Buffer | undefined;
  #backlogLength = 0;
  #writing = false;
  #progressed = false;
  /** The tick that first saw the present lack of progress; 0: none. */
  #owedSinceMs = 0;
  #ended = false;
  #onWritten: (() => void) | undefined;
  /** Number of the next write. Wraps as an int32; compared for equality only. */
  flushes = 0;
  /** True: the owner gets a turn when a write was taken, because it waits for room. */
  watched = false;

  /** @param owner gets a turn when something is to be flushed: its onTurn must call `flush` */
  constructor(socket: Socket, owner: Turn) {
    this.#socket = socket;
    this.#owner = owner;
  }

  /** Octets that the kernel has not taken. */
  get bytes(): number {
    return this.#pending + this.#socket.writableLength;
  }

  /** Whether what is put now can still leave. */
  get open(): boolean {
    return !this.#ended && this.#socket.writable;
  }

  /** Adds a PDU. @throws PduError when a field does not fit; nothing is added then. */
  put(pdu: Pdu): void {
    if (writerOwner !== this) {
      writerOwner?.takePiece();
      writerOwner = this;
    }
    const before = SHARED.length;
    encodePdu(SHARED, pdu);
    this.#pending += SHARED.length - before;
    if (SHARED.length >= PIECE_OCTETS) this.takePiece();
    endOfTurn(this.#owner);
  }

  /** Moves what the shared writer holds for us to our pieces. Only outboxes call it. */
  takePiece(): void {
    if (SHARED.length === 0) return;
    if (this.#pieces === NO_PIECES) this.#pieces = [];
    this.#pieces.push(SHARED.take());
  }

  /** Writes what is pending, if no write is under way. */
  flush(): void {
    if (writerOwner === this) {
      this.takePiece();
      writerOwner = undefined;
    }
    if (this.#pending === 0) return;
    if (this.#writing) {
      this.#copyToBacklog();
      return;
    }
    if (!this.#socket.writable) return;
    const octets = this.#takePending();
    this.#pending = 0;
    this.flushes = (this.flushes + 1) | 0;
    this.#writing = true;
    this.#onWritten ??= () => this.#written();
    this.#socket.write(octets, this.#onWritten);
  }

  /** Flushes and ends our side of the connection; nothing can be put after it. */
  end(): void {
    if (this.#ended) return;
    this.flush();
    this.#ended = true;
    if (!this.#writing) this.#socket.end();
  }

  /** Called at each tick: for how many ms the peer has taken nothing although we owe it octets. */
  stalledForMs(nowMs: number): number {
    if (!this.#writing) {
      this.#owedSinceMs = 0;
      return 0;
    }
    if (this.#progressed || this.#owedSinceMs === 0) {
      this.#progressed = false;
      this.#owedSinceMs = nowMs;
    }
    return nowMs - this.#owedSinceMs;
  }

  #written(): void {
    this.#writing = false;
    this.#progressed = true;
    if (this.#pending > 0) this.flush();
    if (this.#ended && !this.#writing) this.#socket.end();
    if (this.watched) endOfTurn(this.#owner);
  }

  #takePending(): Buffer {
    if (this.#backlog !== undefined) {
      if (this.#pieces.length > 0) this.#copyToBacklog();
      const octets = this.#backlog.subarray(0, this.#backlogLength);
      this.#backlog = undefined;
      this.#backlogLength = 0;
      return octets;
    }
    const pieces = this.#pieces;
    const only = pieces[0];
    const octets = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
    pieces.length = 0;
    return octets;
  }

  #copyToBacklog(): void {
    for (const piece of this.#pieces) {
      const length = this.#backlogLength + piece.length;
      if (this.#backlog === undefined || length > this.#backlog.length) {
        const grown = Buffer.allocUnsafeSlow(2 * length);
        this.#backlog?.copy(grown, 0, 0, this.#backlogLength);
        this.#backlog = grown;
      }
      piece.copy(this.#backlog, this.#backlogLength);
      this.#backlogLength = length;
    }
    this.#pieces.length = 0;
  }
}

const NO_PIECES: Buffer[] = [];
/** Every session encodes here; the slab's parts are handed over without a copy. */
const SHARED = new PduWriter();
/** Whose PDUs the shared writer holds now. */
let writerOwner: Outbox | undefined;
