import type { AccountId } from '../domain/ids.ts';
import { NumberHashTable } from './number-hash-table.ts';

/** Entries that a list may have: 128 MiB. A million take 32 MiB. */
export const RECIPIENTS_MAX = 5_000_000;
/** The table is cut into so many, by the hash's last octet: each grows by itself, in a few milliseconds at the most. */
const SHARDS = 64;
/** 2^23 slots of 16 octets in all; at five million 60 % of them in use (linear probing: 3.6 steps for what is absent). */
const SLOTS_MAX = 2 ** 23 / SHARDS;
/** Shards are not quite as full as each other. */
const LOAD_MAX = 0.7;
/** Odd, so that every account and every scope has a mask of its own: 2^32 / golden ratio, and a prime. */
const MIX_ACCOUNT = 0x9e3779b1;
const MIX_SCOPE = 0x85ebca6b;
/** It is here; above it what else is known of it. */
const HERE = 1;

/** Numbers by account and scope (store/recipient-scopes.ts), each as 16 octets of one of some arrays. */
export class RecipientSet {
  readonly #shards = Array.from({ length: SHARDS }, (): NumberHashTable | undefined => undefined);

  get size(): number {
    return this.#shards.reduce((sum, shard) => sum + (shard?.size ?? 0), 0);
  }

  /** Octets of memory. */
  get octets(): number {
    return this.#shards.reduce((sum, shard) => sum + (shard?.octets ?? 0), 0);
  }

  /**
   * @param hash the number's keyed hash
   * @param traits bits that it must have been added with
   */
  has(account: AccountId, scope: number, hash: Buffer, traits = 0): boolean {
    const shard = this.#shards[shardOf(hash, 0)];
    if (shard === undefined) return false;
    const wanted = (traits << 1) | HERE;
    return (shard.get(maskOf(account, scope), hash) & wanted) === wanted;
  }

  /**
   * Adds a number, or changes its traits.
   * @param hash octets in which its keyed hash stands `at`
   * @param traits 15 bits
   * @returns false: the set is full, and the number is not in it
   */
  add(account: AccountId, scope: number, hash: Buffer, at = 0, traits = 0): boolean {
    const index = shardOf(hash, at);
    const limits = { slotsMax: SLOTS_MAX, loadMax: LOAD_MAX };
    const shard = this.#shards[index] ?? new NumberHashTable(limits);
    this.#shards[index] = shard;
    return shard.set(maskOf(account, scope), hash, (traits << 1) | HERE, at);
  }

  delete(account: AccountId, scope: number, hash: Buffer, at = 0): void {
    this.#shards[shardOf(hash, at)]?.delete(maskOf(account, scope), hash, at);
  }
}

const LAST_OCTET = 15;

/** The table of a shard does not look at the last octet. */
function shardOf(hash: Buffer, at: number): number {
  return (hash[at + LAST_OCTET] ?? 0) % SHARDS;
}

function maskOf(account: AccountId, scope: number): number {
  return Math.imul(account, MIX_ACCOUNT) ^ Math.imul(scope, MIX_SCOPE);
}
