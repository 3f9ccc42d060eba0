import type { BindRequest, Pdu, PduError, RequestPdu, ResponsePdu } from '../smpp/pdu.ts';
import type { Session } from './session.ts';
import type { PduTap } from './tap.ts';
import type { TimerLimits } from './timers.ts';
import type { InFlight } from './window.ts';

export type { InFlight } from './window.ts';

/** Which end of the session we are: `smsc` towards customers, `esme` towards carriers. */
export type SessionSide = 'smsc' | 'esme';

/** How a session is bound, SMPP 3.4 §2.2.1. */
export type BoundAs = 'transmitter' | 'receiver' | 'transceiver';

/** The states of `Session`'s diagram. */
export type SessionState = 'open' | 'bound' | 'unbinding' | 'closing' | 'closed';

/** Why a session ended; fit for a metric's label. */
export type SessionEndKind =
  /** We unbound, or the peer did and was answered. */
  | 'unbound'
  | 'peerUnbound'
  /** The peer closed the connection without unbinding. */
  | 'peerClosed'
  /** Reset and the like; `detail` is the system's error code. */
  | 'socketError'
  /** No connection within the connect timeout, or none at all (carrier side). */
  | 'connectFailed'
  /** The bind was answered with an error; `status` says which. */
  | 'bindRejected'
  | 'sessionInitTimeout'
  | 'enquireLinkTimeout'
  | 'responseTimeout'
  | 'inactivity'
  /** The peer does not read what we owe it. */
  | 'slowReader'
  /** Too many malformed PDUs in a row. */
  | 'malformed'
  /** Too many PDUs before the bind. */
  | 'unboundFlood'
  /** A PDU was begun and not ended in time. */
  | 'slowPdu'
  /** command_length is impossible: the stream is lost (this is where an HTTP request ends). */
  | 'framing'
  /** Our owner closed it without unbinding. */
  | 'dropped';

/** How and why a session ended. */
export interface SessionEndReason {
  readonly kind: SessionEndKind;
  /** A few words for the log, without anything of a message's content. */
  readonly detail: string;
  /** The command_status that ended it, where one did. */
  readonly status: number | undefined;
}

/** The limits of one session. Every one is enforced by the session itself. */
export interface SessionOptions extends TimerLimits {
  readonly side: SessionSide;
  /** Our requests outstanding at once, 1..65,535. */
  readonly windowMax: number;
  /** The peer's requests that may be unanswered by us at once. */
  readonly peerWindowMax: number;
  /**
   * command_status that answers the peer's requests beyond `peerWindowMax`; undefined: the handler
   * gets them all the same, with `overWindow` true.
   */
  readonly overWindowStatus: number | undefined;
  /** Longest PDU accepted, in octets. */
  readonly maxPduOctets: number;
  /** Octets that may wait for the peer to read; see SESSION_DEFAULTS. */
  readonly outboundBytesMax: number;
  /** True: a request of ours unanswered for responseTimeoutMs ends the session. */
  readonly closeOnResponseTimeout: boolean;
  /** PDUs of one session read in one turn of the event loop; the rest waits for the next turn. */
  readonly pdusPerTurnMax: number;
  /** Malformed PDUs in a row that end the session. */
  readonly malformedInARowMax: number;
  /** PDUs of the peer before it is bound that end the session; a malformed one counts, its bind does not matter. */
  readonly unboundPdusMax: number;
  /** A PDU must end this long, in ms, after its first octet; 0: any time. */
  readonly pduCompleteMs: number;
  /** `unbind` waits this long, in ms, for answers in both directions before it sends unbind. */
  readonly unbindDrainMs: number;
  /** After our last octet the peer has this long, in ms, to close before the socket is destroyed. */
  readonly closeLingerMs: number;
  /** ms of a clock that does not go back (performance.now). */
  now(): number;
  readonly observer: SessionObserver | undefined;
  /** Sees every PDU while it is open; see PduTap. */
  readonly tap?: PduTap | undefined;
}

/** Defaults, with their reasons. */
export const SESSION_DEFAULTS = {
  /** What interface.md gives a customer and a carrier. */
  windowMax: 100,
  peerWindowMax: 100,
  overWindowStatus: undefined,
  /** `smpp.maxPduOctets`: one message_payload TLV of 65,535 octets and the longest fields fit. */
  maxPduOctets: 70_000,
  /** Enough to bind over a satellite link; short enough that silent connections do not pile up. */
  sessionInitMs: 10_000,
  /** Kannel's default; under the five minutes after which many NATs forget a connection. */
  enquireLinkIntervalMs: 30_000,
  /** Off: a receiver without traffic is healthy as long as it answers enquire_link. */
  inactivityMs: 0,
  /** Carriers answer in under a second; 30 s rides out their failovers. */
  responseTimeoutMs: 30_000,
  /** 1 MiB: some 5,000 deliver_sm, far more than any window; a peer that owes that much reading is stuck. */
  outboundBytesMax: 1_048_576,
  closeOnResponseTimeout: false,
  /** 256 x 5 us of reading is 1.3 ms: what one flood may add to the others' latency in a turn. */
  pdusPerTurnMax: 256,
  /** A broken client sends nothing else; a single bad message among good ones never gets there. */
  malformedInARowMax: 20,
  /** A client binds at once; one that asks first, asks a few times. It bounds what a stranger makes us answer. */
  unboundPdusMax: 100,
  /** 70,000 octets at 10 kbit/s. A peer whose command_length lies would else be silently swallowed for ever. */
  pduCompleteMs: 60_000,
  /** A commit and an answer take milliseconds; peers wait 5-10 s for unbind_resp before they hang up. */
  unbindDrainMs: 5_000,
  closeLingerMs: 1_000,
  observer: undefined,
} as const satisfies Omit<SessionOptions, 'side' | 'now'>;

/** Options with the defaults for what is not given. */
export function sessionOptions(
  given: Partial<SessionOptions> & Pick<SessionOptions, 'side' | 'now'>,
): SessionOptions {
  return { ...SESSION_DEFAULTS, ...given };
}

/** Limits of one bind, where they differ from the options'. */
export interface BoundLimits {
  readonly windowMax?: number;
  readonly peerWindowMax?: number;
  /** At most the options'. */
  readonly maxPduOctets?: number;
  readonly enquireLinkIntervalMs?: number;
  readonly inactivityMs?: number;
}

/** What a handler gives with an accepted bind. */
export interface BindAcceptance extends BoundLimits {
  /** Our system_id, at most 15 octets. */
  readonly systemId: string;
}

/**
 * What a session asks of its owner. One object serves all sessions. The methods run inside the
 * socket's events and must not throw: an exception there is a bug and ends the process.
 */
export interface SessionHandler {
  /** smsc side: a bind request. Answer now or later with session.acceptBind or rejectBind. */
  onBind?(session: Session, pdu: BindRequest): void;
  /** esme side: the peer accepted our bind. */
  onBound?(session: Session): void;
  /**
   * A request of the peer that is legal in this state, other than bind, unbind and enquire_link.
   * Answer it with session.respond or refuse (alert_notification has no answer). Octet strings are
   * views into the socket's chunk: copy what outlives the turn.
   */
  onRequest(session: Session, pdu: RequestPdu, overWindow: boolean): void;
  /** The answer, or generic_nack, to a request of ours. */
  onResponse(session: Session, pdu: ResponsePdu, context: unknown, sentAtMs: number): void;
  /**
   * A request of ours was unanswered for responseTimeoutMs; it has left the window, a late answer
   * counts as unexpected. Not called with closeOnResponseTimeout. Without this method the session ends.
   */
  onTimeout?(session: Session, request: InFlight): void;
  /** request() would succeed again after the window or the outbound limit was full; once a turn at most. */
  onWindowOpen?(session: Session): void;
  /** The session is over and its socket gone. Everything unanswered is handed back here, once. */
  onClosed(session: Session, reason: SessionEndReason, inFlight: InFlight[]): void;
}

/** What metrics and logs hear. Nothing here may throw. */
export interface SessionObserver {
  bound?(session: Session): void;
  /** An unbind was answered, asked by us or by the peer. */
  unbound?(session: Session, by: 'us' | 'peer'): void;
  ended?(session: Session, reason: SessionEndReason): void;
  malformed?(session: Session, error: PduError): void;
  /** The peer sent more than its window; `pdu` was answered with overWindowStatus or given on. */
  overWindow?(session: Session, pdu: Pdu): void;
  /** An answer that nobody asked for, or too late; it was ignored. */
  unexpectedResponse?(session: Session, pdu: ResponsePdu): void;
  /** A request that the state does not allow was answered with `status`. */
  illegal?(session: Session, pdu: Pdu, status: number): void;
}
