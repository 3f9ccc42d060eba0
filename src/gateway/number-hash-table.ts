/** Words of an entry: 112 bits of a number's keyed hash (store/sealing.ts), and a value in the last 16. */
const WORDS = 4;
/** 64 KB at first. */
const FIRST_SLOTS = 4_096;
/** What fits beside the hash; 0 marks a free slot. */
export const VALUE_MAX = 0xffff;

/** How large a table may grow. */
export interface NumberHashTableLimits {
  /** A power of two; 16 octets each. */
  readonly slotsMax: number;
  /** Share of the slots in use above which it grows (0 to 1): searches take more steps the fuller it is. */
  readonly loadMax: number;
}

/**
 * Numbers by their keyed hash, each with a small value, without an object for each: open addressing over one array, 16
 * octets a slot. The hash is random already; its first word is the place where the search begins. Of its 128 bits 112
 * are kept: still no two numbers that exist have the same.
 *
 * `mask` tells the same number in several sets apart (that of an account): it is mixed into the first word; else 0.
 */
export class NumberHashTable {
  readonly #limits: NumberHashTableLimits;
  #slots = FIRST_SLOTS;
  #table = new Uint32Array(FIRST_SLOTS * WORDS);
  #size = 0;

  constructor(limits: NumberHashTableLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Octets of memory. */
  get octets(): number {
    return this.#table.byteLength;
  }

  /** The value of the number whose hash stands in `octets` at `at`; 0: it is not here. */
  get(mask: number, octets: Buffer, at = 0): number {
    return (this.#table[this.#find(mask, octets, at) * WORDS + 3] ?? 0) & VALUE_MAX;
  }

  /**
   * Sets the value of a number.
   * @param value 1 to VALUE_MAX
   * @returns false: the table is full, and the number is not in it
   */
  set(mask: number, octets: Buffer, value: number, at = 0): boolean {
    const isFull = this.#size + 1 > this.#slots * this.#limits.loadMax && !this.#grow();
    if (isFull && this.get(mask, octets, at) === 0) return false;
    const word = this.#find(mask, octets, at) * WORDS;
    if (this.#table[word + 3] === 0) this.#size++;
    this.#table[word] = firstWord(mask, octets, at);
    this.#table[word + 1] = octets.readUInt32BE(at + 4);
    this.#table[word + 2] = octets.readUInt32BE(at + 8);
    this.#table[word + 3] = lastWord(octets, at) | value;
    return true;
  }

  delete(mask: number, octets: Buffer, at = 0): void {
    let gap = this.#find(mask, octets, at);
    if (this.#table[gap * WORDS + 3] === 0) return;
    const last = this.#slots - 1;
    // What follows moves up, as far as it may: no marks of deleted entries are left in the way of searches.
    for (
      let slot = (gap + 1) & last;
      this.#table[slot * WORDS + 3] !== 0;
      slot = (slot + 1) & last
    ) {
      const home = (this.#table[slot * WORDS] ?? 0) & last;
      if (((slot - home) & last) < ((slot - gap) & last)) continue;
      this.#table.copyWithin(gap * WORDS, slot * WORDS, slot * WORDS + WORDS);
      gap = slot;
    }
    this.#table.fill(0, gap * WORDS, gap * WORDS + WORDS);
    this.#size--;
  }

  /** The slot of an entry, or the free one where it would stand. */
  #find(mask: number, octets: Buffer, at: number): number {
    const last = this.#slots - 1;
    const first = firstWord(mask, octets, at);
    const second = octets.readUInt32BE(at + 4);
    const third = octets.readUInt32BE(at + 8);
    const fourth = lastWord(octets, at);
    for (let slot = first & last; ; slot = (slot + 1) & last) {
      const word = slot * WORDS;
      const there = this.#table[word + 3] ?? 0;
      if (there === 0) return slot;
      if (
        (there & ~VALUE_MAX) === fourth &&
        this.#table[word] === first &&
        this.#table[word + 1] === second &&
        this.#table[word + 2] === third
      )
        return slot;
    }
  }

  #grow(): boolean {
    const { slotsMax, loadMax } = this.#limits;
    if (this.#slots >= slotsMax) return this.#size < this.#slots * loadMax;
    const old = this.#table;
    this.#slots *= 2;
    this.#table = new Uint32Array(this.#slots * WORDS);
    const last = this.#slots - 1;
    for (let word = 0; word < old.length; word += WORDS) {
      if (old[word + 3] === 0) continue;
      let slot = (old[word] ?? 0) & last;
      while (this.#table[slot * WORDS + 3] !== 0) slot = (slot + 1) & last;
      this.#table.set(old.subarray(word, word + WORDS), slot * WORDS);
    }
    return true;
  }
}

function firstWord(mask: number, octets: Buffer, at: number): number {
  return (octets.readUInt32BE(at) ^ mask) >>> 0;
}

/** Its lower half is free for the value. As a signed number, as bitwise operators make it. */
function lastWord(octets: Buffer, at: number): number {
  return octets.readUInt16BE(at + 12) << 16;
}
