import type { Pool } from 'pg';
import { countryOf } from '../domain/number-country.ts';
import type { Refusal } from '../domain/refusal.ts';
import { compileSuspensions } from '../domain/suspensions.ts';
import { listSuspensions, SUSPENSION_CHANNEL } from '../store/suspensions.ts';
import type { ChangeFeed } from './change-feed.ts';

export interface SuspensionListOptions {
  readonly pool: Pool;
  readonly feed: Pick<ChangeFeed, 'follow'>;
}

/** Destinations to which nothing goes, of whatever account: in memory, read anew whenever any node changes them. */
export class SuspensionList {
  readonly #pool: Pool;
  #suspensions = compileSuspensions([]);
  #version = 0;

  /** Reads them, then follows their changes. @throws DependencyError */
  static async open({ pool, feed }: SuspensionListOptions): Promise<SuspensionList> {
    const list = new SuspensionList(pool);
    await feed.follow(SUSPENSION_CHANNEL, () => list.#read());
    return list;
  }

  private constructor(pool: Pool) {
    this.#pool = pool;
  }

  get isEmpty(): boolean {
    return this.#suspensions.isEmpty;
  }

  /** Rises with each reading of changed orders. */
  get version(): number {
    return this.#version;
  }

  /** Why nothing goes to a number at a time (Unix ms). */
  refusalOf(
    msisdn: string,
    atMs: number,
    networkOf: (msisdn: string) => string | undefined,
  ): Refusal | undefined {
    return this.#suspensions.find(msisdn, atMs, countryOf, networkOf)?.refusal;
  }

  /** Whether an order comes into force after the one time and not after the other (Unix ms). */
  beginsBetween(afterMs: number, untilMs: number): boolean {
    return this.#suspensions.beginsBetween(afterMs, untilMs);
  }

  async #read(): Promise<void> {
    const stored = await listSuspensions(this.#pool);
    const text = JSON.stringify(stored);
    if (text === this.#text) return;
    this.#text = text;
    this.#suspensions = compileSuspensions(stored);
    this.#version++;
  }

  #text = '[]';
}
