import type { Pool } from 'pg';
import type { NumberLookup } from '../domain/networks.ts';
import { NUMBER_NETWORKS_CHANNEL, readNumberNetworks } from '../store/number-networks.ts';
import { NUMBER_HASH_OCTETS, type Sealing } from '../store/sealing.ts';
import type { ChangeFeed } from './change-feed.ts';
import { NumberHashTable, VALUE_MAX } from './number-hash-table.ts';
import type { GatewayObserver } from './observer.ts';

/**
 * Five million numbers, more than most countries have ported: 128 MiB in 2^23 slots, 60 % of them in use (linear
 * probing: 3.6 steps on average for what is absent). A million take 32 MiB.
 */
export const NUMBERS_MAX = 5_000_000;
const SLOTS_MAX = 2 ** 23;
const LOAD_MAX = 0.6;
/** Rows read at once: 0.5 MB. */
const PAGE = 20_000;

export interface NumberNetworksOptions {
  readonly pool: Pool;
  readonly sealing: Pick<Sealing, 'numberHashes'>;
  readonly observer: GatewayObserver;
  readonly feed: Pick<ChangeFeed, 'follow'>;
}

/** The networks of ported numbers in memory: read from the store, read on whenever any node changes them. */
export class NumberNetworks implements NumberLookup {
  readonly #options: NumberNetworksOptions;
  readonly #table = new NumberHashTable({ slotsMax: SLOTS_MAX, loadMax: LOAD_MAX });
  /** Networks by their value in the table. */
  readonly #networks: string[] = [''];
  readonly #values = new Map<string, number>();
  #change = 0n;

  /** Reads all of them, then follows their changes. @throws DependencyError */
  static async open(options: NumberNetworksOptions): Promise<NumberNetworks> {
    const numbers = new NumberNetworks(options);
    await options.feed.follow(NUMBER_NETWORKS_CHANNEL, () => numbers.#read());
    return numbers;
  }

  private constructor(options: NumberNetworksOptions) {
    this.#options = options;
  }

  networkOf(msisdn: string): string | undefined {
    if (this.#table.size === 0) return undefined;
    for (const hash of this.#options.sealing.numberHashes(msisdn)) {
      const value = this.#table.get(NO_MASK, hash);
      if (value !== 0) return this.#networks[value];
    }
    return undefined;
  }

  /** Numbers held. */
  get size(): number {
    return this.#table.size;
  }

  async #read(): Promise<void> {
    for (;;) {
      const page = await readNumberNetworks(this.#options.pool, this.#change, PAGE);
      let left = 0;
      for (let i = 0; i < page.length; i++)
        if (!this.#put(page.hashes, i * NUMBER_HASH_OCTETS, page.networks[i] ?? '')) left++;
      if (left > 0) this.#options.observer.note('error', 'numberNetworksOverLimit', { left });
      this.#change = page.lastChange;
      if (page.length < PAGE) return;
    }
  }

  #put(hashes: Buffer, at: number, network: string): boolean {
    if (network === '') {
      this.#table.delete(NO_MASK, hashes, at);
      return true;
    }
    const value = this.#valueOf(network);
    return value !== undefined && this.#table.set(NO_MASK, hashes, value, at);
  }

  /** Undefined: there are more networks than values. The world has some 3,000. */
  #valueOf(network: string): number | undefined {
    const known = this.#values.get(network);
    if (known !== undefined || this.#networks.length > VALUE_MAX) return known;
    const value = this.#networks.push(network) - 1;
    this.#values.set(network, value);
    return value;
  }
}

/** One set for all. */
const NO_MASK = 0;
