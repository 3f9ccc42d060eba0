import { describe, expect, it } from 'vitest';
import { credits } from '../../src/domain/money.ts';
import { senderKindOf } from '../../src/domain/sender-kind.ts';
import {
  compileTariff,
  compileTariffSpec,
  overriddenTariff,
  type PricedTraffic,
} from '../../src/domain/tariff.ts';
import { tariffSchema } from '../../src/domain/tariff-schema.ts';

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

const AT = Date.parse('2026-06-01T12:00:00Z');
const traffic = (fields: Partial<PricedTraffic> = {}): PricedTraffic => ({
  network: undefined,
  trafficClass: 'transactional',
  sender: 'alphanumeric',
  atMs: AT,
  ...fields,
});

describe('priceFor, with conditions', () => {
  const tariff = compileTariffSpec('t', 1, [
    { prefix: '*', price: '0.1' },
    { prefix: '966', price: '0.05' },
    { prefix: '966', class: 'otp', price: '0.04' },
    { prefix: '966', class: 'otp', sender: 'number', price: '0.03' },
    { prefix: '9665', sender: 'shortCode', price: '0.02' },
    { prefix: '971', from: '2026-01-01T00:00:00Z', until: '2026-07-01T00:00:00Z', price: '0.06' },
    { prefix: '971', price: '0.07' },
    { network: '42001', price: '0.045' },
    { network: '420', class: 'promotional', price: '0.2' },
  ]);
  const price = (to: string, fields?: Partial<PricedTraffic>) =>
    tariff.priceFor(to, traffic(fields));

  it('takes the price with more conditions that hold before one with fewer', () => {
    expect(price('966512345678')).toBe(50_000n);
    expect(price('966512345678', { trafficClass: 'otp' })).toBe(40_000n);
    expect(price('966512345678', { trafficClass: 'otp', sender: 'number' })).toBe(30_000n);
  });

  it('goes on to a shorter prefix when no price of the longest applies', () => {
    expect(price('966512345678', { sender: 'shortCode' })).toBe(20_000n);
    expect(price('966512345678', { sender: 'number' })).toBe(50_000n);
    expect(price('4917012345678')).toBe(100_000n);
  });

  it('takes a price only within its time, from its first millisecond to before its end', () => {
    expect(price('971501234567')).toBe(60_000n);
    expect(price('971501234567', { atMs: Date.parse('2026-01-01T00:00:00Z') })).toBe(60_000n);
    expect(price('971501234567', { atMs: Date.parse('2025-12-31T23:59:59.999Z') })).toBe(70_000n);
    expect(price('971501234567', { atMs: Date.parse('2026-07-01T00:00:00Z') })).toBe(70_000n);
  });

  it('takes a price of the network before one of any prefix, MNC before MCC', () => {
    expect(price('966512345678', { network: '42001' })).toBe(45_000n);
    expect(price('966512345678', { network: '42003', trafficClass: 'promotional' })).toBe(200_000n);
    expect(price('966512345678', { network: '42001', trafficClass: 'promotional' })).toBe(45_000n);
    expect(price('966512345678', { network: '42003' })).toBe(50_000n);
  });

  it('takes the price of any MCC of a country of which no more is known', () => {
    const india = compileTariffSpec('india', 1, [
      { prefix: '*', price: '0.1' },
      { network: '405', price: '0.2' },
    ]);
    expect(india.priceFor('919812345678', traffic({ network: '404' }))).toBe(200_000n);
    expect(india.priceFor('919812345678', traffic({ network: '40401' }))).toBe(100_000n);
    expect(india.priceFor('923001234567', traffic({ network: '410' }))).toBe(100_000n);
  });

  it('applies only prices without conditions to a number alone', () => {
    expect(tariff.priceFor('966512345678')).toBe(50_000n);
    expect(tariff.priceFor('971501234567')).toBe(70_000n);
  });

  it('is one walk for prices of prefixes, in whichever form they stand', () => {
    const list = compileTariffSpec('t', 1, [{ prefix: '966', price: '0.05' }]);
    const map = compileTariffSpec('t', 1, { changeMax: 20, prices: { '966': '0.05' } });
    for (const plain of [list, map]) {
      expect(plain.isConditional).toBe(false);
      expect(plain.priceFor('966512345678')).toBe(50_000n);
      expect(plain.priceFor('7')).toBeUndefined();
    }
  });
});

describe('overriddenTariff', () => {
  it("takes an account's own price first and the tariff's for the rest", () => {
    const own = compileTariffSpec('own', 9, [{ prefix: '966', class: 'otp', price: '0.01' }]);
    const both = overriddenTariff(standard, own);
    expect(both.priceFor('966512345678', traffic({ trafficClass: 'otp' }))).toBe(10_000n);
    expect(both.priceFor('966512345678', traffic())).toBe(50_000n);
    expect(both).toMatchObject({ name: 'standard', version: 3, isConditional: true });
  });
});

describe('tariffSchema', () => {
  const problems = (value: unknown) =>
    tariffSchema.safeParse(value).error?.issues.map(({ path, message }) => [path, message]) ?? [];

  it('takes each form and gives it back as it is', () => {
    const list = [{ prefix: '966', class: 'otp', from: '2026-01-01T00:00:00.000Z', price: '0.05' }];
    for (const form of [{ '966': '0.05' }, list, { changeMax: 20, prices: list }]) {
      const parsed = tariffSchema.parse(form);
      expect(parsed).toEqual(form);
      expect(tariffSchema.parse(parsed)).toEqual(form);
    }
  });

  it('names what is wrong where it is', () => {
    expect(problems({ '96a': '0.05' })[0]?.[0]).toEqual(['96a']);
    expect(problems([{ price: '0.05' }])).toEqual([
      [[0, 'prefix'], 'needs either prefix or network'],
    ]);
    expect(problems([{ prefix: '1', network: '42001', price: '1' }])[0]?.[0]).toEqual([
      0,
      'prefix',
    ]);
    expect(problems([{ prefix: '1', price: '0.0000001' }])[0]?.[0]).toEqual([0, 'price']);
    expect(problems({ prices: { '1': '1' } })[0]?.[0]).toEqual(['changeMax']);
    expect(
      problems([
        { prefix: '1', price: '1' },
        { prefix: '1', price: '2' },
      ]),
    ).toEqual([[[1], 'stands twice']]);
    const backwards = { from: '2026-02-01T00:00:00Z', until: '2026-01-01T00:00:00Z' };
    expect(problems([{ prefix: '1', ...backwards, price: '1' }])[0]?.[0]).toEqual([0, 'until']);
  });
});

describe('senderKindOf', () => {
  it('tells names, short codes and numbers apart', () => {
    expect(senderKindOf('ACME')).toBe('alphanumeric');
    expect(senderKindOf('5Star')).toBe('alphanumeric');
    expect(senderKindOf('70123')).toBe('shortCode');
    expect(senderKindOf('+966512345678')).toBe('number');
    expect(senderKindOf('')).toBeUndefined();
  });
});

describe('changesAtMs', () => {
  it('has each moment at which a price begins or ends, once, in order', () => {
    const [first, second] = ['2026-11-30T21:00:00.000Z', '2026-12-01T00:00:00.000Z'];
    const tariff = compileTariffSpec('t', 1, [
      { prefix: '966', price: '0.05', until: second },
      { prefix: '966', price: '0.06', from: second },
      { prefix: '7', price: '0.01', from: first },
      { prefix: '*', price: '0.1' },
    ]);
    expect(tariff.changesAtMs).toEqual([first, second].map((at) => Date.parse(at)));
    expect(standard.changesAtMs).toEqual([]);
    const own = compileTariffSpec('own', 1, [{ prefix: '*', price: '1', from: first }]);
    expect(overriddenTariff(tariff, own).changesAtMs).toHaveLength(2);
  });
});
