import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import * as status from '../smpp/status.ts';
import type { Lease } from './lease-book.ts';
import type { Message } from './message.ts';

/** One submit_sm to come: a segment of a message, or all of its segments at the first attempt. */
export interface Job {
  readonly message: Message;
  /** 1 and up; 0: every segment. */
  readonly segment: number;
  readonly attempt: number;
}

/** One submit_sm from its lease on. It is the row that the sent lane writes (`SentRow`). */
export interface Sending {
  readonly message: Message;
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: CarrierId;
  lease: Lease;
  /** Until it was answered. */
  pdu: SubmitSm | undefined;
  /** Unix ms of the write; 0 before it. */
  sentAtMs: number;
  /** The carrier's answer: its message_id and status, and when it came. */
  upstreamId: string | null;
  status: number;
  atMs: number;
}

/** Answers that say "later": queue full, throttled, temporary application error (SMPP 3.4 §5.1.3). */
export function isTemporary(commandStatus: number): boolean {
  return (
    commandStatus === status.ESME_RMSGQFUL ||
    commandStatus === status.ESME_RTHROTTLED ||
    commandStatus === status.ESME_RX_T_APPN
  );
}
