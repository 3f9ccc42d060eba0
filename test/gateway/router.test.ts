import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Catalog } from '../../src/domain/catalog.ts';
import { compileCatalog } from '../../src/domain/compile-catalog.ts';
import { carrierId } from '../../src/domain/ids.ts';
import { routeName } from '../../src/domain/route-name.ts';
import { routeSchema } from '../../src/domain/route-schema.ts';
import { trafficClassOf } from '../../src/domain/traffic-class.ts';
import { Router, type RouterDeps } from '../../src/gateway/router.ts';
import { explainRoute } from '../../src/ops/route-explanation.ts';
import { applied, parsed, rowsOf } from '../domain/resource-samples.ts';

interface Drawn {
  readonly routes: readonly object[];
  readonly prices: Readonly<Record<string, string>>;
  /** Of the carriers c1 to c4; undefined: no cost. */
  readonly costs: readonly (Readonly<Record<string, string>> | undefined)[];
}

async function catalogOf({ routes, prices, costs }: Drawn): Promise<Catalog> {
  const file = {
    tariffs: {
      sale: prices,
      ...Object.fromEntries(
        costs.flatMap((cost, i) => (cost === undefined ? [] : [[`k${i}`, cost]])),
      ),
    },
    terms: { usual: {} },
    accounts: ['a1', 'a2'].map((name) => ({
      name,
      tariff: 'sale',
      terms: 'usual',
      binds: [
        { systemId: name, password: 'secret' },
        { systemId: `${name}-otp`, password: 'secret', trafficClass: 'otp' },
      ],
    })),
    carriers: costs.map((cost, i) => ({
      name: `c${i + 1}`,
      host: 'localhost',
      port: 2775,
      systemId: 'gw',
      password: 'gw',
      ...(cost && { cost: `k${i}` }),
    })),
    networks: {
      ...withoutPrefixes(routes),
      420: { prefixes: ['966'] },
      42001: { operator: 'stc', prefixes: ['96650'] },
    },
    routes,
  };
  return compileCatalog(rowsOf(await applied(parsed(JSON.stringify(file)))));
}

/** The operators that routes name: their numbers are in the table of numbers alone. */
function withoutPrefixes(routes: readonly { readonly network?: string }[]): object {
  const operators = routes.flatMap(({ network = '' }) => (network.length > 3 ? network : []));
  return Object.fromEntries(operators.map((network) => [network, { prefixes: [] }]));
}

function routerOf(catalog: Catalog, deps: Partial<RouterDeps> = {}): Router {
  return new Router({
    catalog: () => catalog,
    random: () => 0,
    now: () => Date.UTC(2026, 10, 22, 12),
    numbers: { networkOf: () => undefined },
    isUsable: () => true,
    ...deps,
  });
}

function messageOf(catalog: Catalog, systemId: string, destination: string, source_addr = '') {
  const bind = catalog.binds.get(systemId);
  const unitPrice = bind?.account.tariff.priceFor(destination);
  if (bind === undefined || unitPrice === undefined) throw new Error('a bind and a price');
  const { id, account: owner } = bind;
  const trafficClass = trafficClassOf(catalog, owner, id, source_addr, undefined);
  return { destination, echo: { source_addr }, owner, trafficClass, unitPrice };
}

const to = (name: string, more: object = {}) => ({ name, ...more });
const FOUR = [undefined, undefined, undefined, undefined];

describe('choose', () => {
  it('goes by the class of the bind, else by that of the account', async () => {
    const catalog = await catalogOf({
      prices: { '*': '0.1' },
      costs: FOUR,
      routes: [
        { prefix: '', carriers: [to('c1')] },
        { prefix: '', class: 'otp', carriers: [to('c2')] },
        { prefix: '', class: 'transactional', account: 'a2', carriers: [to('c3')] },
      ],
    });
    const router = routerOf(catalog);
    const chosen = (systemId: string) =>
      router.choose(messageOf(catalog, systemId, '966500000001'));
    expect(['a1', 'a1-otp', 'a2', 'a2-otp'].map(chosen)).toEqual([1, 2, 3, 2]);
  });

  it('takes a numeric sender with "+" for the same without', async () => {
    const catalog = await catalogOf({
      prices: { '*': '0.1' },
      costs: FOUR,
      routes: [
        { prefix: '', carriers: [to('c1')] },
        { prefix: '', sender: '+9665*', carriers: [to('c2')] },
        { prefix: '', sender: '+SHOP', carriers: [to('c3')] },
      ],
    });
    const chosen = (sender: string) =>
      routerOf(catalog).choose(messageOf(catalog, 'a1', '966500000001', sender));
    expect(['+966500', '966500', '+SHOP', 'SHOP', '+', ''].map(chosen)).toEqual([2, 2, 3, 1, 1, 1]);
  });

  it('asks the table of numbers before the prefixes of networks', async () => {
    const catalog = await catalogOf({
      prices: { '*': '0.1' },
      costs: FOUR,
      routes: [
        { prefix: '966', carriers: [to('c1')] },
        { network: '420', carriers: [to('c2')] },
        { network: '42001', carriers: [to('c3')] },
        { network: '42003', carriers: [to('c4')] },
      ],
    });
    const ported = new Map([
      ['966500000009', '42003'],
      ['966540000001', '90101'],
    ]);
    const router = routerOf(catalog, { numbers: { networkOf: (number) => ported.get(number) } });
    const chosen = (number: string) => router.choose(messageOf(catalog, 'a1', number));
    expect(chosen('966500000001')).toBe(3);
    expect(chosen('966540000002')).toBe(2);
    expect(chosen('966500000009')).toBe(4);
    expect(chosen('966540000001')).toBe(1);
    expect(chosen('12025550101')).toEqual({ noRoute: 'no route to this number' });
  });

  it('takes the route of an MCC by the country of a number, whichever of its MCCs it names', async () => {
    const catalog = await catalogOf({
      prices: { '*': '0.1' },
      costs: FOUR,
      routes: [
        { prefix: '', carriers: [to('c1')] },
        { network: '410', carriers: [to('c2')] },
        { network: '405', carriers: [to('c3')] },
        { network: '401', carriers: [to('c4')] },
      ],
    });
    const chosen = (number: string) => routerOf(catalog).choose(messageOf(catalog, 'a1', number));
    const numbers = ['923001234567', '919812345678', '77011234567', '79161234567'];
    expect(numbers.map(chosen)).toEqual([2, 3, 4, 1]);
  });

  it('refuses what every carrier would lose money on, also for next and again', async () => {
    const catalog = await catalogOf({
      prices: { '*': '0.05' },
      costs: [{ '*': '0.050001' }, { '966': '0.06' }, { '*': '0.05' }, undefined],
      routes: [
        { prefix: '9', carriers: [to('c1'), to('c2')] },
        { prefix: '7', carriers: [to('c1'), to('c3', { priority: 2 })] },
        { prefix: '1', carriers: [to('c1', { allowLoss: true }), to('c4', { weight: 0 })] },
        { prefix: '2', carriers: [to('c4', { weight: 0 })] },
      ],
    });
    const router = routerOf(catalog);
    const none = new Set([carrierId(3)]);
    const of = (number: string) => messageOf(catalog, 'a1', number);
    expect(router.choose(of('966500000001'))).toEqual({
      noRoute: 'no route to this number at its price',
    });
    expect(router.next(of('966500000001'), none)).toBeUndefined();
    expect(router.again(of('966500000001'), none)).toBeUndefined();
    expect(router.choose(of('79161234567'))).toBe(3);
    expect(router.next(of('79161234567'), none)).toBeUndefined();
    expect(router.choose(of('12025550101'))).toBe(1);
    expect(router.choose(of('27820000000'))).toEqual({
      noRoute: 'no carrier of the route to this number takes traffic',
    });
  });

  it('takes the longest prefix of a carrier’s cost under leastCost', async () => {
    const catalog = await catalogOf({
      prices: { '*': '1' },
      costs: [{ '966': '0.04', '96650': '0.02' }, { '966': '0.03' }, undefined, undefined],
      routes: [{ prefix: '', select: 'leastCost', carriers: [to('c1'), to('c2')] }],
    });
    const router = routerOf(catalog);
    expect(router.choose(messageOf(catalog, 'a1', '966500000001'))).toBe(1);
    expect(router.choose(messageOf(catalog, 'a1', '966540000001'))).toBe(2);
  });

  it('takes well under 10 us of CPU for a decision over 1,000 routes', async () => {
    const catalog = await manyRoutes();
    const router = routerOf(catalog, { random: Math.random });
    const messages = manyMessages(catalog);
    // The least of five rounds: what shares the caches of this machine is not in it.
    const rounds = Array.from({ length: 5 }, () => {
      const start = process.cpuUsage();
      let chosen = 0;
      for (let i = 0; i < 20_000; i++) {
        const message = messages[i % messages.length];
        if (message !== undefined && typeof router.choose(message) === 'number') chosen++;
      }
      expect(chosen).toBe(20_000);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 20_000;
    });
    expect(Math.min(...rounds)).toBeLessThan(10);
  });
});

describe('again', () => {
  it('says where to wait, but not at one that has had the message', async () => {
    const catalog = await catalogOf({
      prices: { '*': '0.1' },
      costs: FOUR,
      routes: [{ prefix: '', carriers: [to('c1'), to('c2', { priority: 2 })] }],
    });
    const down = routerOf(catalog, { isUsable: () => false });
    const message = messageOf(catalog, 'a1', '966500000001');
    expect(down.again(message, new Set())).toBe(1);
    expect(down.again(message, new Set([carrierId(1)]))).toBe(2);
    expect(down.again(message, new Set([1, 2].map(carrierId)))).toBeUndefined();
    expect(down.next(message, new Set())).toBeUndefined();
  });
});

describe('explain', () => {
  const prefix = fc.constantFrom('', '9', '966', '96650', '7');
  const money = fc.constantFrom('0.01', '0.03', '0.05', '0.07');
  const tariff = fc.dictionary(fc.constantFrom('*', '966', '9665', '7'), money);
  const candidates = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('c1', 'c2', 'c3', 'c4'),
      priority: fc.nat(2),
      weight: fc.nat(3),
      allowLoss: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4, selector: ({ name }) => name },
  );
  const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 1 });
  const drawnRoute = fc
    .record({
      where: fc.oneof(
        fc.record({ prefix }),
        fc.record({ network: fc.constantFrom('420', '42001', '42003') }),
      ),
      account: optional(fc.constantFrom('a1', 'a2')),
      sender: optional(fc.constantFrom('SHOP', 'SH*', '9665*')),
      class: optional(fc.constantFrom('otp', 'transactional')),
      // At noon UTC the first is open and the second closed.
      hours: optional(fc.constantFrom('08:00-20:00', '20:00-08:00')),
      select: fc.constantFrom('priority', 'leastCost'),
      carriers: candidates,
    })
    .map(({ where, hours, ...rest }) => ({
      ...where,
      ...JSON.parse(JSON.stringify(rest)),
      ...(hours && { hours: { timeZone: 'UTC', times: [hours] } }),
    }));
  const routes = fc.uniqueArray(drawnRoute, {
    maxLength: 12,
    selector: (one) => routeName(routeSchema.parse(one)),
  });
  const drawn = fc.record({
    routes,
    prices: tariff.map((prices) => ({ '*': '0.05', ...prices })),
    costs: fc.array(optional(tariff), { minLength: 4, maxLength: 4 }),
  });
  const world = fc.record({
    up: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    ported: fc.constantFrom(undefined, '42001', '42003', '90101'),
    systemId: fc.constantFrom('a1', 'a1-otp', 'a2', 'a2-otp'),
    number: fc.constantFrom('966500000001', '966540000001', '79161234567', '12025550101'),
    sender: fc.constantFrom('', 'SHOP', 'SHIP', '+966500', 'other'),
    random: fc.double({ min: 0, max: 0.999999, noNaN: true }),
  });

  it('never says other than what choose does', async () => {
    await fc.assert(
      fc.asyncProperty(
        drawn,
        fc.array(world, { minLength: 1, maxLength: 8 }),
        async (given, worlds) => {
          const catalog = await catalogOf(given);
          for (const { up, ported, systemId, number, sender, random } of worlds) {
            const state = { random };
            const router = routerOf(catalog, {
              random: () => state.random,
              numbers: { networkOf: () => ported },
              isUsable: (id) => up[id - 1] === true,
            });
            const message = messageOf(catalog, systemId, number, sender);
            const decision = router.explain({
              destination: number,
              sender,
              account: message.owner.id,
              trafficClass: systemId.endsWith('otp') ? 'otp' : 'transactional',
              unitPrice: message.unitPrice,
              atMs: Date.UTC(2026, 10, 22, 12),
            });
            expect(decision.route).toBe(decision.matches.find(({ isOpen }) => isOpen)?.route);
            const chosen = router.choose(message);
            if (typeof chosen === 'object') {
              expect(decision.refused).toBe(chosen.noRoute);
              expect(decision.candidates.every(({ share }) => share === 0)).toBe(true);
              continue;
            }
            expect(decision.refused).toBeUndefined();
            const shared = decision.candidates.filter(({ share }) => share > 0);
            expect(shared.map((one) => one.candidate.carrier)).toContain(chosen);
            expect(decision.waits).toBe(up[chosen - 1] === false);
            let low = 0;
            for (const { candidate, share, cost } of shared) {
              state.random = low + share / 2;
              expect(router.choose(message)).toBe(candidate.carrier);
              low += share;
              if (candidate.cost !== undefined && !candidate.allowLoss)
                expect(cost !== undefined && cost <= message.unitPrice).toBe(true);
            }
            expect(low).toBeCloseTo(1, 9);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('explainRoute', () => {
  const explained = async (question: object, deps: Partial<RouterDeps> = {}) => {
    const catalog = await catalogOf({
      prices: { '966': '0.05' },
      costs: [{ '966': '0.03' }, { '966': '0.06' }, { '7': '0.01' }, undefined],
      routes: [
        { prefix: '', carriers: [to('c4')] },
        { prefix: '966', carriers: [to('c1', { priority: 2 }), to('c2'), to('c3')] },
        {
          network: '42003',
          account: 'a1',
          carriers: [to('c4', { weight: 1 }), to('c1', { weight: 3 })],
        },
        {
          prefix: '966',
          account: 'a2',
          hours: { timeZone: 'UTC', times: ['20:00-08:00'] },
          carriers: [to('c4')],
        },
      ],
    });
    return explainRoute(
      { router: routerOf(catalog, deps), catalog, carriers: [] },
      {
        destination: '966500000001',
        account: 'a1',
        sender: '',
        trafficClass: undefined,
        atMs: Date.UTC(2026, 10, 22, 12),
        ...question,
      },
    );
  };

  it('lays open the price, each cost and margin, and why a carrier is not used', async () => {
    expect(await explained({})).toMatchObject({
      at: '2026-11-22T12:00:00.000Z',
      class: 'transactional',
      network: { code: '42001', operator: 'stc', from: 'prefix' },
      unitPrice: '0.05',
      route: '966',
      prefix: '966',
      why: 'it has the longer prefix',
      candidates: [
        {
          carrier: 'c2',
          usable: false,
          reason: 'costs 0.06, over the price of 0.05',
          cost: '0.06',
          margin: '-0.01',
          share: 0,
        },
        { carrier: 'c3', usable: false, reason: 'the tariff k2 has no cost for this number' },
        { carrier: 'c1', usable: true, reason: null, cost: '0.03', margin: '0.02', share: 1 },
      ],
      waits: false,
      refused: null,
    });
  });

  it('names the source of the network, and shares by weight', async () => {
    const found = await explained({}, { numbers: { networkOf: () => '42003' } });
    expect(found).toMatchObject({
      network: { code: '42003', operator: null, from: 'number' },
      route: 'network 42003 account=a1',
      why: 'it names the account',
      candidates: [
        { carrier: 'c4', share: 0.25, cost: null, margin: null },
        { carrier: 'c1', share: 0.75 },
      ],
    });
  });

  it('knows the country of a number that no table has', async () => {
    expect(await explained({ destination: '79161234567' })).toMatchObject({
      network: { code: '250', operator: null, from: 'country' },
    });
  });

  it('shows what is closed, and where a message would wait', async () => {
    expect(await explained({ account: 'a2' }, { isUsable: () => false })).toMatchObject({
      routes: [
        { name: '966 account=a2 hours="daily 20:00-08:00 UTC"', open: false },
        { name: '966', open: true },
        { name: '', open: true },
      ],
      candidates: [
        { carrier: 'c2' },
        { carrier: 'c3' },
        { carrier: 'c1', share: 1, reason: 'not running' },
      ],
      waits: true,
    });
    const night = { account: 'a2', atMs: Date.UTC(2026, 10, 22, 22) };
    expect(await explained(night)).toMatchObject({ why: 'it names the account', waits: false });
  });

  it('refuses a number without a price, and leaves prices out where no account is named', async () => {
    expect(await explained({ destination: '79161234567' })).toMatchObject({
      unitPrice: null,
      refused: 'no price for this number',
      candidates: [{ carrier: 'c4', share: 0 }],
    });
    expect(await explained({ account: undefined })).toMatchObject({
      account: null,
      class: null,
      unitPrice: null,
      candidates: [
        { carrier: 'c2', usable: true, share: 1, margin: null },
        { carrier: 'c3' },
        { carrier: 'c1' },
      ],
    });
    expect(await explained({ account: 'nobody' })).toEqual({ noSuchAccount: 'nobody' });
  });
});

/** 1,000 routes of every sort over 4 carriers. */
async function manyRoutes(): Promise<Catalog> {
  const routes = Array.from({ length: 1_000 }, (_, i) => {
    const where = i % 10 === 9 ? { network: String(420_000 + i) } : { prefix: String(10_000 + i) };
    return {
      ...where,
      ...(i % 5 === 1 && { account: 'a1' }),
      ...(i % 7 === 1 && { sender: `S${i}*` }),
      ...(i % 3 === 1 && { class: 'otp' }),
      ...(i % 11 === 1 && { hours: { timeZone: 'Asia/Riyadh', times: ['00:00-24:00'] } }),
      select: i % 2 === 0 ? 'priority' : 'leastCost',
      carriers: [to('c1', { weight: 2 }), to('c2'), to('c3', { priority: 2 })],
    };
  });
  return catalogOf({
    prices: { '*': '0.1' },
    costs: [{ '*': '0.01' }, { '*': '0.02' }, { '1': '0.03' }, undefined],
    routes: [{ prefix: '', carriers: [to('c1'), to('c2')] }, ...routes],
  });
}

function manyMessages(catalog: Catalog) {
  return Array.from({ length: 1_000 }, (_, i) =>
    messageOf(catalog, i % 2 === 0 ? 'a1' : 'a2-otp', `${10_000 + i}500000`, `S${i}`),
  );
}
