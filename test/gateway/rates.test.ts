import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Catalog, CatalogAccount, CatalogBind } from '../../src/domain/catalog.ts';
import { accountId, bindId } from '../../src/domain/ids.ts';
import { createLimits, type Limits, type LimitsOptions } from '../../src/gateway/rates.ts';
import { redisUrl } from '../support/redis.ts';

const started: Limits[] = [];
afterEach(async () => {
  for (const limits of started.splice(0)) await limits.close();
});

describe('takeSegments on one node', () => {
  it('limits a bind by its rate and burst, and leaves one without a rate alone', async () => {
    const { rates } = await start();
    const bind = bindOf(1, accountOf(1), { segmentsPerSecond: 100, burst: 20 });
    expect(passed(rates, bind, 50, 0)).toBe(20);
    expect(passed(rates, bind, 50, 100)).toBe(10);
    expect(passed(rates, bindOf(2, accountOf(1), {}), 50, 0)).toBe(50);
  });

  it('counts segments', async () => {
    const { rates } = await start();
    const bind = bindOf(1, accountOf(1), { segmentsPerSecond: 10, burst: 10 });
    expect([3, 3, 3, 3].map((segments) => rates.takeSegments(bind, segments, 0))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('limits an account over all its binds to one second at once', async () => {
    const { rates } = await start();
    const account = accountOf(1, 30);
    const first = bindOf(1, account, { segmentsPerSecond: 100, burst: 100 });
    const second = bindOf(2, account, {});
    expect(passed(rates, first, 20, 0) + passed(rates, second, 20, 0)).toBe(30);
  });

  it('leaves the fast binds of an account an eighth of a second beside the flood of its others', async () => {
    const limits = await start();
    const account = accountOf(1, 80);
    const fast = bindOf(1, account, { lane: 0 });
    const bulk = bindOf(2, account, { lane: 2 });
    const { rates } = limits;
    limits.onCatalog(catalogOf(fast, bulk));
    expect(passed(rates, bulk, 200, 0)).toBe(70);
    expect(passed(rates, fast, 200, 0)).toBe(10);
    // 8 more tokens each tenth of a second: the fast one has what it asks for, the flood all the rest.
    let [ofFast, ofBulk] = [0, 0];
    for (let ms = 100; ms <= 10_000; ms += 100) {
      ofBulk += passed(rates, bulk, 50, ms);
      ofFast += passed(rates, fast, 3, ms);
    }
    expect(ofFast).toBe(300);
    expect(ofBulk).toBeGreaterThanOrEqual(800 - 300 - 10);
    expect(ofBulk).toBeLessThanOrEqual(800 - 300);
  });

  it('leaves nothing where no bind is fast, or all are, and lets a message through that needs the whole bucket', async () => {
    const limits = await start();
    const [slow, quick] = [accountOf(1, 80), accountOf(2, 80)];
    const bulk = bindOf(1, slow, { lane: 2 });
    const fast = bindOf(2, quick, { lane: 0 });
    limits.onCatalog(catalogOf(bulk, fast));
    expect(passed(limits.rates, bulk, 200, 0)).toBe(80);
    expect(passed(limits.rates, fast, 200, 0)).toBe(80);
    const tiny = accountOf(3, 2);
    const both = [bindOf(3, tiny, { lane: 0 }), bindOf(4, tiny, { lane: 2 })] as const;
    limits.onCatalog(catalogOf(...both));
    expect(limits.rates.takeSegments(both[1], 5, 0)).toBe(true);
    expect(limits.rates.takeSegments(both[1], 1, 1_000)).toBe(false);
  });

  it('takes from neither when one has no room', async () => {
    const { rates } = await start();
    const account = accountOf(1, 10);
    const bind = bindOf(1, account, { segmentsPerSecond: 1, burst: 15 });
    // The account refuses 90 of 100 ...
    expect(passed(rates, bind, 100, 0)).toBe(10);
    // ... which have not cost the bind its 5 of 15 left.
    expect(passed(rates, bind, 100, 1_000)).toBe(6);
    // And the bind's refusals have not cost the account its 4.
    expect(passed(rates, bindOf(2, account, {}), 100, 1_000)).toBe(4);
  });

  it('keeps the fill when a new catalog has other numbers', async () => {
    const limits = await start();
    const before = bindOf(1, accountOf(1, 50), { segmentsPerSecond: 20, burst: 20 });
    expect(passed(limits.rates, before, 15, 0)).toBe(15);
    const after = bindOf(1, accountOf(1, 40), { segmentsPerSecond: 100, burst: 100 });
    limits.onCatalog(catalogOf(after));
    // The bind had 5 of 20 left, the account 35 of 50.
    expect(passed(limits.rates, after, 100, 0)).toBe(5);
    expect(passed(limits.rates, bindOf(2, after.account, {}), 100, 0)).toBe(30);
  });

  it('forgets a bind that is gone: full when it returns', async () => {
    const limits = await start();
    const bind = bindOf(1, accountOf(1), { segmentsPerSecond: 1, burst: 5 });
    expect(passed(limits.rates, bind, 10, 0)).toBe(5);
    limits.onCatalog(catalogOf());
    limits.onCatalog(catalogOf(bind));
    expect(passed(limits.rates, bind, 10, 0)).toBe(5);
  });

  it('has a share each where several nodes live without Redis', async () => {
    const { rates } = await start({ liveNodes: () => 2 });
    const bind = bindOf(1, accountOf(1), { segmentsPerSecond: 100, burst: 20 });
    expect(passed(rates, bind, 50, 0)).toBe(10);
    expect(passed(rates, bind, 50, 100)).toBe(5);
  });
});

describe('takeSegments on two nodes that share Redis', () => {
  it('passes the limit over both together, and no more than its bound above it', async () => {
    const [a, b] = await startTwo(undefined);
    const bind = bindOf(1, accountOf(1, 1_000), { segmentsPerSecond: 2_000, burst: 2_000 });
    const total = await floodFor(1_000, bind, a, b);
    // The account is the tighter one: 1,000 at once and 1,000 a second; 125 held by each. A busy
    // machine makes answers late, which may let one more burst through in this first second.
    expect(total.passed).toBeLessThanOrEqual(1_000 + total.ms + 2 * 125 + 1_000);
    expect(total.passed).toBeGreaterThan(0.9 * (1_000 + 1_000));
    // The first second is paid for: then it is the rate, what was held, and half a burst at most for late answers.
    const next = await floodFor(500, bind, a, b);
    expect(next.passed).toBeLessThanOrEqual(next.ms + 2 * 125 + 500);
    expect(total.passed + next.passed).toBeGreaterThan(0.9 * (1_000 + 1_500));
  });

  it('leaves the whole rate to one node when the other is idle', async () => {
    const [a] = await startTwo(undefined);
    const bind = bindOf(2, accountOf(1), { segmentsPerSecond: 2_000, burst: 200 });
    const { passed, ms } = await floodFor(1_000, bind, a);
    // Its share would be 1,100; a fifth is for a machine that stutters.
    expect(passed).toBeGreaterThan(0.8 * 2_000);
    expect(passed).toBeLessThanOrEqual(200 + 2 * ms + 200 + 200);
  });

  it('gives each its share of the burst in one turn, and no more than one burst too many after it', async () => {
    const clock = { ms: 5_000_000 };
    const [a, b] = await startTwo(clock);
    const bind = bindOf(3, accountOf(1), { segmentsPerSecond: 1, burst: 1_000 });
    expect(passed(a.rates, bind, 2_000, clock.ms)).toBe(500);
    expect(passed(b.rates, bind, 2_000, clock.ms)).toBe(500);
    let total = 1_000;
    for (let turns = 0; turns < 200; turns++) {
      await turn();
      total += passed(a.rates, bind, 2_000, clock.ms) + passed(b.rates, bind, 2_000, clock.ms);
    }
    expect(total).toBeLessThanOrEqual(2_000);
  });
});

describe('binds', () => {
  it('opens bindsMax on one node and counts them', async () => {
    const { binds, openHere } = await start();
    const bind = bindOf(1, accountOf(1), { bindsMax: 2 });
    expect([
      await binds.open(bind, '1'),
      await binds.open(bind, '2'),
      await binds.open(bind, '3'),
    ]).toEqual([true, true, false]);
    expect(await binds.open(bind, '2')).toBe(true);
    expect(openHere(bind.systemId)).toBe(2);
    binds.close(bind, '1');
    binds.close(bind, '1');
    expect(await binds.open(bind, '3')).toBe(true);
    expect(await binds.open(bind, '4')).toBe(false);
  });

  it('frees the places of a system_id that is gone from the catalog', async () => {
    const limits = await start();
    const bind = bindOf(1, accountOf(1), { bindsMax: 1 });
    expect(await limits.binds.open(bind, '1')).toBe(true);
    limits.onCatalog(catalogOf());
    expect(await limits.binds.open(bind, '2')).toBe(true);
  });
});

async function start(options: Partial<LimitsOptions> = {}): Promise<Limits> {
  const limits = await createLimits({
    redisUrl: undefined,
    nodeKey: 'a',
    liveNodes: () => 1,
    now: () => 0,
    onState: () => {},
    ...options,
  });
  started.push(limits);
  return limits;
}

/** Two nodes on one Redis; without a clock, by real time. */
async function startTwo(clock: { readonly ms: number } | undefined): Promise<[Limits, Limits]> {
  const now = clock === undefined ? Date.now : () => clock.ms;
  const both = {
    redisUrl: redisUrl(),
    liveNodes: () => 2,
    now,
    scriptTimeMs: clock === undefined ? undefined : now,
  };
  return [await start({ ...both, nodeKey: 'a' }), await start({ ...both, nodeKey: 'b' })];
}

/** Far more than any limit, on all nodes in turn, by real time. */
async function floodFor(
  leastMs: number,
  bind: CatalogBind,
  ...nodes: readonly Limits[]
): Promise<{ passed: number; ms: number }> {
  const from = Date.now();
  let total = 0;
  while (Date.now() - from < leastMs) {
    for (const { rates } of nodes) total += passed(rates, bind, 20, Date.now());
    await turn();
  }
  return { passed: total, ms: Date.now() - from };
}

/** How many of `messages` of one segment pass. */
function passed(
  rates: Limits['rates'],
  bind: CatalogBind,
  messages: number,
  nowMs: number,
): number {
  let count = 0;
  for (let i = 0; i < messages; i++) if (rates.takeSegments(bind, 1, nowMs)) count++;
  return count;
}

/** Only what limits read. */
function accountOf(id: number, segmentsPerSecond?: number): CatalogAccount {
  return { id: accountId(id), name: `account${id}`, segmentsPerSecond } as CatalogAccount;
}

function bindOf(id: number, account: CatalogAccount, limits: Partial<CatalogBind>): CatalogBind {
  const none = { bindsMax: 8, windowMax: 100, segmentsPerSecond: 0, burst: 0 };
  return { id: bindId(id), systemId: `bind${id}`, account, ...none, ...limits } as CatalogBind;
}

function catalogOf(...binds: readonly CatalogBind[]): Catalog {
  const read = {
    binds: new Map(binds.map((bind) => [bind.systemId, bind])),
    accounts: new Map(binds.map((bind) => [bind.account.id, bind.account])),
  };
  return { ...read, version: 1 } as Partial<Catalog> as Catalog;
}
