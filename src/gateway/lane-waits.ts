import type { QueueLane } from '../domain/catalog.ts';
import { type MessageId, messageIdMs } from '../domain/ids.ts';
import type { Message } from './message.ts';
import { type CarrierQueue, LANES } from './queue.ts';

/** What waits in one lane. */
export interface LaneWait {
  messages: number;
  /** Unix ms since which the oldest waits: its accept, or when a scheduled one was due; undefined when none waits. */
  oldestMs: number | undefined;
}

/**
 * Counts what waits for a carrier by lane, each message once however many of its segments wait. Made when it is asked
 * for: it walks over what is in memory with its content, some thousands.
 */
export class LaneWaits {
  readonly lanes: readonly LaneWait[] = Array.from({ length: LANES }, () => ({
    messages: 0,
    oldestMs: undefined,
  }));
  readonly #seen = new Set<MessageId>();

  addQueue(queue: CarrierQueue): void {
    for (const [lane, wait] of this.lanes.entries()) {
      wait.messages += queue.depth(lane);
      const floor = queue.floor(lane);
      if (floor !== undefined) isSince(wait, messageIdMs(floor));
    }
  }

  /** Messages that are in no queue. */
  addAll(waiting: Iterable<{ readonly message: Message }>): void {
    for (const { message } of waiting) {
      if (this.#seen.has(message.id)) continue;
      this.#seen.add(message.id);
      const { lane, id, releaseAtMs } = message;
      this.#add(lane, releaseAtMs === 0 ? messageIdMs(id) : releaseAtMs);
    }
  }

  /** Messages whose content is being read. */
  addIds(lane: QueueLane, ids: readonly MessageId[]): void {
    for (const id of ids) this.#add(lane, messageIdMs(id));
  }

  #add(lane: QueueLane, sinceMs: number): void {
    const wait = this.lanes[lane];
    if (wait === undefined) return;
    wait.messages++;
    isSince(wait, sinceMs);
  }
}

function isSince(wait: LaneWait, sinceMs: number): void {
  if (wait.oldestMs === undefined || sinceMs < wait.oldestMs) wait.oldestMs = sinceMs;
}
