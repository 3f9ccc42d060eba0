import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/ops/cli/program.ts';
import { Stage } from '../daemon/stage.ts';
import { Esme } from '../gateway/esme.ts';
import type { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, type TestDaemon } from '../support/daemon.ts';
import { eventually } from '../support/gateway.ts';

/*
 * One-time passwords whose codes are no longer entered: everything is delivered, so that receipts say nothing. Two
 * customers send the same; the policy of the one looks at what he confirms, that of the other at receipts.
 */

const BAD = '96650';
const GOOD = '12025';
const SENT = 60;
const FEW = 5;

let stage: Stage;
let daemon: TestDaemon;
let carrier: ScriptedCarrier;
const esmes: Esme[] = [];

beforeAll(async () => {
  stage = await Stage.onDatabase();
  carrier = await stage.scriptedCarrier();
  carrier.deliverAll(5);
  const falls = { settleSeconds: 0, messages: 20, historyMessages: 100 };
  const rules = {
    entered: [{ name: 'codes', deliveryFalls: { ...falls, of: 'conversion' }, action: 'hold' }],
    arrived: [{ name: 'codes', deliveryFalls: falls, action: 'hold' }],
    unwatched: [],
  };
  const accounts = Object.keys(rules);
  const usual = stage.resources({ accounts }) as {
    accounts: { name: string }[];
    carriers: object[];
  };
  daemon = await stage.startDaemon({
    resources: {
      ...usual,
      policies: Object.fromEntries(
        accounts.map((name) => [name, { rules: rules[name as 'entered'] }]),
      ),
      accounts: usual.accounts.map((one) => ({ ...one, policy: one.name, trafficClass: 'otp' })),
      carriers: [{ ...usual.carriers[0], port: carrier.port }],
    },
  });
  // A day of usual traffic: nine in ten are delivered, eight in ten are entered.
  await stage.sql((client) =>
    client.query(
      `insert into traffic_slot (account, slot, class, prefix, accepted, delivered, converted)
       select a.id, date_trunc('hour', now()) - n * interval '1 hour', 'otp', p, 20, 18, 16
       from account a, generate_series(2, 21) n, unnest(array['${BAD}', '${GOOD}']) p`,
    ),
  );
});

afterAll(async () => {
  for (const esme of esmes) await esme.cut();
  await stage?.close();
});

let numbers = 100_000;
async function send(esme: Esme, count: number, prefix: string): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      esme.accepted({ destination_addr: `${prefix}${numbers++}` }),
    ),
  );
}

/** To the other prefix, a few at a time: whenever the traffic is looked at, nearly all was delivered and entered. */
async function usualTraffic(account: string, esme: Esme): Promise<void> {
  for (let sent = 0; sent < SENT; sent += FEW) {
    const ids = await send(esme, FEW, GOOD);
    for (const id of ids) await esme.receiptOf(id);
    const { body } = await confirm(account, ids.slice(0, FEW * 0.8));
    expect(body).toMatchObject({ counted: FEW * 0.8 });
  }
}

async function bind(systemId: string): Promise<Esme> {
  const esme = await Esme.bind(daemon.smppPort, { systemId });
  esmes.push(esme);
  return esme;
}

async function confirm(account: string, messages: string[], more: object = {}) {
  const answer = await fetch(`${daemon.httpUrl}/v1/accounts/${account}/conversions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages, ...more }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function cli(...words: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const add = (text: string): void => {
    out += text;
  };
  const code = await runCli(words, {
    io: { out: add, err: add },
    env: { SMPPGATE_URL: daemon.httpUrl, ADMIN_TOKEN },
    serve: async () => {},
    addSimulateCommands: async () => {},
    addBenchCommand: async () => {},
  });
  return { code, out };
}

const NOTHING_UNUSUAL = { code: 0, out: 'nothing is unusual\n' };

/** Waits until each of some messages has its receipt, or is held: on a slow machine the traffic is looked at meanwhile. */
function delivered(esme: Esme, ids: readonly string[]): Promise<string[]> {
  return eventually(async () => {
    const taken = new Set(esme.receipts.map(({ id }) => id));
    const { rows } = await stage.sql((client) =>
      client.query<{ id: string }>('select id::text from moderation'),
    );
    const isHeld = new Set(rows.map(({ id }) => id));
    expect(ids.filter((id) => !taken.has(id) && !isHeld.has(id))).toEqual([]);
    return ids.filter((id) => taken.has(id));
  });
}

const held = (account: string) =>
  stage.value(
    'select count(*) from moderation m join account a on a.id = m.account where a.name = $1',
    [account],
  );

describe('POST /v1/accounts/{name}/conversions', () => {
  it('counts each message once, and says which ids changed nothing', async () => {
    const other = await bind('unwatched');
    const [one, two, three] = await send(other, 3, GOOD);
    if (one === undefined || two === undefined || three === undefined) throw new Error('three');
    expect(await confirm('unwatched', [one, two, one, 'nobody', '7'])).toEqual({
      status: 200,
      body: {
        account: 'unwatched',
        counted: 2,
        repeated: [one],
        unknown: ['nobody', '7'],
        late: [],
      },
    });
    // Another's message is nobody's.
    expect((await confirm('entered', [one])).body).toMatchObject({ counted: 0, unknown: [one] });
    // Two at once: one of them counts it.
    const both = await Promise.all([confirm('unwatched', [three]), confirm('unwatched', [three])]);
    expect(both.map(({ body }) => body.counted).sort()).toEqual([0, 1]);
    expect((await confirm('unwatched', [two], { confirmed: false })).body.counted).toBe(0);
    const old = await stage.value(
      `select ((extract(epoch from now() - interval '32 days') * 1000 - 1735689600000)::int8 << 22)::text`,
    );
    await stage.sql((client) =>
      client.query(
        `insert into message select (jsonb_populate_record(m, jsonb_build_object('id', $2::text))).*
           from message m where m.id = $1`,
        [one, old],
      ),
    );
    expect((await confirm('unwatched', [old])).body).toMatchObject({ counted: 0, late: [old] });
    const { events } = await daemon.get<{ events: { event: string }[] }>(`/v1/messages/${one}`);
    expect(events.filter(({ event }) => event === 'converted')).toHaveLength(1);
    // Nobody's rules look at it: it is no part of any count.
    expect(
      await stage.value(
        `select sum(converted) = 20 * 16 * 2 from traffic_slot s join account a on a.id = s.account
         where a.name = 'unwatched'`,
      ),
    ).toBe('true');
  });

  it.each([
    [{ messages: [] }, 400],
    [{ messages: ['1'], confirmed: 'yes' }, 400],
    [{ messages: ['1'], unknown: 1 }, 400],
    [{ messages: Array.from({ length: 10_001 }, String) }, 400],
  ])('refuses %o with %d', async (body, status) => {
    expect((await confirm('entered', [], body)).status).toBe(status);
  });

  it('knows no account that there is not', async () => {
    expect((await confirm('nobody', ['1'])).status).toBe(404);
  });
});

describe('deliveryFalls of: conversion', () => {
  it('holds codes to a prefix where few are entered, though all arrive; its twin, which looks at receipts, does not', async () => {
    const entered = await bind('entered');
    const arrived = await bind('arrived');
    for (const [account, esme] of [
      ['entered', entered],
      ['arrived', arrived],
    ] as const) {
      await usualTraffic(account, esme);
      const sent = await send(esme, SENT, BAD);
      const bad = await delivered(esme, sent);
      // Of the one prefix one in six is entered, of the other as many as ever.
      expect(await cli('account', 'conversions', account, ...bad.slice(0, SENT / 6))).toEqual({
        code: 0,
        out: `${account}: ${SENT / 6} counted\n`,
      });
      const again = await cli('account', 'conversions', account, bad[0] ?? '', 'x', '--json');
      expect(JSON.parse(again.out)).toEqual({
        account,
        counted: 0,
        repeated: [bad[0]],
        unknown: ['x'],
        late: [],
      });
    }
    await eventually(async () => {
      const { out } = await cli('account', 'signals', 'entered', '--json');
      expect(JSON.parse(out).signals).toMatchObject([
        { rule: 'deliveryFalls codes conversion', prefix: BAD, measure: 'conversionRatio' },
      ]);
    });
    await eventually(async () => {
      await send(entered, 1, BAD);
      expect(Number(await held('entered'))).toBeGreaterThan(0);
    });
    // The traffic of the twin may have been looked at while it was under way.
    await eventually(async () => {
      expect(await cli('account', 'signals', 'arrived')).toEqual(NOTHING_UNUSUAL);
      const already = await held('arrived');
      await send(arrived, 1, BAD);
      expect(await held('arrived')).toBe(already);
    });
    const before = [await held('entered'), await held('arrived')];
    await send(entered, 2, GOOD);
    await send(arrived, 2, BAD);
    expect([await held('entered'), await held('arrived')]).toEqual(before);
    expect(await cli('account', 'signals', 'arrived')).toEqual(NOTHING_UNUSUAL);
  });
});
