import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import { OPT_OUT_CHANNEL, readOptOutChanges } from '../store/opt-outs.ts';
import type { Sealing } from '../store/sealing.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { GatewayObserver } from './observer.ts';
import { OptOutSet } from './opt-out-set.ts';

/** Rows read at once: a million take some seconds at the start. */
const PAGE = 20_000;

export interface OptOutsOptions {
  readonly pool: Pool;
  readonly sealing: Sealing;
  readonly observer: GatewayObserver;
  readonly feed: Pick<ChangeFeed, 'follow'>;
}

/** Every account's opt-outs in memory: read from the store, read on whenever any node changes them. */
export class OptOuts {
  readonly #options: OptOutsOptions;
  readonly #set = new OptOutSet();
  #change = 0;

  /** Reads all of them, then follows their changes. @throws DependencyError */
  static async open(options: OptOutsOptions): Promise<OptOuts> {
    const optOuts = new OptOuts(options);
    await options.feed.follow(OPT_OUT_CHANNEL, () => optOuts.#read());
    return optOuts;
  }

  private constructor(options: OptOutsOptions) {
    this.#options = options;
  }

  /** Whether a number (E.164 digits) wants no messages of an account. */
  has(account: AccountId, msisdn: string): boolean {
    if (this.#set.size === 0) return false;
    for (const hash of this.#options.sealing.numberHashes(msisdn))
      if (this.#set.has(account, hash)) return true;
    return false;
  }

  /** Numbers held. */
  get size(): number {
    return this.#set.size;
  }

  async #read(): Promise<void> {
    for (;;) {
      const changes = await readOptOutChanges(this.#options.pool, this.#change, PAGE);
      let left = 0;
      for (const { account, hash, out } of changes) {
        if (!out) this.#set.delete(account, hash);
        else if (!this.#set.add(account, hash)) left++;
      }
      if (left > 0) this.#options.observer.note('error', 'optOutsOverLimit', { left });
      this.#change = changes.at(-1)?.change ?? this.#change;
      if (changes.length < PAGE) return;
    }
  }
}
