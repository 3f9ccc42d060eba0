/** What was accepted is counted in buckets of 100 ms over the last two seconds. */
const BUCKET_MS = 100;
const BUCKETS = 20;
const SECOND_BUCKETS = 10;

/** What a peer accepted in the last two seconds, to 100 ms. Pure: it knows the times it is told, ms of one clock. */
export class RecentlyTaken {
  readonly #buckets = new Float64Array(BUCKETS);
  #bucket = 0;
  /** Accepted since `count` was called. */
  #uncounted = 0;

  /** One was accepted; it is known from the next `count` on. */
  add(): void {
    this.#uncounted++;
  }

  /** Puts what was accepted since the last call into the present bucket. To be called at least each 100 ms. */
  count(nowMs: number): void {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    const passed = Math.min(BUCKETS, bucket - this.#bucket);
    for (let i = 1; i <= passed; i++) this.#buckets[(bucket - passed + i) % BUCKETS] = 0;
    if (passed > 0) this.#bucket = bucket;
    const at = this.#bucket % BUCKETS;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + this.#uncounted;
    this.#uncounted = 0;
  }

  /** Most that was accepted in a second, of the last two. */
  mostPerSecond(): number {
    let most = 0;
    let sum = 0;
    for (let back = 0; back < BUCKETS; back++) {
      sum += this.#at(this.#bucket - back);
      if (back >= SECOND_BUCKETS) sum -= this.#at(this.#bucket - back + SECOND_BUCKETS);
      most = Math.max(most, sum);
    }
    return most;
  }

  lastSecond(): number {
    let sum = 0;
    for (let back = 0; back < SECOND_BUCKETS; back++) sum += this.#at(this.#bucket - back);
    return sum;
  }

  #at(bucket: number): number {
    return this.#buckets[((bucket % BUCKETS) + BUCKETS) % BUCKETS] ?? 0;
  }
}
