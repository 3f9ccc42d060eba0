import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { Quota } from '../domain/policy-rule.ts';
import { takeQuotas, type WantedQuota } from '../store/quotas.ts';
import type { GatewayObserver } from './observer.ts';

/** Of a limit, taken ahead of what is needed: so much of it at most may lie unused with a node, for a second or two. */
const AHEAD = 0.01;
/** Asked for in one statement: some 20 ms. */
const BATCH_MAX = 500;
/** What the store has no more of is asked for again after this: other nodes give back what they do not use. */
const OVER_MS = 1_000;
/** Counted things in memory, some 300 octets each; beyond it the oldest is given back and forgotten. */
const SHARES_MAX = 100_000;
/** Messages that wait for the store's word; more are throttled. Two accept batches and a half of every session. */
const WAITING_MAX = 5_000;

/** What of a message is counted under a quota. */
export interface Need {
  readonly quota: Quota;
  readonly key: string;
  /** More than 0. */
  readonly amount: number;
}

/** What was taken of one quota. */
export interface Taken {
  readonly rule: string;
  readonly key: string;
  readonly amount: number;
  /** The window as the store names it. */
  readonly until: string;
}

/** What was taken for a message, and what there was no more of. */
export class Ticket {
  /** Quotas that are used up: their rules have found something. */
  readonly over = new Set<Quota>();
  #taken: TakenShare[] = [];

  take(share: Share, amount: number): void {
    this.#taken.push({ share, until: share.until, amount });
  }

  /** What was taken, for whoever gives it back in the store (sql/0060_said_texts.sql). */
  get taken(): readonly Taken[] {
    return this.#taken.map(({ share: { quota, key }, until, amount }) => ({
      rule: quota.rule,
      key,
      amount,
      until,
    }));
  }

  /** The message was not accepted: it does not count. Once. */
  giveBack(): void {
    const taken = this.#taken;
    this.#taken = [];
    for (const one of taken) back(one);
  }

  /** It was refused at a charge: it counts for nothing but what it costs. */
  giveBackMessage(): void {
    const taken = this.#taken;
    this.#taken = taken.filter(({ share }) => share.quota.of === 'credits');
    for (const one of taken) if (one.share.quota.of !== 'credits') back(one);
  }
}

/** Nothing is known whether it may pass: the store is away, or too many wait for it. */
export type NoTicket = 'storeUnavailable' | 'throttled';

/** What this node has of one quota for one key. */
interface Share {
  readonly account: AccountId;
  readonly quota: Quota;
  readonly key: string;
  /** Taken from the store, and not used. */
  have: number;
  /** The window as the store names it; '' before it is known. */
  until: string;
  /** On the monotonic clock. */
  endsAtMs: number;
  overUntilMs: number;
  /** What the last message took: what is ahead is a whole number of such. */
  usual: number;
  /** Amounts of those that wait and are not asked for yet. */
  wanted: number;
  waiting: (() => void)[];
  isAsked: boolean;
  isUsed: boolean;
}

export interface QuotasDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  /** Milliseconds that never go back (performance.now). */
  readonly monotonic: () => number;
  /** Keyed hash of a short text. */
  hash(text: string): Buffer;
}

/**
 * What rules let through of something in a time (sql/0047_quotas.sql). This node passes only what it has taken from the
 * store, so that a cap is never exceeded: by no number of nodes, not after a crash, not by a clock. The price is that
 * up to a hundredth of a limit may lie unused with each other node, and what a dead node had until the time is over.
 *
 * ```
 *   need ── at hand ──> taken ── not accepted ──> at hand again
 *     └─ asked for ──> the store has it: at hand; it has not: over, for a second
 *   at hand, unused for a second ──> given back
 * ```
 */
export class Quotas {
  readonly #deps: QuotasDeps;
  readonly #shares = new Map<string, Share>();
  /** Those with something to ask or to give. */
  #asking = new Set<Share>();
  readonly #returns: WantedQuota[] = [];
  #working: Promise<void> | undefined;
  #waiting = 0;
  #isAway = false;

  constructor(deps: QuotasDeps) {
    this.#deps = deps;
  }

  /** Takes what a message needs: at once where it is at hand, else after the store's word. Never rejects. */
  take(account: AccountId, needs: readonly Need[]): Ticket | Promise<Ticket | NoTicket> {
    const ticket = new Ticket();
    for (const [at, need] of needs.entries())
      if (!this.#takeNow(ticket, account, need))
        return this.#takeLater(ticket, account, needs.slice(at));
    return ticket;
  }

  /** Once a second: what lies unused goes back. */
  tick(): void {
    const nowMs = this.#deps.monotonic();
    for (const [name, share] of this.#shares) {
      const isWanted = share.isAsked || share.waiting.length > 0;
      if (share.have > 0 && !share.isUsed && !isWanted) this.#return(share);
      share.isUsed = false;
      if (nowMs >= share.endsAtMs && !isWanted) this.#shares.delete(name);
    }
    this.#begin();
  }

  /** Gives everything back, if the store is there. */
  async close(): Promise<void> {
    for (const share of this.#shares.values()) this.#return(share);
    this.#begin();
    await this.#working;
  }

  async #takeLater(
    ticket: Ticket,
    account: AccountId,
    needs: readonly Need[],
  ): Promise<Ticket | NoTicket> {
    if (this.#waiting >= WAITING_MAX) return this.#none(ticket, 'throttled');
    this.#waiting++;
    try {
      for (const need of needs) {
        while (!this.#takeNow(ticket, account, need)) {
          await this.#more(this.#shareOf(account, need), need.amount);
          if (this.#isAway) return this.#none(ticket, 'storeUnavailable');
        }
      }
      return ticket;
    } finally {
      this.#waiting--;
    }
  }

  #none(ticket: Ticket, why: NoTicket): NoTicket {
    ticket.giveBack();
    return why;
  }

  /** @returns false: the store has to be asked */
  #takeNow(ticket: Ticket, account: AccountId, need: Need): boolean {
    const { quota, amount } = need;
    if (amount > quota.limit) {
      ticket.over.add(quota);
      return true;
    }
    const share = this.#shareOf(account, need);
    const nowMs = this.#deps.monotonic();
    if (nowMs >= share.endsAtMs) end(share);
    if (share.have >= amount) {
      share.isUsed = true;
      share.have -= amount;
      ticket.take(share, amount);
      share.usual = amount;
      if (share.have < ahead(share) / 2 && nowMs >= share.overUntilMs) this.#ask(share);
      return true;
    }
    if (nowMs >= share.overUntilMs) return false;
    ticket.over.add(quota);
    return true;
  }

  #shareOf(account: AccountId, { quota, key }: Need): Share {
    const name = `${account} ${quota.rule} ${key}`;
    const known = this.#shares.get(name);
    if (known !== undefined && known.quota.limit === quota.limit) return known;
    if (known !== undefined) this.#forget(name, known);
    const share: Share = {
      account,
      quota,
      key,
      have: 0,
      until: '',
      endsAtMs: 0,
      overUntilMs: 0,
      usual: 1,
      wanted: 0,
      waiting: [],
      isAsked: false,
      isUsed: true,
    };
    this.#shares.set(name, share);
    if (this.#shares.size > SHARES_MAX)
      for (const [oldest, its] of this.#shares) {
        this.#forget(oldest, its);
        break;
      }
    return share;
  }

  #forget(name: string, share: Share): void {
    this.#return(share);
    this.#shares.delete(name);
  }

  #return(share: Share): void {
    if (share.have <= 0 || this.#deps.monotonic() >= share.endsAtMs) return;
    this.#returns.push(wantedOf(share, -share.have, this.#deps));
    share.have = 0;
  }

  #more(share: Share, amount: number): Promise<void> {
    share.wanted += amount;
    share.usual = amount;
    const answered = new Promise<void>((resolve) => share.waiting.push(resolve));
    this.#ask(share);
    return answered;
  }

  #ask(share: Share): void {
    if (share.isAsked && share.waiting.length === 0) return;
    this.#asking.add(share);
    this.#begin();
  }

  #begin(): void {
    if (this.#working !== undefined) return;
    if (this.#asking.size === 0 && this.#returns.length === 0) return;
    this.#working = this.#work().finally(() => {
      this.#working = undefined;
      this.#begin();
    });
  }

  /** One statement. While it is under way the next one gathers; a share is asked for in one at a time. */
  async #work(): Promise<void> {
    // What arrives in this turn of the event loop goes together.
    await Promise.resolve();
    const returns = this.#returns.splice(0, BATCH_MAX);
    const shares = [...this.#asking].slice(0, BATCH_MAX);
    for (const share of shares) this.#asking.delete(share);
    const asked = shares.map((share) => {
      const wanted = Math.max(0, share.wanted + ahead(share) - share.have);
      const { waiting } = share;
      share.wanted = 0;
      share.waiting = [];
      share.isAsked = true;
      return { share, wanted, waiting };
    });
    const askedAtMs = this.#deps.monotonic();
    try {
      const given = await takeQuotas(this.#deps.pool, [
        ...returns,
        ...asked.map(({ share, wanted }) => wantedOf(share, wanted, this.#deps)),
      ]);
      this.#isAway = false;
      const nowMs = this.#deps.monotonic();
      for (const [i, { share, wanted }] of asked.entries()) {
        const got = given[returns.length + i];
        if (got === undefined) throw new Error('an answer for each quota');
        if (got.until !== share.until) share.have = 0;
        share.have += got.given;
        share.until = got.until;
        // Rather before it is over than after.
        share.endsAtMs = askedAtMs + got.leftMs;
        share.overUntilMs = got.given < wanted ? Math.min(nowMs + OVER_MS, share.endsAtMs) : 0;
      }
    } catch (error) {
      // Whether it is taken, or given back, is not known: it counts as used, so that no cap is exceeded.
      this.#isAway = true;
      this.#deps.observer.note('warn', 'quotasNotTaken', { reason: String(error) });
    }
    for (const { share, waiting } of asked) {
      share.isAsked = false;
      for (const answered of waiting) answered();
    }
  }
}

/** What was taken of a share. */
interface TakenShare {
  readonly share: Share;
  readonly until: string;
  readonly amount: number;
}

/** Another time has begun since: what was taken of the former counts for nothing. */
function back({ share, until, amount }: TakenShare): void {
  if (share.until === until) share.have += amount;
}

/** Its time is over: what is left of it counts for nothing. */
function end(share: Share): void {
  share.have = 0;
  share.until = '';
  share.overUntilMs = 0;
}

function ahead({ quota, usual }: Share): number {
  const most = Math.floor(quota.limit * AHEAD);
  return most - (most % usual);
}

function wantedOf(share: Share, wanted: number, { hash }: QuotasDeps): WantedQuota {
  const { account, quota, key } = share;
  const { rule, limit, withinSeconds } = quota;
  const until = wanted < 0 ? share.until : undefined;
  return { account, rule, key: hash(key), limit, withinSeconds, wanted, until };
}
