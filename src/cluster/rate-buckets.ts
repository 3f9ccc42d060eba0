import { RateBucket, type TokenSource } from './rate-bucket.ts';
import { GRANT, type Script } from './scripts.ts';

/** Runs a script in Redis; rejects when it is down. */
export type RunScript = (
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>;

/** Buckets asked for by one script: 500 take Redis well under 1 ms, which is single-threaded. */
const KEYS_MAX = 500;
/** Between two questions for a bucket that is empty in Redis: at least, and at most for a slow rate. */
const EMPTY_PAUSE_MS = 10;
const EMPTY_PAUSE_MAX_MS = 250;

export interface RateBucketsOptions {
  readonly now: () => number;
  readonly run: RunScript;
  /** Living nodes, this one included. */
  readonly liveNodes: () => number;
  /** Tests only: the time in the script, in place of Redis' own. */
  readonly scriptTimeMs?: (() => number) | undefined;
}

/**
 * All buckets of this node. While Redis is there, what they want in one turn of the event loop goes out in
 * one script, one question under way for each bucket.
 */
export class RateBuckets implements TokenSource {
  readonly #options: RateBucketsOptions;
  readonly #all = new Set<RateBucket>();
  #share = 1;
  #up = false;
  /** Both hold a bucket at most once. */
  #soon: RateBucket[] = [];
  #later: RateBucket[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RateBucketsOptions) {
    this.#options = options;
    this.#share = shareOf(options.liveNodes());
  }

  create(key: string, ratePerSecond: number, burst: number): RateBucket {
    const now = this.#options.now();
    const bucket = new RateBucket(key, ratePerSecond, burst, now);
    bucket.setShare(this.#share, now);
    if (this.#up) bucket.attach(this, now);
    this.#all.add(bucket);
    return bucket;
  }

  /** The bucket is no longer used; what it holds is dropped. */
  forget(bucket: RateBucket): void {
    bucket.detach(this.#options.now());
    this.#all.delete(bucket);
  }

  /** Redis is there. */
  up(): void {
    this.#up = true;
    const now = this.#options.now();
    for (const bucket of this.#all) bucket.attach(this, now);
  }

  /** Redis is lost: each node its share, at once. */
  down(): void {
    this.#up = false;
    this.#stop();
    const now = this.#options.now();
    for (const bucket of this.#all) bucket.detach(now);
  }

  /** Every half second: tokens unused since the last time go back to Redis; the share follows the living nodes. */
  sweep(): void {
    const now = this.#options.now();
    const share = shareOf(this.#options.liveNodes());
    const unused: RateBucket[] = [];
    const wanted: number[] = [];
    for (const bucket of this.#all) {
      if (share !== this.#share) bucket.setShare(share, now);
      const tokens = bucket.takeUnused();
      if (tokens > 0 && unused.push(bucket) > 0) wanted.push(-tokens);
    }
    this.#share = share;
    for (let i = 0; i < unused.length; i += KEYS_MAX) {
      void this.#grant(unused.slice(i, i + KEYS_MAX), wanted.slice(i, i + KEYS_MAX));
    }
  }

  close(): void {
    this.down();
    this.#all.clear();
  }

  fetchFor(bucket: RateBucket): void {
    if (bucket.askAtMs > this.#options.now()) {
      this.#later.push(bucket);
      this.#timer ??= setTimeout(this.#askLater, EMPTY_PAUSE_MS).unref();
    } else {
      this.#soon.push(bucket);
      this.#immediate ??= setImmediate(this.#askSoon);
    }
  }

  readonly #askSoon = (): void => {
    this.#immediate = undefined;
    const buckets = this.#soon;
    this.#soon = [];
    for (let i = 0; i < buckets.length; i += KEYS_MAX)
      void this.#ask(buckets.slice(i, i + KEYS_MAX));
  };

  readonly #askLater = (): void => {
    this.#timer = undefined;
    const buckets = this.#later;
    this.#later = [];
    // Those whose time has not come wait again.
    for (const bucket of buckets) this.fetchFor(bucket);
  };

  async #ask(buckets: readonly RateBucket[]): Promise<void> {
    const limited = buckets.filter((bucket) => bucket.ratePerSecond > 0);
    for (const bucket of buckets) if (bucket.ratePerSecond === 0) bucket.receiveNothing();
    const wanted = limited.map((bucket) => bucket.wanted());
    const answer = await this.#grant(limited, wanted);
    const now = this.#options.now();
    for (const [i, bucket] of limited.entries()) {
      if (answer === undefined) {
        bucket.receiveNothing();
        continue;
      }
      const [given, left] = [Number(answer[2 * i]), Number(answer[2 * i + 1]) / 1_000];
      if (!bucket.receive(wanted[i] ?? 0, given, left, now)) continue;
      const oneTokenMs = 1_000 / bucket.ratePerSecond;
      bucket.askAtMs = now + Math.min(EMPTY_PAUSE_MAX_MS, Math.max(EMPTY_PAUSE_MS, oneTokenMs));
      bucket.ask();
    }
  }

  /** Given and thousandths left for each bucket; undefined when Redis is lost, which the link reports. */
  async #grant(
    buckets: readonly RateBucket[],
    wanted: readonly number[],
  ): Promise<readonly unknown[] | undefined> {
    if (buckets.length === 0) return [];
    const args: number[] = [this.#options.scriptTimeMs?.() ?? -1];
    for (let i = 0; i < buckets.length; i++)
      args.push(buckets[i]?.ratePerSecond ?? 0, buckets[i]?.burst ?? 0, wanted[i] ?? 0);
    try {
      const answer = await this.#options.run(
        GRANT,
        buckets.map((bucket) => bucket.key),
        args,
      );
      return Array.isArray(answer) ? answer : undefined;
    } catch {
      return undefined;
    }
  }

  #stop(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
    this.#soon = [];
    this.#later = [];
  }
}

function shareOf(liveNodes: number): number {
  // At least this node lives, whatever the database last said.
  return 1 / Math.max(1, Math.floor(liveNodes) || 1);
}
