import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixTable } from '../../src/domain/prefix-table.ts';

const digits = fc.stringMatching(/^[0-9]{0,15}$/);

describe('PrefixTable.longest', () => {
  it('finds what a search through all prefixes finds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(digits, { maxLength: 40 }), digits, (prefixes, number) => {
        const table = new PrefixTable(prefixes.map((prefix) => [prefix, prefix] as const));
        const fitting = prefixes.filter((prefix) => number.startsWith(prefix));
        const longest = fitting.sort((a, b) => b.length - a.length)[0];
        expect(table.longest(number)).toBe(longest);
      }),
    );
  });

  it('stops at what is no digit', () => {
    const table = new PrefixTable([['966', 1]]);
    expect(table.longest('966x')).toBe(1);
    expect(table.longest('96x6')).toBeUndefined();
    expect(table.longest('9٦6')).toBeUndefined();
  });

  it('refuses a prefix that is not digits', () => {
    expect(() => new PrefixTable([['9a', 1]])).toThrow(RangeError);
  });
});
