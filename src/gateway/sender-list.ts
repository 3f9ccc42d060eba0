import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { SenderRegistration } from '../domain/policy-rule.ts';
import { ALL_ACCOUNTS } from '../store/opt-outs.ts';
import { readSenders, SENDER_CHANNEL, type StoredSender, senderKey } from '../store/senders.ts';
import type { ChangeFeed } from './change-feed.ts';

/** Registrations that there may be: some 30 MB. */
export const SENDERS_MAX = 100_000;
/** Rows read at once. */
const PAGE = 2_000;

/** Registered senders in memory: read from the store, read on whenever any node changes them. */
export class SenderList {
  readonly #pool: Pool;
  /** By account and sender. */
  readonly #senders = new Map<string, readonly Held[]>();
  #change = 0n;

  /** Reads all of them, then follows their changes. @throws DependencyError */
  static async open(options: {
    readonly pool: Pool;
    readonly feed: Pick<ChangeFeed, 'follow'>;
  }): Promise<SenderList> {
    const list = new SenderList(options.pool);
    await options.feed.follow(SENDER_CHANNEL, () => list.#read());
    return list;
  }

  private constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** What is registered of a sender for an account and for all accounts. */
  of(account: AccountId, sender: string): readonly SenderRegistration[] {
    const key = senderKey(sender);
    const own = this.#senders.get(`${account} ${key}`) ?? [];
    const common = this.#senders.get(`${ALL_ACCOUNTS} ${key}`) ?? [];
    if (common.length === 0) return own;
    return own.length === 0 ? common : [...own, ...common];
  }

  async #read(): Promise<void> {
    for (;;) {
      const page = await readSenders(this.#pool, this.#change, PAGE);
      for (const stored of page) this.#put(stored);
      this.#change = page.at(-1)?.change ?? this.#change;
      if (page.length < PAGE) return;
    }
  }

  #put(stored: StoredSender): void {
    const key = `${stored.account} ${senderKey(stored.sender)}`;
    const place = `${stored.trafficClass} ${stored.country} ${stored.operator}`;
    const others = (this.#senders.get(key) ?? []).filter((one) => one.place !== place);
    if (stored.status === 'removed') {
      if (others.length === 0) this.#senders.delete(key);
      else this.#senders.set(key, others);
      return;
    }
    const { status, trafficClass, country, operator, from, until } = stored;
    const fromMs = from === undefined ? 0 : Date.parse(from);
    const untilMs = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
    this.#senders.set(key, [
      ...others,
      { place, status, trafficClass, country, operator, fromMs, untilMs },
    ]);
  }
}

interface Held extends SenderRegistration {
  readonly place: string;
}
