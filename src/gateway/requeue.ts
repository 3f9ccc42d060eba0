import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { FailedAttempt } from '../store/attempts.ts';
import type { MissingSegment, QueuedMessage } from '../store/recovery.ts';
import { fitParts } from './failover.ts';
import type { Message } from './message.ts';
import type { Job } from './sending.ts';

export interface RequeueDeps {
  /** A message that was never leased: to the end of its carrier's queue, by id. */
  queueId(carrier: CarrierId, lane: number, id: MessageId): void;
  /** Segments that are to be sent (again), before the queue. */
  enqueueJobs(carrier: CarrierId, jobs: readonly Job[]): void;
  /** The carrier had refused it, or failed it by receipt, and nothing had come of that: true, something does now. */
  failedBefore(message: Message, failed: FailedAttempt): boolean;
  /** How a carrier gets long messages; undefined: it is no more. */
  styleOf(carrier: CarrierId): string | undefined;
  /** It waits elsewhere than where it was first queued. */
  moved(): void;
  /** It was accepted only to be refused by a receipt. */
  rejected(message: Message): void;
}

/** Brings messages that the store says are to be sent back on their way, each at the point that it had reached. */
export class Requeue {
  readonly #deps: RequeueDeps;

  constructor(deps: RequeueDeps) {
    this.#deps = deps;
  }

  /** @param message with its content, where more than its id is needed: it was tried, or is to be refused */
  take(queued: QueuedMessage, message: Message | undefined): void {
    const { id, carrier, lane, nextAttempt, movedBefore } = queued;
    if (movedBefore > 0) this.#deps.moved();
    if (carrier === 0) {
      if (message !== undefined) this.#deps.rejected(message);
    } else if (nextAttempt === 1) this.#deps.queueId(carrier, lane, id);
    else if (message !== undefined) this.takeSegments(queued, message);
  }

  /** Its missing segments go before the queue. */
  takeSegments(queued: QueuedMessage, message: Message): void {
    const { carrier, missing } = queued;
    const style = this.#deps.styleOf(carrier);
    message.carrier = carrier;
    fitParts(message, style);
    for (const one of missing) {
      // A message that goes as one submit_sm has one segment to send, however many it is on the air.
      if (one.segment > 1 && style === 'payload') break;
      this.#takeOne(one, queued, message);
    }
  }

  #takeOne(
    { segment, last }: MissingSegment,
    { carrier, nextAttempt: attempt, movedBefore }: QueuedMessage,
    message: Message,
  ): void {
    const isOpen = last !== undefined && last.attempt >= movedBefore;
    if (isOpen && this.#deps.failedBefore(message, last)) return;
    const firstHere = last?.carrier === carrier ? last.firstHere : attempt;
    this.#deps.enqueueJobs(carrier, [{ message, segment, attempt, firstHere }]);
  }
}
