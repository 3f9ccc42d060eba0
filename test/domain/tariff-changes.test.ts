import { describe, expect, it } from 'vitest';
import { tariffChanges } from '../../src/domain/tariff-changes.ts';

describe('tariffChanges', () => {
  it('has an item for each price, and one when only the order differs', () => {
    const before = [
      { prefix: '966', price: '0.05' },
      { prefix: '7', price: '0.1' },
    ];
    const after = [
      { prefix: '7', price: '0.2' },
      { prefix: '966', price: '0.05' },
      { prefix: '966', class: 'otp', price: '0.04' },
    ];
    expect(tariffChanges(before, after)).toEqual([
      { path: '7', before: '"0.1"', after: '"0.2"', hidden: false },
      { path: '966 class otp', before: undefined, after: '"0.04"', hidden: false },
    ]);
    expect(tariffChanges(before, structuredClone(before))).toEqual([]);
    expect(tariffChanges(before, before.toReversed())).toHaveLength(1);
  });
});
