import { describe, expect, it } from 'vitest';
import { diffResources } from '../../src/domain/resource-diff.ts';
import type { ResourceSet } from '../../src/domain/resources.ts';
import { applied, matches, parsed } from './resource-samples.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');

const CHANGES = / changes a price by a large factor, (.*): if that is meant, .*$/;

/** The large changes that a file would make, `key: prices`; anything else that is wrong as it is. */
function large(current: ResourceSet, text: string): string[] {
  const diff = diffResources(current, parsed(text), matches, { nowMs: NOW });
  return 'errors' in diff
    ? diff.errors.map(({ key, message }) => `${key} ${message}`.replace(CHANGES, ': $1'))
    : [];
}

const data = (value: unknown): string => JSON.stringify(value);
const tariff = (prices: unknown): string => data({ tariffs: { t: prices } });
const stored = (text: string): Promise<ResourceSet> => applied(parsed(text));

/** What is refused of a change of the one tariff. */
async function ofTariff(before: unknown, after: unknown): Promise<string[]> {
  return large(await stored(tariff(before)), tariff(after));
}

describe('prices of a tariff', () => {
  const before = { '966': '0.05', '7': '0.00645', '*': '0.1' };

  it('are named when they change by ten times, up or down, and no others', async () => {
    expect(await ofTariff(before, { ...before, '966': '0.5' })).toEqual([
      'tariffs.t: 966: 0.05 -> 0.5',
    ]);
    expect(await ofTariff(before, { ...before, '966': '0.499999' })).toEqual([]);
    expect(await ofTariff(before, { ...before, '*': '0.01' })).toEqual([
      'tariffs.t: *: 0.1 -> 0.01',
    ]);
  });

  it('are compared with what their numbers cost otherwise when they are new or removed', async () => {
    const named = ['tariffs.t: 966: 0.1 -> 10'];
    expect(await ofTariff({ '*': '0.1' }, { '*': '0.1', '966': '10' })).toEqual(named);
    expect(await ofTariff({ '*': '0.1' }, { '*': '0.1', '966': '0.5' })).toEqual([]);
    expect(await ofTariff({ '*': '0.1', '966': '10' }, { '*': '0.1' })).toEqual([
      'tariffs.t: 966: 10 -> 0.1',
    ]);
    // A destination that was not sold before has no price to compare with.
    expect(await ofTariff({ '7': '0.1' }, { '7': '0.1', '966': '10' })).toEqual([]);
  });

  it('are infinitely far from free', async () => {
    expect(await ofTariff({ '966': '0.05' }, { '966': '0' })).toHaveLength(1);
    expect(await ofTariff({ '966': '0' }, { '966': '0.05' })).toHaveLength(1);
    expect(await ofTariff({ '966': '0', '7': '1' }, { '966': '0', '7': '2' })).toEqual([]);
  });

  it('are looked at when they will be in force, each with its conditions', async () => {
    const now = { prefix: '966', price: '0.05' };
    const later = { prefix: '966', from: '2026-09-01T00:00:00.000Z', price: '5' };
    expect(await ofTariff([now], [now, later])).toEqual([
      'tariffs.t: 966 from 2026-09-01T00:00:00.000Z: 0.05 -> 5',
    ]);
    const over = { ...now, until: '2026-05-01T00:00:00.000Z', price: '5' };
    expect(await ofTariff([now], [now, over])).toEqual([]);
    const dear = { prefix: '*', price: '5' };
    const ending = { ...now, until: '2026-08-01T00:00:00.000Z' };
    expect(await ofTariff([now, dear], [ending, dear])).toEqual([
      'tariffs.t: 966 from 2026-08-01T00:00:00.000Z: 0.05 -> 5',
    ]);
    const otp = { prefix: '966', class: 'otp', price: '0.001' };
    expect(await ofTariff([now], [now, otp])).toEqual(['tariffs.t: 966 class otp: 0.05 -> 0.001']);
  });

  it('are compared for traffic that two conditions fit, of which the first of the list decides', async () => {
    const rest = { prefix: '966', price: '0.1' };
    const otp = { prefix: '966', class: 'otp', price: '0.02' };
    const named = { prefix: '966', sender: 'alphanumeric', price: '0.9' };
    expect(await ofTariff([rest, otp, named], [rest, named, otp])).toEqual([
      'tariffs.t: 966 class otp sender alphanumeric: 0.02 -> 0.9',
    ]);
  });

  it('are compared between a prefix and the network that has it', async () => {
    const networks = { '42001': { prefixes: ['96650'] }, '42003': { prefixes: ['96654'] } };
    const before = await stored(data({ tariffs: { t: { '966': '0.1' } }, networks }));
    const prices = (network: string) => [
      { prefix: '966', price: '0.1' },
      { network, price: '0.001' },
    ];
    expect(large(before, tariff(prices('42001')))).toEqual([
      'tariffs.t: network 42001: 0.1 -> 0.001',
    ]);
    expect(large(before, tariff(prices('25001')))).toEqual([]);
  });

  it('count as changed when the network of their numbers is another', async () => {
    const prices = [
      { network: '42001', price: '0.1' },
      { network: '42003', price: '5' },
    ];
    const networks = (first: string, second: string) => ({
      '42001': { prefixes: [first] },
      '42003': { prefixes: [second] },
    });
    const file = data({ tariffs: { t: prices }, networks: networks('96650', '96654') });
    const before = await stored(file);
    expect(large(before, data({ networks: networks('96654', '96650') }))).toHaveLength(2);
    expect(large(before, data({ networks: networks('966500', '96654') }))).toEqual([]);
  });

  it('may change by less than the changeMax that was in force before', async () => {
    const limited = (changeMax: number, price: string) => ({ changeMax, prices: { '966': price } });
    expect(await ofTariff({ '966': '99' }, limited(1_000_000, '0.001'))).toEqual([
      'tariffs.t: 966: 99 -> 0.001',
    ]);
    expect(await ofTariff(limited(1_000_000, '99'), limited(10, '0.001'))).toEqual([]);
    expect(await ofTariff(limited(1.5, '0.05'), { '966': '0.075' })).toHaveLength(1);
    expect(await ofTariff({ '966': '0.05' }, limited(1.5, '0.075'))).toEqual([]);
  });

  it('are told up to a hundred', async () => {
    const list = (price: string) =>
      Object.fromEntries(Array.from({ length: 150 }, (_, i) => [String(1000 + i), price]));
    const errors = await ofTariff(list('0.1'), list('1'));
    expect(errors).toHaveLength(101);
    expect(errors.at(-1)).toContain('and 50 more');
  });
});

describe('what an account pays', () => {
  const TARIFFS = {
    t: { '966': '0.5', '*': '0.10' },
    like: { '966': '0.4', '*': '0.2' },
    dear: { '*': '99' },
    plain: { '966': '0.5' },
  };
  const account = (name: string, spec: object) => ({ name, terms: 'x', tariff: 't', ...spec });
  const accounts = (...specs: object[]): string => data({ accounts: specs });
  const having = (...specs: object[]): Promise<ResourceSet> =>
    stored(data({ tariffs: TARIFFS, terms: { x: {} }, accounts: specs }));

  it('is compared when it gets prices of its own', async () => {
    const current = await having(account('a', {}));
    const priced = (prices: object) => large(current, accounts(account('a', { prices })));
    expect(priced({ '966': '5', '*': '0.0001' })).toEqual([
      'accounts.a.prices: *: 0.1 -> 0.0001, 966: 0.5 -> 5',
    ]);
    expect(priced({ '966': '0.4', '*': '0.09' })).toEqual([]);
  });

  it('is compared for numbers that only its tariff names, too', async () => {
    const current = await having(account('a', { tariff: 'plain' }));
    const prices = { '*': '0.001' };
    expect(large(current, accounts(account('a', { tariff: 'plain', prices })))).toEqual([
      'accounts.a.prices: 966: 0.5 -> 0.001',
    ]);
  });

  it('is compared when its own prices go', async () => {
    const current = await having(
      account('a', { prices: { '966': '0.05', '*': '0.1' } }),
      account('b', { prices: { '966': '0.4', '*': '0.1' } }),
    );
    expect(large(current, accounts(account('a', {}), account('b', {})))).toEqual([
      'accounts.a.prices: 966: 0.05 -> 0.5',
    ]);
  });

  it('is compared when it gets another tariff', async () => {
    const current = await having(account('a', {}), account('b', {}));
    const moved = accounts(account('a', { tariff: 'dear' }), account('b', { tariff: 'like' }));
    expect(large(current, moved)).toEqual(['accounts.a.tariff: *: 0.1 -> 99, 966: 0.5 -> 99']);
  });

  it('is what its own prices leave of a change of its tariff', async () => {
    const own = { prices: { '*': '0.1' } };
    const current = await having(account('a', own), account('b', {}));
    expect(large(current, accounts(account('a', { ...own, tariff: 'dear' })))).toEqual([]);
    expect(large(current, accounts(account('b', { ...own, tariff: 'dear' })))).toEqual([]);
    expect(large(current, accounts(account('a', { tariff: 'dear' })))).toHaveLength(1);
  });

  it('is compared with the tariff as it will be', async () => {
    const current = await having(account('a', { prices: { '966': '0.05', '*': '0.1' } }));
    const file = (price: string) =>
      data({
        tariffs: { ...TARIFFS, t: { '966': price, '*': '0.10' } },
        accounts: [account('a', {})],
      });
    expect(large(current, file('0.5'))).toHaveLength(1);
    expect(large(current, file('0.06'))).toEqual([]);
  });

  it('may change by less than the changeMax of the tariff that it had', async () => {
    const file = (changeMax: number) =>
      data({
        tariffs: { ...TARIFFS, t: { changeMax, prices: TARIFFS.t } },
        terms: { x: {} },
        accounts: [account('a', {})],
      });
    const moved = accounts(account('a', { tariff: 'dear' }));
    expect(large(await stored(file(1000)), moved)).toEqual([]);
    expect(large(await stored(file(900)), moved)).toEqual(['accounts.a.tariff: *: 0.1 -> 99']);
  });

  it('is free of it when it is new', async () => {
    const current = await having(account('a', {}));
    expect(large(current, accounts(account('new', { tariff: 'dear' })))).toEqual([]);
  });

  it('is told by the tariff alone where that changes for all of them', async () => {
    const many = Array.from({ length: 50 }, (_, i) => account(`a${i}`, {}));
    const current = await having(...many);
    const tariffs = { ...TARIFFS, t: { '966': '0.5', '*': '10' } };
    expect(large(current, data({ tariffs, accounts: many }))).toEqual(['tariffs.t: *: 0.1 -> 10']);
  });

  it('is compared in no time for thousands of accounts that move from one long tariff to another', async () => {
    const list = (price: string) =>
      Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [String(10_000 + i), price]));
    const current = await stored(
      data({
        tariffs: { t: list('0.1'), like: list('0.2') },
        terms: { x: {} },
        accounts: [account('a', {})],
      }),
    );
    const named = new Map(
      Array.from({ length: 5_000 }, (_, i) => [`a${i}`, current.accounts.get('a')] as const),
    );
    const stocked = { ...current, accounts: named } as ResourceSet;
    const moved = new Map([...named].map(([name, spec]) => [name, { ...spec, tariff: 'like' }]));
    const beganAt = performance.now();
    const next = { accounts: moved } as Parameters<typeof diffResources>[1];
    const diff = diffResources(stocked, next, matches, { nowMs: NOW });
    expect('ok' in diff && diff.ok.changes).toHaveLength(5_000);
    // 5,000 comparisons of 20,000 prices each would take minutes.
    expect(performance.now() - beganAt).toBeLessThan(10_000);
  });
});
