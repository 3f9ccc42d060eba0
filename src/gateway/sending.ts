import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import type { AttemptEnd } from '../store/attempts.ts';
import type { Lease } from './lease-book.ts';
import type { Message } from './message.ts';

/** One submit_sm to come: a segment of a message, or all of its segments at the first attempt. */
export interface Job {
  readonly message: Message;
  /** 1 and up; 0: every segment. */
  readonly segment: number;
  readonly attempt: number;
  /** The first attempt at the carrier that it waits for: how often that said "later" is counted from it. */
  readonly firstHere: number;
}

/** One submit_sm from its lease on. It is the row that the sent lane writes (`SentRow`). */
export interface Sending {
  readonly message: Message;
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
  /** See Job. */
  readonly firstHere: number;
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
  /** Read from the store: it was given up with this end, and another carrier has had its turn since. */
  givenUp?: AttemptEnd;
}
