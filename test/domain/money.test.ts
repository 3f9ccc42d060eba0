import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  credits,
  formatCredits,
  parseCredits,
  subtract,
  times,
} from '../../src/domain/money.ts';

const STORABLE = { min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n };

describe('parseCredits', () => {
  it.each([
    ['0.05', 50_000n],
    ['1000', 1_000_000_000n],
    ['-1.5', -1_500_000n],
    ['0.00645', 6_450n],
    ['0.000001', 1n],
    ['007.10', 7_100_000n],
    ['0', 0n],
    ['9223372036854.775807', 2n ** 63n - 1n],
  ])('reads %s exactly', (text, micro) => {
    expect(parseCredits(text)).toBe(micro);
  });

  it.each([
    ['0.0000001', 'has more than six decimals'],
    ['1.0000000', 'has more than six decimals'],
    ['9223372036854.775808', 'is too large'],
    ['99999999999999', 'is too large'],
    ['', 'is not a decimal number such as "0.05"'],
    ['.5', 'is not a decimal number such as "0.05"'],
    ['5.', 'is not a decimal number such as "0.05"'],
    ['+5', 'is not a decimal number such as "0.05"'],
    ['1e3', 'is not a decimal number such as "0.05"'],
    ['1,5', 'is not a decimal number such as "0.05"'],
    [' 5', 'is not a decimal number such as "0.05"'],
    ['٥', 'is not a decimal number such as "0.05"'],
    ['NaN', 'is not a decimal number such as "0.05"'],
  ])('says what is wrong with "%s"', (text, error) => {
    expect(parseCredits(text)).toEqual({ error });
  });
});

describe('formatCredits', () => {
  it.each([
    [50_000n, '0.05'],
    [1_000_000_000n, '1000'],
    [-1_500_000n, '-1.5'],
    [0n, '0'],
    [1n, '0.000001'],
    [-1n, '-0.000001'],
  ])('writes %s micro-credits with as few decimals as it needs', (micro, text) => {
    expect(formatCredits(credits(micro))).toBe(text);
  });

  it('is read back to the same by parseCredits', () => {
    fc.assert(
      fc.property(fc.bigInt(STORABLE), (micro) => {
        expect(parseCredits(formatCredits(credits(micro)))).toBe(micro);
      }),
    );
  });
});

describe('times', () => {
  it('is the sum of its units: no rounding anywhere', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.nat(300), (unit, n) => {
        let sum = credits(0n);
        for (let i = 0; i < n; i++) sum = add(sum, credits(unit));
        expect(times(credits(unit), n)).toBe(sum);
        expect(subtract(sum, times(credits(unit), n))).toBe(0n);
      }),
    );
  });
});
