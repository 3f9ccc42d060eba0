import type { ClientBase } from 'pg';
import type { MessageId } from '../domain/ids.ts';
import { queuedAfter } from '../store/queued-after.ts';
import type { Message } from './message.ts';
import type { SuspensionList } from './suspension-list.ts';

/** Messages looked at in one step. */
const PAGE = 500;
/** One turn of each second works about this long. */
const TURN_MS = 300;
/** What came back to a queue since (a carrier said "later") is found by the next round. */
const AGAIN_MS = 30_000;

export interface SuspensionSweepDeps {
  readonly suspensions: Pick<SuspensionList, 'isEmpty' | 'version' | 'refusalOf' | 'beginsBetween'>;
  readonly now: () => number;
  networkOf(msisdn: string): string | undefined;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** Ends a message that no carrier has: REJECTD, by its terms. */
  stop(message: Message): void;
}

/**
 * Ends what is queued for suspended destinations, on all nodes: a round over all queues, page by page, when orders
 * change or begin, and every 30 s while there are any. The one node that leads does it (janitor.ts); after its death
 * the next one begins a round of its own.
 */
export class SuspensionSweep {
  readonly #deps: SuspensionSweepDeps;
  #version = 0;
  #roundMs = 0;
  #after: bigint | undefined;

  constructor(deps: SuspensionSweepDeps) {
    this.#deps = deps;
  }

  /** Goes on with a round, or begins one where it is time. */
  async turn(client: ClientBase): Promise<void> {
    const { suspensions, now } = this.#deps;
    if (suspensions.isEmpty) return;
    const nowMs = now();
    const isNew =
      suspensions.version !== this.#version || suspensions.beginsBetween(this.#roundMs, nowMs);
    if (isNew || nowMs - this.#roundMs >= AGAIN_MS) {
      this.#version = suspensions.version;
      this.#roundMs = nowMs;
      this.#after = 0n;
    }
    const until = performance.now() + TURN_MS;
    while (this.#after !== undefined && performance.now() < until)
      this.#after = await this.#page(client, this.#after);
  }

  async #page(client: ClientBase, after: bigint): Promise<bigint | undefined> {
    const { suspensions, now, networkOf, load, stop } = this.#deps;
    const { ids, next } = await queuedAfter(client, after, PAGE);
    if (ids.length > 0)
      for (const message of await load(ids))
        if (suspensions.refusalOf(message.destination, now(), networkOf) !== undefined)
          stop(message);
    return next;
  }
}
