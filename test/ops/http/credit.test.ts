import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpsBench, startOps } from '../ops-bench.ts';

const RESOURCES = `
tariffs: {standard: {"*": "0.05"}}
terms:
  lots: {topUpExtendsBalance: false, creditValidDays: 10, purchaseRefundWithinHours: 48, topUpMinimum: "1"}
  packages: {topUpExtendsBalance: false, purchaseRefundOf: unused}
accounts:
  - {name: acme, tariff: standard, terms: lots, credit: "10", creditLine: "2.5"}
  - {name: tryout, tariff: standard, terms: lots, credit: "1", trial: true}
  - {name: packs, tariff: standard, terms: packages, credit: "10"}
`;

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
  const put = await ops.request('PUT', '/v1/resources', RESOURCES, {
    'content-type': 'application/yaml',
  });
  expect(put.status).toBe(200);
});
afterAll(() => ops.stop());

const post = (account: string, what: string, body: object) =>
  ops.request('POST', `/v1/accounts/${account}/${what}`, body);

describe('GET /v1/accounts/{name}/balance', () => {
  it('shows the lots in the order in which they are spent', async () => {
    await post('acme', 'top-ups', { credits: '5', reference: 'invoice 2' });
    const { json } = await ops.request('GET', '/v1/accounts/acme/balance');
    expect(json).toMatchObject({ credits: '15', reserved: '0', available: '15' });
    expect(json.lots).toMatchObject([
      { reference: 'opening', original: '10', credits: '10', available: '10' },
      { reference: 'invoice 2', original: '5', credits: '5' },
    ]);
    expect(json.expiresAt).toBe(json.lots[0].expiresAt);
    const statement = await ops.request('GET', '/v1/accounts/acme/statement');
    expect(statement.json.entries.map((entry: { lot: object }) => entry.lot)).toMatchObject([
      { reference: 'opening' },
      { reference: 'invoice 2' },
    ]);
  });
});

describe('an account with a creditLine', () => {
  it('has it where accept looks, and loses it when it is taken away', async () => {
    const line = async () =>
      (await ops.pool.query('select credit_line from balance where account = 1 and side = 0'))
        .rows[0].credit_line;
    expect(await line()).toBe(2_500_000n);
    await ops.request('PATCH', '/v1/accounts/acme', { creditLine: null });
    expect(await line()).toBe(0n);
  });
});

describe('POST /v1/accounts/{name}/purchase-refunds', () => {
  const body = { topUpReference: 'invoice 2', reference: 'credit note 1', reason: 'withdrawn' };

  it('pays back what is unspent, once a reference', async () => {
    const first = await post('acme', 'purchase-refunds', body);
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({ kind: 'purchase_refund', credits: '-5', available: '10' });
    const again = await post('acme', 'purchase-refunds', body);
    expect(again.status).toBe(200);
    expect(again.json).toMatchObject({ existing: true, available: '10' });
  });

  it('pays back only an unused one where the terms say so', async () => {
    await post('packs', 'top-ups', { credits: '5', reference: 'package 2' });
    const wanted = { reference: 'credit note 1', reason: 'withdrawn' };
    // As if a message of 0.05 had been paid for from the first package.
    await ops.pool.query(
      `select post_lot(l.account, 0, l.id, 'charge', -50000, 0, p_cause => 'submit')
       from lot l join account a on a.id = l.account where a.name = 'packs' and l.reference = 'opening'`,
    );
    const used = await post('packs', 'purchase-refunds', { ...wanted, topUpReference: 'opening' });
    expect([used.status, used.json.type]).toEqual([409, 'urn:smppgate:problem:used']);
    const unused = { ...wanted, topUpReference: 'package 2' };
    expect((await post('packs', 'purchase-refunds', unused)).json).toMatchObject({
      ...{ kind: 'purchase_refund', credits: '-5', available: '9.95' },
    });
  });

  it('says why it does not', async () => {
    const none = await post('acme', 'purchase-refunds', { ...body, reference: 'credit note 2' });
    expect(none.status).toBe(409);
    expect(none.json.type).toBe('urn:smppgate:problem:nothing-left');
    const other = { ...body, topUpReference: 'opening', reference: 'credit note 3' };
    await ops.pool.query("update top_up set at = now() - interval '49 hours' where account = 1");
    const late = await post('acme', 'purchase-refunds', other);
    expect(late.status).toBe(409);
    expect(late.json.detail).toContain('within 48 hours');
    const unknown = await post('acme', 'purchase-refunds', { ...other, topUpReference: 'x' });
    expect(unknown.status).toBe(404);
    const trial = await post('tryout', 'purchase-refunds', other);
    expect(trial.json.type).toBe('urn:smppgate:problem:trial-account');
  });
});

describe('a trial account', () => {
  it('takes no top-up until it is none, and has no credit line', async () => {
    const topUp = { credits: '5', reference: 'first purchase' };
    const refused = await post('tryout', 'top-ups', topUp);
    expect(refused.status).toBe(409);
    expect(refused.json.type).toBe('urn:smppgate:problem:trial-account');
    const patched = await ops.request('PATCH', '/v1/accounts/tryout', { creditLine: '1' });
    expect(patched.status).toBe(422);
    await ops.request('PATCH', '/v1/accounts/tryout', { trial: false });
    expect((await post('tryout', 'top-ups', topUp)).status).toBe(201);
  });
});

describe('GET /v1/expiring-credit', () => {
  it('names what expires within the days asked for', async () => {
    const { json } = await ops.request('GET', '/v1/expiring-credit?days=11');
    expect(json.expiring.map((one: { account: string }) => one.account)).toEqual([
      'acme',
      'tryout',
      'tryout',
    ]);
    expect((await ops.request('GET', '/v1/expiring-credit?days=9')).json.expiring).toEqual([]);
  });
});

describe('POST /v1/accounts/{name}/forfeits', () => {
  it('takes all that is available, once a reference', async () => {
    const body = { reference: 'case 7', reason: 'violation' };
    const first = await post('acme', 'forfeits', body);
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({ kind: 'forfeit', credits: '-10', available: '0' });
    expect((await post('acme', 'forfeits', body)).json).toMatchObject({ existing: true });
  });
});

describe('a balance', () => {
  // A sum of balances has to fit a bigint of micro-credits (9.2 x 10^12 credits).
  const million2 = '1000000000000';

  it('is refused what it cannot hold, up and down, and is as it was', async () => {
    const before = (await ops.request('GET', '/v1/accounts/packs/balance')).json.credits;
    for (const [what, credits] of [
      ['top-ups', `${million2}.000001`],
      ['adjustments', `${million2}.000001`],
      ['adjustments', '-1000000000100'],
    ] as const) {
      const body = { credits, reference: `huge ${what} ${credits}` };
      const refused = await post(
        'packs',
        what,
        what === 'top-ups' ? body : { ...body, reason: 'a slip' },
      );
      expect([refused.status, refused.json.detail]).toEqual([
        422,
        `packs would have, or owe, more than ${million2} credits`,
      ]);
    }
    const penalty = { credits: '9000000000000', reference: 'huge penalty', reason: 'a slip' };
    expect((await post('packs', 'penalties', penalty)).status).toBe(422);
    expect((await ops.request('GET', '/v1/accounts/packs/balance')).json.credits).toBe(before);
  });
});

describe('GET /v1/accounts/{name}/statement', () => {
  it('ends by the clock of the database, and the next begins there', async () => {
    const read = async (query: string) =>
      (await ops.request('GET', `/v1/accounts/packs/statement?${query}`)).json;
    // This node's clock is an hour late; the times of entries are the database's.
    ops.now -= 3_600_000;
    const all = await read('');
    ops.now += 3_600_000;
    expect(all.entries.at(-1).at < all.to).toBe(true);
    const next = await read(`from=${all.to}`);
    expect([next.opening, next.entries]).toEqual([all.closing, []]);
  });
});

describe('a text with the character U+0000', () => {
  it('is refused as a wrong request, and nothing is posted', async () => {
    for (const body of [
      { credits: '1', reference: 'a\u0000b', reason: 'x' },
      { credits: '1', reference: 'whole', reason: 'a\u0000b' },
    ]) {
      const { status, json } = await post('packs', 'adjustments', body);
      expect([status, json.detail]).toEqual([
        400,
        'a text of the request has the character U+0000, which cannot be stored',
      ]);
    }
    expect((await ops.request('GET', '/v1/accounts/a%00b/balance')).status).toBe(400);
    const entry = { credits: '1', reference: 'whole', reason: 'x' };
    expect((await post('packs', 'adjustments', entry)).status).toBe(201);
  });
});

describe('a time in a query', () => {
  const statement = (query: string) =>
    ops.request('GET', `/v1/accounts/acme/statement?${query}`).then(({ status, json }) => ({
      status,
      said: status === 200 ? json.from : json.detail,
    }));

  it('is a moment with its zone, or a day of UTC', async () => {
    expect(await statement('from=2026-01-02')).toMatchObject({ said: '2026-01-02T00:00:00.000Z' });
    const local = '2026-01-02T03:00:00%2B03:00';
    expect(await statement(`from=${local}`)).toMatchObject({ said: '2026-01-02T00:00:00.000Z' });
    // As a shell sends it that quotes nothing.
    const blank = '2026-01-02T03:00:00+03:00';
    expect(await statement(`from=${blank}`)).toMatchObject({ said: '2026-01-02T00:00:00.000Z' });
  });

  it('is refused where a period ends before it begins', async () => {
    expect(await statement('from=2026-01-03&to=2026-01-02')).toEqual({
      status: 400,
      said: 'to must not be before from',
    });
  });

  it.each(['yesterday', '2026-13-01', '2026-02-30', '5', '01/02/2026', '2026-01-02T03:00:00'])(
    'is not %s',
    async (text) => {
      const { status, said } = await statement(`from=${text}`);
      expect(status).toBe(400);
      expect(said).toContain('from: must be a time such as');
    },
  );
});
