import type { Client, Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { AccountId, MessageId } from '../domain/ids.ts';
import { pruneBinds } from '../store/bind-history.ts';
import { type DueMessage, finishDue, takeDue, walkDue } from '../store/due.ts';
import { tryLead } from '../store/epoch.ts';
import {
  cutPartition,
  databaseNow,
  finishPartition,
  needsCut,
  pruneBatches,
  unfinishedPartitions,
} from '../store/partitions.ts';
import { withClient } from '../store/pool.ts';
import { queuedOfAccount } from '../store/queued-of-account.ts';
import { withAllSegments } from '../store/segment-receipts.ts';
import { pruneSubmitKeys } from '../store/submit-keys.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';

/** Messages ended in one step. */
const DUE_PAGE = 500;
/** A message that could not be ended yet (a carrier may have it) is looked at again after this. */
const AGAIN_MS = 60_000;
/** One turn works at most about this long on each list. */
const TURN_MS = 400;
/** Batches older than this are deleted: no lane asks for them any more. */
const BATCHES_KEPT_MS = 3_600_000;
const PRUNE_EVERY_MS = 60_000;
/** Keys of submits forgotten in one statement. */
const KEYS_PAGE = 5_000;

export interface JanitorDeps {
  readonly pool: Pool;
  connect(): Promise<Client>;
  readonly observer: GatewayObserver;
  readonly now: () => number;
  catalog(): Catalog;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  endUnsent(message: Message): void;
  endWithoutReceipt(message: Message): void;
  endBySegments(message: Message): void;
}

/**
 * The jobs that one node does for all: ends messages whose time is over, cuts and prepares partitions, forgets
 * old batches. The leader is who holds the leader's lock; it is tried for each second.
 */
export class Janitor {
  readonly #deps: JanitorDeps;
  #client: Client | undefined;
  #leads = false;
  #working: Promise<void> | undefined;
  #prunedMs = 0;

  constructor(deps: JanitorDeps) {
    this.#deps = deps;
  }

  /** Once a second. */
  async tick(): Promise<void> {
    if (this.#working !== undefined) return;
    this.#working = this.#work().catch((error) => this.#lost(error));
    await this.#working;
    this.#working = undefined;
  }

  /** Ends what an account has queued: `end` is called for each message that no carrier has accepted. */
  async endQueuedOf(account: AccountId, end: (message: Message) => void): Promise<void> {
    let after = 0n;
    for (;;) {
      const from = after;
      const ids = await withClient(this.#deps.pool, (client) =>
        queuedOfAccount(client, account, from, DUE_PAGE),
      );
      for (const message of await this.#deps.load(ids)) end(message);
      const last = ids.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  /** Two copies of a message may each have seen a part of its segments end: the store has them all. */
  async endCompleted(messages: readonly Message[]): Promise<void> {
    try {
      const ids = await withClient(this.#deps.pool, (client) => withAllSegments(client, messages));
      for (const message of await this.#deps.load(ids)) this.#deps.endBySegments(message);
    } catch (error) {
      // They end when their validity and grace are over.
      this.#deps.observer.note('warn', 'segmentsNotCounted', { reason: String(error) });
    }
  }

  async close(): Promise<void> {
    await this.#working?.catch(() => {});
    const client = this.#client;
    this.#client = undefined;
    this.#leads = false;
    await client?.end().catch(() => {});
  }

  async #work(): Promise<void> {
    this.#client ??= await this.#deps.connect();
    const client = this.#client;
    this.#leads ||= await tryLead(client);
    if (!this.#leads) return;
    const dbNowMs = await databaseNow(client);
    // As many pages as there are, but not for long: a backlog is worked off over several turns.
    const until = performance.now() + TURN_MS;
    while ((await walkDue(client, dbNowMs)) && performance.now() < until);
    while ((await this.#endDue(client, dbNowMs)) && performance.now() < until);
    if (await needsCut(client)) {
      const number = await cutPartition(client, { now: () => performance.now(), sleep });
      if (number !== undefined) this.#deps.observer.note('info', 'partitionCut', { number });
    }
    for (const number of await unfinishedPartitions(client)) await finishPartition(client, number);
    while ((await pruneSubmitKeys(client, KEYS_PAGE)) === KEYS_PAGE && performance.now() < until);
    if (dbNowMs - this.#prunedMs > PRUNE_EVERY_MS) {
      this.#prunedMs = dbNowMs;
      await pruneBatches(client, dbNowMs - BATCHES_KEPT_MS);
      await pruneBinds(client, dbNowMs);
    }
  }

  /** Ends one page of what is due. @returns whether there may be more */
  async #endDue(client: Client, dbNowMs: number): Promise<boolean> {
    const due = await takeDue(client, dbNowMs, DUE_PAGE);
    if (due.length === 0) return false;
    const messages = new Map(
      (await this.#deps.load(due.map((one) => one.id))).map((message) => [message.id, message]),
    );
    // Each comes up again until it has its outcome; takeDue then strikes it off.
    const again = due.map((one) => ({
      atMs: one.atMs,
      id: one.id,
      nextAtMs: this.#end(one, messages.get(one.id), dbNowMs),
    }));
    await finishDue(client, again);
    return due.length === DUE_PAGE;
  }

  /** Ends one message if its time is over. @returns when to look again, unix ms */
  #end(due: DueMessage, message: Message | undefined, dbNowMs: number): number {
    if (message === undefined) return dbNowMs + AGAIN_MS;
    const neverSent = due.acceptedBy === undefined && !due.unknown;
    // Replaced since by one of longer validity: what is due is the message's own.
    if (neverSent && message.version > 0 && message.validUntilMs > dbNowMs)
      return message.validUntilMs;
    if (neverSent) this.#deps.endUnsent(message);
    else {
      const carrier = this.#deps.catalog().carriers.get(due.acceptedBy ?? due.carrier);
      const untilMs = message.validUntilMs + (carrier?.receiptGraceMs ?? 0);
      if (dbNowMs < untilMs) return untilMs;
      this.#deps.endWithoutReceipt(message);
    }
    return dbNowMs + AGAIN_MS;
  }

  #lost(error: unknown): void {
    this.#deps.observer.note('warn', 'janitorInterrupted', { reason: String(error) });
    const client = this.#client;
    this.#client = undefined;
    this.#leads = false;
    void client?.end().catch(() => {});
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
