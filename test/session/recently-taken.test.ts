import { describe, expect, it } from 'vitest';
import { RecentlyTaken } from '../../src/session/recently-taken.ts';

/** Any moment but 0: the buckets are of the clock, not of the first call. */
const START_MS = 1_000_000;

function takenAt(taken: RecentlyTaken, atMs: number, count: number): void {
  for (let i = 0; i < count; i++) taken.add();
  taken.count(START_MS + atMs);
}

describe('RecentlyTaken', () => {
  it('sums what was accepted in the last second, and no more', () => {
    const taken = new RecentlyTaken();
    takenAt(taken, 0, 5);
    takenAt(taken, 500, 7);
    expect(taken.lastSecond()).toBe(12);
    takenAt(taken, 1_100, 1);
    expect(taken.lastSecond()).toBe(8);
    takenAt(taken, 1_600, 0);
    expect(taken.lastSecond()).toBe(1);
  });

  it('finds the fullest second of the last two', () => {
    const taken = new RecentlyTaken();
    takenAt(taken, 0, 10);
    takenAt(taken, 600, 20);
    takenAt(taken, 1_500, 4);
    expect(taken.mostPerSecond()).toBe(30);
    takenAt(taken, 2_000, 0);
    expect(taken.mostPerSecond()).toBe(24);
  });

  it('forgets all after two seconds of silence, however long that was', () => {
    const taken = new RecentlyTaken();
    takenAt(taken, 0, 10);
    takenAt(taken, 60_000, 0);
    expect(taken.mostPerSecond()).toBe(0);
    takenAt(taken, 60_050, 3);
    expect(taken.mostPerSecond()).toBe(3);
  });
});
