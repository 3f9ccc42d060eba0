import { describe, expect, it } from 'vitest';
import { largeChanges, largeChangeText, tariffChanges } from '../../src/domain/tariff-changes.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const large = (
  ...[before, after]: [Parameters<typeof largeChanges>[0], Parameters<typeof largeChanges>[1]]
) => largeChanges(before, after, NOW).map(largeChangeText);

describe('largeChanges', () => {
  it('names prices that change by ten times, up or down, and no others', () => {
    const before = { '966': '0.05', '7': '0.00645', '*': '0.1' };
    expect(large(before, { '966': '0.5', '7': '0.00645', '*': '0.1' })).toEqual([
      '966: 0.05 -> 0.5',
    ]);
    expect(large(before, { '966': '0.499999', '7': '0.00645', '*': '0.1' })).toEqual([]);
    expect(large(before, { '966': '0.05', '7': '0.00645', '*': '0.01' })).toEqual([
      '*: 0.1 -> 0.01',
    ]);
  });

  it('compares a new or removed entry with what its numbers cost otherwise', () => {
    expect(large({ '*': '0.1' }, { '*': '0.1', '966': '10' })).toEqual(['966: 0.1 -> 10']);
    expect(large({ '*': '0.1' }, { '*': '0.1', '966': '0.5' })).toEqual([]);
    expect(large({ '*': '0.1', '966': '10' }, { '*': '0.1' })).toEqual(['966: 10 -> 0.1']);
    // A destination that was not sold before has no price to compare with.
    expect(large({ '7': '0.1' }, { '7': '0.1', '966': '10' })).toEqual([]);
  });

  it('takes free for infinitely far from any price', () => {
    expect(large({ '966': '0.05' }, { '966': '0' })).toEqual(['966: 0.05 -> 0']);
    expect(large({ '966': '0' }, { '966': '0.05' })).toEqual(['966: 0 -> 0.05']);
    expect(large({ '966': '0' }, { '966': '0' })).toEqual([]);
  });

  it('looks at a price when it will be in force, and at conditions', () => {
    const before = [{ prefix: '966', price: '0.05' }];
    const later = { prefix: '966', from: '2026-09-01T00:00:00.000Z', price: '5' };
    expect(large(before, [...before, later])).toEqual([
      '966 from 2026-09-01T00:00:00.000Z: 0.05 -> 5',
    ]);
    expect(large(before, [...before, { prefix: '966', class: 'otp', price: '0.001' }])).toEqual([
      '966 class otp: 0.05 -> 0.001',
    ]);
  });

  it('follows the changeMax of the new tariff', () => {
    expect(large({ '966': '0.05' }, { changeMax: 100, prices: { '966': '1' } })).toEqual([]);
    expect(large({ '966': '0.05' }, { changeMax: 1.5, prices: { '966': '0.075' } })).toHaveLength(
      1,
    );
  });
});

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
