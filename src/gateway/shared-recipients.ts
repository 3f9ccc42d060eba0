import type { Pool } from 'pg';
import type { EpochId } from '../domain/ids.ts';
import {
  addRecipients,
  type RecipientsKey,
  type RecipientsRow,
  recipientsOf,
  recipientsSince,
  trimRecipients,
} from '../store/recent-recipients.ts';
import { SealError, type Sealing } from '../store/sealing.ts';
import type { GatewayObserver } from './observer.ts';
import type { PolicyMemory, Remembered } from './policy-memory.ts';

/** Told and heard so often: a killed node loses two seconds of it. */
const EVERY_MS = 2_000;
/** Heard of anew for so long: a statement of another node may be committed that much later than it began. */
const OVERLAP_SECONDS = 10;
/** What no rule looks at any more is forgotten so often. */
const TRIM_EVERY_MS = 60_000;
const NUMBER_OCTETS = 8;

export interface SharedRecipientsDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  readonly sealing: Pick<Sealing, 'sealRecord' | 'openRecord'>;
  readonly observer: GatewayObserver;
  readonly now: () => number;
  readonly memory: PolicyMemory;
}

/**
 * What rules remember of recipients, told to the other nodes and kept over a restart (sql/0061_held_whole.sql): every two
 * seconds this node's are stored and the others' read; what is stored of an account is read when its first message is
 * judged. No message waits for it, and where no rule remembers nothing is asked.
 */
export class SharedRecipients {
  readonly #deps: SharedRecipientsDeps;
  /** What is stored of these is known here. */
  readonly #loaded = new WeakSet<object>();
  /** Rows heard of in the last seconds. */
  #heard: ReadonlySet<bigint> = new Set();
  readonly #told = new Map<string, RecipientsKey>();
  #lastMs = 0;
  #trimmedMs = 0;
  #working: Promise<void> | undefined;

  constructor(deps: SharedRecipientsDeps) {
    this.#deps = deps;
    deps.memory.onMade = () => this.#begin(() => this.#load());
  }

  /** Once a second. */
  tick(): void {
    const nowMs = this.#deps.now();
    if (this.#deps.memory.isEmpty || nowMs - this.#lastMs < EVERY_MS) return;
    this.#begin(() => {
      this.#lastMs = nowMs;
      return this.#exchange();
    });
  }

  /** Tells what is new, if the store is there. */
  async close(): Promise<void> {
    this.#deps.memory.onMade = () => {};
    await this.#working;
    this.#begin(() => this.#tell());
    await this.#working;
  }

  /** One at a time; what is asked for meanwhile is done by the next tick. */
  #begin(work: () => Promise<void>): void {
    if (this.#working !== undefined) return;
    this.#working = work()
      .catch((error) =>
        this.#deps.observer.note('warn', 'recipientsNotShared', { reason: String(error) }),
      )
      .finally(() => {
        this.#working = undefined;
      });
  }

  async #exchange(): Promise<void> {
    const { pool, epoch, memory } = this.#deps;
    await this.#load();
    await this.#tell();
    const rows = await recipientsSince(pool, epoch, OVERLAP_SECONDS);
    for (const row of rows)
      if (!this.#heard.has(row.id)) this.#learn(row, memory.find(row.rule, row.account));
    this.#heard = new Set(rows.map(({ id }) => id));
    await this.#trim();
  }

  /** What is stored of accounts of which something is remembered since now. */
  async #load(): Promise<void> {
    // What arrives in this turn of the event loop goes together.
    await Promise.resolve();
    const fresh = [...this.#deps.memory.all].filter(({ what }) => !this.#loaded.has(what));
    if (fresh.length === 0) return;
    const byKey = new Map(fresh.map((one) => [keyOf(one), one]));
    for (const row of await recipientsOf(this.#deps.pool, fresh))
      this.#learn(row, byKey.get(keyOf(row)));
    for (const { what } of fresh) this.#loaded.add(what);
  }

  async #tell(): Promise<void> {
    const { pool, epoch, sealing, memory } = this.#deps;
    const rows = [];
    for (const { account, rule, what } of memory.all) {
      const numbers = what.takeNew();
      if (numbers.length === 0) continue;
      rows.push({
        account,
        rule,
        amount: numbers.length,
        numbers: sealing.sealRecord(packed(numbers)),
      });
      this.#told.set(keyOf({ account, rule }), { account, rule });
    }
    // Of what cannot be stored the others do not hear: it is known here.
    if (rows.length > 0) await addRecipients(pool, epoch, rows);
  }

  #learn({ numbers }: RecipientsRow, remembered: Remembered | undefined): void {
    if (remembered === undefined) return;
    try {
      remembered.what.learn(unpacked(this.#deps.sealing.openRecord(numbers)));
    } catch (error) {
      // Its key was taken out of crypto.key: this row is as if it were not there.
      if (!(error instanceof SealError)) throw error;
    }
  }

  async #trim(): Promise<void> {
    const nowMs = this.#deps.now();
    if (nowMs - this.#trimmedMs < TRIM_EVERY_MS || this.#told.size === 0) return;
    this.#trimmedMs = nowMs;
    const told = [...this.#told.values()];
    this.#told.clear();
    await trimRecipients(this.#deps.pool, told);
  }
}

function keyOf({ account, rule }: RecipientsKey): string {
  return `${account} ${rule}`;
}

function packed(numbers: readonly number[]): Buffer {
  const octets = Buffer.allocUnsafe(numbers.length * NUMBER_OCTETS);
  for (const [i, number] of numbers.entries()) octets.writeDoubleBE(number, i * NUMBER_OCTETS);
  return octets;
}

function unpacked(octets: Buffer): number[] {
  return Array.from({ length: octets.length / NUMBER_OCTETS }, (_, i) =>
    octets.readDoubleBE(i * NUMBER_OCTETS),
  );
}
