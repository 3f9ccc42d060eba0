import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { AccountId } from '../domain/ids.ts';
import { recordViolations } from '../store/violations.ts';
import type { GatewayObserver } from './observer.ts';
import type { Held } from './policy-step.ts';

/**
 * Violations that wait to be stored; more are not counted. Nobody needs them: an account is suspended at a handful, and
 * what it submits afterwards is refused before its rules.
 */
const WAITING_MAX = 10_000;

/** What is to be counted for one account. */
interface Counted {
  readonly rules: string[];
  suspendedBy: string | undefined;
}

export interface ViolationsDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  catalog(): Catalog;
  /** Ends what a suspended account has queued. */
  endQueuedOf(account: AccountId): Promise<void>;
}

/**
 * Counts what rules refuse or hold against accounts, once a message: each destination of a submit_multi is one.
 *
 * ```
 *   a refusal ──> waiting ──> table `violation`, and counted ── terms.onViolation.suspendAfter ──> suspended
 *   a held message's accept stores it ──^                       or a rule's `action: suspend`      in the same commit
 * ```
 * The change of the account reaches every node by the feed of configuration changes, and each drops its sessions.
 */
export class Violations {
  readonly #deps: ViolationsDeps;
  #waiting = new Map<AccountId, Counted>();
  #count = 0;
  #working: Promise<void> | undefined;

  constructor(deps: ViolationsDeps) {
    this.#deps = deps;
  }

  /** A rule refused a message of an account. */
  add(account: AccountId, rule: string, suspends: boolean): void {
    const counted = this.#of(account);
    if (suspends) counted.suspendedBy ??= rule;
    if (this.#count < WAITING_MAX) {
      this.#count++;
      counted.rules.push(rule);
    }
    this.#begin();
  }

  /** The violation of a held message is stored, by its accept: it may have been the last that was allowed. */
  stored(account: AccountId, held: Held): void {
    if (!held.violates) return;
    this.#of(account);
    this.#begin();
  }

  /** Once a second: what could not be stored is tried again. */
  tick(): Promise<void> {
    this.#begin();
    return this.#working ?? Promise.resolve();
  }

  /** Stores what waits, if the store is there. */
  async close(): Promise<void> {
    await this.tick();
  }

  #of(account: AccountId): Counted {
    const known = this.#waiting.get(account);
    if (known !== undefined) return known;
    const counted: Counted = { rules: [], suspendedBy: undefined };
    this.#waiting.set(account, counted);
    return counted;
  }

  #begin(): void {
    if (this.#working !== undefined || this.#waiting.size === 0) return;
    this.#working = this.#work()
      .catch((error) =>
        this.#deps.observer.note('warn', 'violationsNotCounted', { reason: String(error) }),
      )
      .finally(() => {
        this.#working = undefined;
      });
  }

  /** One account after the other, each in its own transaction: several may come meanwhile. */
  async #work(): Promise<void> {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      const [account, counted] = next;
      this.#waiting.delete(account);
      this.#count -= counted.rules.length;
      try {
        await this.#record(account, counted);
      } catch (error) {
        this.#putBack(account, counted);
        throw error;
      }
    }
  }

  async #record(account: AccountId, { rules, suspendedBy }: Counted): Promise<void> {
    const { pool, observer, catalog, endQueuedOf } = this.#deps;
    const owner = catalog().accounts.get(account);
    if (owner === undefined) return;
    const terms = owner.terms.onViolation;
    const suspended = await recordViolations(pool, { account, rules, suspendedBy, terms });
    if (suspended === undefined) return;
    const { name, reason, violations, forfeited } = suspended;
    observer.note('warn', 'accountSuspended', { account: name, reason, violations });
    if (forfeited > 0n) observer.money(owner, 'forfeit', forfeited);
    await endQueuedOf(account);
  }

  #putBack(account: AccountId, { rules, suspendedBy }: Counted): void {
    const counted = this.#of(account);
    counted.rules.push(...rules);
    counted.suspendedBy ??= suspendedBy;
    this.#count += rules.length;
  }
}
