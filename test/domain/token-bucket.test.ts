import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../src/domain/token-bucket.ts';

describe('TokenBucket.take', () => {
  it('lets the whole burst through at one instant, then the rate', () => {
    const bucket = new TokenBucket(10, 5, 0);
    expect(Array.from({ length: 10 }, () => bucket.take(1, 0)).every(Boolean)).toBe(true);
    expect(bucket.take(1, 0)).toBe(false);
    expect(bucket.take(1, 199)).toBe(false);
    expect(bucket.take(1, 200)).toBe(true);
    expect(bucket.take(1, 200)).toBe(false);
  });

  it('never holds more than the burst', () => {
    const bucket = new TokenBucket(2, 1000, 0);
    expect(bucket.take(1, 60_000)).toBe(true);
    expect(bucket.take(1, 60_000)).toBe(true);
    expect(bucket.take(1, 60_000)).toBe(false);
  });

  it('lets more than the burst through a full bucket, and makes up for it after', () => {
    const bucket = new TokenBucket(2, 1, 0);
    expect(bucket.take(5, 0)).toBe(true);
    expect(bucket.take(1, 3999)).toBe(false);
    expect(bucket.take(1, 4000)).toBe(true);
  });

  it('is unlimited at a rate of 0', () => {
    const bucket = new TokenBucket(1, 0, 0);
    expect(Array.from({ length: 1000 }, () => bucket.take(7, 0)).every(Boolean)).toBe(true);
    expect(bucket.waitMs(7, 0)).toBe(0);
  });

  it('gains nothing by a clock that steps back', () => {
    const bucket = new TokenBucket(1, 1000, 1000);
    expect(bucket.take(1, 1000)).toBe(true);
    expect(bucket.take(1, 0)).toBe(false);
    expect(bucket.take(1, 1000)).toBe(false);
    expect(bucket.take(1, 1001)).toBe(true);
  });

  it('never lets more through than burst and rate allow', () => {
    const takes = fc.array(fc.record({ n: fc.integer({ min: 1, max: 3 }), afterMs: fc.nat(50) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(takes, (list) => {
        const bucket = new TokenBucket(10, 100, 0);
        let now = 0;
        let taken = 0;
        for (const { n, afterMs } of list) {
          now += afterMs;
          if (bucket.take(n, now)) taken += n;
        }
        expect(taken).toBeLessThanOrEqual(10 + now * 0.1 + 1e-6);
      }),
    );
  });
});

describe('TokenBucket.waitMs', () => {
  it('says when a take will succeed', () => {
    const bucket = new TokenBucket(1, 10, 0);
    bucket.take(1, 0);
    expect(bucket.waitMs(1, 0)).toBe(100);
    expect(bucket.waitMs(1, 40)).toBe(60);
    expect(bucket.take(1, 100)).toBe(true);
  });
});
