import { describe, expect, it } from 'vitest';
import { costHistory } from '../../src/domain/cost-history.ts';
import { compileTariffSpec } from '../../src/domain/tariff.ts';

const at = (atMs: number) => ({ network: undefined, trafficClass: '', sender: undefined, atMs });
const flat = (price: string) => compileTariffSpec('costs', 1, { '966': price });

describe('costHistory', () => {
  const limited = compileTariffSpec('costs', 2, [
    { prefix: '966', price: '0.05' },
    { prefix: '966', price: '0.06', from: '1970-01-01T00:00:02.500Z' },
  ]);
  const costs = costHistory([
    { fromMs: 500, tariff: undefined },
    { fromMs: 1_000, tariff: flat('0.04') },
    { fromMs: 2_000, tariff: limited },
    { fromMs: 3_000, tariff: undefined },
  ]);

  it('has what was in force, its own times included', () => {
    const prices = [1_000, 1_999, 2_000, 2_499, 2_500, 2_999, 3_000];
    expect(prices.map((ms) => costs.priceFor('966501234567', at(ms)))).toEqual([
      40_000n,
      40_000n,
      50_000n,
      50_000n,
      60_000n,
      60_000n,
      undefined,
    ]);
  });

  it('has the first that was known before any was', () => {
    expect(costs.priceFor('966501234567', at(0))).toBe(40_000n);
    expect(costHistory([]).priceFor('966501234567', at(0))).toBeUndefined();
  });

  it('names every moment at which a price may change', () => {
    expect(costs.changesAtMs).toEqual([1_000, 2_000, 2_500, 3_000]);
  });
});
