import { describe, expect, it } from 'vitest';
import { SessionTimers, type TimerVerdict } from '../../src/session/timers.ts';

const LIMITS = {
  sessionInitMs: 5_000,
  enquireLinkIntervalMs: 10_000,
  inactivityMs: 60_000,
  responseTimeoutMs: 4_000,
};

/** Ticks each second up to `toMs` and says what was due when. */
function run(
  timers: SessionTimers,
  fromMs: number,
  toMs: number,
  reading = true,
): [number, TimerVerdict][] {
  const due: [number, TimerVerdict][] = [];
  for (let ms = fromMs + 1_000; ms <= toMs; ms += 1_000) {
    const verdict = timers.tick(ms, LIMITS, reading);
    if (verdict !== 'none') due.push([ms, verdict]);
    if (verdict === 'enquireLink') timers.enquired(ms);
  }
  return due;
}

function boundTimers(): SessionTimers {
  const timers = new SessionTimers(0);
  timers.bound(0);
  return timers;
}

describe('SessionTimers.tick', () => {
  it('ends a session that does not bind in time, whatever it sends', () => {
    const timers = new SessionTimers(0);
    timers.received(4_000);
    expect(run(timers, 0, 5_000)).toEqual([[5_000, 'sessionInit']]);
  });

  it('asks for enquire_link after silence, and counts octets as life', () => {
    const timers = boundTimers();
    expect(run(timers, 0, 9_000)).toEqual([]);
    timers.received(9_000);
    expect(run(timers, 9_000, 19_000)).toEqual([[19_000, 'enquireLink']]);
  });

  it('gives up when enquire_link stays unanswered for the response timeout', () => {
    expect(run(boundTimers(), 0, 14_000)).toEqual([
      [10_000, 'enquireLink'],
      [14_000, 'enquireLinkTimeout'],
    ]);
  });

  it('goes on when the answer comes', () => {
    const timers = boundTimers();
    run(timers, 0, 12_000);
    timers.received(12_500);
    expect(run(timers, 12_000, 22_000)).toEqual([]);
    expect(run(timers, 22_000, 23_000)).toEqual([[23_000, 'enquireLink']]);
  });

  it('ends a session in which nothing but enquire_link happens', () => {
    const timers = boundTimers();
    timers.transaction(5_000);
    let due: [number, TimerVerdict][] = [];
    for (let ms = 1_000; ms <= 65_000; ms += 1_000) {
      due = due.concat(run(timers, ms - 1_000, ms));
      timers.received(ms);
    }
    expect(due).toEqual([[65_000, 'inactivity']]);
  });

  it('does not hold against the peer what it could not say while reading is held', () => {
    const timers = boundTimers();
    expect(run(timers, 0, 30_000, false)).toEqual([]);
    expect(timers.graceFromMs).toBe(30_000);
    expect(run(timers, 30_000, 39_000)).toEqual([]);
    expect(run(timers, 39_000, 40_000)).toEqual([[40_000, 'enquireLink']]);
  });

  it('does not hold a stall of our own process against the peer', () => {
    const timers = boundTimers();
    run(timers, 0, 11_000);
    expect(timers.tick(100_000, LIMITS, true)).toBe('none');
    expect(timers.graceFromMs).toBe(100_000);
    // Three of the four seconds for the answer to enquire_link were left.
    expect(run(timers, 100_000, 103_000)).toEqual([[103_000, 'enquireLinkTimeout']]);
  });

  it('survives a clock that goes back', () => {
    const timers = new SessionTimers(1_000_000);
    timers.bound(1_000_000);
    expect(timers.tick(5_000, LIMITS, true)).toBe('none');
    expect(run(timers, 5_000, 15_000)).toEqual([[15_000, 'enquireLink']]);
  });

  it('never rings what is 0', () => {
    const off = {
      sessionInitMs: 0,
      enquireLinkIntervalMs: 0,
      inactivityMs: 0,
      responseTimeoutMs: 0,
    };
    const timers = new SessionTimers(0);
    for (let ms = 1_000; ms < 1e6; ms += 1_000) expect(timers.tick(ms, off, true)).toBe('none');
    timers.bound(1e6);
    timers.enquired(1e6);
    for (let ms = 1e6; ms < 2e6; ms += 1_000) expect(timers.tick(ms, off, true)).toBe('none');
  });
});
