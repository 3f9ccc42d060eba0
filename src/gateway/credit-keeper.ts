import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import { isDue } from '../domain/is-due.ts';
import { noteExpired, noteWarnings, type WatchedAccount } from '../store/credit-warnings.ts';
import { closeSpentLots, expireDue } from '../store/lots.ts';
import { type NewEvent, pruneEvents } from '../store/webhook-events.ts';
import type { GatewayObserver } from './observer.ts';

/** Lots that expired longer ago than any message lasts (15 days) get refunds only on request: looked at with each full look. */
const RECENT_MS = 30 * 86_400_000;
/** All lots are looked at, and spent ones closed. */
const FULL_LOOK_MS = 60_000;
/** Warnings are of days and of sums: seconds do not matter, the query is one of all accounts that want any. */
const WARN_EVERY_MS = 10_000;
/** What customers were told is kept as long as the history of binds. */
const EVENTS_KEPT_DAYS = 90;

export interface CreditKeeperDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  catalog(): Catalog;
}

/**
 * What time does to credit, by the one node that leads (`Janitor`): expired credit leaves the books, and accounts that
 * want it are warned before. All of it is by what the store says, so that doing it again changes nothing.
 */
export class CreditKeeper {
  readonly #deps: CreditKeeperDeps;
  #lookedMs = 0;
  #warnedMs = 0;

  constructor(deps: CreditKeeperDeps) {
    this.#deps = deps;
  }

  /**
   * Once a second. What fails is said and tried again in the next: the leader's other work must not stand still for it.
   * @param untilMs of performance.now(): a backlog is worked off over several turns
   */
  async work(dbNowMs: number, untilMs: number): Promise<void> {
    try {
      await this.#keep(dbNowMs, untilMs);
    } catch (error) {
      this.#deps.observer.note('warn', 'creditNotKept', { reason: String(error) });
    }
  }

  async #keep(dbNowMs: number, untilMs: number): Promise<void> {
    const { pool } = this.#deps;
    const watched = this.#watched();
    const full = isDue(dbNowMs, this.#lookedMs, FULL_LOOK_MS);
    const since = full ? '-infinity' : new Date(dbNowMs - RECENT_MS);
    let more = true;
    while (more && performance.now() < untilMs) {
      const done = await expireDue(pool, since);
      for (const { account, kind, amount } of done.expired) this.#count(account, kind, amount);
      this.#tell(await noteExpired(pool, watched, done.expired));
      more = done.more;
    }
    if (full && !more) {
      this.#lookedMs = dbNowMs;
      await closeSpentLots(pool);
      await pruneEvents(pool, EVENTS_KEPT_DAYS);
    }
    if (!isDue(dbNowMs, this.#warnedMs, WARN_EVERY_MS)) return;
    this.#warnedMs = dbNowMs;
    this.#tell(await noteWarnings(pool, watched, dbNowMs));
  }

  #watched(): WatchedAccount[] {
    const watched: WatchedAccount[] = [];
    for (const { id, name, warnings, webhook } of this.#deps.catalog().accounts.values())
      if (warnings !== undefined)
        watched.push({ id, name, ...warnings, sent: webhook !== undefined });
    return watched;
  }

  #count(name: string, kind: 'expiry' | 'forfeit', amount: bigint): void {
    const account = this.#deps.catalog().accountsByName.get(name);
    if (account !== undefined) this.#deps.observer.money(account, kind, amount);
  }

  #tell(events: readonly NewEvent[]): void {
    for (const { account, event } of events) {
      const of = this.#deps.catalog().accounts.get(account);
      if (of !== undefined) this.#deps.observer.creditWarning(of, event);
    }
  }
}
