import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpsBench, startOps } from '../ops-bench.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
});
afterAll(() => ops.stop());

const PATH = '/v1/number-networks';
const networkOf = async (number: string) =>
  (await ops.request('GET', `${PATH}?number=${number}`)).json.network;
const send = (method: string, type: string, text: string) =>
  ops.request(method, PATH, text, { 'content-type': type });

describe('/v1/number-networks', () => {
  it('sets one number or many, from JSON, NDJSON and CSV', async () => {
    const one = await ops.request('PUT', PATH, { number: '+966500000001', network: '42001' });
    expect(one).toMatchObject({ status: 200, json: { numbers: 1, changed: 1 } });
    const many = [
      { number: '966500000001', network: '42001' },
      { number: '966500000002', network: '42003' },
    ];
    expect((await ops.request('PUT', PATH, { numbers: many })).json).toEqual({
      numbers: 2,
      changed: 1,
    });
    const lines =
      '{"number":"966500000003","network":"42003"}\n\n{"number":"966500000004","network":"42003"}';
    expect((await send('PUT', 'application/x-ndjson', lines)).json.changed).toBe(2);
    const csv = 'Number,Network\r\n"966500000005","42004"\r\n966500000006;42004\r\n';
    expect((await send('PUT', 'text/csv', csv)).json).toEqual({ numbers: 2, changed: 2 });
    expect(await networkOf('%2B966500000005')).toBe('42004');
    expect((await ops.request('GET', PATH)).json).toEqual({ numbers: 6, most: 5_000_000 });
  });

  it('stores no number in clear, logs none, and audits how many changed', async () => {
    const { rows } = await ops.pool.query('select number_hash, network from number_network');
    expect(rows[0].number_hash).toHaveLength(16);
    expect(JSON.stringify(rows) + ops.logged.join('')).not.toContain('9665000000');
    const { rows: audit } = await ops.pool.query(
      `select action, detail from audit where action like 'numberNetworks%' order by id`,
    );
    expect(audit.map(({ detail }) => detail)).toEqual([1, 1, 2, 2].map((changed) => ({ changed })));
  });

  it('removes numbers', async () => {
    expect((await ops.request('DELETE', PATH, { number: '966500000001' })).json.changed).toBe(1);
    expect((await send('DELETE', 'text/csv', '966500000002\n966500000009,42001')).json).toEqual({
      numbers: 2,
      changed: 1,
    });
    expect((await ops.request('GET', `${PATH}?number=966500000001`)).status).toBe(404);
    expect((await ops.request('GET', PATH)).json.numbers).toBe(4);
  });

  it('names the place of what is wrong, not the number, and then stores nothing', async () => {
    const { status, json } = await send(
      'PUT',
      'text/csv',
      '966500000007,42001\n966500000008,4\n12,42001\n',
    );
    expect(status).toBe(400);
    expect(json.errors).toEqual([
      { at: 'line 2', message: 'is no {number, network}' },
      { at: 'line 3', message: 'has no international number' },
    ]);
    expect(await networkOf('966500000007')).toBeUndefined();
    for (const body of [{}, { number: '966500000007' }, { numbers: [] }, { numbers: 'x' }, []])
      expect((await ops.request('PUT', PATH, body)).status).toBe(400);
    for (const [type, text] of [
      ['application/x-ndjson', '{"number"'],
      ['text/csv', ''],
      ['application/json', '{"numbers": [null]}'],
    ] as const)
      expect((await send('PUT', type, text)).status).toBe(400);
    expect((await send('PUT', 'text/html', 'x')).status).toBe(415);
  });

  it('takes 50,000 numbers at once, and no more', async () => {
    const lines = (count: number) =>
      Array.from({ length: count }, (_, i) => `${966_510_000_000 + i},42001`).join('\n');
    expect((await send('PUT', 'text/csv', lines(50_000))).json.changed).toBe(50_000);
    expect((await send('PUT', 'text/csv', lines(50_001))).status).toBe(400);
    expect(await networkOf('966510049999')).toBe('42001');
  });

  it('refuses to go over what nodes hold in memory', async () => {
    await ops.pool.query('update number_network_total set total = 4999999');
    const two = '966520000001,42001\n966520000002,42001';
    expect((await send('PUT', 'text/csv', two)).status).toBe(409);
    expect(await networkOf('966520000001')).toBeUndefined();
    expect((await send('PUT', 'text/csv', '966520000001,42001')).status).toBe(200);
  });
});
