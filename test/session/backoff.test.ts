import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../src/session/backoff.ts';

const OPTIONS = { firstMs: 500, maxMs: 30_000 };

describe('backoffMs', () => {
  it('doubles with each failure up to the limit', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 1_000_000].map((n) => backoffMs(n, OPTIONS, 0.999_999));
    expect(waits.map(Math.round)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  it('takes up to half of it off at random', () => {
    expect(backoffMs(1, OPTIONS, 0)).toBe(250);
    expect(backoffMs(1, OPTIONS, 0.5)).toBe(375);
    expect(backoffMs(20, OPTIONS, 0)).toBe(15_000);
  });
});
