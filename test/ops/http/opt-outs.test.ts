import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../store/ledger-traffic.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

let ops: OpsBench;
let account: string;
beforeAll(async () => {
  ops = await startOps();
  await ops.request('PUT', '/v1/resources', RESOURCES, { 'content-type': 'application/yaml' });
  const { json } = await ops.request('GET', '/v1/accounts');
  account = json.accounts[0].name;
});
afterAll(() => ops.stop());

async function listed(query = ''): Promise<string[]> {
  const { json } = await ops.request('GET', `/v1/opt-outs?account=${account}${query}`);
  return json.optOuts.map((one: { number: string }) => one.number).sort();
}

describe('/v1/opt-outs', () => {
  it('adds one number or many, each once, and lists them in clear', async () => {
    const one = await ops.request('PUT', '/v1/opt-outs', { account, number: '+966500000001' });
    expect(one).toMatchObject({ status: 200, json: { account, changed: 1 } });
    const numbers = ['966500000001', '966500000002', '966500000003'];
    const many = await ops.request('PUT', '/v1/opt-outs', { account, numbers });
    expect(many.json).toEqual({ account, changed: 2 });
    expect(await listed()).toEqual(numbers);
    const { json } = await ops.request('GET', `/v1/opt-outs?account=${account}&limit=1`);
    expect(json.optOuts[0]).toMatchObject({ account, source: 'operator' });
    expect(await listed(`&after=${json.next}`)).toHaveLength(2);
  });

  it('looks one number up', async () => {
    expect(await listed('&number=%2B966500000002')).toEqual(['966500000002']);
    expect(await listed('&number=966500000009')).toEqual([]);
  });

  it('stores no number in clear', async () => {
    const { rows } = await ops.pool.query('select number_hash, opted_out, source from opt_out');
    expect(JSON.stringify(rows)).not.toContain('96650000');
  });

  it('removes numbers, and says how many were on the list', async () => {
    const numbers = ['966500000001', '966500000009'];
    const gone = await ops.request('DELETE', '/v1/opt-outs', { account, numbers });
    expect(gone.json).toEqual({ account, changed: 1 });
    expect(await listed()).toEqual(['966500000002', '966500000003']);
    const { rows } = await ops.pool.query(
      `select action, detail from audit where action like 'optOuts%' order by id`,
    );
    expect(rows.map((row) => [row.action, row.detail.changed])).toEqual([
      ['optOuts.add', 1],
      ['optOuts.add', 2],
      ['optOuts.remove', 1],
    ]);
  });

  it.each([
    { body: { account: 'nobody', number: '966500000001' }, status: 404 },
    { body: { number: '966500000001' }, status: 400 },
    { body: { account: 'x' }, status: 400 },
    { body: { numbers: ['966500000001', 'letters'] }, status: 400 },
  ])('refuses $body with $status', async ({ body, status }) => {
    const whole = 'numbers' in body ? { account, ...body } : body;
    expect((await ops.request('PUT', '/v1/opt-outs', whole)).status).toBe(status);
    expect(await listed()).toEqual(['966500000002', '966500000003']);
  });
});
