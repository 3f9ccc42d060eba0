import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withClient } from '../../../src/store/pool.ts';
import { storeCounted, usageSums } from '../../../src/store/usage-sums.ts';
import { BooksStand } from './books-stand.ts';

let stand: BooksStand;
let long: string;
beforeAll(async () => {
  stand = await BooksStand.start();
  [, long = ''] = await stand.send(
    'alice',
    { destination_addr: '966500000001' },
    { destination_addr: '966500000002', short_message: 'x'.repeat(200) },
    { destination_addr: '79161234567', source_addr: '966512345678', source_addr_ton: 1 },
    { destination_addr: '4915112345678', source_addr: '=cmd()' },
  );
  await stand.send(
    'bob',
    { destination_addr: '966500000001' },
    { destination_addr: '79161234567' },
  );
});
afterAll(() => stand.close());

const today = new Date().toISOString().slice(0, 10);
const get = async (path: string, accept?: string) =>
  stand.ops.request('GET', path, undefined, accept === undefined ? {} : { accept });
const usage = async (query: string) => (await get(`/v1/reports/usage?${query}`)).json;

describe('GET /v1/reports/usage', () => {
  // alice: 0.06 + 2 x 0.06 + 0.00645 (refunded) + 0.1; bob: 0.06 reserved and charged, 0.00645 reserved and released.
  const total = {
    messages: 6,
    segments: 7,
    charged: '0.34645',
    refunded: '0.00645',
    reserved: '0.06645',
    released: '0.00645',
  };

  it('has what is not counted yet as pending, so that the sums are those of the ledger at any time', async () => {
    const report = await usage('');
    expect(report).toMatchObject({ ok: true, rows: [], pending: total, ledger: total });
  });

  it('tells by day, country, class and sender what the ledger has', async () => {
    await stand.count();
    const report = await usage('by=account,country,class,sender');
    expect(report).toMatchObject({ ok: true, total, ledger: total });
    expect(report.pending).toMatchObject({ messages: 0, charged: '0', refunded: '0' });
    expect(report.otherEntries).toEqual({ top_up: '20.1' });
    const figures = { refunded: '0', reserved: '0', released: '0' };
    expect(report.rows).toEqual([
      {
        account: 'alice',
        country: '49',
        class: 'transactional',
        sender: '=cmd()',
        messages: 1,
        segments: 1,
        charged: '0.1',
        ...figures,
      },
      {
        account: 'alice',
        country: '7',
        class: 'transactional',
        sender: '96651234****',
        messages: 1,
        segments: 1,
        charged: '0.00645',
        ...figures,
        refunded: '0.00645',
      },
      {
        account: 'alice',
        country: '966',
        class: 'transactional',
        sender: 'Shop',
        messages: 2,
        segments: 3,
        charged: '0.18',
        ...figures,
      },
      {
        account: 'bob',
        country: '7',
        class: 'otp',
        sender: 'Shop',
        messages: 1,
        segments: 1,
        charged: '0',
        ...figures,
        reserved: '0.00645',
        released: '0.00645',
      },
      {
        account: 'bob',
        country: '966',
        class: 'otp',
        sender: 'Shop',
        messages: 1,
        segments: 1,
        charged: '0.06',
        ...figures,
        reserved: '0.06',
      },
    ]);
    expect((await usage('account=bob&by=day')).rows).toMatchObject([{ day: today, messages: 2 }]);
  });

  it('stores nothing of what another node has counted meanwhile', async () => {
    const before = await usage('by=account');
    const usageOfIt = usageSums();
    usageOfIt.of([today, 1]).charged += 1n;
    const stale = { job: 'books-messages', after: -1n, upTo: 5n } as const;
    const stored = await withClient(stand.gateway.pool, (client) =>
      storeCounted(client, { span: stale, usage: usageOfIt }),
    );
    expect(stored).toBe(false);
    expect((await usage('by=account')).rows).toEqual(before.rows);
  });

  it('names a difference of one micro-credit', async () => {
    await stand.gateway.sql(
      'update usage_day set charged = charged + 1 where grp = (select min(grp) from usage_day)',
    );
    const report = await usage('');
    expect(report.ok).toBe(false);
    expect(report.differences).toEqual([
      { what: 'charged', counted: '0.346451', ledger: '0.34645' },
    ]);
    await stand.gateway.sql(
      'update usage_day set charged = charged - 1 where grp = (select min(grp) from usage_day)',
    );
    expect((await usage('')).ok).toBe(true);
  });

  it('gives CSV that no table takes for formulas', async () => {
    const { text, type } = await get('/v1/reports/usage?by=sender&account=alice', 'text/csv');
    expect(type).toContain('text/csv');
    expect(text).toContain("'=cmd(),1,1,0.1,0,0,0\r\n");
  });

  it('refuses what cannot be asked', async () => {
    expect((await get('/v1/reports/usage?by=number')).status).toBe(400);
    expect((await get('/v1/reports/usage?from=2026-02-30x')).status).toBe(400);
    expect((await get('/v1/reports/usage?account=nobody')).status).toBe(404);
    expect((await get('/v1/reports/usage?from=2026-01-02&to=2026-01-01')).status).toBe(400);
  });
});

describe('GET /v1/reports/deliveries', () => {
  it('says how messages ended, and how long until the carrier answered', async () => {
    const { rows } = (await get('/v1/reports/deliveries?by=account,carrier,country')).json;
    expect(rows).toMatchObject([
      { account: 'alice', carrier: 'up', country: '49', messages: 1, delivered: 1 },
      { account: 'alice', carrier: 'up', country: '7', messages: 1, delivered: 0, failed: 1 },
      { account: 'alice', carrier: 'up', country: '966', messages: 2, segments: 3, delivered: 2 },
      { account: 'bob', country: '7', delivered: 0 },
      { account: 'bob', country: '966', deliveredPercent: 100 },
    ]);
    expect(rows[2].upstreamWithin60sPercent).toBe(100);
    expect(rows[2].upstreamMaxMs).toBeGreaterThanOrEqual(rows[2].upstreamMeanMs);
    // A refused one was never taken.
    expect(rows[1].upstreamMaxMs).toBe(0);
    const states = (await get('/v1/reports/deliveries?by=state,fault')).json.rows;
    expect(states).toMatchObject([
      { state: 'DELIVRD', fault: 'none', messages: 4 },
      { state: 'REJECTD', fault: 'carrier', messages: 2 },
    ]);
  });
});

describe('GET /v1/reports/margin', () => {
  it('puts the cost of what carriers took beside what was paid and not given back', async () => {
    const { rows, countedUntil } = (await get('/v1/reports/margin?by=country')).json;
    // What ends later is not in it.
    const [job] = await stand.gateway.sql<{ at: Date }>(
      `select timestamptz 'epoch' + value * interval '1 microsecond' as at from job where name = 'books-ends'`,
    );
    expect(countedUntil).toBe(job?.at.toISOString());
    expect((await get('/v1/reports/deliveries')).json.countedUntil).toBe(countedUntil);
    expect(rows).toEqual([
      {
        country: '49',
        messages: 1,
        segmentsTaken: 1,
        income: '0.1',
        cost: '0',
        margin: '0.1',
        uncostedSegments: 1,
      },
      {
        country: '7',
        messages: 2,
        segmentsTaken: 0,
        income: '0',
        cost: '0',
        margin: '0',
        uncostedSegments: 0,
      },
      {
        country: '966',
        messages: 3,
        segmentsTaken: 4,
        income: '0.24',
        cost: '0.124',
        margin: '0.116',
        uncostedSegments: 0,
      },
    ]);
  });
});

describe('GET /v1/reports/carriers/{name}', () => {
  it('has a row for each answer of the carrier, without number or text', async () => {
    const { text, type, status } = await get(`/v1/reports/carriers/up?day=${today}`);
    expect([status, type]).toEqual([200, 'text/csv']);
    const rows = text.trimEnd().split('\r\n');
    expect(rows[0]).toBe(
      'at,message,segment,attempt,upstream_id,command_status,account,country,network,sender,cost,state,fault',
    );
    expect(rows).toHaveLength(8);
    expect(rows.filter((row) => row.includes(`,${long},`)).map((row) => row.split(',')[2])).toEqual(
      ['1', '2'],
    );
    expect(rows.find((row) => row.includes(`,${long},1,`))).toMatch(
      /,0,alice,966,420,Shop,0\.031,DELIVRD,none$/,
    );
    expect(text).not.toContain('966500000001');
    expect(text).not.toContain('512345678');
  });
});

describe('money of a message that moves after its end', () => {
  it('counts with what the message is of, in usage and margin', async () => {
    // alice's message to Germany at 0.1 gets 0.03 back; the refused one to Russia was delivered after all: 0.00645 again.
    const sent = (which: string) =>
      stand.gateway.sql<{ id: bigint; account: number }>(
        `select id, account from message where ${which}`,
      );
    const [german] = await sent('unit_price = 100000');
    const [russian] = await sent('unit_price = 6450 and charge_on = 0');
    if (german === undefined || russian === undefined) throw new Error('two messages');
    const margin = async () => (await get('/v1/reports/margin?by=country')).json.rows;
    const before = await margin();
    await stand.gateway.sql(
      `select refund_message($1, $2, 30000, null, null, 'outage 1', 'test', 'cable cut')`,
      [german.account, german.id],
    );
    await stand.gateway.sql(
      `select post_correction((select min(epoch) from node_epoch where adopted_by is null), $2, $1, 1, 2::smallint,
         0::smallint, 0, now(), -6450, 'delivered after all')`,
      [russian.account, russian.id],
    );
    const report = await usage('by=country');
    expect(report.differences).toEqual([]);
    expect(report.rows.filter((row: { country: string }) => row.country !== '966')).toMatchObject([
      { country: '49', messages: 1, charged: '0.1', refunded: '0.03' },
      { country: '7', charged: '0.0129', refunded: '0.00645', released: '0.00645' },
    ]);
    expect(report.otherEntries).toEqual({ top_up: '20.1' });
    const incomeOf = (rows: { country: string; income: string }[], country: string) =>
      rows.find((row) => row.country === country)?.income;
    const after = await margin();
    expect([incomeOf(before, '49'), incomeOf(after, '49')]).toEqual(['0.1', '0.07']);
    expect([incomeOf(before, '7'), incomeOf(after, '7')]).toEqual(['0', '0.00645']);
  });
});
