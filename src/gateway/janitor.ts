import type { Client, Pool } from 'pg';
import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import type { AccountId, MessageId } from '../domain/ids.ts';
import { isDue } from '../domain/is-due.ts';
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
import { pruneQuotas } from '../store/quotas.ts';
import { pruneRecipients } from '../store/recent-recipients.ts';
import { pruneSaidTexts } from '../store/said-texts.ts';
import { completedMessages, firstSegmentEnds } from '../store/segment-receipts.ts';
import { pruneSubmitKeys } from '../store/submit-keys.ts';
import { AccountKeeper } from './account-keeper.ts';
import { CreditKeeper } from './credit-keeper.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { OutageKeeper } from './outage-keeper.ts';
import type { SegmentEnd } from './receipt.ts';
import { SignalKeeper } from './signal-keeper.ts';
import type { SuspensionSweep } from './suspension-sweep.ts';

/** Messages ended in one step. */
const DUE_PAGE = 500;
/** A message that could not be ended yet (a carrier may have it) is looked at again after this. */
const AGAIN_MS = 60_000;
/** One turn works at most about this long on each list. */
const TURN_MS = 400;
/** Batches older than this are deleted: no lane asks for them any more. */
const BATCHES_KEPT_MS = 3_600_000;
const PRUNE_EVERY_MS = 60_000;
/** A carrier of one receipt has not answered all segments yet: looked at again after this. */
const ONE_RECEIPT_AGAIN_MS = 5_000;
/** Keys of submits, and quotas whose time is over, forgotten in one statement. */
const KEYS_PAGE = 5_000;

/** What is known of a message's segments before its time is over. */
interface KnownSegments {
  /** The one receipt that there will be has come, and the carrier has all segments. */
  readonly isOne: boolean;
  /** Unix ms when it ends by what is known, or is looked at again. */
  readonly nextMs: number;
}

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
  endByKnownSegments(message: Message): void;
  endByOneReceipt(message: Message): void;
  /** Ends a message that no carrier has, in whatever version it is: its account was stopped. */
  stop(message: Message): void;
  /** Ends what is queued for suspended destinations. */
  readonly suspensions: Pick<SuspensionSweep, 'turn'>;
}

/**
 * The jobs that one node does for all: ends messages whose time is over, takes expired
 * credit from the books and warns of it, closes terminated accounts and looks after unused ones, refunds what outages made fail, cuts and prepares partitions, forgets
 * old batches. The leader is who holds the leader's lock; it is tried for each second.
 */
export class Janitor {
  readonly #deps: JanitorDeps;
  readonly #credit: CreditKeeper;
  readonly #outages: OutageKeeper;
  readonly #accounts: AccountKeeper;
  readonly #signals: SignalKeeper;
  #client: Client | undefined;
  #leads = false;
  #working: Promise<void> | undefined;
  #prunedMs = 0;

  constructor(deps: JanitorDeps) {
    this.#deps = deps;
    this.#credit = new CreditKeeper(deps);
    this.#outages = new OutageKeeper(deps);
    this.#signals = new SignalKeeper(deps);
    this.#accounts = new AccountKeeper({
      ...deps,
      endQueuedOf: (account) => this.endQueuedOf(account, deps.stop),
    });
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

  /**
   * Two copies of a message may each have seen a part of its segments end: the store has them all. And a carrier of one
   * receipt may have said what there is to say.
   */
  async endCompleted(ends: readonly SegmentEnd[]): Promise<void> {
    try {
      const messages = ends.map(({ message: { id, segments }, carrier }) => ({
        id,
        segments,
        isOne: this.#deps.catalog().carriers.get(carrier)?.oneReceipt === true,
      }));
      const { all, one } = await withClient(this.#deps.pool, (client) =>
        completedMessages(client, messages),
      );
      for (const message of await this.#deps.load(all)) this.#deps.endBySegments(message);
      for (const message of await this.#deps.load(one)) this.#deps.endByOneReceipt(message);
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
    await this.#credit.work(dbNowMs, until);
    await this.#deps.suspensions.turn(client);
    await this.#outages.work(dbNowMs, until);
    await this.#accounts.work(dbNowMs);
    await this.#signals.work(dbNowMs);
    if (await needsCut(client)) {
      const number = await cutPartition(client, { now: () => performance.now(), sleep });
      if (number !== undefined) this.#deps.observer.note('info', 'partitionCut', { number });
    }
    for (const number of await unfinishedPartitions(client)) await finishPartition(client, number);
    while ((await pruneSubmitKeys(client, KEYS_PAGE)) === KEYS_PAGE && performance.now() < until);
    while ((await pruneSaidTexts(client, KEYS_PAGE)) === KEYS_PAGE && performance.now() < until);
    while ((await pruneRecipients(client, KEYS_PAGE)) === KEYS_PAGE && performance.now() < until);
    while ((await pruneQuotas(client, KEYS_PAGE)) === KEYS_PAGE && performance.now() < until);
    if (isDue(dbNowMs, this.#prunedMs, PRUNE_EVERY_MS)) {
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
    const segments = await this.#segmentsOf(client, due, messages, dbNowMs);
    // Each comes up again until it has its outcome; takeDue then strikes it off.
    const again = due.map((one) => ({
      atMs: one.atMs,
      id: one.id,
      nextAtMs: this.#end(one, messages.get(one.id), segments.get(one.id), dbNowMs),
    }));
    await finishDue(client, again);
    return due.length === DUE_PAGE;
  }

  /** Ends one message if its time is over. @returns when to look again, unix ms */
  #end(
    due: DueMessage,
    message: Message | undefined,
    segments: KnownSegments | undefined,
    dbNowMs: number,
  ): number {
    if (message === undefined) return dbNowMs + AGAIN_MS;
    const neverSent = due.acceptedBy === undefined && !due.unknown;
    // Replaced since by one of longer validity: what is due is the message's own.
    if (neverSent && message.version > 0 && message.validUntilMs > dbNowMs)
      return message.validUntilMs;
    if (neverSent) this.#deps.endUnsent(message);
    else {
      const carrier = this.#carrierOf(due);
      const untilMs = message.validUntilMs + (carrier?.receiptGraceMs ?? 0);
      if (dbNowMs < untilMs)
        return this.#endBySegments(
          message,
          segments,
          dbNowMs,
          Math.min(untilMs, segments?.nextMs ?? untilMs),
        );
      this.#deps.endWithoutReceipt(message);
    }
    return dbNowMs + AGAIN_MS;
  }

  /** Its time is not over, but what is known of its segments may be all that will ever be. @returns when to look again */
  #endBySegments(
    message: Message,
    segments: KnownSegments | undefined,
    dbNowMs: number,
    nextMs: number,
  ): number {
    if (segments === undefined || (!segments.isOne && nextMs > dbNowMs)) return nextMs;
    if (segments.isOne) this.#deps.endByOneReceipt(message);
    else this.#deps.endByKnownSegments(message);
    return dbNowMs + AGAIN_MS;
  }

  /** What is known of the segments of those whose carriers may never say how the others ended. */
  async #segmentsOf(
    client: Client,
    due: readonly DueMessage[],
    messages: ReadonlyMap<MessageId, Message>,
    dbNowMs: number,
  ): Promise<Map<MessageId, KnownSegments>> {
    const asked = due.flatMap((one) => {
      const carrier = this.#carrierOf(one);
      const parts = messages.get(one.id)?.parts;
      const isOne = carrier?.oneReceipt === true;
      const isAsked = isOne || carrier?.segmentsWaitMs !== undefined;
      if (!isAsked || parts === undefined || parts.every((part) => part === undefined)) return [];
      return [{ id: one.id, segments: parts.length, isOne, waitMs: carrier?.segmentsWaitMs }];
    });
    if (asked.length === 0) return new Map();
    const ids = asked.map(({ id }) => id);
    const firstMs = await firstSegmentEnds(client, ids);
    const completed = new Set((await completedMessages(client, asked)).one);
    return new Map(
      asked.map(({ id, isOne, waitMs }) => {
        const waitUntilMs = (firstMs.get(id) ?? dbNowMs) + (waitMs ?? Number.POSITIVE_INFINITY);
        const lookMs = isOne ? dbNowMs + ONE_RECEIPT_AGAIN_MS : Number.POSITIVE_INFINITY;
        return [id, { isOne: completed.has(id), nextMs: Math.min(waitUntilMs, lookMs) }];
      }),
    );
  }

  #carrierOf(due: DueMessage): CatalogCarrier | undefined {
    return this.#deps.catalog().carriers.get(due.acceptedBy ?? due.carrier);
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
