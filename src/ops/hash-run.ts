import type { OptOutSetting } from '../store/opt-outs.ts';
import { NUMBER_HASH_OCTETS, SEALED_NUMBER_OCTETS } from '../store/sealing.ts';

const RECORD_OCTETS = NUMBER_HASH_OCTETS + SEALED_NUMBER_OCTETS;
/** Values of a hash's first octet. */
const OCTETS = 256;
const NOTHING = Buffer.alloc(0);

/**
 * Numbers of a long list, 36 octets each, given back in the order of their hashes' first octets: a part of them falls on
 * neighbouring pages of the index, which costs the database half of what scattered ones cost.
 */
export class HashRun {
  readonly #records: Buffer;
  readonly #counts = new Uint32Array(OCTETS);
  #length = 0;

  readonly #isSealed: boolean;

  /**
   * @param most numbers that it may take
   * @param isSealed they come with what is sealed; else they are only looked up
   */
  constructor(most: number, isSealed: boolean) {
    this.#records = Buffer.allocUnsafe(most * RECORD_OCTETS);
    this.#isSealed = isSealed;
  }

  add(hash: Buffer, sealed: Buffer | undefined): void {
    const at = this.#length * RECORD_OCTETS;
    hash.copy(this.#records, at);
    sealed?.copy(this.#records, at + NUMBER_HASH_OCTETS);
    const first = hash[0] ?? 0;
    this.#counts[first] = (this.#counts[first] ?? 0) + 1;
    this.#length++;
  }

  /** All of them, so many at a time. */
  *slices(size: number): Generator<OptOutSetting[]> {
    const order = this.#order();
    for (let from = 0; from < order.length; from += size)
      yield Array.from(order.subarray(from, from + size), (nth) => this.#setting(nth));
  }

  #setting(nth: number): OptOutSetting {
    const at = nth * RECORD_OCTETS;
    const end = at + NUMBER_HASH_OCTETS;
    return {
      hash: this.#records.subarray(at, end),
      sealed: this.#isSealed ? this.#records.subarray(end, at + RECORD_OCTETS) : NOTHING,
    };
  }

  /** Places by first octet (a counting sort: some 10 ns each). */
  #order(): Uint32Array {
    const next = new Uint32Array(OCTETS);
    for (let octet = 1; octet < OCTETS; octet++)
      next[octet] = (next[octet - 1] ?? 0) + (this.#counts[octet - 1] ?? 0);
    const order = new Uint32Array(this.#length);
    for (let nth = 0; nth < this.#length; nth++) {
      const first = this.#records[nth * RECORD_OCTETS] ?? 0;
      const place = next[first] ?? 0;
      order[place] = nth;
      next[first] = place + 1;
    }
    return order;
  }
}
