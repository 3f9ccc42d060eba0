import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CarrierChoice } from '../../src/domain/carrier-choice.ts';
import { carrierId } from '../../src/domain/ids.ts';
import { credits } from '../../src/domain/money.ts';
import { compileRoutes, type Route, type RouteCandidate } from '../../src/domain/routing.ts';
import { compileTariff } from '../../src/domain/tariff.ts';

interface Given {
  readonly priority?: number;
  readonly weight?: number;
  /** Micro-credits for every number; null: a tariff without this number. */
  readonly cost?: number | null | undefined;
  readonly allowLoss?: boolean;
}

/** A route whose carriers have the ids 1, 2, ... */
function routeOf(given: readonly Given[], select: 'priority' | 'leastCost' = 'priority'): Route {
  const candidates = given.map(
    ({ priority = 1, weight = 1, cost, allowLoss = false }, i): RouteCandidate => ({
      carrier: carrierId(i + 1),
      priority,
      weight,
      allowLoss,
      cost:
        cost === undefined
          ? undefined
          : compileTariff('c', 1, cost === null ? [] : [['*', credits(BigInt(cost))]]),
    }),
  );
  const fits = { network: undefined, account: undefined, sender: undefined };
  const rest = { trafficClass: undefined, hours: undefined, select, candidates };
  const table = compileRoutes([{ name: '', prefix: '', ...fits, ...rest }]);
  const found = table.find({
    msisdn: '1',
    network: undefined,
    account: undefined,
    sender: '',
    trafficClass: '',
    atMs: 0,
  });
  if (found === undefined) throw new Error('the route fits');
  return found;
}

const PRICE = {
  msisdn: '966512345678',
  unitPrice: credits(50_000n),
  network: undefined,
  sender: 'ACME',
  trafficClass: 'transactional',
  atMs: 0,
};
const all = () => true;
const choose = (route: Route, isUp: (id: number) => boolean = all, random = 0, tried?: number[]) =>
  new CarrierChoice(isUp).choose(route, PRICE, tried && new Set(tried.map(carrierId)), random);

describe('choose', () => {
  it('shares one priority by weight', () => {
    const two = routeOf([{ weight: 1 }, { weight: 3 }]);
    expect([0, 0.249, 0.25, 0.999].map((random) => choose(two, all, random))).toEqual([1, 1, 2, 2]);
  });

  it('goes to the next priority only when no carrier of the first is usable', () => {
    const three = routeOf([{}, {}, { priority: 2 }]);
    expect(choose(three, (id) => id !== 1)).toBe(2);
    expect(choose(three, (id) => id === 3, 0.5)).toBe(3);
    expect(choose(three, () => false)).toBeUndefined();
    expect(choose(three, all, 0, [1, 2])).toBe(3);
  });

  it('gives a weight of 0 nothing', () => {
    expect(choose(routeOf([{ weight: 0 }, { priority: 2 }]))).toBe(2);
    expect(choose(routeOf([{ weight: 0 }]))).toBeUndefined();
  });

  it('never takes a carrier that costs more than the price, unless it may lose', () => {
    expect(choose(routeOf([{ cost: 50_001 }, { cost: 50_000, priority: 2 }]))).toBe(2);
    expect(choose(routeOf([{ cost: 50_001 }]))).toBeUndefined();
    expect(choose(routeOf([{ cost: 50_001, allowLoss: true }]))).toBe(1);
    expect(choose(routeOf([{ cost: null }, { priority: 2 }]))).toBe(2);
    expect(choose(routeOf([{ cost: null, allowLoss: true }]))).toBe(1);
  });

  it('takes the cheapest under leastCost, of those as cheap the first priority, then by weight', () => {
    const route = routeOf(
      [
        { cost: 30_000, priority: 1 },
        { cost: 20_000, priority: 3 },
        { cost: 20_000, priority: 2, weight: 1 },
        { cost: 20_000, priority: 2, weight: 3 },
        { cost: 60_000, priority: 0 },
      ],
      'leastCost',
    );
    expect([0, 0.249, 0.25, 0.999].map((random) => choose(route, all, random))).toEqual([
      3, 3, 4, 4,
    ]);
    expect(choose(route, (id) => id !== 3 && id !== 4)).toBe(2);
    expect(choose(route, (id) => id === 1)).toBe(1);
    expect(choose(route, (id) => id === 5)).toBeUndefined();
  });

  it('takes one of unknown cost last under leastCost', () => {
    const route = routeOf(
      [
        { cost: null, allowLoss: true },
        { cost: 40_000, priority: 9 },
      ],
      'leastCost',
    );
    expect(choose(route)).toBe(2);
    expect(choose(route, (id) => id === 1)).toBe(1);
  });
});

describe('waitFor', () => {
  it('is the best one that is down, never one that may not be used', () => {
    const down = new CarrierChoice(() => false);
    const waits = (route: Route) => {
      expect(down.choose(route, PRICE, undefined, 0)).toBeUndefined();
      return down.waitFor(route);
    };
    expect(waits(routeOf([{ priority: 2 }, { priority: 1 }]))).toBe(2);
    expect(waits(routeOf([{ cost: 40_000 }, { cost: 20_000 }], 'leastCost'))).toBe(2);
    expect(waits(routeOf([{ cost: 50_001 }, { weight: 0 }, { priority: 5 }]))).toBe(3);
    expect(waits(routeOf([{ cost: 50_001 }]))).toBeUndefined();
  });
});

describe('explain', () => {
  const candidate = fc.record({
    priority: fc.nat(2),
    weight: fc.nat(3),
    cost: fc.constantFrom(undefined, null, 10_000, 50_000, 50_001),
    allowLoss: fc.boolean(),
  });
  const random = fc.double({ min: 0, max: 0.999999, noNaN: true });

  it('gives a share to exactly those that the choice can fall on, in proportion', () => {
    fc.assert(
      fc.property(
        fc.array(candidate, { minLength: 1, maxLength: 6 }),
        fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        fc.constantFrom('priority' as const, 'leastCost' as const),
        random,
        (given, up, select, drawn) => {
          const route = routeOf(given, select);
          const choice = new CarrierChoice((id) => up[id - 1] === true);
          const explained = choice.explain(route, PRICE);
          const shares = new Map(explained.map((one) => [one.candidate.carrier, one.share]));
          const sum = [...shares.values()].reduce((a, b) => a + b, 0);
          const taken = choice.choose(route, PRICE, undefined, drawn) ?? choice.waitFor(route);
          expect(sum).toBeCloseTo(taken === undefined ? 0 : 1, 9);
          if (taken !== undefined) expect(shares.get(taken)).toBeGreaterThan(0);
          // Each share is an interval of the random number: its middle falls on its carrier.
          let low = 0;
          for (const { candidate: one, share, verdict } of explained) {
            if (share === 0) continue;
            const at = choice.choose(route, PRICE, undefined, low + share / 2);
            expect(at ?? choice.waitFor(route)).toBe(one.carrier);
            expect(at === undefined).toBe(verdict === 'notUp');
            low += share;
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never gives a share to a loss that is not allowed', () => {
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 6 }), (given) => {
        for (const { candidate: one, cost, share } of new CarrierChoice(all).explain(
          routeOf(given),
          PRICE,
        ))
          if (share > 0 && !one.allowLoss && one.cost !== undefined)
            expect(cost !== undefined && cost <= PRICE.unitPrice).toBe(true);
      }),
    );
  });
});
