import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../src/session/rate.ts';

describe('TokenBucket', () => {
  it('lets a burst through at once and then the rate', () => {
    const bucket = new TokenBucket(10, 0, 5);
    for (let i = 0; i < 5; i++) expect(bucket.take(1, 0)).toBe(true);
    expect(bucket.take(1, 0)).toBe(false);
    expect(bucket.take(1, 99)).toBe(false);
    expect(bucket.take(1, 100)).toBe(true);
    expect(bucket.take(1, 150)).toBe(false);
  });

  it('lets exactly rate x time + burst through, however often it is asked', () => {
    const bucket = new TokenBucket(1_000, 0);
    let passed = 0;
    for (let ms = 0; ms <= 10_000; ms += 1) {
      for (let i = 0; i < 3; i++) if (bucket.take(1, ms)) passed++;
    }
    expect(passed).toBe(11_000);
  });

  it('makes a token out of ten refills of a tenth', () => {
    const bucket = new TokenBucket(1, 0, 1);
    bucket.take(1, 0);
    for (let ms = 100; ms < 1_000; ms += 100) expect(bucket.available(ms)).toBe(0);
    expect(bucket.available(1_000)).toBe(1);
  });

  it('is unlimited at 0', () => {
    const bucket = new TokenBucket(0, 0);
    expect(bucket.available(0)).toBe(Number.POSITIVE_INFINITY);
    expect(bucket.take(1_000_000, 0)).toBe(true);
    expect(bucket.unlimited).toBe(true);
  });

  it('passes what is larger than the burst, and pays for it afterwards', () => {
    const bucket = new TokenBucket(10, 0, 2);
    expect(bucket.take(5, 0)).toBe(true);
    expect(bucket.available(300)).toBe(0);
    expect(bucket.take(1, 399)).toBe(false);
    expect(bucket.take(1, 400)).toBe(true);
  });

  it('gives nothing for a clock that goes back', () => {
    const bucket = new TokenBucket(10, 1_000, 1);
    bucket.take(1, 1_000);
    expect(bucket.available(0)).toBe(0);
  });

  it('takes back what was not used, up to the burst', () => {
    const bucket = new TokenBucket(1, 0, 2);
    bucket.take(2, 0);
    bucket.giveBack(1);
    expect(bucket.available(0)).toBe(1);
    bucket.giveBack(5);
    expect(bucket.available(0)).toBe(2);
  });

  it('changes its rate without a gift', () => {
    const bucket = new TokenBucket(10, 0, 10);
    bucket.take(10, 0);
    bucket.reshape(100, 100);
    expect(bucket.available(100)).toBe(1);
    expect(bucket.available(200)).toBe(11);
    bucket.reshape(1, 200, 3);
    expect(bucket.available(200)).toBe(3);
    bucket.reshape(0, 200);
    bucket.take(1_000, 200);
    bucket.reshape(5, 200);
    expect(bucket.available(200)).toBe(5);
  });
});
