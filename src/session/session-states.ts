import type { Socket } from 'node:net';
import {
  type BindRequest,
  COMMANDS,
  commandNameOf,
  newPdu,
  newResponse,
  type Pdu,
  type PduError,
  RESPONSE_BIT,
  type RequestName,
  type ResponsePdu,
  responseNameOf,
} from '../smpp/pdu.ts';
import { ESME_RINVBNDSTS, ESME_RINVCMDID, ESME_ROK } from '../smpp/status.ts';
import { intTlv, makeIntTlv } from '../smpp/tlv.ts';
import { answers, boundAsOf, illegalStatus, maySend, negotiatedVersion } from './legal.ts';
import { PduConnection, type PeerAddress } from './pdu-connection.ts';
import type {
  BindAcceptance,
  BoundAs,
  BoundLimits,
  SessionEndKind,
  SessionEndReason,
  SessionHandler,
  SessionOptions,
  SessionState,
} from './session-types.ts';
import { SessionTimers, type TimerLimits } from './timers.ts';
import { RequestWindow } from './window.ts';

/** A peer that takes none of what we owe it for so many response timeouts is cut off. */
const SLOW_READER_TIMEOUTS = 2;

/** No request is outstanding: sequence_number is never negative. */
const NONE = -1;

/**
 * The states of a Session: how it is bound, kept alive and ended. See Session's diagram; what it does
 * while it is bound stands there.
 */
export abstract class SessionStates extends PduConnection {
  readonly options: SessionOptions;
  /** How it is bound; undefined before. It stays after the end. */
  boundAs: BoundAs | undefined = undefined;
  /** The ESME's system_id (both sides), '' before the bind. */
  systemId = '';
  systemType = '';
  addressRange = '';
  /** 0x33, 0x34 or 0x50, see `negotiatedVersion`. A 3.3 customer gets no TLVs: they are dropped from what we send. */
  interfaceVersion = 0x34;
  /** esme side: sc_interface_version of the bind's answer; undefined: it had none. */
  carrierVersion: number | undefined = undefined;
  protected readonly handler: SessionHandler;
  protected readonly timers: SessionTimers;
  protected readonly window: RequestWindow;
  /** The peer's requests that may be unanswered by us at once. */
  peerWindowMax: number;
  /** Requests of the peer that we have not answered. */
  protected unanswered = 0;
  #state: SessionState = 'open';
  #maySend = false;
  #withoutTlvs = false;
  #malformedInARow = 0;
  #timerLimits: TimerLimits;
  #unboundPdus = 0;
  /** The bind that is not answered yet: the peer's (smsc) or ours (esme). */
  #pendingBind: BindRequest | undefined = undefined;
  /** sequence_numbers of our requests outside the window; NONE: not sent, or answered. */
  #bindSequence = NONE;
  #enquireSequence = NONE;
  #unbindSequence = NONE;
  /** sequence_number of the peer's unbind, from when it came. */
  #peerUnbindSequence = NONE;
  /** When UNBINDING or CLOSING goes on by force. */
  #dueMs = 0;
  #unbindKind: SessionEndKind = 'unbound';
  /** An unbind of ours is over then, in the time of options.now. */
  #unbindEndMs = Number.POSITIVE_INFINITY;
  #reason: SessionEndReason | undefined = undefined;

  constructor(
    socket: Socket,
    options: SessionOptions,
    handler: SessionHandler,
    peer: PeerAddress | undefined,
  ) {
    super(socket, options, peer);
    this.options = options;
    this.handler = handler;
    this.timers = new SessionTimers(options.now());
    this.#timerLimits = options;
    this.window = new RequestWindow(options.windowMax);
    this.peerWindowMax = options.peerWindowMax;
  }

  /** Looks for requests without answer. */
  protected abstract expireRequests(nowMs: number): void;

  get state(): SessionState {
    return this.#state;
  }

  /** Whether our side may send messages on it as it is bound (3.4 §2.3). */
  get maySend(): boolean {
    return this.#maySend;
  }

  /** smsc side: accepts the bind that onBind gave. @returns false when the peer is gone meanwhile */
  acceptBind(accepted: BindAcceptance): boolean {
    const pdu = this.#pendingBind;
    if (pdu === undefined || this.#state !== 'open') return false;
    this.applyLimits(accepted);
    this.interfaceVersion = negotiatedVersion(pdu.interface_version);
    this.#withoutTlvs = this.interfaceVersion < 0x34;
    const answer = newResponse(`${pdu.command}_resp`, pdu.sequence_number, ESME_ROK);
    answer.system_id = accepted.systemId;
    answer.tlvs = [makeIntTlv('sc_interface_version', this.interfaceVersion)];
    this.send(answer);
    this.#becomeBound(pdu);
    return true;
  }

  /** Limits of the bind in the place of the options'; what is not given stays. */
  protected applyLimits(limits: BoundLimits): void {
    this.peerWindowMax = limits.peerWindowMax ?? this.peerWindowMax;
    this.window.max = limits.windowMax ?? this.window.max;
    const { enquireLinkIntervalMs, inactivityMs, maxPduOctets } = limits;
    if (maxPduOctets !== undefined)
      this.setMaxPdu(Math.min(maxPduOctets, this.options.maxPduOctets));
    this.#timerLimits = {
      ...this.#timerLimits,
      ...(enquireLinkIntervalMs !== undefined && { enquireLinkIntervalMs }),
      ...(inactivityMs !== undefined && { inactivityMs }),
    };
  }

  /** smsc side: answers the bind that onBind gave with an error and closes. */
  rejectBind(status: number): void {
    const pdu = this.#pendingBind;
    if (pdu === undefined || this.#state !== 'open') return;
    this.send(newResponse(`${pdu.command}_resp`, pdu.sequence_number, status));
    this.end('bindRejected', pdu.command, status);
  }

  /** esme side: sends a bind request; onBound follows, or the session ends with `bindRejected`. */
  bind(pdu: BindRequest): void {
    if (!this.holdBind(pdu)) throw new Error('a session binds once');
    this.#bindSequence = this.window.nextSequence();
    pdu.sequence_number = this.#bindSequence;
    this.send(pdu);
  }

  /**
   * Ends it in order: see UNBINDING in the diagram. Before the bind it just closes.
   * @param withinMs it is over then, whatever the peer still does; by default it may take both of its waits
   */
  unbind(kind: 'unbound' | 'inactivity' = 'unbound', withinMs = Number.POSITIVE_INFINITY): void {
    if (this.#state === 'open') this.end(kind, 'before the bind');
    if (this.#state !== 'bound') return;
    this.#state = 'unbinding';
    this.#unbindKind = kind;
    const nowMs = this.options.now();
    this.#unbindEndMs = nowMs + withinMs;
    this.#dueMs = Math.min(nowMs + this.options.unbindDrainMs, this.#unbindEndMs);
    this.advanceUnbinding();
  }

  /** Ends it without unbind; what is queued is still flushed. */
  close(detail = ''): void {
    this.end('dropped', detail);
  }

  /** To be called at least once a second, with the time of `options.now`. */
  tick(nowMs: number): void {
    if (this.#state === 'closed') return;
    const stalledMs = this.stalledForMs(nowMs);
    const verdict = this.timers.tick(nowMs, this.#timerLimits, this.reading);
    if (this.#state === 'closing') {
      if (nowMs >= this.#dueMs) this.destroy();
      return;
    }
    if (stalledMs > 0 && stalledMs >= SLOW_READER_TIMEOUTS * this.options.responseTimeoutMs) {
      this.end('slowReader', `${this.outboundBytes} octets owed`);
      this.destroy();
      return;
    }
    const { pduCompleteMs } = this.options;
    if (this.partialForMs(nowMs) >= pduCompleteMs && pduCompleteMs > 0) {
      this.discardInput();
      this.end('slowPdu', `${this.octetsHeld} octets of a PDU`);
      return;
    }
    if (verdict === 'sessionInit') {
      this.end('sessionInitTimeout', this.#pendingBind?.command ?? 'no bind');
    } else if (verdict === 'enquireLinkTimeout') this.end('enquireLinkTimeout');
    else if (verdict === 'inactivity') this.unbind('inactivity');
    else if (verdict === 'enquireLink' && this.#state === 'bound') this.#enquire(nowMs);
    this.expireRequests(nowMs);
    if (this.#state === 'unbinding' && nowMs >= this.#dueMs) this.advanceUnbinding(true);
    // Else thousands of sessions that enquire at once would all hold their octets until the turn's end.
    this.flush();
  }

  /** Whether requests of the peer are still taken: not before the bind is answered, nor behind its unbind. */
  protected get peerMayAsk(): boolean {
    return this.#state !== 'open' && this.#peerUnbindSequence === NONE;
  }

  /** Whether we are ending it: from here on our answer to a new request might not reach the peer any more. */
  protected get leaving(): boolean {
    return this.#state === 'unbinding' && this.#peerUnbindSequence === NONE;
  }

  /** Whether the session is over but for what is still under way. */
  protected get ending(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  /** Adds a PDU to this turn's write; a 3.3 peer gets it without TLVs. */
  protected send(pdu: Pdu): void {
    if (this.#withoutTlvs && pdu.tlvs !== undefined) pdu.tlvs = undefined;
    this.put(pdu);
  }

  /** Answers with an error, header only; what has no response of its own with generic_nack. */
  protected sendError(commandId: number, sequence: number, status: number): void {
    const name = status === ESME_RINVCMDID ? undefined : responseNameOf(commandId);
    this.send(newResponse(name ?? 'generic_nack', sequence, status));
  }

  /** Takes in a bind to be answered; false when there was one before. */
  protected holdBind(pdu: BindRequest): boolean {
    if (this.#state !== 'open' || this.#pendingBind !== undefined) return false;
    this.#pendingBind = pdu;
    return true;
  }

  /** A PDU could be read. */
  protected wellFormed(): void {
    this.#malformedInARow = 0;
    if (this.#state === 'open') this.#countUnbound();
  }

  protected peerUnbinds(sequence: number): void {
    // Both unbind at once: each answers the other, and the answer to ours ends it.
    if (this.#state === 'open' || this.#unbindSequence !== NONE) {
      const status = this.#state === 'open' ? ESME_RINVBNDSTS : ESME_ROK;
      this.send(newResponse('unbind_resp', sequence, status));
      return;
    }
    if (this.#peerUnbindSequence !== NONE) {
      this.sendError(COMMANDS.unbind.id, sequence, ESME_RINVBNDSTS);
      return;
    }
    this.#dueMs = this.options.now() + this.options.unbindDrainMs;
    this.#state = 'unbinding';
    this.#peerUnbindSequence = sequence;
    this.advanceUnbinding();
  }

  /**
   * Takes the next step of UNBINDING when what it waits for has come.
   * @param due its wait is over
   */
  protected advanceUnbinding(due = false): void {
    if (this.#state !== 'unbinding') return;
    if (this.#peerUnbindSequence !== NONE) {
      if (this.unanswered > 0 && !due) return;
      this.send(newResponse('unbind_resp', this.#peerUnbindSequence, ESME_ROK));
      this.options.observer?.unbound?.(this.self, 'peer');
      this.end('peerUnbound');
    } else if (this.#unbindSequence !== NONE) {
      if (due) this.end(this.#unbindKind, 'no unbind_resp');
    } else if (due || (this.unanswered === 0 && this.window.size === 0)) {
      this.#unbindSequence = this.window.nextSequence();
      this.send(newPdu('unbind', this.#unbindSequence));
      const answeredMs = this.options.now() + this.options.responseTimeoutMs;
      this.#dueMs = Math.min(answeredMs, this.#unbindEndMs);
    }
  }

  /** Takes the answer to bind, unbind or enquire_link; false if it is to none of ours. */
  protected takeOwnAnswer(pdu: ResponsePdu): boolean {
    const sequence = pdu.sequence_number;
    if (sequence === this.#enquireSequence && answers(pdu, COMMANDS.enquire_link.id)) {
      this.#enquireSequence = NONE;
      return true;
    }
    if (sequence === this.#unbindSequence && answers(pdu, COMMANDS.unbind.id)) {
      this.#unbindSequence = NONE;
      this.options.observer?.unbound?.(this.self, 'us');
      this.end(this.#unbindKind);
      return true;
    }
    const bind = this.#pendingBind;
    if (bind === undefined || sequence !== this.#bindSequence) return false;
    if (!answers(pdu, COMMANDS[bind.command].id)) return false;
    this.#bindAnswered(bind, pdu);
    return true;
  }

  /** To CLOSING: the first reason counts. */
  protected end(kind: SessionEndKind, detail = '', status?: number): void {
    if (this.ending) return;
    this.#reason = { kind, detail, status };
    this.#state = 'closing';
    this.#pendingBind = undefined;
    this.#dueMs = this.options.now() + this.options.closeLingerMs;
    this.finish();
  }

  protected override onOctets(): void {
    this.timers.received(this.options.now());
  }

  protected override onPduError(error: PduError): void {
    this.options.observer?.malformed?.(this.self, error);
    if (this.ending) return;
    if (error.kind === 'fatal') {
      this.send(newResponse('generic_nack', error.sequenceNumber, error.commandStatus));
      this.discardInput();
      this.end('framing', error.message, error.commandStatus);
      return;
    }
    // A malformed answer is never answered (two peers could nack each other for ever): its request stays so.
    if (error.commandId < RESPONSE_BIT) {
      this.sendError(error.commandId, error.sequenceNumber, this.#statusOf(error));
    }
    if (this.#state === 'open') this.#countUnbound();
    this.#malformedInARow++;
    if (this.#malformedInARow < this.options.malformedInARowMax) return;
    this.discardInput();
    this.end('malformed', error.message, error.commandStatus);
  }

  protected override onEnding(code: string | undefined): void {
    if (code === undefined) this.end('peerClosed', this.#state);
    else this.end('socketError', code);
  }

  /** To CLOSED. Answers that came before the end have been taken: they are no longer unknown. */
  protected override onGone(): void {
    this.#state = 'closed';
    // onEnding came before, so there is a reason.
    const reason = this.#reason as SessionEndReason;
    const inFlight = this.window.takeAll(this.nextFlush);
    this.options.observer?.ended?.(this.self, reason);
    this.handler.onClosed(this.self, reason, inFlight);
  }

  /** A malformed PDU that would be refused if it were whole is refused so: a stranger learns nothing of fields. */
  #statusOf(error: PduError): number {
    const name = commandNameOf(error.commandId);
    if (name === undefined) return error.commandStatus;
    const sender = this.options.side === 'smsc' ? 'esme' : 'smsc';
    const boundAs = this.peerMayAsk ? this.boundAs : undefined;
    const illegal = illegalStatus(name as RequestName, sender, boundAs);
    return illegal === ESME_ROK ? error.commandStatus : illegal;
  }

  /** What a stranger may ask is bounded: neither our time nor what he leaves unread grows with it. */
  #countUnbound(): void {
    this.#unboundPdus++;
    if (this.#unboundPdus <= this.options.unboundPdusMax) return;
    this.discardInput();
    this.end('unboundFlood', `${this.options.unboundPdusMax} PDUs before the bind`);
  }

  #bindAnswered(bind: BindRequest, answer: ResponsePdu): void {
    this.#bindSequence = NONE;
    if (this.#state !== 'open') return;
    if (answer.command_status !== ESME_ROK) {
      this.end('bindRejected', answer.command, answer.command_status);
      return;
    }
    this.interfaceVersion = negotiatedVersion(bind.interface_version);
    this.carrierVersion = intTlv(answer, 'sc_interface_version');
    this.#becomeBound(bind);
    this.handler.onBound?.(this.self);
  }

  #becomeBound(bind: BindRequest): void {
    this.#pendingBind = undefined;
    this.boundAs = boundAsOf(bind.command);
    this.systemId = bind.system_id;
    this.systemType = bind.system_type;
    this.addressRange = bind.address_range;
    this.#state = 'bound';
    this.#maySend = maySend(this.options.side, this.boundAs);
    this.timers.bound(this.options.now());
    this.options.observer?.bound?.(this.self);
  }

  #enquire(nowMs: number): void {
    this.#enquireSequence = this.window.nextSequence();
    this.timers.enquired(nowMs);
    this.send(newPdu('enquire_link', this.#enquireSequence));
  }
}
