import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import { isDue } from '../domain/is-due.ts';
import type { PrefixCounts, SignalFinding } from '../domain/traffic-signals.ts';
import {
  countsBetween,
  keepAlerts,
  OTHER_PREFIXES,
  pruneTraffic,
  SLOT_MS,
  type WatchedTraffic,
} from '../store/traffic-slots.ts';
import type { GatewayObserver } from './observer.ts';

/** Some ten accounts a turn would be seen sooner than anyone could act. */
const LOOK_EVERY_MS = 5_000;
/** What was usual changes slowly, and takes some ms an account to add up. */
const HISTORY_KEPT_MS = 600_000;
const PRUNE_EVERY_MS = 600_000;
const HOUR_MS = 3_600_000;
const NONE: PrefixCounts = { accepted: 0, delivered: 0, converted: 0, all: 0 };

export interface SignalKeeperDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  catalog(): Catalog;
}

interface History {
  readonly atMs: number;
  readonly counts: ReadonlyMap<string, PrefixCounts>;
}

/**
 * Says, by the one node that leads (`Janitor`), what is unusual of the traffic that rules watch: each prefix of the time
 * that a rule looks at against the same prefix in the hours before. What it finds is in the store, for all nodes.
 */
export class SignalKeeper {
  readonly #deps: SignalKeeperDeps;
  /** By account and rule. */
  readonly #histories = new Map<string, History>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #prunedMs = Number.NEGATIVE_INFINITY;

  constructor(deps: SignalKeeperDeps) {
    this.#deps = deps;
  }

  /** Once a second. What fails is said and tried again. */
  async work(dbNowMs: number): Promise<void> {
    if (!isDue(dbNowMs, this.#lookedMs, LOOK_EVERY_MS)) return;
    this.#lookedMs = dbNowMs;
    try {
      const watched = watchedIn(this.#deps.catalog());
      for (const each of watched) await this.#look(each, dbNowMs);
      if (!isDue(dbNowMs, this.#prunedMs, PRUNE_EVERY_MS)) return;
      this.#prunedMs = dbNowMs;
      this.#histories.clear();
      await pruneTraffic(this.#deps.pool, watched, dbNowMs);
    } catch (error) {
      this.#deps.observer.note('warn', 'trafficNotWatched', { reason: String(error) });
    }
  }

  async #look(watched: WatchedTraffic, nowMs: number): Promise<void> {
    const { pool, observer, catalog } = this.#deps;
    const { account, name, signal } = watched;
    const untilMs = nowMs - signal.settleSeconds * 1_000;
    const fromMs = slotOf(untilMs - signal.withinSeconds * 1_000);
    // The slot under way counts where nothing has to settle.
    const endMs = signal.settleSeconds === 0 ? slotOf(nowMs) + SLOT_MS : slotOf(untilMs);
    const now = await countsBetween(pool, account, signal, fromMs, endMs);
    const before = await this.#history(watched, fromMs, nowMs);
    const all = before.values().next().value?.all ?? 0;
    const unusual = new Map<string, SignalFinding>();
    for (const [prefix, counts] of now) {
      if (prefix === OTHER_PREFIXES) continue;
      const finding = signal.judge(counts, before.get(prefix) ?? { ...NONE, all });
      if (finding !== undefined) unusual.set(prefix, finding);
    }
    for (const { event, prefix } of await keepAlerts(pool, watched, unusual)) {
      const level = event === 'traffic.unusual' ? 'warn' : 'info';
      observer.note(level, 'accountTraffic', { account: name, event, rule: signal.rule, prefix });
      const owner = catalog().accounts.get(account);
      if (owner !== undefined) observer.accountNotice(owner, event);
    }
  }

  async #history(
    { account, signal }: WatchedTraffic,
    untilMs: number,
    nowMs: number,
  ): Promise<ReadonlyMap<string, PrefixCounts>> {
    const key = `${account} ${signal.rule}`;
    const known = this.#histories.get(key);
    if (known !== undefined && nowMs - known.atMs < HISTORY_KEPT_MS) return known.counts;
    const fromMs = untilMs - signal.historyHours * HOUR_MS;
    const counts = await countsBetween(this.#deps.pool, account, signal, fromMs, untilMs);
    this.#histories.set(key, { atMs: nowMs, counts });
    return counts;
  }
}

function watchedIn({ accounts }: Catalog): WatchedTraffic[] {
  return [...accounts.values()].flatMap(({ id, name, status, policy, webhook }) =>
    status === 'terminated'
      ? []
      : policy.signals.map((signal) => ({
          account: id,
          name,
          signal,
          sent: webhook !== undefined,
        })),
  );
}

function slotOf(ms: number): number {
  return Math.floor(ms / SLOT_MS) * SLOT_MS;
}
