import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { BACK_SOON, resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** Each case has a pair of carriers, an account and a prefix of its own. */
const CASES = [
  'load',
  'alone',
  'both',
  'brief',
  'paused',
  'cold',
  'removed',
  'forsaken',
  'answers',
] as const;
type Case = (typeof CASES)[number];

let first: Record<Case, ScriptedCarrier>;
let second: Record<Case, ScriptedCarrier>;
let gateway: TestGateway;

beforeAll(async () => {
  const listen = async () =>
    Object.fromEntries(
      await Promise.all(CASES.map(async (name) => [name, await ScriptedCarrier.listen()])),
    ) as Record<Case, ScriptedCarrier>;
  first = await listen();
  second = await listen();
  gateway = await TestGateway.start(configured(CASES));
  await gateway.carriersUp();
});

/** Keys of both carriers of a case. */
const OWN: Partial<Record<Case, object>> = {
  brief: { failoverAfterSeconds: 3_600 },
  load: { windowMax: 10, onUnknownOutcome: { waitSeconds: 0.1, then: 'resend' } },
  removed: { windowMax: 10, binds: 1, failoverAfterSeconds: 3_600 },
  forsaken: {
    windowMax: 10,
    binds: 1,
    onUnknownOutcome: { waitSeconds: 30, then: 'resend', giveUpAfterSeconds: 0.5 },
  },
};

/** Resources with the second carrier of each case, and the first of some. */
function configured(firsts: readonly Case[]): string {
  const routed = (name: Case) => [
    ...(firsts.includes(name) ? [`${name}-1`] : []),
    ...(name === 'alone' ? [] : [`${name}-2`]),
  ];
  return resources({
    tariffs: { standard: { '*': '0.001' } },
    accounts: Object.fromEntries(
      CASES.map((name) => [
        name,
        { credit: '100', bind: { windowMax: 5000, segmentsPerSecond: 0 } },
      ]),
    ),
    carriers: Object.fromEntries([
      ...firsts.map((name) => [
        `${name}-1`,
        { ...BACK_SOON, port: first[name].port, ...OWN[name] },
      ]),
      ...CASES.map((name) => [
        `${name}-2`,
        { ...BACK_SOON, port: second[name].port, ...OWN[name] },
      ]),
    ]),
    routes: CASES.map((name) => ({
      prefix: prefixOf(name),
      carriers: routed(name).map((carrier, i) => ({ name: carrier, priority: i + 1 })),
    })),
  });
}

afterAll(async () => {
  await gateway?.close();
  for (const carrier of [...Object.values(first ?? {}), ...Object.values(second ?? {})])
    await carrier.down();
});

function prefixOf(name: Case): string {
  return String(10 + CASES.indexOf(name));
}

function numberOf(name: Case, n: number): string {
  return `${prefixOf(name)}2025${String(n).padStart(6, '0')}`;
}

async function submitMany(esme: Esme, name: Case, from: number, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, (_, i) =>
      esme.accepted({ destination_addr: numberOf(name, from + i) }),
    ),
  );
}

/** The carriers that accepted each of an account's messages, as the store has it. */
async function takers(name: Case): Promise<Map<string, string[]>> {
  const rows = await gateway.sql<{ id: string; carriers: string[] }>(
    `select m.id::text, array_agg(c.name order by d.attempt) as carriers from message m
     join account a on a.id = m.account join dispatch d on d.id = m.id and d.status = 0
     join carrier c on c.id = d.carrier where a.name = $1 group by m.id`,
    [name],
  );
  return new Map(rows.map(({ id, carriers }) => [id, carriers]));
}

/** Waits until a carrier's link is known to be down: what was written before would be unknown. */
async function isDown(name: string): Promise<void> {
  await eventually(() => {
    const running = [...gateway.node.gateway.carriers.running.values()];
    const found = running.find(({ carrier }) => carrier.name === name);
    expect(found).toBeDefined();
    expect(found?.upSinceMs).toBeUndefined();
  });
}

/** How each unknown outcome of an account's messages was resolved. */
async function unknownOf(name: Case): Promise<(string | null)[]> {
  const rows = await gateway.sql<{ resolution: string | null }>(
    `select u.resolution from unknown_outcome u join message m on m.id = u.id
     join account a on a.id = m.account where a.name = $1`,
    [name],
  );
  return rows.map(({ resolution }) => resolution);
}

describe('a link that dies', () => {
  it('loses nothing and doubles nothing but what was listed as unknown: the rest goes to the second carrier', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'load' });
    const [a, b] = [first.load, second.load];
    // It answers the first hundred and then sits on what it gets: windows and leases are full.
    a.onSubmit = (submit) => {
      if (a.submits.length <= 100) a.accept(submit);
    };
    const ids = await submitMany(esme, 'load', 0, 1000);
    await eventually(() => expect(a.submits.length).toBeGreaterThanOrEqual(120));
    const diedAt = Date.now();
    await a.down();
    await b.taken(1);
    // Within 100 ms on a machine at rest; what waits for the first carrier waits for good.
    expect(Date.now() - diedAt).toBeLessThan(15_000);
    await b.taken(880);
    a.onSubmit = (submit) => a.accept(submit);
    await a.up();
    await eventually(async () => expect((await takers('load')).size).toBe(1000));
    const taken = await takers('load');
    for (const id of ids) expect(taken.get(id)).toHaveLength(1);
    const unknown = await gateway.sql<{ id: string; resolution: string }>(
      `select u.id::text, u.resolution from unknown_outcome u join message m on m.id = u.id
       join account a on a.id = m.account where a.name = 'load'`,
    );
    // What both books have is what stands in the list.
    const inBoth = a.submits.filter(({ destination }) => b.to(destination).length > 0);
    const again = a.submits.length - new Set(a.submits.map((one) => one.destination)).size;
    expect(inBoth.length + again).toBeLessThanOrEqual(unknown.length);
    expect(unknown.every(({ resolution }) => resolution === 'resent')).toBe(true);
    expect(await gateway.money('load')).toMatchObject({ credits: '99' });
    await esme.close();
  });

  it('keeps its queue where its route has no other carrier', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'alone' });
    await first.alone.down();
    await isDown('alone-1');
    await submitMany(esme, 'alone', 0, 5);
    await first.alone.up();
    await first.alone.taken(5);
    await eventually(async () =>
      expect([...(await takers('alone')).values()]).toEqual(new Array(5).fill(['alone-1'])),
    );
    expect(second.alone.submits).toHaveLength(0);
    await esme.close();
  });

  it('leaves its queue to the first carrier that is up again, whichever', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'both' });
    await first.both.down();
    await second.both.down();
    for (const name of ['both-1', 'both-2']) await isDown(name);
    await submitMany(esme, 'both', 0, 5);
    await second.both.up();
    await second.both.taken(5);
    expect(first.both.submits).toHaveLength(0);
    await esme.close();
  });

  it('keeps its queue for failoverAfterSeconds', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'brief' });
    const { brief } = first;
    brief.onSubmit = () => {};
    await submitMany(esme, 'brief', 0, 300);
    await brief.taken(200);
    await brief.down();
    brief.onSubmit = (submit) => brief.accept(submit);
    await brief.up();
    // 200 are unknown, and resent in their time; the others were never sent before.
    await eventually(() =>
      expect(new Set(brief.submits.map((one) => one.destination)).size).toBe(300),
    );
    expect(second.brief.submits).toHaveLength(0);
    await esme.close();
  });
});

describe('a paused carrier', () => {
  it('keeps its queue although its link dies and its route has another', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'paused' });
    const [a, b] = [first.paused, second.paused];
    await b.down();
    a.onSubmit = () => {};
    await submitMany(esme, 'paused', 0, 1);
    await a.taken(1);
    await gateway.setPaused('paused-1', true);
    await submitMany(esme, 'paused', 1, 5);
    await b.up();
    await gateway.carriersUp('paused-2');
    await a.down();
    // One that is accepted now goes to the second, past those.
    await eventually(async () => {
      await submitMany(esme, 'paused', 50, 1);
      expect(b.submits.length).toBeGreaterThan(0);
    });
    expect(b.submits.some(({ destination }) => destination === numberOf('paused', 1))).toBe(false);
    await a.up();
    a.onSubmit = (submit) => a.accept(submit);
    await gateway.setPaused('paused-1', false);
    for (let n = 1; n < 6; n++) await a.taken(1, numberOf('paused', n));
    await esme.close();
  });
});

describe('a carrier that is removed', () => {
  it('leaves its queue to the other of the route', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'removed' });
    const [a, b] = [first.removed, second.removed];
    await a.down();
    await b.down();
    for (const name of ['removed-1', 'removed-2']) await isDown(name);
    await submitMany(esme, 'removed', 0, 100);
    await b.up();
    await gateway.carriersUp('removed-2');
    // Its link is down, but for an hour nothing goes elsewhere.
    await submitMany(esme, 'removed', 100, 1);
    await b.taken(1, numberOf('removed', 100));
    expect(b.submits).toHaveLength(1);
    await gateway.apply(configured(CASES.filter((name) => name !== 'removed')));
    await b.taken(101);
    await eventually(async () => expect((await takers('removed')).size).toBe(101));
    expect(b.submits).toHaveLength(101);
    await esme.close();
  });

  it('cannot be while it may still answer', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'answers' });
    const [id] = await submitMany(esme, 'answers', 0, 1);
    await eventually(async () => expect((await takers('answers')).get(id ?? '')).toHaveLength(1));
    const without = CASES.filter((name) => name !== 'removed' && name !== 'answers');
    await expect(gateway.apply(configured(without))).rejects.toThrow('may still answer');
    await esme.close();
  });
});

describe('a carrier that is not bound again for giveUpAfterSeconds', () => {
  it('is not waited for: what became unknown at it is resent by another of the route', async () => {
    const esme = await Esme.bind(gateway.port, { systemId: 'forsaken' });
    const [a, b] = [first.forsaken, second.forsaken];
    a.onSubmit = () => {};
    await submitMany(esme, 'forsaken', 0, 3);
    await a.taken(3);
    await a.down();
    await b.taken(3);
    await eventually(async () =>
      expect(await unknownOf('forsaken')).toEqual(new Array(3).fill('resent')),
    );
    await esme.close();
  });
});

describe('the books', () => {
  it('agree after all this', () => gateway.reconciled());
});
