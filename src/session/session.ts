import type { Socket } from 'node:net';
import {
  COMMANDS,
  newResponse,
  PduError,
  type RequestPdu,
  type ResponsePdu,
  responseNameOf,
} from '../smpp/pdu.ts';
import {
  ESME_RALYBND,
  ESME_RBINDFAIL,
  ESME_RINVBNDSTS,
  ESME_ROK,
  ESME_RSYSERR,
  ESME_RUNKNOWNERR,
} from '../smpp/status.ts';
import type { DoorFacts } from './arrivals.ts';
import { answers, illegalStatus, isBind } from './legal.ts';
import type { PeerAddress } from './pdu-connection.ts';
import { SessionStates } from './session-states.ts';
import type {
  BindAcceptance,
  BoundLimits,
  SessionHandler,
  SessionOptions,
} from './session-types.ts';

/** Who keeps a list of sessions. */
export interface SessionKeeper {
  /** The smsc side accepted its bind. */
  bound?(session: Session): void;
  released(session: Session): void;
}

/**
 * One SMPP session over a connected socket, the same class for both sides (SMPP 3.4 §2.2, 5.0 §2.3).
 *
 *            ┌─ esme: bind() ────────────────┐          boundAs:
 *   OPEN ────┤                               ├──> BOUND   transmitter (BOUND_TX)
 *     │      └─ smsc: onBind, acceptBind() ──┘     │      receiver    (BOUND_RX)
 *     │                                            │      transceiver (BOUND_TRX)
 *     │ rejected bind, session init timer, too     ├── unbind() ──> UNBINDING: no new requests; answers of both
 *     │ many other PDUs, lost framing, malformed   │                sides awaited (unbindDrainMs), then unbind
 *     │                                            │                sent, unbind_resp awaited (responseTimeoutMs);
 *     │                                            │                both no longer than `withinMs`
 *     │                                            ├── peer's unbind ──> UNBINDING: our answers awaited
 *     │                                            │                (unbindDrainMs), then unbind_resp
 *     │                                            │ lost framing, malformed, a PDU without end, slow reader,
 *     ▼                                            ▼ close(), enquire_link or response timeout   │
 *   CLOSING <──────────────────────────────────────┴────────────────────────────────────┘
 *     │  what is queued is flushed, FIN sent; answers that still come are taken; requests are not
 *     ▼  peer's FIN, socket error, or closeLingerMs
 *   CLOSED   onClosed, once, with every request of ours that was never answered
 *
 * A socket that fails goes from any state to CLOSED. Time comes from `options.now` and `tick`, which
 * the owner calls once a second for all its sessions; a session has no timer of its own.
 */
export class Session extends SessionStates {
  readonly id: number;
  /** For the owner: its own state of this session. */
  attachment: unknown = undefined;
  /** What the door that it came through learned; undefined: plain, from the peer itself. */
  door: DoorFacts | undefined = undefined;
  /** Told after the handler that it is over: the listener or link that made it. */
  keeper: SessionKeeper | undefined = undefined;
  /** The window or the outbound limit was full: onWindowOpen is due when it is not. */
  #wasFull = false;
  /** submit_sm, submit_multi and data_sm of the ESME that this session carried, whichever side we are. */
  submits = 0;
  /** deliver_sm and data_sm of the SMSC: receipts and messages. */
  delivers = 0;

  /**
   * @param socket connected; the session takes it over
   * @param peer where the peer is, when the socket does not know (PROXY protocol)
   */
  constructor(
    socket: Socket,
    options: SessionOptions,
    handler: SessionHandler,
    peer?: PeerAddress,
  ) {
    super(socket, options, handler, peer);
    this.id = ++sessionsMade;
  }

  /** Our requests that the peer has not answered. */
  get windowInUse(): number {
    return this.window.size;
  }

  /** The peer's requests that we have not answered. */
  get peerWindowInUse(): number {
    return this.unanswered;
  }

  /** How many there may be. */
  get windowMax(): number {
    return this.window.max;
  }

  /** How many requests `request` would take now. */
  windowFree(): number {
    if (this.state !== 'bound' || !this.maySend) return 0;
    return this.outboundFull ? 0 : this.window.free;
  }

  override acceptBind(accepted: BindAcceptance): boolean {
    const isBound = super.acceptBind(accepted);
    if (isBound) this.keeper?.bound?.(this);
    return isBound;
  }

  /**
   * Sends a request and gives it its sequence_number; the answer comes to onResponse with `context`.
   * alert_notification has no answer and its context is dropped.
   * @returns false, and nothing is sent, when the window or the outbound limit is full (onWindowOpen
   *   follows) or the session is not bound (any more)
   * @throws PduError when a field does not fit; Error when this side may not send it as it is bound
   */
  request(pdu: RequestPdu, context: unknown): boolean {
    if (this.state !== 'bound') return false;
    const { side, now } = this.options;
    if (illegalStatus(pdu.command, side, this.boundAs) !== ESME_ROK) {
      throw new Error(`${pdu.command} is not for the ${side} of a ${this.boundAs} session`);
    }
    if (this.outboundFull) return this.#full();
    const nowMs = now();
    const answered = pdu.command !== 'alert_notification';
    const sequence = answered
      ? this.window.add(context, pdu.command_id, nowMs, this.nextFlush)
      : this.window.nextSequence();
    if (sequence === 0) return this.#full();
    pdu.sequence_number = sequence;
    try {
      this.send(pdu);
    } catch (error) {
      if (answered) this.window.release(this.window.find(sequence));
      throw error;
    }
    this.#count(pdu.command_id, side === 'esme');
    this.timers.transaction(nowMs);
    if (this.window.free === 0) this.#wasFull = true;
    return true;
  }

  /**
   * Sends the answer to a request that onRequest gave, now or later.
   * @returns false when the connection is gone: the answer was not sent
   */
  respond(pdu: ResponsePdu): boolean {
    if (this.unanswered > 0) this.unanswered--;
    if (!this.writable) return false;
    this.send(pdu);
    this.advanceUnbinding();
    return true;
  }

  /** Answers a request with a header-only response of an error status. @returns as `respond` */
  refuse(request: RequestPdu, status: number): boolean {
    const name = responseNameOf(request.command_id) ?? 'generic_nack';
    return this.respond(newResponse(name, request.sequence_number, status));
  }

  /** Changes the limits of both directions; what is outstanding above them stays until answered. */
  setLimits(limits: BoundLimits): void {
    this.applyLimits(limits);
    this.wake();
  }

  protected override get self(): Session {
    return this;
  }

  protected override onRequestPdu(pdu: RequestPdu): void {
    this.wellFormed();
    if (this.ending) return;
    if (pdu.command === 'enquire_link') {
      this.send(newResponse('enquire_link_resp', pdu.sequence_number, ESME_ROK));
      return;
    }
    this.timers.heardTransaction();
    if (pdu.command === 'unbind') return this.peerUnbinds(pdu.sequence_number);
    const status = this.#statusAgainst(pdu);
    if (status !== ESME_ROK) {
      this.options.observer?.illegal?.(this, pdu, status);
      this.sendError(pdu.command_id, pdu.sequence_number, status);
    } else if (isBind(pdu)) {
      if (this.handler.onBind === undefined) this.rejectBind(ESME_RBINDFAIL);
      else this.handler.onBind(this, pdu);
    } else if (pdu.command === 'alert_notification') this.handler.onRequest(this, pdu, false);
    else this.#giveToHandler(pdu);
  }

  protected override onResponsePdu(pdu: ResponsePdu): void {
    this.wellFormed();
    // It says "not understood" whatever its status (SMPP 3.4 §4.3): never an acceptance.
    if (pdu.command_id === GENERIC_NACK && pdu.command_status === ESME_ROK)
      pdu.command_status = ESME_RUNKNOWNERR;
    const slot = this.window.find(pdu.sequence_number);
    if (slot < 0 || !answers(pdu, this.window.commandAt(slot))) {
      if (!this.takeOwnAnswer(pdu)) this.options.observer?.unexpectedResponse?.(this, pdu);
      return;
    }
    const context = this.window.contextAt(slot);
    const sentAtMs = this.window.sentAtMs(slot);
    this.window.release(slot);
    this.handler.onResponse(this, pdu, context, sentAtMs);
    this.advanceUnbinding();
  }

  protected override onTurnEnd(): void {
    if (this.outboundFull) {
      this.#full();
      return;
    }
    if (!this.#wasFull || this.windowFree() === 0) return;
    this.#wasFull = false;
    this.handler.onWindowOpen?.(this);
  }

  protected override onGone(): void {
    super.onGone();
    this.keeper?.released(this);
  }

  protected override expireRequests(nowMs: number): void {
    const { responseTimeoutMs, closeOnResponseTimeout } = this.options;
    if (responseTimeoutMs === 0) return;
    const late = this.window.overdue(nowMs, responseTimeoutMs, this.timers.graceFromMs);
    if (late.length === 0) return;
    if (closeOnResponseTimeout || this.handler.onTimeout === undefined) {
      this.end('responseTimeout', `${late.length} requests unanswered`);
      return;
    }
    for (const request of this.window.take(late, this.nextFlush)) {
      this.handler.onTimeout(this, request);
    }
    this.wake();
  }

  /** The status that refuses a request in this state, 0 if it is legal; a legal bind is held. */
  #statusAgainst(pdu: RequestPdu): number {
    const { side } = this.options;
    if (isBind(pdu)) {
      if (side === 'esme') return ESME_RINVBNDSTS;
      return this.holdBind(pdu) ? ESME_ROK : ESME_RALYBND;
    }
    // Taken and charged, his answer would be lost with the session: he is to ask elsewhere.
    if (side === 'smsc' && this.leaving) return ESME_RSYSERR;
    const boundAs = this.peerMayAsk ? this.boundAs : undefined;
    return illegalStatus(pdu.command, side === 'smsc' ? 'esme' : 'smsc', boundAs);
  }

  #giveToHandler(pdu: RequestPdu): void {
    const overWindow = this.unanswered >= this.peerWindowMax;
    if (overWindow) {
      const { observer, overWindowStatus } = this.options;
      observer?.overWindow?.(this, pdu);
      if (overWindowStatus !== undefined) {
        this.sendError(pdu.command_id, pdu.sequence_number, overWindowStatus);
        return;
      }
    }
    this.unanswered++;
    this.#count(pdu.command_id, this.options.side === 'smsc');
    try {
      this.handler.onRequest(this, pdu, overWindow);
    } catch (error) {
      // What he sent does not fit what we would have to write because of it: his request is wrong, not the process.
      if (!(error instanceof PduError)) throw error;
      this.options.observer?.malformed?.(this, error);
      this.refuse(pdu, error.commandStatus);
    }
  }

  #count(commandId: number, ofEsme: boolean): void {
    if (commandId === SUBMIT_SM || commandId === SUBMIT_MULTI) this.submits++;
    else if (commandId === DELIVER_SM || (commandId === DATA_SM && !ofEsme)) this.delivers++;
    else if (commandId === DATA_SM) this.submits++;
  }

  #full(): false {
    this.#wasFull = true;
    this.wakeWhenWritten();
    return false;
  }
}

const SUBMIT_SM = COMMANDS.submit_sm.id;
const SUBMIT_MULTI = COMMANDS.submit_multi.id;
const DELIVER_SM = COMMANDS.deliver_sm.id;
const DATA_SM = COMMANDS.data_sm.id;
const GENERIC_NACK = COMMANDS.generic_nack.id;
let sessionsMade = 0;
