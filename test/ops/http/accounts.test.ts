import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../store/ledger-traffic.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
  await ops.request('PUT', '/v1/resources', RESOURCES, { 'content-type': 'application/yaml' });
  ops.runtime.told.length = 0;
});
afterAll(() => ops.stop());

describe('POST /v1/accounts', () => {
  it('creates an account with its opening credit', async () => {
    const made = await ops.request('POST', '/v1/accounts', {
      name: 'newco',
      tariff: 'standard',
      terms: 'submit',
      credit: '3.5',
      binds: [{ systemId: 'newco', password: { generate: true } }],
    });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      name: 'newco',
      status: 'active',
      credits: '3.5',
      reserved: '0',
    });
    expect(made.json.generated).toEqual([
      { kind: 'bind', name: 'newco', password: expect.any(String) },
    ]);
    expect(made.json.spec.binds[0].passwordHash).toMatch(/^scrypt\$/);
    expect(ops.runtime.told.splice(0)).toEqual(['catalogChanged']);
  });

  it('is 409 for a name that is taken', async () => {
    const again = await ops.request('POST', '/v1/accounts', {
      name: 'newco',
      tariff: 'standard',
      terms: 'submit',
    });
    expect(again.status).toBe(409);
    expect(again.json.type).toBe('urn:smppgate:problem:account-exists');
  });

  it('says what is wrong with an account, by its keys', async () => {
    const wrong = await ops.request('POST', '/v1/accounts', {
      name: 'other',
      tariff: 'none',
      terms: 'submit',
      binds: [{ systemId: 'a-system-id-too-long', password: 'secret' }],
    });
    expect(wrong.status).toBe(422);
    expect(wrong.json.errors[0].at).toBe('binds[0].systemId');
    const dangling = await ops.request('POST', '/v1/accounts', {
      name: 'other',
      tariff: 'none',
      terms: 'submit',
    });
    expect(dangling.json.detail).toContain('none');
    expect((await ops.request('GET', '/v1/accounts/other')).status).toBe(404);
  });
});

describe('PATCH /v1/accounts/{name}', () => {
  it('changes what it names and keeps the rest, passwords too', async () => {
    const before = (await ops.request('GET', '/v1/accounts/newco')).json.spec;
    const patched = await ops.request('PATCH', '/v1/accounts/newco', {
      terms: 'delivery',
      binds: [{ systemId: 'newco', windowMax: 7 }],
    });
    expect(patched.status).toBe(200);
    expect(patched.json.spec).toMatchObject({ tariff: 'standard', terms: 'delivery' });
    expect(patched.json.spec.binds[0]).toMatchObject({
      windowMax: 7,
      passwordHash: before.binds[0].passwordHash,
    });
    expect(ops.runtime.told.splice(0)).toEqual(['catalogChanged']);
  });

  it('refuses a new name, unknown keys and unknown accounts', async () => {
    expect((await ops.request('PATCH', '/v1/accounts/newco', { name: 'x' })).status).toBe(422);
    const unknown = await ops.request('PATCH', '/v1/accounts/newco', { windowMax: 1 });
    expect(unknown.json.errors).toEqual([{ at: 'windowMax', message: 'is not a known key' }]);
    expect((await ops.request('PATCH', '/v1/accounts/none', {})).status).toBe(404);
  });
});

describe('POST /v1/accounts/{name}/suspend, resume, terminate', () => {
  const post = (verb: string, name = 'newco') =>
    ops.request('POST', `/v1/accounts/${name}/${verb}`, { reason: 'spam' });

  it('tells the daemon once to end what waits', async () => {
    expect((await post('suspend')).json).toMatchObject({
      status: 'suspended',
      statusReason: 'spam',
    });
    expect((await post('suspend')).status).toBe(200);
    expect(ops.runtime.told.splice(0)).toEqual(['catalogChanged', 'accountStopped newco: spam']);
    expect((await post('resume')).json.status).toBe('active');
    expect(ops.runtime.told.splice(0)).toEqual(['catalogChanged']);
  });

  it('needs a reason', async () => {
    expect((await ops.request('POST', '/v1/accounts/newco/suspend', {})).status).toBe(400);
  });

  it('is 409 for what is terminated and 404 for what is not there', async () => {
    expect((await post('terminate')).json.status).toBe('terminated');
    expect((await post('resume')).status).toBe(409);
    expect((await post('suspend', 'nobody')).status).toBe(404);
  });
});

describe('money of an account', () => {
  const topUp = (credits: unknown, reference: unknown = 'i1', name = 'acme') =>
    ops.request('POST', `/v1/accounts/${name}/top-ups`, { credits, reference });

  it('is topped up once a reference', async () => {
    const first = await topUp('0.000001');
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({
      credits: '0.000001',
      existing: false,
      available: '10.000001',
    });
    const again = await topUp('0.000001');
    expect(again.status).toBe(200);
    expect(again.json).toMatchObject({
      entry: first.json.entry,
      existing: true,
      available: '10.000001',
    });
    const other = await topUp('1');
    expect(other.status).toBe(409);
    expect(other.json.type).toBe('urn:smppgate:problem:reference-taken');
  });

  it('refuses what is no amount of money', async () => {
    for (const credits of ['0', '-1', '0.0000001', '1e3', 5, '', '99999999999999']) {
      expect([credits, (await topUp(credits, 'i2')).status]).toEqual([credits, 400]);
    }
    expect((await topUp('1', '')).status).toBe(400);
    expect((await topUp('1', 'i3', 'nobody')).status).toBe(404);
  });

  it('takes penalties and adjustments, once a reference', async () => {
    const post = (what: string, credits: string) =>
      ops.request('POST', `/v1/accounts/acme/${what}`, {
        credits,
        reference: what,
        reason: 'test',
      });
    expect((await post('penalties', '2')).json).toMatchObject({
      credits: '-2',
      available: '8.000001',
    });
    expect((await post('penalties', '2')).status).toBe(200);
    expect((await post('adjustments', '-0.000001')).json).toMatchObject({ available: '8' });
    expect((await post('adjustments', '0.000001')).status).toBe(409);
  });

  it('stands in the statement page by page', async () => {
    const page = (await ops.request('GET', '/v1/accounts/acme/statement?limit=3')).json;
    expect(page.entries.map((e: { kind: string; balance: string }) => [e.kind, e.balance])).toEqual(
      [
        ['top_up', '10'],
        ['top_up', '10.000001'],
        ['penalty', '8.000001'],
      ],
    );
    const rest = (
      await ops.request('GET', `/v1/accounts/acme/statement?limit=3&cursor=${page.next}`)
    ).json;
    expect(rest).toMatchObject({ opening: '8.000001', closing: '8' });
    expect(rest.next).toBeUndefined();
    expect((await ops.request('GET', '/v1/accounts/acme/statement?cursor=x')).status).toBe(400);
    expect((await ops.request('GET', '/v1/accounts/acme/statement?from=never')).status).toBe(400);
  });

  it('is counted in metrics, a repeated posting not again', async () => {
    const text = await ops.metrics.scrape();
    expect(text).toContain('smppgate_credits_total{account="acme",kind="penalty"} 2');
    expect(text).toContain('smppgate_balance_credits{account="acme"} 8');
  });
});
