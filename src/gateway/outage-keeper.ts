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
      let more = false;
      for (const walk of await openWalks(this.#deps.pool))
        more = (await this.#walk(walk, untilMs)) || more;
      if (!more) this.#lookedMs = dbNowMs;
    } catch (error) {
      this.#lookedMs = dbNowMs;
      this.#deps.observer.note('warn', 'outagesNotRefunded', { reason: String(error) });
    }
  }

  /** @returns whether there is more to look at */
  async #walk(walk: OutageWalk, untilMs: number): Promise<boolean> {
    let at = walk;
    let more = true;
    while (more && performance.now() < untilMs) {
      const page = await nextPage(this.#deps.pool, at, PAGE);
      await this.#refund(at, page.ids);
      if (page.next !== at) await keepWalk(this.#deps.pool, page.next, page.done);
      at = page.next;
      more = page.more;
    }
    return more;
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
