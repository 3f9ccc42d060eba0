import { describe, expect, it } from 'vitest';
import { TrafficWindow } from '../../src/domain/traffic-window.ts';

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

describe('TrafficWindow', () => {
  it('has nothing to tell before anything passed', () => {
    const measures = new TrafficWindow(START).measures('5m');
    expect(measures.deliveryRatio).toEqual({ value: undefined, samples: 0 });
    expect(measures.submits).toBe(0);
  });

  it('shows means and shares of what passed in the window, and forgets what is older', () => {
    const window = new TrafficWindow(START);
    for (let n = 0; n < 4; n++) window.submitAnswered(true, 0.5);
    window.receipt(true, 2, false);
    window.receipt(true, 4, false);
    window.receipt(false, 9, false);
    window.receipt(true, 0.1, true);
    const now = window.measures('5m');
    expect(now.submits).toBe(4);
    expect(now.deliveryRatio).toEqual({ value: 0.75, samples: 4 });
    expect(now.submitSeconds.value).toBe(0.5);
    expect(now.receiptSeconds.value).toBeCloseTo(15.1 / 4);
    // (2.1 x 4.1 x 9.1 x 0.2)^(1/4) - 0.1
    expect(now.receiptSecondsTypical.value).toBeCloseTo(1.8896, 4);
    expect(now.quickRatio.value).toBe(0.25);
    window.tick(START + 5 * MINUTE);
    expect(window.measures('5m').receipts).toBe(4);
    window.tick(START + 6 * MINUTE);
    expect(window.measures('5m').receipts).toBe(0);
    expect(window.measures('1h').receipts).toBe(4);
    window.tick(START + 61 * MINUTE);
    expect(window.measures('1h').receipts).toBe(0);
  });

  it('counts a receipt with the submit that it is of, so that those without one are seen when they are ripe', () => {
    const window = new TrafficWindow(START);
    for (let n = 0; n < 100; n++) window.submitAnswered(true, 0.01);
    window.tick(START + 2 * MINUTE);
    for (let n = 0; n < 60; n++) window.receipt(true, 120, false);
    expect(window.measures('5m').receiptRatio.samples).toBe(0); // not ripe
    window.tick(START + 10 * MINUTE);
    for (let n = 0; n < 15; n++) window.receipt(true, 600, false);
    for (let n = 0; n < 50; n++) window.submitAnswered(true, 0.01);
    expect(window.measures('5m').receiptRatio).toEqual({ value: 0.75, samples: 100 });
    window.tick(START + 15 * MINUTE);
    expect(window.measures('5m').receiptRatio.samples).toBe(0);
    expect(window.measures('1h').receiptRatio).toEqual({ value: 0.75, samples: 100 });
  });

  it('counts a receipt whose submit is not known, or too long ago, with the receipts only', () => {
    const window = new TrafficWindow(START);
    window.receipt(true, undefined, false);
    window.receipt(true, 86_400, false);
    expect(window.measures('5m').receipts).toBe(2);
    window.tick(START + 30 * MINUTE);
    expect(window.measures('1h').receiptRatio.samples).toBe(0);
  });

  it('takes back what was matched after all', () => {
    const window = new TrafficWindow(START);
    for (let n = 0; n < 3; n++) window.receipt(true, 1, false);
    window.unmatched(1);
    expect(window.measures('5m').unmatchedRatio).toEqual({ value: 0.25, samples: 4 });
    window.unmatched(-1);
    window.unmatched(-1); // of one that was counted over an hour ago
    expect(window.measures('5m').unmatchedRatio).toEqual({ value: 0, samples: 3 });
  });

  it('stays where it is when the clock goes back, and is empty after a long leap', () => {
    const window = new TrafficWindow(START);
    window.submitAnswered(true, 1);
    window.tick(START - 10 * MINUTE);
    expect(window.measures('5m').submits).toBe(1);
    window.tick(START + 10_000 * MINUTE);
    expect(window.measures('1h').submits).toBe(0);
    expect(window.idleMinutes).toBeGreaterThan(60);
  });
});
