import { describe, expect, it } from 'vitest';
import { AdaptiveRate } from '../../src/session/adaptive-rate.ts';
import {
  fixedWindow,
  type Limiter,
  minimumGap,
  type SimulatedSecond,
  seeded,
  simulate,
  tokenBucket,
} from './simulated-limits.ts';

/** Part of the carrier's limit that was used, and part of all requests that was refused. */
function judged(seconds: readonly SimulatedSecond[], perSecond: number) {
  let accepted = 0;
  let refused = 0;
  for (const second of seconds) {
    accepted += second.accepted;
    refused += second.refused;
  }
  return { used: accepted / seconds.length / perSecond, refused: refused / (accepted + refused) };
}

/** Ways to allow 500 a second. A minimum gap means nothing where the way there jitters. */
const LIMITERS: readonly (readonly [string, () => Limiter, jitterMs: number])[] = [
  ['a token bucket that holds a second', () => tokenBucket(500, 500), 10],
  ['a token bucket that holds a tenth of a second', () => tokenBucket(500, 50), 10],
  ['a window of a second', () => fixedWindow(500), 10],
  ['a window of a second that began earlier', () => fixedWindow(500, 700), 10],
  ['a minimum gap', () => minimumGap(500), 0],
];

/** Answers take 25 to 75 ms. */
function run(
  limiter: Limiter,
  jitterMs: number,
  seconds: number,
  change?: readonly [number, number],
) {
  const random = seeded(7);
  return simulate({
    limiter,
    rate: new AdaptiveRate(),
    seconds,
    windowMax: 200,
    thereMs: () => 1 + jitterMs * random(),
    backMs: () => 25 + 50 * random(),
    eachSecond: (second) => {
      if (change !== undefined && second === change[0]) limiter.perSecond = change[1];
    },
  });
}

describe.each(LIMITERS)('AdaptiveRate against %s of 500', (_name, limiter, jitterMs) => {
  it('holds 95 % with under 1 % refused once it has found the limit', () => {
    const found = judged(run(limiter(), jitterMs, 120).slice(10), 500);
    expect(found.used).toBeGreaterThan(0.95);
    expect(found.refused).toBeLessThan(0.01);
  });

  it("holds them from the limit's fall on", () => {
    const fallen = judged(run(limiter(), jitterMs, 180, [60, 200]).slice(61), 200);
    expect(fallen.used).toBeGreaterThan(0.95);
    expect(fallen.refused).toBeLessThan(0.01);
  });

  it('finds a limit that was doubled, and holds it', () => {
    const raised = judged(run(limiter(), jitterMs, 180, [60, 1_000]).slice(85), 1_000);
    expect(raised.used).toBeGreaterThan(0.95);
    expect(raised.refused).toBeLessThan(0.01);
  });
});

describe('AdaptiveRate at the start', () => {
  it.each(LIMITERS.slice(0, 4))('wastes little on %s', (_name, limiter, jitterMs) => {
    const start = judged(run(limiter(), jitterMs, 60), 500);
    expect(start.used).toBeGreaterThan(0.94);
    expect(start.refused).toBeLessThan(0.012);
  });

  it('lets few requests out before anything is known, and soon as many as there are', () => {
    const rate = new AdaptiveRate();
    expect(rate.available(0, 0)).toBe(32);
    rate.sent(1, 0);
    expect(rate.available(1_000, 0)).toBe(64);
    for (let i = 0; i < 10_000; i++) rate.accepted(0, 1_000);
    expect(rate.available(1_000, 0)).toBe(564);
    expect(rate.available(12_000, 5_000)).toBe(Number.POSITIVE_INFINITY);
    expect(rate.isFree).toBe(true);
  });

  it('does not slow a carrier that answers in 5 s with a window of 1,000', () => {
    const seconds = simulate({
      limiter: tokenBucket(1e9, 1e9),
      rate: new AdaptiveRate(),
      seconds: 40,
      windowMax: 1_000,
      thereMs: () => 1,
      backMs: () => 5_000,
    });
    expect(judged(seconds.slice(20), 200).used).toBeGreaterThan(0.95);
  });
});

describe('AdaptiveRate', () => {
  it('is open again ten minutes after the last refusal', () => {
    const rate = new AdaptiveRate();
    rate.refused(0, 1_000);
    expect(rate.state).toMatchObject({ phase: 'paced', slowedBy: 'refused', slowedAtMs: 1_000 });
    rate.tick(600_999);
    expect(rate.state.phase).toBe('paced');
    rate.tick(601_000);
    expect(rate.state).toEqual({
      phase: 'open',
      perSecond: Number.POSITIVE_INFINITY,
      slowedBy: undefined,
      slowedAtMs: undefined,
    });
  });

  it('takes one refusal of quiet traffic lightly, and what was in flight with it not at all', () => {
    const rate = new AdaptiveRate();
    rate.accepted(0, 10);
    rate.refused(0, 20);
    expect(rate.state.perSecond).toBeCloseTo(9.7);
    for (let i = 0; i < 100; i++) rate.refused(19, 30);
    expect(rate.state.perSecond).toBeCloseTo(9.7);
  });

  it('asks a carrier that refuses everything with single requests, at last once a second', () => {
    const limiter = tokenBucket(500, 500);
    const rate = new AdaptiveRate();
    const seconds = simulate({
      limiter,
      rate,
      seconds: 60,
      windowMax: 200,
      thereMs: () => 1,
      backMs: () => 20,
      eachSecond: (second) => {
        // Its queue is full for half a minute.
        if (second === 20) limiter.takes = () => false;
        if (second === 50) limiter.takes = () => true;
      },
    });
    const refused = seconds.slice(20, 50).reduce((sum, second) => sum + second.refused, 0);
    expect(refused).toBeLessThan(100);
    expect(seconds.slice(40, 50).every((second) => second.refused <= 1)).toBe(true);
    expect(seconds[54]?.accepted).toBeGreaterThan(400);
  });

  it('does not raise a rate that nobody uses up', () => {
    const limiter = tokenBucket(500, 50);
    const rate = new AdaptiveRate();
    simulate({
      limiter,
      rate,
      seconds: 90,
      windowMax: 200,
      thereMs: () => 1,
      backMs: () => 20,
      demand: (second) => (second < 30 ? 5_000 : 0),
    });
    expect(rate.state.perSecond).toBeLessThan(550);
    expect(rate.state.perSecond).toBeGreaterThan(450);
  });

  it('gives way to congestion_state from 90 on, before anything is refused', () => {
    const rate = new AdaptiveRate();
    for (let i = 0; i < 500; i++) rate.accepted(i, i);
    rate.congestion(89, 500, 500);
    expect(rate.state.phase).toBe('open');
    rate.congestion(90, 500, 500);
    expect(rate.state).toMatchObject({ phase: 'paced', slowedBy: 'congested' });
    expect(rate.state.perSecond).toBeCloseTo(485);
    rate.congestion(100, 500, 600);
    rate.congestion(100, 600, 749);
    expect(rate.state.perSecond).toBeCloseTo(485);
    rate.congestion(100, 600, 750);
    expect(rate.state.perSecond).toBeCloseTo(436.5);
    for (let ms = 1_000; ms < 60_000; ms += 250) rate.congestion(100, ms, ms);
    expect(rate.state.perSecond).toBeCloseTo(10);
  });

  it('asks again when the answer to its probe never comes', () => {
    const rate = new AdaptiveRate();
    rate.refused(0, 0);
    for (let i = 1; i <= 8; i++) rate.refused(i, i);
    expect(rate.state.phase).toBe('held');
    expect(rate.available(27, 0)).toBe(0);
    expect(rate.available(28, 0)).toBe(1);
    rate.sent(1, 28);
    expect(rate.available(5_027, 1)).toBe(0);
    expect(rate.nextAtMs(5_027)).toBe(5_028);
    expect(rate.available(5_028, 1)).toBe(1);
  });
});
