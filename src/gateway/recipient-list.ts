import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import { ALL_ACCOUNTS } from '../store/opt-outs.ts';
import {
  ALL_MESSAGES,
  PAGE_ENTRY_OCTETS,
  type RecipientPage,
  type RecipientPagePart,
  readRecipients,
  readScopes,
} from '../store/recipient-scopes.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { GatewayObserver } from './observer.ts';
import { RecipientSet } from './recipient-set.ts';

/** Rows read at once: some 4 ms of this node, so that nobody waits for a list of millions. */
const PAGE = 10_000;

export interface RecipientListOptions {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  readonly feed: Pick<ChangeFeed, 'follow'>;
}

/**
 * A list of numbers in memory, opt-outs or consents: of an account or of all, of all its messages or of a sender's or a
 * class's. Read from the store, read on whenever any node changes it.
 */
export class RecipientList {
  readonly #options: RecipientListOptions;
  readonly #list: 'optOuts' | 'consents';
  readonly #set = new RecipientSet();
  /** Scopes by class and sender. */
  readonly #scopes = new Map<string, number>();
  /** Numbers of those that were met. */
  readonly #known = new Set<number>();
  #change = 0n;
  /** Whether there were ever entries of all accounts, of scopes beside the usual one: else they are not looked for. */
  #hasOfAll = false;
  #hasScoped = false;

  /** Reads all of it, then follows its changes. @throws DependencyError */
  static async open(
    list: 'optOuts' | 'consents',
    channel: string,
    options: RecipientListOptions,
  ): Promise<RecipientList> {
    const recipients = new RecipientList(list, options);
    await options.feed.follow(channel, () => recipients.#read());
    return recipients;
  }

  private constructor(list: 'optOuts' | 'consents', options: RecipientListOptions) {
    this.#list = list;
    this.#options = options;
  }

  /** Entries held. */
  get size(): number {
    return this.#set.size;
  }

  get isEmpty(): boolean {
    return this.#change === 0n;
  }

  /**
   * Whether a number is on the list for a message.
   * @param hashes its keyed hash under each key at hand
   * @param traits what its entry must have (a consent: evidence); 0: nothing
   */
  has(
    account: AccountId,
    hashes: readonly Buffer[],
    sender: string,
    trafficClass: string,
    traits = 0,
  ): boolean {
    for (const hash of hashes) {
      if (this.#hasIn(account, hash, sender, trafficClass, traits)) return true;
      if (this.#hasOfAll && this.#hasIn(ALL_ACCOUNTS, hash, sender, trafficClass, traits))
        return true;
    }
    return false;
  }

  #hasIn(
    account: AccountId,
    hash: Buffer,
    sender: string,
    trafficClass: string,
    traits: number,
  ): boolean {
    if (this.#set.has(account, ALL_MESSAGES, hash, traits)) return true;
    if (!this.#hasScoped) return false;
    if (this.#hasScope(account, hash, '', trafficClass, traits)) return true;
    if (sender === '') return false;
    const folded = sender.toLowerCase();
    return (
      this.#hasScope(account, hash, folded, '', traits) ||
      this.#hasScope(account, hash, folded, trafficClass, traits)
    );
  }

  #hasScope(
    account: AccountId,
    hash: Buffer,
    sender: string,
    trafficClass: string,
    traits: number,
  ): boolean {
    const scope = this.#scopes.get(scopeKey(sender, trafficClass));
    return scope !== undefined && this.#set.has(account, scope, hash, traits);
  }

  async #read(): Promise<void> {
    const { pool, observer } = this.#options;
    for (;;) {
      const page = await readRecipients(pool, this.#list, this.#change, PAGE);
      await this.#readScopes(page);
      let left = 0;
      for (const part of page.parts) left += this.#put(part);
      if (left > 0) observer.note('error', `${this.#list}OverLimit`, { left });
      this.#change = page.lastChange;
      if (page.length < PAGE) return;
    }
  }

  /** Those that were not met before: which was made first says nothing of which was committed first. */
  async #readScopes({ parts }: RecipientPage): Promise<void> {
    const met = new Set(parts.map(({ scope }) => scope).filter((id) => !this.#known.has(id)));
    if (met.size === 0) return;
    for (const { id, sender, trafficClass } of await readScopes(this.#options.pool, [...met])) {
      this.#scopes.set(scopeKey(sender, trafficClass), id);
      this.#known.add(id);
    }
  }

  /** @returns those for which there is no room */
  #put({ account, scope, entries }: RecipientPagePart): number {
    let left = 0;
    for (let at = 0; at < entries.length; at += PAGE_ENTRY_OCTETS) {
      const state = entries[at + STATE_AT] ?? 0;
      if (state === 0) this.#set.delete(account, scope, entries, at);
      else if (!this.#set.add(account, scope, entries, at, state >> 1)) left++;
    }
    if (account === ALL_ACCOUNTS) this.#hasOfAll = true;
    if (scope !== ALL_MESSAGES) this.#hasScoped = true;
    return left;
  }
}

/** Behind the keyed hash (store/recipient-scopes.ts). */
const STATE_AT = 16;

function scopeKey(sender: string, trafficClass: string): string {
  return `${trafficClass} ${sender}`;
}
