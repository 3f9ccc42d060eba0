import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { AccountId } from '../domain/ids.ts';
import { isDue } from '../domain/is-due.ts';
import { accountsToClose, accountsWithReturns, closeAccount } from '../store/account-closing.ts';
import { type DormancyRule, dormantAmong, stepDormancy } from '../store/dormancy.ts';
import { forfeitReturned } from '../store/forfeits.ts';
import type { GatewayObserver } from './observer.ts';

/** Accounts are terminated by hand: some seconds more do not matter. */
const CLOSE_EVERY_MS = 5_000;
/**
 * Content is destroyed so long after the end of its account: the books have counted its last messages by sender and number
 * (25 s and a turn), and answers of carriers that were under way are stored.
 */
const ERASE_AFTER_MS = 60_000;
/** Stopped accounts closed, or looked at for what came back, in one turn. */
const CLOSE_PAGE = 20;
/** Receipts of what it had on its way come for days; nothing of it can be spent meanwhile. */
const RETURNS_EVERY_MS = 60_000;
/** Unused is a matter of days. */
const DORMANCY_EVERY_MS = 60_000;

/** Who forfeits it, in ledger and audit. */
const ACTOR = 'terms';

export interface AccountKeeperDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  catalog(): Catalog;
  /** Ends what an account that was stopped has queued. */
  endQueuedOf(account: AccountId): Promise<void>;
  /** Others than the constants above; tests only. */
  readonly eraseAfterMs?: number | undefined;
}

/**
 * What becomes of accounts by their terms, by the one node that leads (`Janitor`):
 *
 * ```
 *   active ── unused for noticeAfterDays ──> told ── thenAfterDays ──> suspended, or terminated
 *     ^                                        └── used ──> active
 *   terminated ── what is queued ends ── a minute ──> its content is destroyed, where its terms say so
 *   suspended, terminated ── forfeited with it, and something came back since ──> forfeited too
 * ```
 * All of it is by what the store says: a leader that dies leaves it to the next.
 */
export class AccountKeeper {
  readonly #deps: AccountKeeperDeps;
  #closedMs = Number.NEGATIVE_INFINITY;
  #returnsMs = Number.NEGATIVE_INFINITY;
  #dormantMs = Number.NEGATIVE_INFINITY;

  constructor(deps: AccountKeeperDeps) {
    this.#deps = deps;
  }

  /** Once a second. What fails is said and tried again. */
  async work(dbNowMs: number): Promise<void> {
    try {
      if (isDue(dbNowMs, this.#closedMs, CLOSE_EVERY_MS)) {
        this.#closedMs = dbNowMs;
        await this.#close();
      }
      if (isDue(dbNowMs, this.#returnsMs, RETURNS_EVERY_MS)) {
        this.#returnsMs = dbNowMs;
        await this.#forfeitReturns();
      }
      if (isDue(dbNowMs, this.#dormantMs, DORMANCY_EVERY_MS)) {
        this.#dormantMs = dbNowMs;
        await this.#dormancy();
      }
    } catch (error) {
      this.#deps.observer.note('warn', 'accountsNotKept', { reason: String(error) });
    }
  }

  async #close(): Promise<void> {
    const { pool, observer, endQueuedOf, eraseAfterMs = ERASE_AFTER_MS } = this.#deps;
    for (const account of await accountsToClose(pool, eraseAfterMs, CLOSE_PAGE)) {
      await endQueuedOf(account.id);
      const days = await closeAccount(pool, account);
      if (days > 0) observer.note('info', 'contentErased', { account: account.name, days });
    }
  }

  async #forfeitReturns(): Promise<void> {
    const { pool, observer, catalog } = this.#deps;
    for (const name of await accountsWithReturns(pool, CLOSE_PAGE)) {
      const posted = await forfeitReturned(pool, name, ACTOR);
      const owner = catalog().accountsByName.get(name);
      if (posted !== undefined && owner !== undefined)
        observer.money(owner, 'forfeit', -posted.amount);
    }
  }

  async #dormancy(): Promise<void> {
    const { pool, observer, catalog, endQueuedOf } = this.#deps;
    const rules = new Map(rulesOf(catalog()).map((rule) => [rule.account, rule]));
    if (rules.size === 0) return;
    for (const id of await dormantAmong(pool, [...rules.values()])) {
      const rule = rules.get(id);
      const step = rule && (await stepDormancy(pool, rule));
      if (step === undefined) continue;
      const { account, name, event, forfeited } = step;
      observer.note('warn', 'accountUnused', { account: name, event });
      const owner = catalog().accounts.get(account);
      if (owner !== undefined) {
        observer.accountNotice(owner, event);
        if (forfeited > 0n) observer.money(owner, 'forfeit', forfeited);
      }
      if (event !== 'account.dormant') await endQueuedOf(account);
    }
  }
}

function rulesOf(catalog: Catalog): DormancyRule[] {
  return [...catalog.accounts.values()].flatMap(({ id, name, status, terms, webhook }) =>
    terms.dormancy === undefined || status !== 'active'
      ? []
      : { account: id, name, ...terms.dormancy, sent: webhook !== undefined },
  );
}
