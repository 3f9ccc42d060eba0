/**
 * How a carrier counts what it allows a second:
 *
 * - `second`: so many in each second of the clock, whenever they come in it;
 * - `bucket`: a token bucket, `burst` at once after a rest;
 * - `gap`: not sooner than 1/rate after the one before (GCRA, ITU-T I.371, with `toleranceMs`).
 */
export const limitKinds = ['second', 'bucket', 'gap'] as const;

/** One of `limitKinds`. */
export type LimitKind = (typeof limitKinds)[number];

/** What is allowed. */
export interface RateLimit {
  perSecond: number;
  kind: LimitKind;
  /** Of a bucket; default one second's worth. */
  burst?: number;
  /** Of a gap, milliseconds; default 0. */
  toleranceMs?: number;
}

/** Says of each submit whether it is within a limit; what is refused uses nothing up. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #burst: number;
  #tokens: number;
  #filledAt: number;
  #second = Number.NaN;
  #count = 0;
  /** When the next one is due. */
  #dueAt = Number.NEGATIVE_INFINITY;

  /** @param nowMs unix milliseconds, fractions welcome */
  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#burst = Math.max(1, limit.burst ?? limit.perSecond);
    this.#tokens = this.#burst;
    this.#filledAt = nowMs;
  }

  /** Takes one; false: too many. */
  take(nowMs: number): boolean {
    const { kind, perSecond, toleranceMs = 0 } = this.#limit;
    if (kind === 'bucket') {
      this.#fill(nowMs);
      if (this.#tokens < 1) return false;
      this.#tokens -= 1;
      return true;
    }
    if (kind === 'gap') {
      if (nowMs < this.#dueAt - toleranceMs) return false;
      this.#dueAt = Math.max(nowMs, this.#dueAt) + 1000 / perSecond;
      return true;
    }
    this.#turn(nowMs);
    if (this.#count >= perSecond) return false;
    this.#count += 1;
    return true;
  }

  /** How much of what is allowed is used, 0 to 100: the scale of congestion_state (SMPP 5.0 §4.8.4.18). */
  percent(nowMs: number): number {
    const { kind, perSecond, toleranceMs = 0 } = this.#limit;
    if (kind === 'gap') return nowMs < this.#dueAt - toleranceMs ? 100 : 0;
    if (kind === 'second') {
      this.#turn(nowMs);
      return Math.min(100, Math.round((this.#count * 100) / perSecond));
    }
    this.#fill(nowMs);
    return Math.min(100, Math.round(100 - (Math.floor(this.#tokens) * 100) / this.#burst));
  }

  #fill(nowMs: number): void {
    const earned = ((nowMs - this.#filledAt) * this.#limit.perSecond) / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, earned));
    this.#filledAt = nowMs;
  }

  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#count = 0;
  }
}
