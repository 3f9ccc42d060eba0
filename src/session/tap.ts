import type { Pdu } from '../smpp/pdu.ts';
import type { Session } from './session.ts';

/**
 * Watches the PDUs of sessions as they pass. While `open` is false a PDU costs that one look; nothing here may
 * throw or keep the octets that it is shown.
 */
export interface PduTap {
  /** Whether anybody watches. */
  readonly open: boolean;
  /** A whole PDU of the peer, well-formed or not: `buf[start..end)`. Before it is decoded. */
  read(session: Session, buf: Buffer, start: number, end: number): void;
  /** A PDU of ours that was queued for the peer. */
  wrote(session: Session, pdu: Pdu): void;
}

/** Taps of a node's sessions: one for all customers, one for each carrier by its name. */
export interface Taps {
  readonly customers: PduTap;
  carrier(name: string): PduTap;
}
