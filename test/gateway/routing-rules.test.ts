import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

const NAMES = ['one', 'two', 'stc', 'mobily'] as const;
type Name = (typeof NAMES)[number];
type Routes = readonly object[];

let carriers: Record<Name, ScriptedCarrier>;
let gateway: TestGateway;
let esme: Esme;

const to = (name: Name, more: object = {}) => ({ name, ...more });

/** What no case changes: the routes of its own numbers are each case's. */
const BASE: Routes = [
  { network: '42001', carriers: [to('stc')] },
  { network: '42003', carriers: [to('mobily')] },
  { prefix: '3', carriers: [to('two', { priority: 1 }), to('one', { priority: 2 })] },
  { prefix: '35', carriers: [to('two')] },
  { prefix: '36', carriers: [to('two', { allowLoss: true })] },
];

function setup(routes: Routes): string {
  const text = resources({
    tariffs: { standard: { '*': '0.1' }, low: { '*': '0.02' }, high: { '3': '0.11', '*': '0.02' } },
    accounts: {
      alice: {},
      olga: { bind: { trafficClass: 'otp' } },
    },
    carriers: {
      one: { port: carriers.one.port, binds: 1, cost: 'low' },
      two: { port: carriers.two.port, binds: 1, cost: 'high' },
      stc: { port: carriers.stc.port, binds: 1 },
      mobily: { port: carriers.mobily.port, binds: 1 },
    },
    routes: [...BASE, ...routes],
  });
  const networks = { 42001: { prefixes: ['96650', '96655'] }, 42003: { prefixes: ['96654'] } };
  return JSON.stringify({ ...JSON.parse(text), networks });
}

beforeAll(async () => {
  const listening = NAMES.map(async (name) => [name, await ScriptedCarrier.listen()] as const);
  carriers = Object.fromEntries(await Promise.all(listening)) as typeof carriers;
  gateway = await TestGateway.start(setup([]));
  esme = await Esme.bind(gateway.port, { systemId: 'alice' });
  for (const carrier of Object.values(carriers))
    await eventually(() => expect(carrier.sessions.size).toBe(1));
});

afterAll(async () => {
  await esme?.close();
  await gateway?.close();
  for (const carrier of Object.values(carriers ?? {})) await carrier.down();
});

/** Waits until a node says this of 966501000002. */
function knows(node: TestGateway, code: string, from: 'number' | 'prefix'): Promise<void> {
  const question = { destination: '966501000002', sender: '', trafficClass: '' };
  const rest = { account: undefined, unitPrice: undefined, atMs: 0 };
  return eventually(() =>
    expect(node.node.gateway.router.explain({ ...question, ...rest }).network).toEqual({
      code,
      from,
    }),
  );
}

describe('a route by network', () => {
  it('follows the prefixes of the networks, and single numbers as soon as they are stored, on every node', async () => {
    await esme.accepted({ destination_addr: '966501000001' });
    await carriers.stc.taken(1, '966501000001');
    const other = await gateway.beside();
    try {
      await gateway.setNetworks({ '966501000002': '42003' });
      for (const node of [gateway, other]) await knows(node, '42003', 'number');
    } finally {
      await other.close();
    }
    await esme.accepted({ destination_addr: '966501000002' });
    await carriers.mobily.taken(1, '966501000002');
    await gateway.setNetworks({ '966501000002': null });
    await knows(gateway, '42001', 'prefix');
    await esme.accepted({ destination_addr: '966501000002' });
    await carriers.stc.taken(1, '966501000002');
  });

  it('knows the numbers again after a restart', async () => {
    await gateway.setNetworks({ '966501000003': '42003' });
    await gateway.drain();
    await gateway.up();
    esme = await Esme.bind(gateway.port, { systemId: 'alice' });
    await eventually(() => expect(carriers.mobily.sessions.size).toBe(1));
    await esme.accepted({ destination_addr: '966501000003' });
    await carriers.mobily.taken(1, '966501000003');
  });
});

describe('the margin guard', () => {
  it('passes over a carrier that costs more than the price', async () => {
    await esme.accepted({ destination_addr: '33025550101' });
    await carriers.one.taken(1, '33025550101');
    expect(carriers.two.to('33025550101')).toEqual([]);
  });

  it('refuses with noRoute what every carrier would lose money on, and charges nothing', async () => {
    const before = await gateway.money('alice');
    const answer = await esme.submit({ destination_addr: '35025550101' });
    expect(answer.command_status).toBe(0x0b);
    expect(await gateway.money('alice')).toEqual(before);
    expect(
      gateway.reports.some(({ what, args }) => what === 'submitAnswered' && args[1] === 'noRoute'),
    ).toBe(true);
  });

  it('lets a loss be made where the route says so', async () => {
    await esme.accepted({ destination_addr: '36025550101' });
    await carriers.two.taken(1, '36025550101');
  });

  it('holds at failover too: the message waits rather than lose', async () => {
    await gateway.setPaused('one', true);
    const id = await esme.accepted({ destination_addr: '33025550102' });
    await gateway.setPaused('one', false);
    await carriers.one.taken(1, '33025550102');
    await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    expect(carriers.two.to('33025550102')).toEqual([]);
  });
});

describe('an apply', () => {
  it('routes what comes after it at once', async () => {
    await gateway.apply(setup([{ prefix: '5', carriers: [to('one')] }]));
    await esme.accepted({ destination_addr: '55025550101' });
    await carriers.one.taken(1, '55025550101');
    await gateway.apply(setup([{ prefix: '5', carriers: [to('two')] }]));
    await esme.accepted({ destination_addr: '55025550102' });
    await carriers.two.taken(1, '55025550102');
    await gateway.apply(setup([]));
    expect((await esme.submit({ destination_addr: '55025550103' })).command_status).toBe(0x0b);
  });
});

describe('requeue', () => {
  const numbers = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${prefix}${String(25_550_000 + i)}`);

  it('takes what is queued where the routes now say, once, and leaves the rest', async () => {
    const both = (name: Name) => [
      { prefix: '61', carriers: [to(name)] },
      { prefix: '62', carriers: [to('one')] },
    ];
    await gateway.apply(setup(both('one')));
    await gateway.setPaused('one', true);
    const moving = numbers('610', 40);
    const staying = numbers('620', 10);
    const ids = await Promise.all(
      [...moving, ...staying].map((number) => esme.accepted({ destination_addr: number })),
    );
    expect(await gateway.requeue('two')).toEqual({ moved: 0, kept: 0 });
    await gateway.apply(setup(both('two')));
    expect(carriers.two.to(moving[0])).toEqual([]);
    expect(await gateway.requeue('one')).toEqual({ moved: 40, kept: 10 });
    for (const number of moving) await carriers.two.taken(1, number);
    expect(await gateway.requeue()).toEqual({ moved: 0, kept: 10 });
    await gateway.setPaused('one', false);
    for (const number of staying) await carriers.one.taken(1, number);
    for (const id of ids)
      await eventually(async () => expect(await gateway.dispatches(id)).toHaveLength(1));
    for (const number of moving) expect(carriers.two.to(number)).toHaveLength(1);
    expect(moving.flatMap((number) => carriers.one.to(number))).toEqual([]);
  });

  it('is done by every node with its own queues', async () => {
    await gateway.apply(setup([{ prefix: '63', carriers: [to('one')] }]));
    await gateway.setPaused('one', true);
    const other = await gateway.beside();
    try {
      const there = await Esme.bind(other.port, { systemId: 'olga' });
      const waiting = numbers('630', 5);
      for (const number of waiting) await there.accepted({ destination_addr: number });
      await gateway.apply(setup([{ prefix: '63', carriers: [to('two')] }]));
      expect(await gateway.requeue()).toEqual({ moved: 0, kept: 0 });
      for (const number of waiting) await carriers.two.taken(1, number);
      await there.close();
    } finally {
      await gateway.setPaused('one', false);
      await other.close();
    }
  });

  it('knows the class of a message that was read back from the store', async () => {
    const olga = await Esme.bind(gateway.port, { systemId: 'olga' });
    await gateway.apply(setup([{ prefix: '64', carriers: [to('one')] }]));
    await gateway.setPaused('one', true);
    await olga.accepted({ destination_addr: '64025550101' });
    await esme.accepted({ destination_addr: '64025550102' });
    await gateway.drain();
    await gateway.up();
    await gateway.apply(
      setup([
        { prefix: '64', carriers: [to('one')] },
        { prefix: '64', class: 'otp', carriers: [to('two')] },
      ]),
    );
    await eventually(async () => {
      const { moved, kept } = await gateway.requeue('one');
      expect(moved + kept).toBeGreaterThan(0);
    });
    await carriers.two.taken(1, '64025550101');
    await gateway.setPaused('one', false);
    await carriers.one.taken(1, '64025550102');
    expect(carriers.two.to('64025550102')).toEqual([]);
  });
});

describe('what a requeue moved', () => {
  it('stays there over a restart, also one that its first carrier had put off; and may be moved again', async () => {
    const alice = await Esme.bind(gateway.port, { systemId: 'alice' });
    const [fresh, putOff, back] = ['65025550101', '65025550102', '65025550103'] as const;
    await gateway.apply(setup([{ prefix: '65', carriers: [to('one')] }]));
    // ESME_RMSGQFUL: later, here (SMPP 3.4 §5.1.3).
    carriers.one.onSubmit = (submit) => carriers.one.refuse(submit, 0x14);
    const ids = [await alice.accepted({ destination_addr: putOff })];
    await eventually(async () => expect(await gateway.dispatches(ids[0] ?? '')).not.toEqual([]));
    await gateway.setPaused('one', true);
    await gateway.setPaused('two', true);
    for (const number of [fresh, back])
      ids.push(await alice.accepted({ destination_addr: number }));
    const tries = carriers.one.to(putOff).length;
    await gateway.apply(setup([{ prefix: '65', carriers: [to('two')] }]));
    await eventually(async () => {
      await gateway.requeue('one');
      const moved = 'select distinct id from carrier_move where id = any ($1::int8[])';
      expect(await gateway.sql(moved, [ids])).toHaveLength(3);
    });
    await gateway.apply(
      setup([
        { prefix: '65', carriers: [to('two')] },
        { prefix: back, carriers: [to('one')] },
      ]),
    );
    expect(await gateway.requeue('two')).toMatchObject({ moved: 1 });
    await gateway.abandon();
    await gateway.up();
    carriers.one.onSubmit = (submit) => carriers.one.accept(submit);
    await gateway.setPaused('one', false);
    await gateway.setPaused('two', false);
    await carriers.two.taken(1, fresh);
    await carriers.two.taken(1, putOff);
    await carriers.one.taken(1, back);
    for (const [i, number] of [putOff, fresh, back].entries())
      await eventually(async () => {
        const attempts = await gateway.dispatches(ids[i] ?? '');
        expect(attempts.filter(({ status }) => status === 0)).toHaveLength(1);
        expect(carriers.one.to(number).length + carriers.two.to(number).length).toBe(
          number === putOff ? tries + 1 : 1,
        );
      });
    expect(carriers.one.to(putOff)).toHaveLength(tries);
    expect(carriers.two.to(back)).toEqual([]);
  });
});

describe('reconcile', () => {
  it('finds the books in order after all this', () => gateway.reconciled());
});
