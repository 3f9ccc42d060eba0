/**
 * A token bucket: `perSecond` tokens a second up to `burst`. Pure: it knows the time it is told.
 * A rate of 0 means unlimited, as `segmentsPerSecond: 0` in a carrier's resource.
 */
export class TokenBucket {
  #perSecond: number;
  #burst: number;
  #tokens: number;
  #atMs: number;

  /**
   * @param perSecond tokens a second, 0 = unlimited
   * @param burst most tokens held, at least 1; by default one second's worth
   */
  constructor(perSecond: number, nowMs: number, burst: number = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, burst);
    this.#tokens = this.#burst;
    this.#atMs = nowMs;
  }

  get unlimited(): boolean {
    return this.#perSecond === 0;
  }

  /** Whole tokens at hand; Infinity when unlimited. */
  available(nowMs: number): number {
    if (this.#perSecond === 0) return Number.POSITIVE_INFINITY;
    this.#refill(nowMs);
    return Math.max(0, Math.floor(this.#tokens + EPSILON));
  }

  /**
   * Takes `tokens` if any whole token is at hand; false, and nothing taken, if none is. One item that
   * is worth more than is at hand passes and leaves a debt: else one above `burst` would never pass.
   */
  take(tokens: number, nowMs: number): boolean {
    if (this.#perSecond === 0) return true;
    if (this.available(nowMs) < 1) return false;
    this.#tokens -= tokens;
    return true;
  }

  /** Gives back what was taken for something that was not done after all. */
  giveBack(tokens: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens);
  }

  /** Changes rate and burst; tokens at hand stay, up to the new burst. What was unlimited starts full. */
  reshape(perSecond: number, nowMs: number, burst: number = perSecond): void {
    if (this.#perSecond === 0) this.#tokens = burst;
    else this.#refill(nowMs);
    this.#atMs = nowMs;
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, burst);
    this.#tokens = Math.min(this.#tokens, this.#burst);
  }

  #refill(nowMs: number): void {
    const elapsed = nowMs - this.#atMs;
    // A clock that goes back gives nothing and takes nothing.
    if (elapsed > 0)
      this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed * this.#perSecond) / 1000);
    this.#atMs = nowMs;
  }
}

/** Ten refills of 0.1 token must make one token in spite of binary fractions. */
const EPSILON = 1e-9;
