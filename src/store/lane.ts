import type { Client } from 'pg';
import type { BatchId } from '../domain/ids.ts';
import { DependencyError, dependencyError } from './errors.ts';
import { answers, destroy, octets, readBackBatch, within } from './lane-session.ts';
import type { LaneSpec } from './lane-spec.ts';

export type { LaneSpec };

/** A write that gets no answer for so long is taken for a lost connection (a dead peer without TCP reset). */
const WRITE_TIMEOUT_MS = 30_000;
/** Waits between attempts to connect: doubling, from and to. */
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2_000;
/** A batch in conflict (deadlock, lock timeout) is tried so often before it counts as failed. */
const CONFLICT_TRIES = 5;
/** Wait before a batch that failed for a passing reason is tried again. */
const RETRY_MS = 200;

/** Items of which a write failed, since when they are under way and how often they were tried. */
interface Tried<Item> {
  readonly items: Item[];
  readonly startedMs: number;
  readonly tries: number;
}

/**
 * One stream of writes over one connection: what arrived since the last batch goes in one transaction, while the
 * next gathers. One batch is in flight at a time, so the order of items is the order of commits.
 *
 * ```
 *               connected                 first item, linger over
 *  connecting ------------> idle ------------------------------> writing
 *      ^  ^                  ^  connection lost while idle         |  |
 *      |  +------------------+-------------------------------------+  |
 *      |                     |          committed / surely not        |
 *      |                     +----------------------------------------+
 *      |                     | read back                              | lost in COMMIT
 *      +--- (reconnects) -- doubt <-----------------------------------+
 *
 *  any -- close(), EpochLost --> closed
 * ```
 *
 * In doubt: nobody is told anything until the batch was read back by its id. The read-back inserts a tombstone of
 * the same id. It waits for a transaction still under way on the server; if it conflicts the batch is committed and
 * its stored verdicts are used, if it is inserted the batch can never commit.
 */
export class Lane<Item, Verdict = number> {
  readonly #spec: LaneSpec<Item, Verdict>;
  /** Full chunks and the one that is filling, oldest first. Taking one is free, however long the backlog. */
  #chunks: Item[][] = [];
  #waiting = 0;
  #inFlight = 0;
  #state: 'connecting' | 'idle' | 'writing' | 'doubt' | 'closed' = 'connecting';
  #client: Client | undefined;
  #held = false;
  #flush: NodeJS.Immediate | undefined;
  #linger: NodeJS.Timeout | undefined;
  #lingerOver = false;
  #pause: { timer: NodeJS.Timeout; end: () => void } | undefined;
  #longDoubt: NodeJS.Timeout | undefined;
  #drained: (() => void)[] = [];
  #lastError: DependencyError | undefined;
  /** Settles when the batch under way and its consequences are over. */
  #running: Promise<void> = Promise.resolve();

  constructor(spec: LaneSpec<Item, Verdict>) {
    this.#spec = spec;
    this.#running = this.#reconnect();
  }

  /** Takes an item. It is answered by onCommitted or onNotCommitted, once, in a later turn. */
  push(item: Item): void {
    const last = this.#chunks.at(-1);
    if (last === undefined || last.length >= this.#spec.maxBatch) this.#chunks.push([item]);
    else last.push(item);
    this.#waiting++;
    this.#schedule();
  }

  /** Items taken and not yet answered. */
  depth(): number {
    return this.#waiting + this.#inFlight;
  }

  /** Is there a connection? */
  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** Starts no further batch until release(). */
  hold(): void {
    this.#held = true;
  }

  /** Ends hold(). */
  release(): void {
    this.#held = false;
    this.#schedule();
  }

  /** Resolves when everything taken so far and meanwhile is answered; it does not linger. Ends a hold(). */
  drain(): Promise<void> {
    this.#held = false;
    this.#lingerOver = true;
    this.#schedule();
    if (this.depth() === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /**
   * Ends the lane: waits for the batch in flight, hands back what waits (kind `closed`) and ends the connection. A
   * batch in doubt is not waited for: nobody is told about it, as in a crash.
   */
  async close(): Promise<void> {
    const doubtful = this.#state === 'doubt';
    const client = this.#client;
    this.#state = 'closed';
    this.#stopTimers();
    if (!doubtful) await this.#running;
    this.#refuseWaiting(this.#closedError());
    await client?.end();
  }

  #schedule(): void {
    if (this.#state === 'closed' || this.#refusing()) {
      this.#flush ??= setImmediate(this.#onFlush);
      return;
    }
    if (this.#waiting === 0) return;
    if (this.#spec.lingerMs === 0 || this.#lingerOver || this.#waiting >= this.#spec.maxBatch) {
      if (this.#state === 'idle') this.#flush ??= setImmediate(this.#onFlush);
    } else {
      // Also while a batch is in flight: what waited that long goes with the next at once.
      this.#linger ??= setTimeout(this.#onLinger, this.#spec.lingerMs);
    }
  }

  readonly #onLinger = (): void => {
    this.#linger = undefined;
    this.#lingerOver = true;
    this.#begin();
  };

  readonly #onFlush = (): void => {
    this.#flush = undefined;
    if (this.#state === 'closed') this.#refuseWaiting(this.#closedError());
    else if (this.#refusing()) this.#refuseWaiting(this.#lastError ?? this.#closedError());
    else this.#begin();
  };

  /** Without a connection (after a first attempt to get one), in a lane that then hands back. */
  #refusing(): boolean {
    return (
      this.#spec.whileDown === 'refuse' &&
      this.#client === undefined &&
      this.#lastError !== undefined
    );
  }

  /** Starts the next batch if there is one and nothing is in its way. */
  #begin(): void {
    const client = this.#client;
    if (this.#state !== 'idle' || client === undefined || this.#held) return;
    const items = this.#chunks.shift();
    if (items === undefined) return;
    this.#waiting -= items.length;
    this.#inFlight += items.length;
    this.#state = 'writing';
    this.#lingerOver = this.#drained.length > 0;
    clearTimeout(this.#linger);
    this.#linger = undefined;
    this.#running = this.#run(client, items);
  }

  async #run(client: Client, items: Item[]): Promise<void> {
    const batch = this.#spec.newBatchId();
    const startedMs = this.#spec.now();
    let verdicts: Verdict[];
    try {
      verdicts = await this.#write(client, batch, items);
    } catch (error) {
      await this.#failed(client, batch, { items, startedMs, tries: 1 }, error);
      this.#next();
      return;
    }
    // The next batch starts first: its round trip overlaps with the handing out.
    this.#inFlight -= items.length;
    this.#next();
    this.#tell(items, verdicts, startedMs);
  }

  #next(): void {
    if (this.#state !== 'closed') {
      this.#state = this.#client === undefined ? 'connecting' : 'idle';
      if (this.#state === 'connecting') this.#running = this.#reconnect();
      else if (
        this.#spec.lingerMs === 0 ||
        this.#lingerOver ||
        this.#waiting >= this.#spec.maxBatch
      )
        this.#begin();
      this.#schedule();
    }
    this.#tellDrained();
  }

  #tell(items: Item[], verdicts: Verdict[], startedMs: number): void {
    this.#spec.onBatch?.(items.length, this.#spec.now() - startedMs);
    this.#spec.onCommitted(items, verdicts);
    this.#tellDrained();
  }

  #tellDrained(): void {
    if (this.#drained.length === 0 || this.depth() > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#lingerOver = false;
  }

  #write(client: Client, batch: BatchId, items: Item[]): Promise<Verdict[]> {
    return within(client, WRITE_TIMEOUT_MS, () => this.#spec.write(client, batch, items));
  }

  /** After an error: if the session still answers, the server rolled back; else the commit is in doubt. */
  async #failed(client: Client, batch: BatchId, tried: Tried<Item>, error: unknown): Promise<void> {
    if (await answers(client, WRITE_TIMEOUT_MS))
      return this.#rolledBack(tried, dependencyError(error));
    if (this.#state !== 'closed') this.#state = 'doubt';
    this.#lost(client, dependencyError(error, 'inDoubt'));
    this.#watchDoubt(tried);
    const found = await this.#readBack(batch);
    clearTimeout(this.#longDoubt);
    // Closed meanwhile: nobody is told.
    if (found === undefined) return;
    if (found.committed) {
      this.#inFlight -= tried.items.length;
      this.#tell(tried.items, found.verdicts, tried.startedMs);
    } else {
      await this.#rolledBack(tried, dependencyError(error));
    }
  }

  #watchDoubt({ items, startedMs }: Tried<Item>): void {
    const { onLongDoubt, doubtMaxMs, now } = this.#spec;
    if (onLongDoubt === undefined || doubtMaxMs === undefined) return;
    this.#longDoubt = setTimeout(() => onLongDoubt(items), startedMs + doubtMaxMs - now());
  }

  /** Certainly not committed: again, in halves, later, or back to the giver, by the kind of error. */
  async #rolledBack(tried: Tried<Item>, error: DependencyError): Promise<void> {
    const { items, startedMs } = tried;
    if (error.kind === 'epochLost') {
      this.#fence(items, error);
    } else if (error.kind === 'data' && items.length > 1) {
      // One item that cannot be stored must not cost the others: halving finds it in nine rounds of 500.
      const half = items.length >> 1;
      await this.#again({ items: items.slice(0, half), startedMs, tries: 1 });
      await this.#again({ items: items.slice(half), startedMs, tries: 1 });
    } else if (error.kind === 'conflict' && tried.tries < CONFLICT_TRIES) {
      await this.#again({ items, startedMs, tries: tried.tries + 1 });
    } else if (error.transient && this.#spec.whileDown !== 'refuse' && !this.#isClosed()) {
      this.#chunks.unshift(items);
      this.#waiting += items.length;
      this.#inFlight -= items.length;
      // Keeps a full disk from being a busy loop.
      await this.#sleep(RETRY_MS);
    } else {
      this.#inFlight -= items.length;
      this.#spec.onNotCommitted(items, error);
    }
  }

  /** Writes items of a batch that failed once more, under a new id. */
  async #again(tried: Tried<Item>): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.#isClosed()) {
      this.#inFlight -= tried.items.length;
      this.#spec.onNotCommitted(tried.items, this.#closedError());
      return;
    }
    const batch = this.#spec.newBatchId();
    let verdicts: Verdict[];
    try {
      verdicts = await this.#write(client, batch, tried.items);
    } catch (error) {
      return this.#failed(client, batch, tried, error);
    }
    this.#inFlight -= tried.items.length;
    this.#tell(tried.items, verdicts, tried.startedMs);
  }

  /** Asks until the database answers. undefined: the lane was closed meanwhile. */
  async #readBack(
    batch: BatchId,
  ): Promise<{ committed: boolean; verdicts: Verdict[] } | undefined> {
    for (;;) {
      if (this.#client === undefined) await this.#reconnect();
      const client = this.#client;
      if (client === undefined) return undefined;
      try {
        const { committed, verdicts } = await readBackBatch(client, batch);
        return { committed, verdicts: (this.#spec.verdictsOf ?? octets)(verdicts) as Verdict[] };
      } catch (error) {
        this.#lost(client, dependencyError(error));
      }
    }
  }

  /** The connection is gone; what waits is handed back where the lane refuses. */
  #lost(client: Client, error: DependencyError): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#lastError = error;
    destroy(client);
    this.#spec.onConnection?.(error);
    if (this.#spec.whileDown === 'refuse') this.#refuseWaiting(error);
  }

  #refuseWaiting(error: DependencyError): void {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#waiting = 0;
    for (const items of chunks) this.#spec.onNotCommitted(items, error);
    this.#tellDrained();
  }

  #fence(items: Item[], error: DependencyError): void {
    this.#state = 'closed';
    this.#inFlight -= items.length;
    this.#stopTimers();
    this.#spec.onNotCommitted(items, error);
    this.#refuseWaiting(error);
    this.#client?.end().catch(() => {});
  }

  #closedError(): DependencyError {
    return new DependencyError('closed', `the ${this.#spec.name} lane is closed`);
  }

  /** Connects, however long it takes. Leaves #client undefined only when the lane is closed. */
  async #reconnect(): Promise<void> {
    for (
      let waitMs = RECONNECT_MIN_MS;
      this.#state !== 'closed';
      waitMs = Math.min(waitMs * 2, RECONNECT_MAX_MS)
    ) {
      try {
        const client = await this.#spec.connect();
        if (this.#isClosed()) {
          await client.end();
          return;
        }
        this.#connectedTo(client);
        return;
      } catch (error) {
        this.#lastError = dependencyError(error);
        if (this.#spec.whileDown === 'refuse') this.#refuseWaiting(this.#lastError);
        await this.#sleep(waitMs);
      }
    }
  }

  #connectedTo(client: Client): void {
    this.#client = client;
    client.on('end', () => {
      if (this.#state !== 'idle' || this.#client !== client) return;
      this.#lost(client, new DependencyError('connection', 'the connection was closed while idle'));
      this.#state = 'connecting';
      this.#running = this.#reconnect();
    });
    this.#spec.onConnection?.(undefined);
    if (this.#state === 'connecting') {
      this.#state = 'idle';
      this.#schedule();
    }
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((end) => {
      const timer = setTimeout(end, ms);
      this.#pause = { timer, end };
    });
  }

  #stopTimers(): void {
    clearTimeout(this.#linger);
    clearTimeout(this.#longDoubt);
    if (this.#pause !== undefined) {
      clearTimeout(this.#pause.timer);
      this.#pause.end();
    }
  }
}
