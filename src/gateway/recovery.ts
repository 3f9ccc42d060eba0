import type { Client, Pool } from 'pg';
import type { AccountId, CarrierId, EpochId, MessageId } from '../domain/ids.ts';
import {
  type AdoptedEpoch,
  adoptEpoch,
  adoptedEpochs,
  deadEpochs,
  type EpochProgress,
  finishRecovery,
} from '../store/epoch.ts';
import { withClient } from '../store/pool.ts';
import { type QueuedMessage, queuedOf, unknownOf, unreturnedOf } from '../store/recovery.ts';
import { releaseWaiting } from '../store/waiting.ts';
import type { Job } from './dispatch.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';

export interface RecoveryDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  /** A connection for one recovery; the caller of this ends it. */
  connect(): Promise<Client>;
  readonly observer: GatewayObserver;
  progress(): EpochProgress;
  /** Messages of these ids, with their content. */
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** A message that was never leased: to the end of its carrier's queue, by id. */
  queueId(carrier: CarrierId, lane: number, id: MessageId): void;
  /** Segments that are to be sent (again). */
  enqueueJobs(carrier: CarrierId, jobs: readonly Job[]): void;
  /** The carrier had refused it for good when its node died. */
  refusedBefore(message: Message, commandStatus: number): void;
  isPermanent(commandStatus: number): boolean;
  /** Puts receipts on the waiting list; settles when that is committed. */
  defer(
    receipts: readonly { readonly id: MessageId; readonly account: AccountId }[],
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
  /** The adopted epoch under way, whose floor and checkpoint count as ours meanwhile. */
  #adopted: AdoptedEpoch | undefined;

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
  }

  /** Once a second: adopts what died, recovers what is adopted. */
  async tick(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#adopt();
      const left = await withClient(this.#deps.pool, (client) =>
        adoptedEpochs(client, this.#deps.epoch),
      );
      for (const adopted of left) await this.#recover(adopted);
    } catch (error) {
      this.#deps.observer.note('warn', 'recoveryInterrupted', { reason: String(error) });
    } finally {
      this.#adopted = undefined;
      this.#running = false;
    }
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

  async #recover(adopted: AdoptedEpoch): Promise<void> {
    this.#adopted = adopted;
    await releaseWaiting(this.#deps.pool, adopted.epoch);
    const leases = await withClient(this.#deps.pool, (client) =>
      unknownOf(client, adopted.epoch, this.#deps.epoch),
    );
    const queued = await this.#queue(adopted);
    const unreturned = await this.#return(adopted);
    await withClient(this.#deps.pool, (client) =>
      finishRecovery(client, adopted.epoch, this.#deps.epoch, this.#deps.progress()),
    );
    this.#deps.observer.note('info', 'nodeRecovered', {
      epoch: adopted.epoch,
      leases,
      queued,
      unreturned,
    });
  }

  async #queue(adopted: AdoptedEpoch): Promise<number> {
    let count = 0;
    let after: bigint | undefined = adopted.queueFloor - 1n;
    while (after !== undefined) {
      const from: bigint = after;
      const page = await withClient(this.#deps.pool, (client) => queuedOf(client, adopted, from));
      for (const message of page.messages)
        if (message.nextAttempt === 1)
          this.#deps.queueId(message.carrier, message.lane, message.id);
      await this.#again(page.messages.filter((message) => message.nextAttempt > 1));
      count += page.messages.length;
      after = page.next;
    }
    return count;
  }

  /** Messages that were tried before: some segments are with the carrier, or it said "later", or "never". */
  async #again(queued: readonly QueuedMessage[]): Promise<void> {
    if (queued.length === 0) return;
    const messages = new Map(
      (await this.#deps.load(queued.map((one) => one.id))).map((message) => [message.id, message]),
    );
    for (const { id, carrier, missing, segments, nextAttempt, lastStatus } of queued) {
      const message = messages.get(id);
      if (message === undefined) continue;
      if (this.#deps.isPermanent(lastStatus) && segments === 1)
        this.#deps.refusedBefore(message, lastStatus);
      else
        this.#deps.enqueueJobs(
          carrier,
          missing.map((segment) => ({ message, segment, attempt: nextAttempt })),
        );
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
