import { describe, expect, it } from 'vitest';
import { Backpressure } from '../../src/gateway/backpressure.ts';

/** A store whose depths the test sets, and what was held and let go because of them. */
function store() {
  const state = { depth: 0, others: 0, behind: false };
  const said: string[] = [];
  const pressure = new Backpressure({
    settleDepth: () => state.depth,
    receiptDepth: () => state.depth + state.others,
    lookUpsBehind: () => state.behind,
    holdAccept: (hold) => said.push(hold ? 'hold accept' : 'free accept'),
    holdCarriers: (hold) => said.push(hold ? 'hold carriers' : 'free carriers'),
  });
  const at = (depth: number, behind = false, others = 0) => {
    Object.assign(state, { depth, behind, others });
    pressure.check();
    return said.splice(0);
  };
  return { at };
}

describe('Backpressure', () => {
  it('holds accept above one and a half batches of receipts, and frees it at half a batch', () => {
    const { at } = store();
    expect(at(750)).toEqual([]);
    expect(at(751)).toEqual(['hold accept']);
    expect(at(751)).toEqual([]);
    expect(at(251)).toEqual([]);
    expect(at(250)).toEqual(['free accept']);
    expect(at(700)).toEqual([]);
  });

  it('does not read from carriers above ten batches', () => {
    const { at } = store();
    expect(at(5000)).toEqual(['hold accept']);
    expect(at(5001)).toEqual(['hold carriers']);
    expect(at(4999)).toEqual(['free carriers']);
    expect(at(0)).toEqual(['free accept']);
  });

  it('counts receipts of segments and repeated ones against carriers, but not against accept', () => {
    const { at } = store();
    expect(at(0, false, 5_001)).toEqual(['hold carriers']);
    expect(at(0, false, 0)).toEqual(['free carriers']);
  });

  it('does not read from carriers while too many receipts are looked up', () => {
    const { at } = store();
    expect(at(0, true)).toEqual(['hold carriers']);
    expect(at(0, false)).toEqual(['free carriers']);
  });
});
