import { describe, expect, it } from 'vitest';
import { ReplayBrake } from '../../src/gateway/replay-brake.ts';

/** Answers within one look: `slow` of `all` take 41 ms. @returns the share after it */
function look(brake: ReplayBrake, nowMs: number, all: number, slow: number): number {
  for (let i = 0; i < all; i++) brake.answered(i < slow ? 41 : 40);
  return brake.share(nowMs);
}

describe('ReplayBrake', () => {
  it('leaves a replay its pace while answers are quick, or while there are none', () => {
    const brake = new ReplayBrake();
    expect(look(brake, 1_000, 100, 2)).toBe(1);
    expect(look(brake, 2_000, 0, 0)).toBe(1);
  });

  it('halves it at each look with more than one slow answer in fifty, down to a tenth', () => {
    const brake = new ReplayBrake();
    const shares = [1, 2, 3, 4, 5].map((second) => look(brake, second * 1_000, 100, 3));
    expect(shares).toEqual([0.5, 0.25, 0.125, 0.1, 0.1]);
  });

  it('looks at most every 300 ms', () => {
    const brake = new ReplayBrake();
    look(brake, 1_000, 10, 10);
    expect(look(brake, 1_299, 10, 10)).toBe(0.5);
    expect(look(brake, 1_300, 10, 10)).toBe(0.25);
  });

  it('gives a tenth of the pace back at each look without slow ones', () => {
    const brake = new ReplayBrake();
    look(brake, 1_000, 10, 10);
    expect(look(brake, 2_000, 10, 0)).toBeCloseTo(0.6, 10);
    for (let second = 3; second < 10; second++) look(brake, second * 1_000, 10, 0);
    expect(brake.share(20_000)).toBe(1);
  });
});
