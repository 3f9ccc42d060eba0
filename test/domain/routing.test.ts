import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountId, carrierId } from '../../src/domain/ids.ts';
import {
  compileRoutes,
  type RouteCandidate,
  type RouteDraft,
  type RouteQuery,
} from '../../src/domain/routing.ts';

const candidate = (id: number, priority = 1): RouteCandidate => ({
  carrier: carrierId(id),
  priority,
  weight: 1,
  cost: undefined,
  allowLoss: false,
});

function route(name: string, fits: Partial<RouteDraft> = {}): RouteDraft {
  return {
    name,
    prefix: fits.network === undefined ? '' : undefined,
    network: undefined,
    account: undefined,
    sender: undefined,
    trafficClass: undefined,
    hours: undefined,
    select: 'priority',
    candidates: [candidate(1)],
    ...fits,
  };
}

function query(given: Partial<RouteQuery> = {}): RouteQuery {
  return {
    msisdn: '966512345678',
    network: undefined,
    account: accountId(1),
    sender: 'ACME',
    trafficClass: 'otp',
    atMs: 0,
    ...given,
  };
}

const found = (routes: readonly RouteDraft[], given: Partial<RouteQuery> = {}) =>
  compileRoutes(routes).find(query(given))?.name;

describe('find', () => {
  it('takes the longest prefix, and its carriers by priority', () => {
    const routes = [
      route('all'),
      route('966', { prefix: '966', candidates: [candidate(2, 5), candidate(3, 1)] }),
    ];
    const [best] = [compileRoutes(routes).find(query())];
    expect(best?.candidates.map(({ carrier }) => carrier)).toEqual([3, 2]);
    expect(found(routes, { msisdn: '79161234567' })).toBe('all');
    expect(found([route('966', { prefix: '966' })], { msisdn: '79161234567' })).toBeUndefined();
  });

  it('asks who sends before where it goes, and where before when', () => {
    const open = { isOpen: () => true };
    const steps = [
      route('account', { account: accountId(1) }),
      route('sender', { sender: 'ACME' }),
      route('beginning', { sender: 'ACM*' }),
      route('shorter beginning', { sender: 'A*' }),
      route('class', { trafficClass: 'otp' }),
      route('operator', { network: '42001' }),
      route('country', { network: '420' }),
      route('long prefix', { prefix: '96651' }),
      route('short prefix', { prefix: '966' }),
      route('hours', { hours: open }),
      route('all'),
    ];
    const names = steps.map(({ name }) => name);
    for (let i = 0; i < steps.length; i++)
      expect(found(steps.slice(i).toReversed(), { network: '42001' })).toBe(names[i]);
    expect(
      compileRoutes(steps.toReversed())
        .matches(query({ network: '42001' }))
        .map((match) => match.route.name),
    ).toEqual(names);
  });

  it('passes over what is closed to what is less exact', () => {
    const night = { isOpen: (atMs: number) => atMs === 1 };
    const routes = [
      route('night', { prefix: '9665', hours: night }),
      route('day', { prefix: '966' }),
    ];
    expect(found(routes, { atMs: 1 })).toBe('night');
    expect(found(routes, { atMs: 0 })).toBe('day');
    expect(
      compileRoutes(routes)
        .matches(query())
        .map(({ isOpen }) => isOpen),
    ).toEqual([false, true]);
  });

  it('takes a sender as it is written, and only its own account, class and network', () => {
    const only = (fits: Partial<RouteDraft>, given: Partial<RouteQuery>) =>
      found([route('one', fits)], given);
    expect(only({ sender: 'ACME' }, { sender: 'acme' })).toBeUndefined();
    expect(only({ sender: 'ACME*' }, { sender: 'ACME' })).toBe('one');
    expect(only({ sender: 'ACME*' }, { sender: 'ACM' })).toBeUndefined();
    expect(only({ account: accountId(2) }, {})).toBeUndefined();
    expect(only({ account: accountId(2) }, { account: undefined })).toBeUndefined();
    expect(only({ trafficClass: 'bulk' }, {})).toBeUndefined();
    expect(only({ network: '42003' }, { network: '42001' })).toBeUndefined();
    expect(only({ network: '42001' }, { network: '420' })).toBeUndefined();
    expect(only({ network: '420' }, {})).toBeUndefined();
  });

  const digits = fc.constantFrom('', '9', '96', '966', '9665', '7');
  const drafts = fc.array(
    fc.record({
      prefix: fc.option(digits, { nil: undefined }),
      network: fc.constantFrom('420', '42001', '42003'),
      account: fc.constantFrom(undefined, accountId(1), accountId(2)),
      sender: fc.constantFrom(undefined, 'A', 'AB', 'A*', 'AB*', '*'),
      trafficClass: fc.constantFrom(undefined, 'otp', 'bulk'),
      isOpen: fc.constantFrom(undefined, true, false),
    }),
    { maxLength: 30 },
  );
  const queries = fc.record({
    msisdn: fc.constantFrom('966512345678', '967512345678', '79161234567', '12025550101'),
    network: fc.constantFrom(undefined, '420', '42001', '42002'),
    account: fc.constantFrom(undefined, accountId(1), accountId(2), accountId(3)),
    sender: fc.constantFrom('', 'A', 'AB', 'ABC', 'B'),
    trafficClass: fc.constantFrom('', 'otp', 'bulk', 'other'),
  });

  it('agrees with looking at every route in turn', () => {
    fc.assert(
      fc.property(drafts, queries, (given, asked) => {
        const routes = given.map(({ isOpen, network, ...fits }, i) =>
          route(String(i), {
            ...fits,
            network: fits.prefix === undefined ? network : undefined,
            hours: isOpen === undefined ? undefined : { isOpen: () => isOpen },
          }),
        );
        const wanted = query(asked);
        const fitting = routes.filter((one) => fits(one, wanted));
        const expected = fitting
          .filter((one) => one.hours?.isOpen(0) ?? true)
          .toSorted((a, b) => compare(rank(b), rank(a)))[0];
        const table = compileRoutes(routes);
        const taken = table.find(wanted);
        expect(taken && rank(taken)).toEqual(expected && rank(expected));
        const matches = table.matches(wanted);
        expect(matches.find(({ isOpen }) => isOpen)?.route).toBe(taken);
        expect(new Set(matches.map((match) => match.route.name))).toEqual(
          new Set(fitting.map(({ name }) => name)),
        );
      }),
      { numRuns: 500 },
    );
  });
});

function fits(one: RouteDraft, { msisdn, network, account, sender, trafficClass }: RouteQuery) {
  const destination =
    one.network === undefined
      ? msisdn.startsWith(one.prefix ?? '')
      : network?.startsWith(one.network) === true &&
        [3, network.length].includes(one.network.length);
  return (
    destination &&
    (one.account === undefined || one.account === account) &&
    (one.trafficClass === undefined || one.trafficClass === trafficClass) &&
    (one.sender === undefined ||
      (one.sender.endsWith('*')
        ? sender.startsWith(one.sender.slice(0, -1))
        : sender === one.sender))
  );
}

/** Higher is more exact, criterion by criterion. */
function rank({ account, sender, trafficClass, network, prefix, hours }: RouteDraft): number[] {
  return [
    account === undefined ? 0 : 1,
    sender === undefined ? 0 : sender.endsWith('*') ? sender.length : 100,
    trafficClass === undefined ? 0 : 1,
    network === undefined ? 0 : network.length,
    prefix?.length ?? 0,
    hours === undefined ? 0 : 1,
  ];
}

function compare(a: number[], b: number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
