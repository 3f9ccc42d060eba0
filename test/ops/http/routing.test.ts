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

describe('GET /v1/routes/explain', () => {
  const explain = (query: string) => ops.request('GET', `/v1/routes/explain?${query}`);

  it('explains where a number would go', async () => {
    const answer = await explain('to=%2B966500000001&account=acme&sender=ACME&class=otp');
    expect(answer.json).toMatchObject({
      destination: '966500000001',
      sender: 'ACME',
      class: 'otp',
      prefix: '966',
      unitPrice: '0.05',
    });
  });

  it('asks for a time of its own', async () => {
    const { json } = await explain('to=966500000001&at=2026-12-01T22:00:00%2B03:00');
    expect(json.at).toBe('2026-12-01T19:00:00.000Z');
    expect((await explain('to=966500000001&at=tomorrow')).status).toBe(400);
  });

  it('refuses what is no number, and accounts that are not there', async () => {
    expect((await explain('to=966500000001&account=nobody')).status).toBe(404);
    expect((await explain('to=x')).status).toBe(400);
  });
});

describe('POST /v1/routes/requeue', () => {
  it('stores and audits the request, and answers with the numbers of this node', async () => {
    const answer = await ops.request('POST', '/v1/routes/requeue', { reason: 'dearer now' });
    expect(answer).toMatchObject({ status: 200, json: { moved: 7, kept: 3, done: true } });
    expect(ops.runtime.told.splice(0)).toEqual(['requeue all']);
    const { rows } = await ops.pool.query(
      `select subject, detail from audit where action = 'routes.requeue'`,
    );
    expect(rows).toEqual([{ subject: null, detail: { reason: 'dearer now' } }]);
    expect((await ops.pool.query('select carrier from requeue_request')).rows).toHaveLength(1);
  });

  it('refuses unknown carriers, a second one at the same time, and a node without queues', async () => {
    const requeue = (body: object) => ops.request('POST', '/v1/routes/requeue', body);
    expect((await requeue({ carrier: 'none' })).status).toBe(404);
    expect((await requeue({ carier: 'sim' })).status).toBe(400);
    ops.runtime.requeuing = true;
    expect((await requeue({})).status).toBe(409);
    ops.runtime.requeuing = undefined;
    expect((await requeue({})).status).toBe(503);
    ops.runtime.requeuing = false;
    expect(ops.runtime.told.splice(0)).toEqual([]);
  });
});
