import type { AccountId } from '../domain/ids.ts';

/** Octets of an entry: those of a number's keyed hash (store/sealing.ts). */
const WORDS = 4;
/** 64 KB at first. */
const FIRST_SLOTS = 4_096;
/** 128 MiB of entries, 64 MiB of them in use at the most: some four million opt-outs. A million take 32 MiB. */
const SLOTS_MAX = 2 ** 23;
/** Above it a search takes too many steps (linear probing: 2.5 on average for what is absent). */
const LOAD_MAX = 0.5;
/** Odd, so that every account has a mask of its own: 2^32 / golden ratio. */
const MIX = 0x9e3779b1;

/**
 * Numbers by account, each as the 16 octets of its keyed hash, without an object for each: open addressing over one
 * array. The hash is random already; its first word, masked by the account, is the place where the search begins.
 */
export class OptOutSet {
  #slots = FIRST_SLOTS;
  #table = new Uint32Array(FIRST_SLOTS * WORDS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Octets of memory. */
  get octets(): number {
    return this.#table.byteLength;
  }

  has(account: AccountId, hash: Buffer): boolean {
    return this.#table[this.#find(account, hash) * WORDS + 3] !== 0;
  }

  /** @returns false: the set is full, and the number is not in it */
  add(account: AccountId, hash: Buffer): boolean {
    if (this.#size + 1 > this.#slots * LOAD_MAX && !this.#grow()) return this.has(account, hash);
    const at = this.#find(account, hash) * WORDS;
    if (this.#table[at + 3] !== 0) return true;
    this.#table[at] = firstWord(account, hash);
    this.#table[at + 1] = hash.readUInt32BE(4);
    this.#table[at + 2] = hash.readUInt32BE(8);
    this.#table[at + 3] = lastWord(hash);
    this.#size++;
    return true;
  }

  delete(account: AccountId, hash: Buffer): void {
    let gap = this.#find(account, hash);
    if (this.#table[gap * WORDS + 3] === 0) return;
    const mask = this.#slots - 1;
    // What follows moves up, as far as it may: no marks of deleted entries are left in the way of searches.
    for (let at = (gap + 1) & mask; this.#table[at * WORDS + 3] !== 0; at = (at + 1) & mask) {
      const home = (this.#table[at * WORDS] ?? 0) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      this.#table.copyWithin(gap * WORDS, at * WORDS, at * WORDS + WORDS);
      gap = at;
    }
    this.#table.fill(0, gap * WORDS, gap * WORDS + WORDS);
    this.#size--;
  }

  /** The slot of an entry, or the free one where it would stand. */
  #find(account: AccountId, hash: Buffer): number {
    const mask = this.#slots - 1;
    const first = firstWord(account, hash);
    const second = hash.readUInt32BE(4);
    const third = hash.readUInt32BE(8);
    const last = lastWord(hash);
    for (let slot = first & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      const there = this.#table[at + 3];
      if (there === 0) return slot;
      if (
        there === last &&
        this.#table[at] === first &&
        this.#table[at + 1] === second &&
        this.#table[at + 2] === third
      )
        return slot;
    }
  }

  #grow(): boolean {
    if (this.#slots >= SLOTS_MAX) return this.#size < this.#slots * LOAD_MAX;
    const old = this.#table;
    this.#slots *= 2;
    this.#table = new Uint32Array(this.#slots * WORDS);
    const mask = this.#slots - 1;
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 3] === 0) continue;
      let slot = (old[at] ?? 0) & mask;
      while (this.#table[slot * WORDS + 3] !== 0) slot = (slot + 1) & mask;
      this.#table.set(old.subarray(at, at + WORDS), slot * WORDS);
    }
    return true;
  }
}

function firstWord(account: AccountId, hash: Buffer): number {
  return (hash.readUInt32BE(0) ^ Math.imul(account, MIX)) >>> 0;
}

/** 0 marks a free slot: one bit of 128 is always set. */
function lastWord(hash: Buffer): number {
  return (hash.readUInt32BE(12) | 1) >>> 0;
}
