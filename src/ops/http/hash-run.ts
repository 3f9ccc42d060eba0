import { everyTurn } from '../../gateway/every-turn.ts';
import { ByteaColumn } from '../../store/arrays.ts';
import { NUMBER_HASH_OCTETS, SEALED_NUMBER_OCTETS } from '../../store/sealing.ts';
import type { ApiDeps } from './api.ts';
import { ENTRIES_MAX, hashesOf } from './bulk.ts';

/** Numbers of one request, 100 octets of memory each while it lasts; a longer list goes in several. */
export const NUMBERS_MAX = 500_000;
export const LINES_MAX_OCTETS = 16 * 1024 * 1024;
/** Numbers set in one commit: a third of a second of the database. */
export const STORED_AT_ONCE = ENTRIES_MAX;
/** Of these, in one statement: 2 ms of this node. */
const STATEMENT = 5_000;
/** Numbers sealed at once: a millisecond. */
const SLICE = 500;

/** Octets of a hash behind the first by which it is sorted, and in a double behind them room for as many indexes. */
const KEY_OCTETS = 4;
const KEY_ROOM = 2 ** 21;
/** Values of a hash's first octet. */
const OCTETS = 256;

/** Numbers of one statement, each under one of its hashes, in their order. */
export interface HashedNumbers {
  /** Their places in the request's list. */
  readonly nths: Uint32Array;
  /** As bytea[]. */
  readonly hashes: Buffer;
  /**
   * As bytea[], empty ones where they are only looked up.
   * @param other what is stored in place of the number alone, by its place
   */
  sealed(other?: (nth: number) => Buffer | undefined): Buffer;
}

/** Numbers that one commit sets, in parts for a statement each. */
export interface HashedPart extends Iterable<HashedNumbers> {
  readonly length: number;
  /** More than one statement's. */
  readonly isLong: boolean;
}

/**
 * Numbers of a long list with their keyed hashes, given back in the order of these: a statement of them falls on
 * neighbouring pages of the index, which costs the database half of what scattered ones cost. Of several for the same
 * entry of the list the last counts.
 */
export class HashRun {
  /** A hash for each number, or one under each key: `place` is the number's place times the keys. */
  readonly #hashes: Buffer;
  readonly #keys: number;
  /** By number; undefined: they are only looked up. */
  readonly #sealed: Buffer | undefined;
  #order: Uint32Array = new Uint32Array();

  /**
   * Hashes, seals and sorts in turns: messages go on between.
   * @param isSealed they go into the list: under the current key, sealed; else each is looked up under every key
   * @param kindOf by which entries for one number are told apart, by its place in the list
   */
  static async of(
    deps: ApiDeps,
    numbers: readonly string[],
    isSealed: boolean,
    kindOf: (nth: number) => string = () => '',
  ): Promise<HashRun> {
    const keys = isSealed ? 1 : hashesOf(deps, numbers[0] ?? '').length;
    const run = new HashRun(numbers.length, keys, isSealed);
    const turn = everyTurn();
    for (let from = 0; from < numbers.length; from += SLICE) {
      const slice = numbers.slice(from, from + SLICE);
      if (isSealed) run.#seal(deps, slice, from);
      else run.#lookUp(deps, slice, from);
      await turn();
    }
    await run.#sort(kindOf, turn);
    return run;
  }

  private constructor(numbers: number, keys: number, isSealed: boolean) {
    this.#keys = keys;
    this.#hashes = Buffer.allocUnsafe(numbers * keys * NUMBER_HASH_OCTETS);
    this.#sealed = isSealed ? Buffer.allocUnsafe(numbers * SEALED_NUMBER_OCTETS) : undefined;
  }

  /** All of them, a commit's at a time. */
  *commits(): Generator<HashedPart> {
    for (let from = 0; from < this.#order.length; from += STORED_AT_ONCE) {
      const part = this.#order.subarray(from, from + STORED_AT_ONCE);
      yield {
        length: part.length,
        isLong: part.length > STATEMENT,
        [Symbol.iterator]: () => this.#statements(part),
      };
    }
  }

  *#statements(part: Uint32Array): Generator<HashedNumbers> {
    for (let from = 0; from < part.length; from += STATEMENT) {
      const places = part.subarray(from, from + STATEMENT);
      const nths = places.map((place) => Math.floor(place / this.#keys));
      yield {
        nths,
        hashes: this.#hashesAt(places),
        sealed: (other) => this.#sealedOf(nths, other),
      };
    }
  }

  #seal({ sealing }: ApiDeps, numbers: readonly string[], from: number): void {
    sealing.sealNumbers(numbers).copy(this.#sealed ?? NOTHING, from * SEALED_NUMBER_OCTETS);
    for (let i = 0; i < numbers.length; i++)
      sealing.hashNumberInto(numbers[i] ?? '', this.#hashes, (from + i) * NUMBER_HASH_OCTETS);
  }

  #lookUp(deps: ApiDeps, numbers: readonly string[], from: number): void {
    for (const [i, number] of numbers.entries())
      for (const [key, hash] of hashesOf(deps, number).entries())
        hash.copy(this.#hashes, ((from + i) * this.#keys + key) * NUMBER_HASH_OCTETS);
  }

  #hashesAt(places: Uint32Array): Buffer {
    const column = new ByteaColumn(places.length * (4 + NUMBER_HASH_OCTETS));
    column.begin();
    for (const place of places)
      column.pushPart(this.#hashes, place * NUMBER_HASH_OCTETS, NUMBER_HASH_OCTETS);
    return column.end();
  }

  #sealedOf(nths: Uint32Array, other?: (nth: number) => Buffer | undefined): Buffer {
    const column = new ByteaColumn(nths.length * (4 + SEALED_NUMBER_OCTETS));
    column.begin();
    for (const nth of nths) {
      const instead = this.#sealed === undefined ? NOTHING : other?.(nth);
      if (instead !== undefined) column.push(instead);
      else
        column.pushPart(this.#sealed ?? NOTHING, nth * SEALED_NUMBER_OCTETS, SEALED_NUMBER_OCTETS);
    }
    return column.end();
  }

  async #sort(
    kindOf: (nth: number) => string,
    turn: () => Promise<void> | undefined,
  ): Promise<void> {
    const { places, ends } = this.#byFirstOctet();
    let length = 0;
    let from = 0;
    for (const to of ends) {
      for (const place of this.#distinct(places.slice(from, to), kindOf)) places[length++] = place;
      from = to;
      await turn();
    }
    this.#order = places.subarray(0, length);
  }

  /** Places of hashes with one first octet in their order; of those for the same entry of the list the last. */
  *#distinct(places: Uint32Array, kindOf: (nth: number) => string): Generator<number> {
    const keys = this.#sortKeys(places);
    const placeOf = (key: number) => places[key % KEY_ROOM] ?? 0;
    for (let from = 0; from < keys.length; ) {
      const first = keys[from] ?? 0;
      const next = (Math.floor(first / KEY_ROOM) + 1) * KEY_ROOM;
      let to = from + 1;
      while (to < keys.length && (keys[to] ?? 0) < next) to++;
      if (to === from + 1) yield placeOf(first);
      else yield* this.#lastOfEach(Array.from(keys.subarray(from, to), placeOf), kindOf);
      from = to;
    }
  }

  #sortKeys(places: Uint32Array): Float64Array {
    const keys = new Float64Array(places.length);
    for (let i = 0; i < places.length; i++) {
      const at = (places[i] ?? 0) * NUMBER_HASH_OCTETS + 1;
      keys[i] = this.#hashes.readUIntBE(at, KEY_OCTETS) * KEY_ROOM + i;
    }
    return keys.sort();
  }

  #lastOfEach(places: readonly number[], kindOf: (nth: number) => string): Iterable<number> {
    const last = new Map<string, number>();
    for (const place of places) {
      const at = place * NUMBER_HASH_OCTETS;
      const hash = this.#hashes.toString('latin1', at, at + NUMBER_HASH_OCTETS);
      last.set(hash + kindOf(Math.floor(place / this.#keys)), place);
    }
    return last.values();
  }

  /** A counting sort: some 10 ns each. */
  #byFirstOctet(): { readonly places: Uint32Array; readonly ends: Uint32Array } {
    const count = this.#hashes.length / NUMBER_HASH_OCTETS;
    const firstOf = (place: number) => this.#hashes[place * NUMBER_HASH_OCTETS] ?? 0;
    const next = new Uint32Array(OCTETS + 1);
    for (let place = 0; place < count; place++) {
      const after = firstOf(place) + 1;
      next[after] = (next[after] ?? 0) + 1;
    }
    for (let octet = 1; octet < OCTETS; octet++)
      next[octet] = (next[octet] ?? 0) + (next[octet - 1] ?? 0);
    const places = new Uint32Array(count);
    for (let place = 0; place < count; place++) {
      const first = firstOf(place);
      const at = next[first] ?? 0;
      places[at] = place;
      next[first] = at + 1;
    }
    return { places, ends: next.subarray(0, OCTETS) };
  }
}

const NOTHING = Buffer.alloc(0);
