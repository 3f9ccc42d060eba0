import type { Client, Pool } from 'pg';
import type { EpochId, MessageId } from '../domain/ids.ts';
import {
  type AdoptedEpoch,
  adoptEpoch,
  adoptedEpochs,
  deadEpochs,
  type EpochProgress,
  finishRecovery,
} from '../store/epoch.ts';
import { adoptPartSets } from '../store/part-sets.ts';
import { withClient } from '../store/pool.ts';
import { queuedOf, unknownOf, unreturnedOf } from '../store/recovery.ts';
import { adoptScheduled } from '../store/scheduled.ts';
import { releaseWaiting } from '../store/waiting.ts';
import type { Deferral } from './delivery.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import type { Requeue } from './requeue.ts';

export interface RecoveryDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  /** A connection for one recovery; the caller of this ends it. */
  connect(): Promise<Client>;
  readonly observer: GatewayObserver;
  progress(): EpochProgress;
  /** Messages of these ids, with their content. */
  load(ids: readonly MessageId[]): Promise<Message[]>;
  readonly requeue: Requeue;
  /** Leases of dead nodes became unknown outcomes of ours. */
  unknownAdopted(): Promise<void>;
  /** Puts receipts on the waiting list; settles when that is committed. */
  defer(
    receipts: readonly Pick<Deferral, 'id' | 'account' | 'order' | 'recipient'>[],
  ): Promise<void>;
}

/**
 * Adopts nodes that died and takes over what they leave, while traffic goes on: their unanswered submits become
 * unknown outcomes, their queued messages ours, their unreturned receipts go to the waiting list. Each step can be
 * begun again: a node that dies in between leaves both epochs to the next.
 */
export class Recovery {
  readonly #deps: RecoveryDeps;
  #running = false;
  #isFinished = false;
  /** How far the queue of an adopted epoch has been taken over. */
  readonly #queuedUpTo = new Map<EpochId, bigint>();
  /** The adopted epoch under way, whose floor and checkpoint count as ours meanwhile. */
  #adopted: AdoptedEpoch | undefined;

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
  }

  /** Once a second: adopts what died, recovers what is adopted. */
  async tick(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#isFinished = false;
    try {
      await this.#adopt();
      const left = await withClient(this.#deps.pool, (client) =>
        adoptedEpochs(client, this.#deps.epoch),
      );
      if (left.length > 0) await this.#makeUnknown(left);
      for (const adopted of left) await this.#recover(adopted);
      this.#isFinished = true;
    } catch (error) {
      this.#deps.observer.note('warn', 'recoveryInterrupted', { reason: String(error) });
    } finally {
      this.#adopted = undefined;
      this.#running = false;
    }
  }

  /** Whether the last look found nothing left to take over. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The epoch under recovery, if any: what it left is not all in our hands yet. */
  get adopted(): AdoptedEpoch | undefined {
    return this.#adopted;
  }

  async #adopt(): Promise<void> {
    for (const dead of await withClient(this.#deps.pool, deadEpochs)) {
      if (
        !(await withClient(this.#deps.pool, (client) => adoptEpoch(client, dead, this.#deps.epoch)))
      )
        continue;
      this.#deps.observer.note('info', 'nodeAdopted', { epoch: dead });
    }
  }

  /** Leases of all of them first: what one left may stand in a lease of another that had adopted it. */
  async #makeUnknown(left: readonly AdoptedEpoch[]): Promise<void> {
    for (const { epoch } of left) {
      await releaseWaiting(this.#deps.pool, epoch);
      await withClient(this.#deps.pool, async (client) => {
        await unknownOf(client, epoch, this.#deps.epoch);
        await adoptScheduled(client, epoch, this.#deps.epoch);
        await adoptPartSets(client, epoch, this.#deps.epoch);
      });
    }
    await this.#deps.unknownAdopted();
  }

  async #recover(adopted: AdoptedEpoch): Promise<void> {
    this.#adopted = adopted;
    await this.#queue(adopted);
    const unreturned = await this.#return(adopted);
    await withClient(this.#deps.pool, (client) =>
      finishRecovery(client, adopted.epoch, this.#deps.epoch, this.#deps.progress()),
    );
    this.#queuedUpTo.delete(adopted.epoch);
    this.#deps.observer.note('info', 'nodeRecovered', { epoch: adopted.epoch, unreturned });
  }

  /** Page by page; what is queued already stays so when a page fails and the rest is read a second later. */
  async #queue(adopted: AdoptedEpoch): Promise<void> {
    let after = this.#queuedUpTo.get(adopted.epoch) ?? adopted.queueFloor - 1n;
    for (;;) {
      const from = after;
      const page = await withClient(this.#deps.pool, (client) => queuedOf(client, adopted, from));
      const tried = page.messages.filter(
        ({ nextAttempt, carrier }) => nextAttempt > 1 || carrier === 0,
      );
      const loaded = await this.#deps.load(tried.map((message) => message.id));
      const messages = new Map(loaded.map((message) => [message.id, message]));
      // Nothing is awaited from here on, so that a page is queued whole or not at all.
      for (const queued of page.messages) this.#deps.requeue.take(queued, messages.get(queued.id));
      if (page.next === undefined) return;
      after = page.next;
      this.#queuedUpTo.set(adopted.epoch, after);
    }
  }

  async #return(adopted: AdoptedEpoch): Promise<number> {
    const client = await this.#deps.connect();
    let count = 0;
    try {
      for await (const page of unreturnedOf(client, adopted)) {
        await this.#deps.defer(page);
        count += page.length;
      }
    } finally {
      await client.end();
    }
    return count;
  }
}
