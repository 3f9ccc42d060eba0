import { everyTurn } from '../../gateway/every-turn.ts';
import { NUMBER_HASH_OCTETS, SEALED_NUMBER_OCTETS } from '../../store/sealing.ts';
import type { ApiDeps } from './api.ts';
import { ENTRIES_MAX, hashesOf } from './bulk.ts';

/** Numbers of one request, 100 octets of memory each while it lasts; a longer list goes in several. */
export const NUMBERS_MAX = 500_000;
export const LINES_MAX_OCTETS = 16 * 1024 * 1024;
/** Numbers set in one commit: a third of a second of the database. */
export const STORED_AT_ONCE = ENTRIES_MAX;
/** Of these, in one statement: 4 ms of this node. */
const STATEMENT = 5_000;
/** Numbers sealed at once: a millisecond. */
const SLICE = 500;

const RECORD_OCTETS = NUMBER_HASH_OCTETS + SEALED_NUMBER_OCTETS;
/** Values of a hash's first octet. */
const OCTETS = 256;
const NOTHING = Buffer.alloc(0);

/** One number under one of its hashes. */
export interface HashedNumber {
  /** Its place in the request's list. */
  readonly nth: number;
  readonly hash: Buffer;
  /** Empty where it is only looked up. */
  readonly sealed: Buffer;
}

/** Numbers that one commit sets, in parts for a statement each. */
export interface HashedPart extends Iterable<readonly HashedNumber[]> {
  readonly length: number;
}

/**
 * Numbers of a long list with their keyed hashes, given back in the order of the hashes' first octets: a part of them
 * falls on neighbouring pages of the index, which costs the database half of what scattered ones cost. Numbers that have
 * the same hash keep their order.
 */
export class HashRun {
  readonly #records: Buffer;
  /** Of each record. */
  readonly #nths: Uint32Array;
  readonly #counts = new Uint32Array(OCTETS);
  readonly #isSealed: boolean;
  #length = 0;

  /**
   * Hashes and seals in turns: messages go on between.
   * @param isSealed they go into the list: under the current key, sealed; else each is looked up under every key
   */
  static async of(deps: ApiDeps, numbers: readonly string[], isSealed: boolean): Promise<HashRun> {
    const keys = isSealed ? 1 : hashesOf(deps, numbers[0] ?? '').length;
    const run = new HashRun(numbers.length * keys, isSealed);
    const turn = everyTurn();
    for (let from = 0; from < numbers.length; from += SLICE) {
      const slice = numbers.slice(from, from + SLICE);
      const sealed = isSealed ? deps.sealing.sealNumbers(slice) : [];
      for (const [i, number] of slice.entries())
        for (const hash of hashesOf(deps, number).slice(0, keys))
          run.#add(from + i, hash, sealed[i]);
      await turn();
    }
    return run;
  }

  private constructor(most: number, isSealed: boolean) {
    this.#records = Buffer.allocUnsafe(most * RECORD_OCTETS);
    this.#nths = new Uint32Array(most);
    this.#isSealed = isSealed;
  }

  /** All of them, a commit's at a time. */
  *commits(): Generator<HashedPart> {
    const order = this.#order();
    for (let from = 0; from < order.length; from += STORED_AT_ONCE) {
      const part = order.subarray(from, from + STORED_AT_ONCE);
      yield { length: part.length, [Symbol.iterator]: () => this.#statements(part) };
    }
  }

  *#statements(part: Uint32Array): Generator<HashedNumber[]> {
    for (let from = 0; from < part.length; from += STATEMENT)
      yield Array.from(part.subarray(from, from + STATEMENT), (record) => this.#number(record));
  }

  #add(nth: number, hash: Buffer, sealed: Buffer | undefined): void {
    const at = this.#length * RECORD_OCTETS;
    hash.copy(this.#records, at);
    sealed?.copy(this.#records, at + NUMBER_HASH_OCTETS);
    this.#nths[this.#length] = nth;
    const first = hash[0] ?? 0;
    this.#counts[first] = (this.#counts[first] ?? 0) + 1;
    this.#length++;
  }

  #number(record: number): HashedNumber {
    const at = record * RECORD_OCTETS;
    const end = at + NUMBER_HASH_OCTETS;
    return {
      nth: this.#nths[record] ?? 0,
      hash: this.#records.subarray(at, end),
      sealed: this.#isSealed ? this.#records.subarray(end, at + RECORD_OCTETS) : NOTHING,
    };
  }

  /** Records by first octet (a counting sort: some 10 ns each). */
  #order(): Uint32Array {
    const next = new Uint32Array(OCTETS);
    for (let octet = 1; octet < OCTETS; octet++)
      next[octet] = (next[octet - 1] ?? 0) + (this.#counts[octet - 1] ?? 0);
    const order = new Uint32Array(this.#length);
    for (let record = 0; record < this.#length; record++) {
      const first = this.#records[record * RECORD_OCTETS] ?? 0;
      const place = next[first] ?? 0;
      order[place] = record;
      next[first] = place + 1;
    }
    return order;
  }
}
