import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedEntry, plainEntry } from '../../../src/ops/http/consent-entry.ts';

const LINE = {
  number: '+966500000001',
  class: 'promotional',
  textVersion: '7',
  source: 'shop',
  at: '2026-02-28T23:59:59Z',
  evidence: 'form 17',
};

describe('plainEntry', () => {
  it('takes an entry as lines have it', () => {
    expect(plainEntry(LINE)).toEqual({ ...LINE, at: Date.UTC(2026, 1, 28, 23, 59, 59) });
    expect(plainEntry({ number: '1' })).toEqual({ number: '1' });
  });

  it.each([
    null,
    'text',
    [],
    {},
    { ...LINE, number: 966_500_000_001 },
    { ...LINE, account: 'shop' },
    { ...LINE, unknown: '1' },
    { ...LINE, at: '2026-02-29T00:00:00Z' },
    { ...LINE, at: '2026-01-02T00:00:00+03:00' },
    { ...LINE, at: '2026-01-02' },
    { ...LINE, textVersion: 'x'.repeat(101) },
    JSON.parse('{"number": "1", "__proto__": "x"}'),
  ])('leaves %j to the schema', (entry) => {
    expect(plainEntry(entry)).toBeUndefined();
  });

  it('finds in any entry what the schema finds, or leaves it to it', () => {
    const text = (most: number) =>
      fc.oneof(
        fc.string({ maxLength: 5 }),
        fc.constantFrom('x'.repeat(most), 'x'.repeat(most + 1)),
      );
    const two = (most: number) =>
      fc.integer({ min: 0, max: most }).map((n) => `${n}`.padStart(2, '0'));
    const time = fc
      .tuple(fc.constantFrom('2024', '2026'), two(13), two(32), two(24), two(60), two(60))
      .map(([year, month, day, ...clock]) => `${year}-${month}-${day}T${clock.join(':')}Z`);
    const entry = fc.record(
      {
        number: text(20),
        class: text(64),
        textVersion: text(100),
        source: text(100),
        at: fc.oneof({ weight: 5, arbitrary: time }, fc.string()),
        evidence: text(2_000),
        other: fc.anything(),
      },
      { requiredKeys: ['number'] },
    );
    fc.assert(
      fc.property(entry, (one) => {
        const plain = plainEntry(one);
        if (plain !== undefined) expect(checkedEntry(one)).toEqual(plain);
      }),
      { numRuns: 3_000 },
    );
  });
});
