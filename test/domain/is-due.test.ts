import { describe, expect, it } from 'vitest';
import { isDue } from '../../src/domain/is-due.ts';

describe('isDue', () => {
  it('is true once the time is over, and not before', () => {
    expect([999, 1_000].map((ms) => isDue(5_000 + ms, 5_000, 1_000))).toEqual([false, true]);
  });

  it('is true for what was never done, and when the clock was set back', () => {
    expect(isDue(0, Number.NEGATIVE_INFINITY, 1_000)).toBe(true);
    expect(isDue(4_999, 5_000, 1_000)).toBe(true);
  });
});
