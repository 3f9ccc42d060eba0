import { describe, expect, it } from 'vitest';
import { endOfTurn, type Turn } from '../../src/session/turn.ts';

function turn(run: () => void): Turn {
  return { inTurn: false, onTurn: run };
}

describe('endOfTurn', () => {
  it('runs each once, in the order of asking, after what runs now', async () => {
    const ran: string[] = [];
    const [a, b] = [turn(() => ran.push('a')), turn(() => ran.push('b'))];
    for (const asking of [b, a, b, a]) endOfTurn(asking);
    expect(ran).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ran).toEqual(['b', 'a']);
  });

  it('runs what asks again in the next turn', async () => {
    let runs = 0;
    const again = turn(() => {
      runs++;
      if (runs < 3) endOfTurn(again);
    });
    endOfTurn(again);
    for (const expected of [1, 2, 3, 3]) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(runs).toBe(expected);
    }
  });
});
