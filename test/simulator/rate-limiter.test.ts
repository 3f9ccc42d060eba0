import { describe, expect, it } from 'vitest';
import { type RateLimit, RateLimiter } from '../../src/simulator/rate-limiter.ts';

/** How many of submits every `everyMs`, over `forMs` from 0, are taken. */
function taken(limit: RateLimit, everyMs: number, forMs: number, from = 0): number {
  const limiter = new RateLimiter(limit, from);
  let count = 0;
  for (let at = from; at < from + forMs; at += everyMs) if (limiter.take(at)) count += 1;
  return count;
}

describe('RateLimiter', () => {
  it('takes so many in each second of the clock, however they come in it', () => {
    expect(taken({ perSecond: 500, kind: 'second' }, 1, 3000)).toBe(1500);
    // The last tenth of one second and the first of the next: both within their own.
    expect(taken({ perSecond: 500, kind: 'second' }, 0.125, 200, 900)).toBe(1000);
  });

  it('takes one second of a bucket at once, and then its rate', () => {
    expect(taken({ perSecond: 500, kind: 'bucket' }, 0.125, 1)).toBe(8);
    expect(taken({ perSecond: 500, kind: 'bucket' }, 1, 10_000)).toBe(5499);
    expect(taken({ perSecond: 500, kind: 'bucket', burst: 1 }, 1, 10_000)).toBe(5000);
  });

  it('takes nothing sooner than the gap, but what its tolerance allows', () => {
    const limiter = new RateLimiter({ perSecond: 500, kind: 'gap' }, 0);
    expect([0, 1.9, 2, 3.9, 4].map((at) => limiter.take(at))).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    const tolerant = new RateLimiter({ perSecond: 500, kind: 'gap', toleranceMs: 4 }, 0);
    expect([0, 0, 0, 0, 2].map((at) => tolerant.take(at))).toEqual([true, true, true, false, true]);
  });

  it('says how much is used', () => {
    const second = new RateLimiter({ perSecond: 4, kind: 'second' }, 0);
    expect(second.percent(0)).toBe(0);
    second.take(0);
    expect(second.percent(0)).toBe(25);
    expect(second.percent(1000)).toBe(0);
    const bucket = new RateLimiter({ perSecond: 10, kind: 'bucket' }, 0);
    for (let n = 0; n < 10; n += 1) bucket.take(0);
    expect(bucket.percent(0)).toBe(100);
    expect(bucket.percent(500)).toBe(50);
  });
});
