import type { AdaptiveRateState } from '../session/adaptive-rate.ts';
import type { SessionEndReason } from '../session/session-types.ts';
import * as status from '../smpp/status.ts';

/** Why a session with a carrier, or the attempt to make one, ended, in words for an operator. */
export function reasonInWords({ kind, detail, status: commandStatus }: SessionEndReason): string {
  switch (kind) {
    case 'unbound':
      return 'we unbound';
    case 'peerUnbound':
      return 'the carrier unbound';
    case 'peerClosed':
      return 'the carrier closed the connection without unbinding';
    case 'socketError':
      return `the connection broke (${detail})`;
    case 'connectFailed':
      return CONNECT_WORDS[detail] ?? `no connection (${detail})`;
    case 'bindRejected':
      return bindRefusedInWords(commandStatus ?? 0);
    case 'sessionInitTimeout':
      return 'connected, but the bind was not answered';
    case 'enquireLinkTimeout':
      return 'enquire_link was not answered';
    case 'responseTimeout':
      return `answers were too long in coming (${detail})`;
    case 'inactivity':
      return 'no traffic for too long';
    case 'slowReader':
      return `the carrier does not read (${detail})`;
    case 'malformed':
      return `too many malformed PDUs in a row (${detail})`;
    case 'unboundFlood':
      return `too many PDUs before the bind (${detail})`;
    case 'slowPdu':
      return `a PDU was begun and not ended (${detail})`;
    case 'framing':
      return `the stream is no SMPP any more (${detail})`;
    case 'dropped':
      return detail === '' ? 'we closed it' : `we closed it: ${detail}`;
  }
}

/** What the carrier's answers made of the rate, in words; undefined while they made nothing of it. */
export function rateInWords({ phase, slowedBy, perSecond }: AdaptiveRateState): string | undefined {
  if (phase === 'open') return undefined;
  if (phase !== 'paced') return 'the carrier refuses everything: asking with single messages';
  const why =
    slowedBy === 'congested' ? 'the carrier says it is congested' : 'the carrier refused more';
  return `slowed to ${Math.round(perSecond)} a second: ${why}`;
}

/** By the error codes of Node and OpenSSL. */
const CONNECT_WORDS: Readonly<Record<string, string>> = {
  timeout: 'no connection in time',
  closed: 'the carrier closed the connection before it was made',
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'the carrier reset the connection before it was made',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no connection in time',
  CERT_HAS_EXPIRED: "the carrier's certificate has expired",
  CERT_NOT_YET_VALID: "the carrier's certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the carrier's certificate is self-signed: give it as tls.ca to trust it",
  SELF_SIGNED_CERT_IN_CHAIN:
    "the carrier's certificate comes from an unknown CA: give that as tls.ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the carrier's certificate comes from an unknown CA: give that as tls.ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the carrier's certificate comes from an unknown CA: give that as tls.ca",
  ERR_TLS_CERT_ALTNAME_INVALID: "the carrier's certificate is for another name: see tls.serverName",
  ERR_SSL_WRONG_VERSION_NUMBER: 'there is no TLS on that port',
  EPROTO: 'the TLS handshake failed',
};

function bindRefusedInWords(commandStatus: number): string {
  const name = status.statusName(commandStatus);
  const words = BIND_WORDS.get(commandStatus);
  return `the carrier refused the bind: ${words === undefined ? name : `${words} (${name})`}`;
}

const BIND_WORDS: ReadonlyMap<number, string> = new Map([
  [status.ESME_RALYBND, 'it counts us as bound already, or too many binds'],
  [status.ESME_RBINDFAIL, 'wrong login or address, or no more binds'],
  [status.ESME_RINVPASWD, 'wrong password'],
  [status.ESME_RINVSYSID, 'unknown system_id'],
  [status.ESME_RSYSERR, 'its own system error'],
]);
