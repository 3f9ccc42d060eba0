import type { AccountId } from '../domain/ids.ts';
import { NumberHashTable } from './number-hash-table.ts';

/** 128 MiB of entries, 64 MiB of them in use at the most: some four million opt-outs. A million take 32 MiB. */
const SLOTS_MAX = 2 ** 23;
/** Above it a search takes too many steps (linear probing: 2.5 on average for what is absent). */
const LOAD_MAX = 0.5;
/** Odd, so that every account has a mask of its own: 2^32 / golden ratio. */
const MIX = 0x9e3779b1;
/** All that is to be known of a number is that it is here. */
const OUT = 1;

/** Numbers by account, each as 16 octets of one array. */
export class OptOutSet {
  readonly #table = new NumberHashTable({ slotsMax: SLOTS_MAX, loadMax: LOAD_MAX });

  get size(): number {
    return this.#table.size;
  }

  /** Octets of memory. */
  get octets(): number {
    return this.#table.octets;
  }

  has(account: AccountId, hash: Buffer): boolean {
    return this.#table.get(maskOf(account), hash) === OUT;
  }

  /** @returns false: the set is full, and the number is not in it */
  add(account: AccountId, hash: Buffer): boolean {
    return this.#table.set(maskOf(account), hash, OUT);
  }

  delete(account: AccountId, hash: Buffer): void {
    this.#table.delete(maskOf(account), hash);
  }
}

function maskOf(account: AccountId): number {
  return Math.imul(account, MIX);
}
