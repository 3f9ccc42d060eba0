import { describe, expect, it } from 'vitest';
import { DeferralMarks } from '../../src/gateway/deferral-marks.ts';

describe('DeferralMarks', () => {
  it('numbers what is given, and knows up to where it is stored', () => {
    const marks = new DeferralMarks();
    expect([marks.next(), marks.next(), marks.next()]).toEqual([1, 2, 3]);
    expect(marks.last).toBe(3);
    marks.onStored(2);
    expect([marks.isStored(2), marks.isStored(3)]).toEqual([true, false]);
  });

  it('lets each who waits go on when all up to his number are stored, and not before', async () => {
    const marks = new DeferralMarks();
    const done: number[] = [];
    const waits = [3, 1, 2].map(async (mark) => {
      await marks.whenStored(mark);
      done.push(mark);
    });
    for (let i = 0; i < 3; i++) marks.next();
    marks.onStored(1);
    await waits[1];
    expect(done).toEqual([1]);
    marks.onStored(2);
    await Promise.all(waits);
    expect(done.toSorted()).toEqual([1, 2, 3]);
  });

  it('does not keep him waiting who asks of what is stored, or of nothing', async () => {
    const marks = new DeferralMarks();
    await marks.whenStored(0);
    marks.onStored(marks.next());
    await marks.whenStored(1);
    expect(marks.isStored(1)).toBe(true);
  });
});
