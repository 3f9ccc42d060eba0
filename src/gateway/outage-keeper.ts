import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { MessageId } from '../domain/ids.ts';
import { isDue } from '../domain/is-due.ts';
import { judgeOutage, outageOf } from '../domain/refund-claim.ts';
import { looksAtNumbers } from '../domain/terms.ts';
import { readClaims } from '../store/claim-facts.ts';
import {
  keepWalk,
  nextPage,
  type OutageWalk,
  openWalks,
  refundForOutage,
} from '../store/outage-walk.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';

/** Messages looked at in one step. */
const PAGE = 200;
/** Outages are rare, and refunds for them a matter of days. */
const LOOK_EVERY_MS = 2_000;

export interface OutageKeeperDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  catalog(): Catalog;
  load(ids: readonly MessageId[]): Promise<Message[]>;
}

/**
 * Gives back, by the one node that leads (`Janitor`), what declared outages make the platform's fault where terms refund
 * that by themselves. It walks over the ends of messages by the time they were settled and keeps its place in the store.
 */
export class OutageKeeper {
  readonly #deps: OutageKeeperDeps;
  #lookedMs = 0;
  /** The outage of the last page. */
  #lastId = 0;

  constructor(deps: OutageKeeperDeps) {
    this.#deps = deps;
  }

  /**
   * Once a second. What fails is said and tried again: the leader's other work must not stand still for it.
   * @param untilMs of performance.now(): a backlog is worked off over several turns
   */
  async work(dbNowMs: number, untilMs: number): Promise<void> {
    if (!isDue(dbNowMs, this.#lookedMs, LOOK_EVERY_MS)) return;
    try {
      if (!(await this.#walkAll(await openWalks(this.#deps.pool), untilMs)))
        this.#lookedMs = dbNowMs;
    } catch (error) {
      this.#lookedMs = dbNowMs;
      this.#deps.observer.note('warn', 'outagesNotRefunded', { reason: String(error) });
    }
  }

  /**
   * A page of each in turns, behind the one that had the last: none waits until another is at its end.
   * @returns whether there is more to look at
   */
  async #walkAll(walks: readonly OutageWalk[], untilMs: number): Promise<boolean> {
    const behind = walks.findIndex(({ window }) => window.id > this.#lastId);
    const open = behind < 0 ? [...walks] : [...walks.slice(behind), ...walks.slice(0, behind)];
    for (let walk = open.shift(); walk !== undefined; walk = open.shift()) {
      if (performance.now() >= untilMs) return true;
      this.#lastId = walk.window.id;
      const next = await this.#walk(walk);
      if (next !== undefined) open.push(next);
    }
    return false;
  }

  /** @returns where it goes on; undefined: there is nothing more to look at now */
  async #walk(walk: OutageWalk): Promise<OutageWalk | undefined> {
    const page = await nextPage(this.#deps.pool, walk, PAGE);
    await this.#refund(walk, page.ids);
    if (page.next !== walk) await keepWalk(this.#deps.pool, page.next, page.done);
    return page.more ? page.next : undefined;
  }

  async #refund({ window }: OutageWalk, ids: readonly MessageId[]): Promise<void> {
    const { pool, observer } = this.#deps;
    const claims = await readClaims(pool, ids);
    const accounts = this.#deps.catalog().accounts;
    const needsNumbers =
      window.prefix !== undefined ||
      [...claims.values()].some(({ account }) =>
        looksAtNumbers(accounts.get(account)?.terms.refundAutomatic ?? []),
      );
    const destinations = await this.#destinations(needsNumbers ? ids : []);
    for (const claim of claims.values()) {
      const account = accounts.get(claim.account);
      if (account === undefined) continue;
      const destination = destinations.get(claim.id);
      if (outageOf(claim, [window], destination) === undefined) continue;
      const amount = judgeOutage(claim, account.terms, destination ?? '');
      if (amount === 0n) continue;
      const refund = { account: claim.account, message: claim.id, amount };
      const given = await refundForOutage(pool, window.id, refund);
      if (given > 0n) observer.money(account, 'refund', given);
    }
  }

  /** Numbers stay in here: they are compared with a prefix and forgotten. */
  async #destinations(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, string>> {
    if (ids.length === 0) return new Map();
    return destinationsOf(await this.#deps.load(ids));
  }
}

/** The numbers of messages whose content is still there. */
export function destinationsOf(messages: readonly Message[]): ReadonlyMap<MessageId, string> {
  return new Map(
    messages
      .filter((message) => message.destination !== '')
      .map((message) => [message.id, message.destination]),
  );
}
