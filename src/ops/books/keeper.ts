import type { Client, Pool } from 'pg';
import { isDue } from '../../domain/is-due.ts';
import { checkBooks } from '../../store/books-check.ts';
import { tryKeepBooks } from '../../store/epoch.ts';
import { chainEntries } from '../../store/ledger-chain.ts';
import { pruneGroups } from '../../store/usage-count.ts';
import type { OpsLog } from '../logs.ts';
import type { CarrierFiles } from './carrier-files.ts';
import type { Counter } from './counter.ts';

/** Between two turns. */
const TURN_EVERY_MS = 1_000;
/** A turn works at most about so long on each job, so that a backlog leaves the process to the traffic for most of the time. */
const TURN_MS = 250;
/** And so long in a process that is busy: what is not done now is done when the traffic is less. */
const BUSY_TURN_MS = 25;
/** Busy is a process whose event loop rested for less than 3 of 10 moments since the last turn. */
const BUSY_UTILIZATION = 0.7;
/** Entries chained in one statement: some 30 ms. */
const CHAIN_PAGE = 1_000;
/** Rows of message_group forgotten in one statement. */
const PRUNE_PAGE = 5_000;
const CHECK_EVERY_MS = 60_000;

export interface KeeperDeps {
  readonly pool: Pool;
  connect(): Promise<Client>;
  readonly counter: Counter;
  readonly files: CarrierFiles;
  readonly log: OpsLog;
  /** Unix ms. */
  readonly now: () => number;
}

/**
 * Keeps the books behind the traffic, on the one node that holds the lock for it: chains the ledger, counts messages and
 * ends, checks both each minute, writes the carriers' daily files. It can stop anywhere: each step is one transaction, and
 * the next life goes on where the last step ended.
 */
export class Keeper {
  readonly #deps: KeeperDeps;
  #client: Client | undefined;
  #keeps = false;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #filing: Promise<void> | undefined;
  #checkedMs = 0;
  #isLost = false;
  #utilization = performance.eventLoopUtilization();

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => void this.turn(), TURN_EVERY_MS);
  }

  /** One turn; while one is under way it is that one. Never throws: what fails is tried again with a new connection. */
  turn(): Promise<void> {
    this.#working ??= this.#work()
      .catch((error) => this.#lost(error))
      .finally(() => {
        this.#working = undefined;
      });
    return this.#working;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
    await this.#filing;
    await this.#drop();
  }

  async #work(): Promise<void> {
    this.#client ??= await this.#deps.connect();
    const client = this.#client;
    this.#keeps ||= await tryKeepBooks(client);
    if (!this.#keeps) return;
    const { counter } = this.#deps;
    const turnMs = this.#turnMs();
    await whileThereIsMore(
      async () => (await chainEntries(client, CHAIN_PAGE)) === CHAIN_PAGE,
      turnMs,
    );
    await whileThereIsMore(() => counter.countMessages(client), turnMs);
    await whileThereIsMore(() => counter.countEnds(client), turnMs);
    this.#isLost = false;
    const nowMs = this.#deps.now();
    if (!isDue(nowMs, this.#checkedMs, CHECK_EVERY_MS)) return;
    this.#checkedMs = nowMs;
    await whileThereIsMore(
      async () => (await pruneGroups(client, PRUNE_PAGE)) === PRUNE_PAGE,
      turnMs,
    );
    await this.#check(nowMs);
    // A day of a large carrier takes minutes: the books go on meanwhile.
    this.#filing ??= this.#deps.files
      .work(nowMs)
      .catch((error) =>
        this.#deps.log.error('carrier report not written', { reason: String(error) }),
      )
      .finally(() => {
        this.#filing = undefined;
      });
  }

  #turnMs(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    return utilization > BUSY_UTILIZATION ? BUSY_TURN_MS : TURN_MS;
  }

  async #check(nowMs: number): Promise<void> {
    const [first] = await checkBooks(this.#deps.pool, nowMs);
    if (first === undefined) return;
    const { check, account, where, what, expected, found } = first;
    this.#deps.log.error('the ledger does not reconcile', {
      check,
      account,
      where,
      what,
      expected,
      found,
    });
  }

  async #lost(error: unknown): Promise<void> {
    // Once, not each second for as long as the store is away.
    if (!this.#isLost) this.#deps.log.warn('books not kept', { reason: String(error) });
    this.#isLost = true;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#keeps = false;
    await client?.end().catch(() => {});
  }
}

async function whileThereIsMore(step: () => Promise<boolean>, turnMs: number): Promise<void> {
  const until = performance.now() + turnMs;
  while ((await step()) && performance.now() < until);
}
