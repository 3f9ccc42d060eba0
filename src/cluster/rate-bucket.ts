/** Whoever fetches tokens from Redis. */
export interface TokenSource {
  /** Asks for `bucket.wanted()`, soon; not called again until `receive` or `receiveNothing`. */
  fetchFor(bucket: RateBucket): void;
}

/**
 * Tokens fetched ahead: an eighth of a second's worth. It is fetched again from half of it, 62 ms before it
 * runs out at the full rate: more than a slow answer of Redis (50 ms).
 */
const CHUNK_OF_A_SECOND = 1 / 8;
/** Ten refills of 0.1 token must make one token in spite of binary fractions. */
const EPSILON = 1e-9;

/**
 * A rate with a burst that nodes share. It answers at once, from memory, in one of two modes:
 *
 *     alone --attach--> shared     alone: this node's share, rate / nodes and burst / nodes, grows here.
 *           <--detach--            shared: tokens grow in Redis; here is what was fetched ahead.
 *
 * Shared, it also spends this node's share of what Redis must have by now (what the last answer left, grown
 * at the rate), so that the first message after a rest and the first turn of a burst need not wait for an
 * answer. That is a debt: the next tokens fetched pay it first. So over any T seconds all nodes together pass at
 * most `burst + rate x T`, plus what they hold at the start (`rate / 8` each, given back after a second
 * unused), plus one `burst` (at least 1 a node) where others had spent what an old answer had left; in the
 * long run the rate is exact. While Redis is lost each passes its share; coming back empty, it gives one
 * more burst.
 *
 * A message of more segments than the burst (than its share of it) passes when all of that is there and
 * leaves a debt, so that it is delayed but not refused for ever.
 */
export class RateBucket {
  /** Its key in Redis. */
  readonly key: string;
  /** Tokens a second over all nodes; 0: unlimited. */
  ratePerSecond = 0;
  burst = 0;
  /** Something was taken or refused since `takeUnused` last looked. */
  used = false;
  /** The source decides when it may ask again. */
  askAtMs = 0;
  #source: TokenSource | undefined;
  #share = 1;
  #perMs = 0;
  /** Most that a message needs to find. */
  #needMax = 1;
  #chunk = 1;
  /** Alone: the bucket. Shared: fetched and not spent; negative: a debt. */
  #tokens = 0;
  /** Shared: what Redis had left at `#atMs`. */
  #left = 0;
  #atMs: number;
  #fetching = false;
  /** Most that was refused since the last full answer. */
  #missed = 0;

  /** Full, and alone with a share of 1. */
  constructor(key: string, ratePerSecond: number, burst: number, nowMs: number) {
    this.key = key;
    this.#atMs = nowMs;
    this.reshape(ratePerSecond, burst, nowMs);
  }

  /** Whether `n` tokens (at least 1) can be spent; if not, they are sent for. */
  has(n: number, nowMs: number): boolean {
    if (this.ratePerSecond === 0) return true;
    if (this.#source === undefined) this.#grow(nowMs);
    const need = n < this.#needMax ? n : this.#needMax;
    if (this.#tokens + EPSILON >= need) return true;
    if (this.#source === undefined) return false;
    if (this.#tokens + this.#credit(nowMs) + EPSILON >= need) return true;
    if (need > this.#missed) this.#missed = need;
    this.used = true;
    this.#fetch();
    return false;
  }

  /** Spends `n` tokens that `has` has seen. */
  spend(n: number): void {
    if (this.ratePerSecond === 0) return;
    this.#tokens -= n;
    this.used = true;
    if (this.#source !== undefined && this.#tokens < this.#chunk / 2) this.#fetch();
  }

  /** Changes the numbers; tokens at hand stay, up to the new burst. From unlimited it starts full. */
  reshape(ratePerSecond: number, burst: number, nowMs: number): void {
    if (ratePerSecond === this.ratePerSecond && burst === this.burst) return;
    const full = this.ratePerSecond === 0;
    if (!full && this.#source === undefined) this.#grow(nowMs);
    this.ratePerSecond = ratePerSecond;
    this.burst = Math.max(1, burst);
    this.#measure();
    if (full) this.#tokens = this.#source === undefined ? this.#needMax : 0;
    if (full) this.#left = this.burst;
    if (full) this.#atMs = nowMs;
    this.#tokens = Math.min(this.#tokens, this.#source === undefined ? this.#needMax : this.#chunk);
    this.#left = Math.min(this.#left, this.burst);
  }

  /** The part of the limit that is this node's when it is not told otherwise: 1 / living nodes. */
  setShare(share: number, nowMs: number): void {
    if (share === this.#share) return;
    if (this.#source === undefined) this.#grow(nowMs);
    this.#share = share;
    this.#measure();
    if (this.#source === undefined) this.#tokens = Math.min(this.#tokens, this.#needMax);
  }

  /** Redis is there: what is at hand becomes what Redis is believed to have, so nothing is gained by it. */
  attach(source: TokenSource, nowMs: number): void {
    if (this.#source !== undefined) return;
    this.#grow(nowMs);
    this.#source = source;
    this.#fetching = false;
    this.#missed = 0;
    this.#left = Math.min(this.burst, Math.max(0, this.#tokens) / this.#share);
    this.#tokens = Math.min(0, this.#tokens);
  }

  /** Redis is lost: from now on this node's share, beginning with what it could have spent just now. */
  detach(nowMs: number): void {
    if (this.#source === undefined) return;
    this.#tokens = Math.min(this.#needMax, this.#tokens + this.#credit(nowMs));
    this.#atMs = nowMs;
    this.#source = undefined;
    this.#fetching = false;
  }

  /** Shared: has the source ask, be it only for what Redis has left (at a bind). */
  ask(): void {
    if (this.#source !== undefined && this.ratePerSecond !== 0) this.#fetch();
  }

  /** Shared: tokens to ask for; whole, 0 when nobody takes any. */
  wanted(): number {
    if (!this.used && this.#tokens >= 0 && this.#missed === 0) return 0;
    return Math.max(0, Math.ceil(Math.max(this.#chunk, this.#missed) - this.#tokens));
  }

  /**
   * Shared: Redis gave `given` of the `asked` and has `left`.
   * @returns whether it must ask again, soon, because that was not all
   */
  receive(asked: number, given: number, left: number, nowMs: number): boolean {
    this.#fetching = false;
    this.#tokens += given;
    this.#left = left;
    this.#atMs = nowMs;
    if (given < asked) return true;
    this.#missed = 0;
    return false;
  }

  /** Shared: the question came to nothing. */
  receiveNothing(): void {
    this.#fetching = false;
  }

  /** Shared: whole tokens nobody took since the last look, to be given back; they are no longer here. */
  takeUnused(): number {
    if (this.#source === undefined) return 0;
    if (this.used) {
      this.used = false;
      return 0;
    }
    // What was refused a while ago is no longer worth asking for.
    this.#missed = 0;
    const unused = Math.max(0, Math.floor(this.#tokens + EPSILON));
    this.#tokens -= unused;
    return unused;
  }

  /** This node's share of what Redis must have by now; a whole token when there is one. */
  #credit(nowMs: number): number {
    const elapsed = nowMs - this.#atMs;
    let left = elapsed > 0 ? this.#left + elapsed * this.#perMs : this.#left;
    if (left > this.burst) left = this.burst;
    const share = left * this.#share;
    if (share >= 1) return share;
    return left + EPSILON >= 1 ? 1 : 0;
  }

  #grow(nowMs: number): void {
    const elapsed = nowMs - this.#atMs;
    if (elapsed === 0) return;
    // A clock that goes back gives nothing and takes nothing.
    this.#atMs = nowMs;
    if (elapsed < 0) return;
    const tokens = this.#tokens + elapsed * this.#perMs * this.#share;
    this.#tokens = tokens < this.#needMax ? tokens : this.#needMax;
  }

  #fetch(): void {
    if (this.#fetching || this.#source === undefined) return;
    this.#fetching = true;
    this.#source.fetchFor(this);
  }

  #measure(): void {
    this.#perMs = this.ratePerSecond / 1_000;
    this.#needMax = Math.max(1, this.burst * this.#share);
    this.#chunk = Math.max(1, Math.min(this.burst, this.ratePerSecond * CHUNK_OF_A_SECOND));
  }
}
