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

  /** @param most numbers that it may take */
  constructor(most: number) {
    this.#records = Buffer.allocUnsafe(most * RECORD_OCTETS);
  }

  get length(): number {
    return this.#length;
  }

  /** @param sealed undefined: it is only looked up */
  add(hash: Buffer, sealed: Buffer | undefined): void {
    const at = this.#length * RECORD_OCTETS;
    hash.copy(this.#records, at);
    sealed?.copy(this.#records, at + NUMBER_HASH_OCTETS);
    const first = hash[0] ?? 0;
    this.#counts[first] = (this.#counts[first] ?? 0) + 1;
    this.#length++;
  }

  /** All of them, so many at a time. @param sealed whether they were added with what is sealed */
  *slices(size: number, sealed: boolean): Generator<OptOutSetting[]> {
    const order = this.#order();
    for (let from = 0; from < order.length; from += size)
      yield Array.from(order.subarray(from, from + size), (nth) => this.#setting(nth, sealed));
  }

  #setting(nth: number, sealed: boolean): OptOutSetting {
    const at = nth * RECORD_OCTETS;
    const end = at + NUMBER_HASH_OCTETS;
    return {
      hash: this.#records.subarray(at, end),
      sealed: sealed ? this.#records.subarray(end, at + RECORD_OCTETS) : NOTHING,
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
