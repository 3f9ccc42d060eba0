import { describe, expect, it } from 'vitest';
import { grown, type PacedRate } from '../../src/session/rate-growth.ts';

const rate = (given: Partial<PacedRate>): PacedRate => ({
  perSecond: 100,
  ceiling: 100,
  known: 'met',
  aboveMs: 0,
  roundTripMs: 10,
  ...given,
});

describe('grown', () => {
  it('doubles each 250 ms far under the ceiling, up to 85 % of it', () => {
    expect(grown(rate({ perSecond: 10, ceiling: 1_000 }), 250)).toBeCloseTo(20, 6);
    expect(grown(rate({ perSecond: 80 }), 250)).toBe(85);
  });

  it('approaches the ceiling by half of the distance a second, and by its creep where that is more', () => {
    expect(grown(rate({ perSecond: 90 }), 100)).toBeCloseTo(90.5, 6);
    expect(grown(rate({ perSecond: 99.9, known: 'measured' }), 100)).toBeCloseTo(100.2, 6);
  });

  it('passes a ceiling that was met more slowly than one that was only measured', () => {
    expect(grown(rate({ known: 'met' }), 100)).toBeCloseTo(100.05, 6);
    expect(grown(rate({ known: 'measured' }), 100)).toBeCloseTo(100.3, 6);
  });

  it('searches above it twice as fast each searchMs', () => {
    const once = grown(rate({ aboveMs: 0 }), 50) - 100;
    expect((grown(rate({ aboveMs: 1_500 }), 50) - 100) / once).toBeCloseTo(2, 6);
  });

  it('searches no faster than a slow carrier can answer: 12 round trips for a doubling', () => {
    const once = grown(rate({ roundTripMs: 500 }), 50) - 100;
    const after = grown(rate({ roundTripMs: 500, aboveMs: 6_000 }), 50) - 100;
    expect(after / once).toBeCloseTo(2, 6);
  });

  it('never more than doubles in 250 ms', () => {
    expect(grown(rate({ known: 'first', aboveMs: 60_000 }), 50)).toBeCloseTo(100 * 2 ** 0.2, 6);
  });
});
