import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/gateway.ts';
import { ADMIN_TOKEN } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';
import { BooksStand } from './books-stand.ts';

let stand: BooksStand;
let folder: string;
/** Upstream ids in the order of the carrier's answers: three messages of one segment, one of two. */
let ids: string[];
beforeAll(async () => {
  stand = await BooksStand.start();
  await stand.send(
    'alice',
    { destination_addr: '966500000001' },
    { destination_addr: '966500000002' },
    { destination_addr: '966500000003' },
    { destination_addr: '966500000004', short_message: 'x'.repeat(200) },
    { destination_addr: '79161234567' },
  );
  await stand.count();
  const rows = await stand.gateway.sql<{ upstream_id: string }>(
    'select upstream_id from dispatch where status = 0 order by at, segment',
  );
  ids = rows.map(({ upstream_id }) => upstream_id);
  folder = mkdtempSync(join(tmpdir(), 'smppgate-invoice-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await stand.close();
});

const today = () => new Date().toISOString().slice(0, 10);
const specsOf = async (kind: string) => {
  const rows = await stand.gateway.sql<{ spec: unknown }>(
    'select spec from resource where kind = $1 order by id',
    [kind],
  );
  return rows.map(({ spec }) => spec);
};
const run = (...words: string[]) => runCommand({ SMPPGATE_URL: stand.ops.url, ADMIN_TOKEN }, words);

const reconcile = async (csv: string, ...more: string[]) => {
  const file = join(folder, 'invoice.csv');
  writeFileSync(file, csv);
  const ran = await run('reconcile', 'carrier', file, '--carrier', 'up', '--json', ...more);
  return { ...ran, json: ran.out === '' ? undefined : JSON.parse(ran.out) };
};
const lineOf = (id: string, segments = 1, price = '0.031') => `${id},${segments},${price}\n`;
const HEADING = 'message_id,parts,amount\n';

describe('reconcile carrier', () => {
  it('is content with a file that has what the carrier accepted', async () => {
    const { code, json } = await reconcile(HEADING + ids.map((id) => lineOf(id)).join(''));
    expect(json).toMatchObject({
      ok: true,
      lines: '5',
      differences: [],
      sums: [
        {
          kind: 'matched',
          count: '5',
          segments: { ours: '5', theirs: '5' },
          price: { ours: '0.155', theirs: '0.155' },
        },
      ],
    });
    expect(code).toBe(0);
  });

  it('reads decimal commas, but not where they may part thousands', async () => {
    const lines = (price: string) => ids.map((id) => `${id};1;${price}\n`).join('');
    const heading = HEADING.replaceAll(',', ';');
    expect((await reconcile(heading + lines('0,031'))).json).toMatchObject({ ok: true });
    const other = await reconcile(heading + lines('0,0311'));
    expect(other.json.sums).toMatchObject([{ kind: 'price', price: { theirs: '0.1555' } }]);
    const unclear = await reconcile(heading + lines('1,031'));
    expect(unclear).toMatchObject({ code: 1, err: expect.stringContaining('line 2: price 1,031') });
  });

  it('names what is missing on either side, billed twice, or of other segments or price', async () => {
    const [first = '', second = '', third = '', fourth = '', fifth = ''] = ids;
    const csv = [
      lineOf(first, 2),
      lineOf(second, 1, '0.032'),
      lineOf(third),
      lineOf(third),
      lineOf('nobody-has-it'),
      lineOf(fifth),
    ];
    const { code, json, err } = await reconcile(HEADING + csv.join(''));
    expect(code).toBe(1);
    expect(err).toContain('not what the carrier accepted');
    const told = json.differences.map(
      ({ fault, id, line, segments, price }: Record<string, unknown>) => ({
        fault,
        id,
        line,
        segments,
        price,
      }),
    );
    expect(told).toEqual([
      {
        fault: 'segments',
        id: first,
        line: 2,
        segments: { ours: 1, theirs: 2 },
        price: { ours: '0.031', theirs: '0.031' },
      },
      {
        fault: 'price',
        id: second,
        line: 3,
        segments: { ours: 1, theirs: 1 },
        price: { ours: '0.031', theirs: '0.032' },
      },
      {
        fault: 'billedTwice',
        id: third,
        line: 5,
        segments: { ours: null, theirs: 1 },
        price: { ours: null, theirs: '0.031' },
      },
      {
        fault: 'missingAtUs',
        id: 'nobody-has-it',
        line: 6,
        segments: { ours: null, theirs: 1 },
        price: { ours: null, theirs: '0.031' },
      },
      {
        fault: 'missingAtThem',
        id: fourth,
        line: null,
        segments: { ours: 1, theirs: null },
        price: { ours: '0.031', theirs: null },
      },
    ]);
  });

  it('asks only for ours of the time that is meant', async () => {
    const [first = ''] = ids;
    const far = ['--from', '2020-01-01T00:00:00Z', '--to', '2020-02-01T00:00:00Z'];
    const { json } = await reconcile(HEADING + lineOf(first), ...far);
    // It is found beside the time, though none of ours is missed.
    expect(json.sums.map(({ kind }: { kind: string }) => kind)).not.toContain('missingAtThem');
  });

  it('reads columns as they are called, other separators, and times', async () => {
    const at = new Date().toISOString().replace('T', ' ').slice(0, 19);
    const rows = ids.map((id) => `"${id}";${at};1\n`).join('');
    const { code, json } = await reconcile(
      `Ref No;When;Menge\n${rows}`,
      '--map',
      'id=Ref No',
      'at=When',
    );
    expect(json.lines).toBe('5');
    expect(json.sums[0]).toMatchObject({ kind: 'matched', count: '5', price: { theirs: '0' } });
    expect(code).toBe(0);
  });

  it('reads ids of the other base, and leaves prices of another currency out', async () => {
    // Ids of the simulated carrier are decimal numbers.
    const rows = ids.map((id) => `0X${BigInt(id).toString(16).toUpperCase()},1,99\n`).join('');
    expect((await reconcile(HEADING + rows, '--no-price')).json.sums[0].kind).toBe('missingAtUs');
    const { code, json } = await reconcile(HEADING + rows, '--no-price', '--ids', 'hex');
    expect(json.sums).toMatchObject([{ kind: 'matched', count: '5' }]);
    expect(code).toBe(0);
    const wrong = await reconcile(`${HEADING}g1,1,1\n`, '--ids', 'hex');
    expect(wrong.err).toContain('line 2: id g1 is no hex number');
    expect((await reconcile(HEADING, '--ids', 'octal')).code).toBe(2);
  });

  it('does not guess: a comma too many, a day that could be a month', async () => {
    expect((await reconcile(`${HEADING}a,1,0,05\n`)).err).toContain('line 2: has 4 cells');
    const dated = await reconcile('id,at\na,11/12/2026\n');
    expect(dated.err).toContain('line 2: 11/12/2026 is no time');
  });

  it('names the line that it cannot read, and leaves nothing behind', async () => {
    const { code, err } = await reconcile(`${HEADING}a,1,0.5\nb,one,0.5\n`);
    expect([code, err]).toEqual([1, expect.stringContaining('line 3: segments one')]);
    expect((await reconcile(`${HEADING}a,1,0.1234567\n`)).err).toContain('line 2: price');
    expect((await reconcile('ref\n1\n')).err).toContain('--map id=');
    expect(
      (await run('reconcile', 'carrier', join(folder, 'none.csv'), '--carrier', 'up')).code,
    ).toBe(1);
    expect((await reconcile(HEADING, '--map', 'price')).code).toBe(2);
    expect(await stand.gateway.sql('select from invoice_line')).toEqual([]);
  });

  it('says that there is no such carrier', async () => {
    const file = join(folder, 'invoice.csv');
    expect((await run('reconcile', 'carrier', file, '--carrier', 'nobody')).err).toContain(
      'nobody',
    );
  });
});

describe('report', () => {
  it('prints tables, CSV and JSON', async () => {
    const table = await run('report', 'usage', '--by', 'country,class');
    expect(table.code).toBe(0);
    expect(table.out).toMatch(/^country +class +messages +segments +charged/);
    expect(table.out).toMatch(/\n966 +transactional +4 +5 +0\.3 +0 /);
    expect(table.out).toMatch(/\nledger +5 +6 +0\.30645 +0\.00645/);
    const csv = await run('report', 'usage', '--by', 'country', '--csv');
    expect(csv.out).toBe(
      'country,messages,segments,charged,refunded,reserved,released\r\n7,1,1,0.00645,0.00645,0,0\r\n966,4,5,0.3,0,0,0\r\n',
    );
    expect(JSON.parse((await run('report', 'margin', '--json')).out).rows).toHaveLength(1);
    expect((await run('report', 'margin')).out).toMatch(/\ncounted until 20\d\d-\S+Z\n$/);
    expect((await run('report', 'deliveries', '--carrier', 'up', '--by', 'carrier')).out).toContain(
      'up',
    );
    const today = new Date().toISOString().slice(0, 10);
    const day = await run('report', 'carrier', 'up', '--day', today);
    expect(day.out.trimEnd().split('\r\n')).toHaveLength(7);
  });

  it('fails when the sums are not those of the ledger', async () => {
    await stand.gateway.sql('update usage_day set refunded = refunded + 1 where refunded > 0');
    const ran = await run('report', 'usage');
    expect([ran.code, ran.err]).toEqual([
      1,
      expect.stringContaining('refunded: counted 0.006451, ledger 0.00645'),
    ]);
  });
});

describe('a carrier that left the resources', () => {
  it('is reported, reconciled and invoiced as before, and no longer listed', async () => {
    const { out } = await run('report', 'carrier', 'up', '--day', today());
    const margin = async () =>
      JSON.parse((await run('report', 'margin', '--carrier', 'up', '--json')).out).rows;
    const [row] = await margin();
    const live = await stand.gateway.sql<{ id: number; spec: { host: string } }>(
      `select id, spec from carrier where name = 'up'`,
    );
    const kept = { routes: await specsOf('routes'), carriers: live.map(({ spec }) => spec) };
    const past = { from: '2026-01-01T00:00:00Z', until: '2026-01-02T00:00:00Z' };
    const down = { ...past, carrier: 'up', reason: 'cable cut' };
    expect((await stand.ops.request('POST', '/v1/outages', down)).status).toBe(201);
    await eventually(() => stand.gateway.apply(JSON.stringify({ carriers: [], routes: [] })));
    expect(await margin()).toEqual([row]);
    expect((await run('report', 'carrier', 'up', '--day', today())).out).toBe(out);
    const invoice = HEADING + ids.map((id) => lineOf(id)).join('');
    for (const costs of [[], ['--current-cost']])
      expect((await reconcile(invoice, ...costs)).json).toMatchObject({ ok: true, lines: '5' });
    expect((await run('message', 'list')).out).toMatch(/ up\n/);
    expect((await stand.ops.request('POST', '/v1/carriers/up/pause', {})).status).toBe(404);
    expect((await run('export')).out).not.toContain('name: up');
    // Under its name it is the carrier that it was.
    await stand.gateway.apply(JSON.stringify(kept));
    expect(await stand.gateway.sql('select id, removed_at, paused from carrier')).toEqual([
      { id: live[0]?.id, removed_at: null, paused: false },
    ]);
  });
});

describe('a cost that is applied anew', () => {
  it('changes neither invoice, daily file nor margin of what the carrier took before', async () => {
    const [standard] = await stand.gateway.sql<{ spec: unknown }>(
      `select spec from resource where kind = 'tariffs' and name = 'standard'`,
    );
    const costs = { changeMax: 1000, prices: { '966': '0.04', '7': '0.004' } };
    // The stand counted an hour ahead: the books go on from here.
    await stand.gateway.sql(`update job set value = case name when 'books-messages' then (select max(id) from message)
      else (extract(epoch from clock_timestamp()) * 1000000)::bigint end where name in ('books-messages', 'books-ends')`);
    // Accepted before, counted after it.
    await stand.send('alice', { destination_addr: '966500000009' });
    await stand.gateway.apply(JSON.stringify({ tariffs: { standard: standard?.spec, costs } }));
    await stand.send('alice', { destination_addr: '966500000010' });
    await stand.count();
    const rows = await stand.gateway.sql<{ upstream_id: string }>(
      'select upstream_id from dispatch where status = 0 order by at, segment',
    );
    const [before = '', after = ''] = rows.slice(-2).map(({ upstream_id }) => upstream_id);
    const csv = HEADING + ids.map((id) => lineOf(id)).join('');
    const invoice = csv + lineOf(before) + lineOf(after, 1, '0.04');
    expect((await reconcile(invoice)).json.differences).toEqual([]);
    expect((await reconcile(invoice, '--current-cost')).json.differences).toMatchObject([
      ...[...ids, before].map((id) => ({ fault: 'price', id, price: { ours: '0.04' } })),
    ]);
    const today = new Date().toISOString().slice(0, 10);
    const day = (await run('report', 'carrier', 'up', '--day', today)).out;
    const costOfId = (id: string) => day.match(new RegExp(`,${id},.*,([^,]*),DELIVRD`))?.[1];
    expect([ids[0], before, after].map((id) => costOfId(id ?? ''))).toEqual([
      '0.031',
      '0.031',
      '0.04',
    ]);
    const margin = JSON.parse((await run('report', 'margin', '--json')).out).rows;
    expect(margin).toMatchObject([{ segmentsTaken: 7 }]);
    // To the minute: the last one may be of the minute in which the cost changed.
    expect(['0.217', '0.226']).toContain(margin[0].cost);
  });
});
