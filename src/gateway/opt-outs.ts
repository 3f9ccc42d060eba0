import type { Client, Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import { OPT_OUT_CHANNEL, readOptOutChanges } from '../store/opt-outs.ts';
import type { Sealing } from '../store/sealing.ts';
import type { GatewayObserver } from './observer.ts';
import { OptOutSet } from './opt-out-set.ts';

/** A change whose notification was lost is seen after this. */
const POLL_MS = 5_000;
/** Rows read at once: a million take some seconds at the start. */
const PAGE = 20_000;

export interface OptOutsOptions {
  readonly pool: Pool;
  connect(): Promise<Client>;
  readonly sealing: Sealing;
  readonly observer: GatewayObserver;
}

/** Every account's opt-outs in memory: read from the store, read on whenever any node changes them. */
export class OptOuts {
  readonly #options: OptOutsOptions;
  readonly #set = new OptOutSet();
  #change = 0;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  /** Reads all of them, then listens. @throws DependencyError */
  static async open(options: OptOutsOptions): Promise<OptOuts> {
    const optOuts = new OptOuts(options);
    await optOuts.#read();
    optOuts.#timer = setInterval(() => void optOuts.#poll(), POLL_MS);
    void optOuts.#poll();
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

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#reading.catch(() => {});
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  /** Reads what changed since the last time; settles when it is in force. */
  #readOn(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#read());
    return this.#reading;
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

  async #poll(): Promise<void> {
    try {
      if (this.#client === undefined) await this.#listen();
      await this.#readOn();
    } catch (error) {
      this.#options.observer.note('warn', 'optOutsNotRead', { reason: String(error) });
    }
  }

  async #listen(): Promise<void> {
    const client = await this.#options.connect();
    client.on('notification', () => void this.#readOn().catch(() => {}));
    client.on('end', () => {
      if (this.#client === client) this.#client = undefined;
    });
    client.on('error', () => {}); // its end follows
    if (this.#closed) return client.end();
    this.#client = client;
    await client.query(`listen ${OPT_OUT_CHANNEL}`);
  }
}
