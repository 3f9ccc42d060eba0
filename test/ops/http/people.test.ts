import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../store/ledger-traffic.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

let ops: OpsBench;
let account: string;
beforeAll(async () => {
  ops = await startOps();
  await ops.request('PUT', '/v1/resources', RESOURCES, { 'content-type': 'application/yaml' });
  const { json } = await ops.request('GET', '/v1/accounts');
  account = json.accounts[0].name;
});
afterAll(() => ops.stop());

const CSV = { 'content-type': 'text/csv' };
const NDJSON = { 'content-type': 'application/x-ndjson' };

const cli = (...words: string[]) => runCommand({ SMPPGATE_URL: ops.url, ADMIN_TOKEN }, words);

async function audited(action: string): Promise<unknown[]> {
  const { rows } = await ops.pool.query(
    'select subject, detail from audit where action = $1 order by id',
    [action],
  );
  return rows.map(({ subject, detail }) => [subject, detail]);
}

describe('/v1/opt-outs with a scope', () => {
  const optOuts = async (of: string) => {
    const { json } = await ops.request('GET', `/v1/opt-outs?account=${encodeURIComponent(of)}`);
    return json.optOuts.map(({ at: _, ...rest }: { at: string }) => rest);
  };

  it('takes lines of CSV for a class, and objects to nothing else', async () => {
    const body = 'number\n966500000001\n"+966 500000002"\n966500000003\n';
    const wrong = await ops.request(
      'PUT',
      `/v1/opt-outs?account=${account}&class=promotional`,
      body,
      CSV,
    );
    expect(wrong).toMatchObject({ status: 400, json: { errors: [{ at: 'line 3' }] } });
    expect(await optOuts(account)).toEqual([]);
    const fine = body.replace('966 5', '9665');
    const set = await ops.request(
      'PUT',
      `/v1/opt-outs?account=${account}&class=promotional`,
      fine,
      CSV,
    );
    expect(set).toMatchObject({ status: 200, json: { account, changed: 3 } });
    expect(await optOuts(account)).toContainEqual({
      account,
      number: '966500000002',
      class: 'promotional',
      source: 'operator',
    });
    const gone = await ops.request('DELETE', '/v1/opt-outs', { account, number: '966500000002' });
    expect(gone.json.changed).toBe(0);
    const really = await ops.request(
      'DELETE',
      `/v1/opt-outs?account=${account}&class=promotional`,
      fine,
      CSV,
    );
    expect(really.json.changed).toBe(3);
    expect(await optOuts(account)).toEqual([]);
  });

  it('takes them for one sender, and for all accounts', async () => {
    const entry = { account: '*', sender: 'Shop', number: '966500000001' };
    expect((await ops.request('PUT', '/v1/opt-outs', entry)).json.changed).toBe(1);
    expect(await optOuts('*')).toEqual([
      { account: '*', number: '966500000001', sender: 'shop', source: 'operator' },
    ]);
    const { rows } = await ops.pool.query(
      `select total from recipient_total where list = 'optOuts'`,
    );
    expect(Number(rows[0].total)).toBe(1);
    expect(await audited('optOuts.add')).toContainEqual(['*', { changed: 1, sender: 'shop' }]);
  });

  it('refuses a line of another scope than the first', async () => {
    const lines = [
      { account, class: 'otp', number: '966500000001' },
      { account, class: 'promotional', number: '966500000002' },
    ];
    const body = lines.map((line) => JSON.stringify(line)).join('\n');
    const { status, json } = await ops.request('PUT', '/v1/opt-outs', body, NDJSON);
    expect([status, json.errors[0].at]).toEqual([400, 'line 2']);
  });
});

describe('/v1/consents', () => {
  const consents = async () =>
    (await ops.request('GET', `/v1/consents?account=${account}`)).json.consents;

  it('keeps what was agreed to, where, when and the evidence, and stores neither number nor evidence in clear', async () => {
    const consent = {
      account,
      number: '+966500000001',
      class: 'promotional',
      textVersion: '2026-1',
      source: 'web form',
      at: '2026-01-02T03:04:05+03:00',
      evidence: 'نموذج 17, 192.0.2.7',
    };
    expect((await ops.request('PUT', '/v1/consents', consent)).json).toEqual({
      account,
      changed: 1,
    });
    expect((await ops.request('PUT', '/v1/consents', consent)).json.changed).toBe(0);
    expect(await consents()).toEqual([
      { ...consent, number: '966500000001', at: '2026-01-02T00:04:05.000Z' },
    ]);
    const { rows } = await ops.pool.query('select to_jsonb(c) as row from consent c');
    expect(JSON.stringify(rows)).not.toMatch(/966500|192\.0\.2/);
    const totals = await ops.pool.query(
      `select total from recipient_total where list = 'consents'`,
    );
    expect(Number(totals.rows[0].total)).toBe(1);
  });

  it('takes CSV with columns by name, and withdraws', async () => {
    const body =
      'source,number,textVersion\n"shop, ""Riyadh""",966500000005,7\nshop,966500000006,7\n';
    const lines = body
      .replace('source,number', 'number,source')
      .replace(/("[^\n]*"|shop),(\d+)/g, '$2,$1');
    const set = await ops.request('PUT', `/v1/consents?account=${account}`, lines, CSV);
    expect(set).toMatchObject({ status: 200, json: { changed: 2 } });
    expect(
      (await consents()).find((one: { number: string }) => one.number === '966500000005'),
    ).toMatchObject({
      source: 'shop, "Riyadh"',
      textVersion: '7',
    });
    const gone = await ops.request('DELETE', '/v1/consents', {
      account,
      consents: ['966500000005', '966500000006'],
    });
    expect(gone.json.changed).toBe(2);
    expect(await consents()).toHaveLength(1);
    expect(await audited('consents.withdraw')).toEqual([[account, { changed: 2 }]]);
  });

  it('takes none without the evidence that a rule of the account asks for', async () => {
    const policies = `policies: {open: {rules: []}, strict: {rules: [{consent: {evidence: [textVersion, source]}}]}}`;
    await ops.request('PUT', '/v1/resources', policies, { 'content-type': 'application/yaml' });
    await ops.request('PATCH', `/v1/accounts/${account}`, { policy: 'strict' });
    const consent = { account, number: '966500000009' };
    const bare = await ops.request('PUT', '/v1/consents', { ...consent, source: '' });
    expect(bare).toMatchObject({
      status: 400,
      json: { errors: [{ message: expect.stringContaining('textVersion, source') }] },
    });
    const whole = { ...consent, source: 'shop', textVersion: '7' };
    expect((await ops.request('PUT', '/v1/consents', whole)).json.changed).toBe(1);
    // Withdrawing needs none.
    expect((await ops.request('DELETE', '/v1/consents', consent)).json.changed).toBe(1);
    await ops.request('PATCH', `/v1/accounts/${account}`, { policy: null });
  });

  it('lists what a consent lacks that a rule of the account asks for since, and takes the rest of it', async () => {
    const given = { number: '966500000019', source: 'shop', at: '2026-01-02T00:00:00.000Z' };
    const found = async () =>
      (await consents()).find((one: { number: string }) => one.number === given.number);
    await ops.request('PUT', '/v1/consents', { account, ...given });
    expect(await found()).not.toHaveProperty('lacks');
    const policies = `policies: {open: {rules: []}, proven: {rules: [{consent: {evidence: [textVersion, source, at, evidence]}}]}}`;
    await ops.request('PUT', '/v1/resources', policies, { 'content-type': 'application/yaml' });
    await ops.request('PATCH', `/v1/accounts/${account}`, { policy: 'proven' });
    expect(await found()).toMatchObject({ lacks: ['textVersion', 'evidence'] });
    // The same version, source and time: what is new is the evidence.
    for (const [more, lacks] of [
      [{ textVersion: '7' }, 'evidence'],
      [{ textVersion: '7', evidence: 'form 17' }, undefined],
    ] as const) {
      const { status, json } = await ops.request('PUT', '/v1/consents', {
        account,
        ...given,
        ...more,
      });
      expect([status, json.changed]).toEqual(lacks === undefined ? [200, 1] : [400, undefined]);
    }
    expect(await found()).toMatchObject({ evidence: 'form 17', textVersion: '7' });
    expect(await found()).not.toHaveProperty('lacks');
    await ops.request('DELETE', '/v1/consents', { account, number: given.number });
    await ops.request('PATCH', `/v1/accounts/${account}`, { policy: null });
  });

  it.each([
    [{ account: undefined }, 400],
    [{ account: '*' }, 400],
    [{ account: 'nobody' }, 404],
    [{ number: 'letters' }, 400],
    [{ at: 'yesterday' }, 400],
    [{ unknown: 1 }, 400],
  ])('refuses %j with %d', async (change, status) => {
    const body = { account, number: '966500000001', ...change };
    expect((await ops.request('PUT', '/v1/consents', body)).status).toBe(status);
  });

  it('counts those that are given, whatever they were before', async () => {
    const total = async () =>
      Number(
        (await ops.pool.query(`select total from recipient_total where list = 'consents'`)).rows[0]
          .total,
      );
    const before = await total();
    const totals: number[] = [];
    const set = async (method: 'PUT' | 'DELETE', textVersion: string) => {
      const numbers = ['+966500000091', '+966500000092'];
      const given = numbers.map((number) => ({ number, textVersion }));
      const answer = await ops.request(method, '/v1/consents', { account, consents: given });
      expect(answer.json.changed).toBe(2);
      totals.push((await total()) - before);
    };
    await set('PUT', '1');
    await set('PUT', '2');
    await set('DELETE', '2');
    await set('PUT', '2');
    await set('DELETE', '2');
    expect(totals).toEqual([2, 2, 0, 2, 0]);
  });
});

describe('smppgate consents and senders, listed as CSV', () => {
  it.each([
    [
      'consents',
      'number,class,textVersion,source,at,evidence',
      `966500000201,,7,"shop; ""Riyadh"", 2",2026-01-02T00:00:00.000Z,form 17`,
    ],
    [
      'senders',
      'sender,status,class,country,operator,from,until,note',
      'MyShop,approved,,SA,,,,"a; b"',
    ],
  ])('are what add takes: %s', async (name, heading, line) => {
    const file = join(mkdtempSync(join(tmpdir(), 'smppgate-lists-')), 'list.csv');
    writeFileSync(file, `${heading}\n${line}\n`);
    expect((await cli(name, 'add', account, file)).out).toBe(`${account}: 1 changed\n`);
    const { out } = await cli(name, 'list', account, '--csv');
    const [first, ...lines] = out.split('\r\n');
    expect(first).toBe(heading);
    expect(lines).toContain(line);
    writeFileSync(file, out);
    expect((await cli(name, 'add', account, file)).out).toBe(`${account}: 0 changed\n`);
    expect((await cli(name, 'remove', account, file)).code).toBe(0);
  });
});

describe('smppgate opt-outs, listed as CSV', () => {
  it('has each with its scope', async () => {
    const number = '966500000301';
    await cli('opt-outs', 'add', account, number, '--class', 'promotional');
    await cli('opt-outs', 'add', account, number, '--sender', 'Shop, Riyadh');
    const [first, ...lines] = (await cli('opt-outs', 'list', account, '--csv')).out.split('\r\n');
    expect(first).toBe('number,sender,class,source,at');
    const own = lines.filter((line) => line.startsWith(number));
    expect(own.map((line) => line.replace(/[^,]*Z$/, 'AT'))).toEqual([
      `${number},,promotional,operator,AT`,
      `${number},"shop, riyadh",,operator,AT`,
    ]);
  });
});

describe('/v1/consents of a long list', () => {
  const AT = '2026-01-02T00:00:00Z';
  /** So many that they take two commits. */
  const MANY = 50_100;
  const numberOf = (i: number) => `96650${String(1_000_000 + i)}`;
  const put = (lines: readonly string[]) => {
    const body = ['number,class,textVersion,source,at,evidence', ...lines].join('\n');
    return ops.request('PUT', `/v1/consents?account=${account}`, body, CSV);
  };
  const found = async (i: number) => {
    const path = `/v1/consents?account=${account}&number=${numberOf(i)}`;
    const { json } = await ops.request('GET', path);
    return json.consents.map(({ account: _, ...rest }: { account: string }) => rest);
  };
  const total = async () =>
    Number(
      (await ops.pool.query(`select total from recipient_total where list = 'consents'`)).rows[0]
        .total,
    );

  it('is as if its lines had come one after the other, and counts what changed', async () => {
    const before = await total();
    const all = Array.from({ length: MANY }, (_, i) => `${numberOf(i)},,7,shop,${AT},`);
    // Lines about numbers that stand in it already: the last one counts, for the class that it names.
    const doubles = [
      `${numberOf(3)},,6,kiosk,${AT},`,
      `${numberOf(3)},,8,web,${AT},form 3`,
      `${numberOf(4)},otp,6,kiosk,${AT},`,
      `${numberOf(4)},otp,7,shop,${AT},`,
    ];
    const first = await put([...all, ...doubles]);
    expect(first).toMatchObject({ status: 200, json: { changed: MANY + 1 } });
    expect((await total()) - before).toBe(MANY + 1);
    const common = { textVersion: '7', source: 'shop', at: '2026-01-02T00:00:00.000Z' };
    expect(await found(3)).toEqual([
      { number: numberOf(3), ...common, textVersion: '8', source: 'web', evidence: 'form 3' },
    ]);
    expect(await found(4)).toEqual([
      { number: numberOf(4), ...common },
      { number: numberOf(4), class: 'otp', ...common },
    ]);
    expect(await found(MANY - 1)).toEqual([{ number: numberOf(MANY - 1), ...common }]);

    const gone = await ops.request('DELETE', '/v1/consents', { account, number: numberOf(5) });
    expect(gone.json.changed).toBe(1);
    // As it was, other than it was, given again, new.
    const again = [
      `${numberOf(6)},,7,shop,${AT},`,
      `${numberOf(7)},,9,shop,${AT},`,
      `${numberOf(5)},,7,shop,${AT},`,
      `${numberOf(MANY)},,7,shop,${AT},`,
    ];
    expect((await put(again)).json.changed).toBe(3);
    expect((await total()) - before).toBe(MANY + 2);
    expect(await found(5)).toEqual([{ number: numberOf(5), ...common }]);
    expect(await found(7)).toEqual([{ number: numberOf(7), ...common, textVersion: '9' }]);
  });

  it('may have 16 MiB of lines, 8 of JSON', async () => {
    const number = '9'.repeat(9 * 2 ** 20);
    const lines = await put([number]);
    expect(lines).toMatchObject({ status: 400, json: { errors: [{ at: 'line 2' }] } });
    const json = await ops.request('PUT', '/v1/consents', { account, number });
    expect(json.status).toBe(413);
    expect((await put([number, number])).status).toBe(413);
  });

  it('stores nothing of a list in which one line is wrong', async () => {
    const before = await total();
    const wrong = await put([
      `${numberOf(MANY + 1)},,7,shop,${AT},`,
      `${numberOf(MANY + 2)},,7,shop,soon,`,
    ]);
    expect(wrong).toMatchObject({ status: 400, json: { errors: [{ at: 'line 3' }] } });
    expect(await total()).toBe(before);
  });
});

describe('/v1/suspensions', () => {
  it('suspends and opens destinations, audited', async () => {
    const order = {
      country: 'PK',
      reason: 'not registered',
      order: 'PTA 7',
      from: '2026-01-01T00:00:00Z',
    };
    expect((await ops.request('PUT', '/v1/suspensions', order)).status).toBe(200);
    const network = { network: '410', reason: 'other' };
    expect((await ops.request('PUT', '/v1/suspensions', network)).status).toBe(200);
    const { json } = await ops.request('GET', '/v1/suspensions');
    expect(json.suspensions).toMatchObject([
      { ...order, from: '2026-01-01T00:00:00.000Z', actor: 'admin' },
      network,
    ]);
    const gone = { country: 'PK', reason: 'registered' };
    expect((await ops.request('DELETE', '/v1/suspensions', gone)).status).toBe(200);
    expect((await ops.request('DELETE', '/v1/suspensions', gone)).status).toBe(404);
    expect(await audited('suspensions.remove')).toEqual([['country PK', { reason: 'registered' }]]);
  });

  it.each([
    { reason: 'x' },
    { prefix: '92' },
    { prefix: '92', country: 'PK', reason: 'x' },
    { country: 'XX', reason: 'x' },
    { prefix: '92', reason: 'x', from: '2026-02-01T00:00:00Z', until: '2026-01-01T00:00:00Z' },
  ])('refuses %j', async (body) => {
    expect((await ops.request('PUT', '/v1/suspensions', body)).status).toBe(400);
  });
});

describe('/v1/senders', () => {
  const senders = async (query = '') =>
    (await ops.request('GET', `/v1/senders?account=${account}${query}`)).json;

  it('registers ten thousand in one request, and pages through them', async () => {
    const lines = Array.from({ length: 10_000 }, (_, i) => `S${i},approved,promotional`);
    const { json } = await ops.request(
      'PUT',
      `/v1/senders?account=${account}`,
      lines.join('\n'),
      CSV,
    );
    expect(json).toEqual({ changed: 10_000 });
    const first = await senders('&limit=6000');
    expect([
      first.senders.length,
      (await senders(`&limit=6000&after=${first.next}`)).senders.length,
    ]).toEqual([6_000, 4_000]);
    expect((await senders('&sender=s77')).senders).toMatchObject([
      { account, sender: 'S77', status: 'approved', class: 'promotional' },
    ]);
  });

  it('changes the status of one whatever its case, and removes it', async () => {
    const one = { account, sender: 's77', class: 'promotional', status: 'blocked', note: 'spam' };
    expect((await ops.request('PUT', '/v1/senders', one)).json).toEqual({ changed: 1 });
    expect((await senders('&sender=S77')).senders).toMatchObject([
      { sender: 's77', status: 'blocked' },
    ]);
    const { status: _, note: __, ...key } = one;
    expect((await ops.request('DELETE', '/v1/senders', key)).json).toEqual({ changed: 1 });
    expect((await ops.request('DELETE', '/v1/senders', key)).json).toEqual({ changed: 0 });
    expect((await senders('&sender=S77')).senders).toEqual([]);
  });

  it.each([
    { sender: 'a name too long', status: 'approved' },
    { sender: 'ACME' },
    { sender: 'ACME', status: 'maybe' },
    { sender: 'ACME', status: 'approved', country: 'Saudi Arabia' },
  ])('refuses %j', async (body) => {
    expect((await ops.request('PUT', '/v1/senders', { account, ...body })).status).toBe(400);
  });
});

describe('a change of a list that this node does not go by in time', () => {
  it('is committed, and the answer says so', async () => {
    ops.runtime.listsLive = false;
    try {
      const number = '966500000077';
      const prefix = { prefix: '93', reason: 'order' };
      for (const [path, body] of [
        ['/v1/opt-outs', { account, number }],
        ['/v1/consents', { account, number }],
        ['/v1/senders', { account, sender: 'Late', status: 'approved' }],
        ['/v1/suspensions', prefix],
        ['/v1/number-networks', { number, network: '42001' }],
      ] as const)
        expect(await ops.request('PUT', path, body)).toMatchObject({
          status: 200,
          json: { live: false },
        });
      expect((await ops.request('DELETE', '/v1/suspensions', prefix)).json).toEqual({
        ok: true,
        live: false,
      });
    } finally {
      ops.runtime.listsLive = true;
    }
    const found = await ops.request('GET', `/v1/opt-outs?account=${account}&number=966500000077`);
    expect(found.json.optOuts).toHaveLength(1);
  });
});
