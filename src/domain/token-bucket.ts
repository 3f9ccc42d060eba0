/**
 * A rate with a burst: `take` succeeds while tokens are left and they grow back evenly. It never asks for a
 * minimum gap between two takes. Time is passed in (any monotonic milliseconds); a step back adds nothing.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  /**
   * @param burst tokens when full, at least 1
   * @param ratePerSecond tokens that grow back in a second; 0 or less: unlimited, `take` always succeeds
   */
  constructor(burst: number, ratePerSecond: number, nowMs: number) {
    this.#perMs = ratePerSecond > 0 ? ratePerSecond / 1000 : Number.POSITIVE_INFINITY;
    this.#burst = Math.max(burst, 1);
    this.#tokens = this.#burst;
    this.#atMs = nowMs;
  }

  /**
   * Takes `n` tokens if they are there. A message of more segments than the burst passes on a full bucket and
   * leaves a debt, so that it is delayed but not refused for ever.
   */
  take(n: number, nowMs: number): boolean {
    if (this.#perMs === Number.POSITIVE_INFINITY) return true;
    this.#refill(nowMs);
    if (this.#tokens < Math.min(n, this.#burst)) return false;
    this.#tokens -= n;
    return true;
  }

  /** Milliseconds until `n` tokens can be taken; 0 when they can be now. */
  waitMs(n: number, nowMs: number): number {
    if (this.#perMs === Number.POSITIVE_INFINITY) return 0;
    this.#refill(nowMs);
    const missing = Math.min(n, this.#burst) - this.#tokens;
    return missing <= 0 ? 0 : missing / this.#perMs;
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}
