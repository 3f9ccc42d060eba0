import type { SessionEndKind, SessionObserver } from '../session/session-types.ts';
import type { GatewayObserver } from './observer.ts';

/** What a peer did against the protocol, beside malformed PDUs: the `error` label of smppgate_protocol_errors_total. */
export type ProtocolError =
  /** A request that its bind state, or we, do not allow. */
  | 'illegalRequest'
  /** An answer that nobody asked for, or too late. */
  | 'unexpectedResponse'
  /** A request over the window. */
  | 'overWindow'
  | SessionFault;

/** Ends of a session that are the peer's fault. */
type SessionFault = Extract<
  SessionEndKind,
  | 'sessionInitTimeout'
  | 'enquireLinkTimeout'
  | 'responseTimeout'
  | 'slowReader'
  | 'slowPdu'
  | 'malformed'
  | 'framing'
  | 'unboundFlood'
>;

const FAULTS: ReadonlySet<SessionEndKind> = new Set<SessionFault>([
  'sessionInitTimeout',
  'enquireLinkTimeout',
  'responseTimeout',
  'slowReader',
  'slowPdu',
  'malformed',
  'framing',
  'unboundFlood',
]);

/**
 * Counts what peers of one side do against the protocol. Nothing is logged a PDU: a peer could fill the disk.
 * @param also who else hears of these
 */
export function protocolWatch(
  observer: Pick<GatewayObserver, 'malformedPdu' | 'protocolError'>,
  side: 'customer' | 'carrier',
  also: Pick<SessionObserver, 'bound' | 'overWindow' | 'ended'>,
): SessionObserver {
  return {
    malformed: () => observer.malformedPdu(side),
    illegal: () => observer.protocolError(side, 'illegalRequest'),
    unexpectedResponse: () => observer.protocolError(side, 'unexpectedResponse'),
    bound: (session) => also.bound?.(session),
    overWindow: (session, pdu) => {
      observer.protocolError(side, 'overWindow');
      also.overWindow?.(session, pdu);
    },
    ended: (session, reason) => {
      if (isFault(reason.kind)) observer.protocolError(side, reason.kind);
      also.ended?.(session, reason);
    },
  };
}

function isFault(kind: SessionEndKind): kind is SessionFault {
  return FAULTS.has(kind);
}
