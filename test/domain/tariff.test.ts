import { describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { compileTariff } from '../../src/domain/tariff.ts';

// The price list of the interface's example.
const standard = compileTariff('standard', 3, [
  ['966', credits(50_000n)],
  ['7', credits(6_450n)],
  ['*', credits(100_000n)],
]);

describe('priceFor', () => {
  it('takes the longest prefix', () => {
    const nested = compileTariff('t', 1, [
      ['7', credits(1n)],
      ['77', credits(2n)],
      ['7701', credits(3n)],
    ]);
    expect(nested.priceFor('79161234567')).toBe(1n);
    expect(nested.priceFor('77051234567')).toBe(2n);
    expect(nested.priceFor('77012345678')).toBe(3n);
  });

  it('falls back to "*" and has no price without it', () => {
    expect(standard.priceFor('966512345678')).toBe(50_000n);
    expect(standard.priceFor('79161234567')).toBe(6_450n);
    expect(standard.priceFor('4915112345678')).toBe(100_000n);
    expect(compileTariff('t', 1, [['966', credits(1n)]]).priceFor('79161234567')).toBeUndefined();
  });

  it('has a price of nothing where the list says so', () => {
    expect(compileTariff('t', 1, [['*', credits(0n)]]).priceFor('79161234567')).toBe(0n);
  });
});
