import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAILURE_WINDOW_MS, FAILURES_MAX } from '../../../src/ops/http/auth.ts';
import { ADMIN_TOKEN, type OpsBench, request, startOps } from '../ops-bench.ts';

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps({
    tokens: [
      { name: 'admin', role: 'admin', token: ADMIN_TOKEN },
      { name: 'auditor', role: 'viewer', token: 'viewer-token' },
    ],
  });
});
afterAll(() => ops.stop());

const withHeaders = (path: string, headers: Record<string, string>, method = 'GET') =>
  request(`${ops.url}${path}`, method, undefined, headers);

describe('buildHttpServer', () => {
  it('asks for a token everywhere but at health', async () => {
    for (const path of ['/', '/v1/accounts', '/v1/resources', '/docs', '/docs/json', '/nowhere']) {
      const answer = await withHeaders(path, {});
      expect([path, answer.status, answer.type]).toEqual([path, 401, 'application/problem+json']);
    }
    expect((await withHeaders('/healthz', {})).json).toEqual({ ok: true });
    expect((await withHeaders('/readyz', {})).json).toEqual({
      ok: true,
      reasons: [],
      warnings: [],
    });
  });

  it('lets a viewer read and nothing else', async () => {
    const headers = { authorization: 'Bearer viewer-token' };
    expect((await withHeaders('/v1/accounts', headers)).status).toBe(200);
    const refused = await withHeaders('/v1/drain', headers, 'POST');
    expect(refused.status).toBe(403);
    expect(refused.json.type).toBe('urn:smppgate:problem:role-too-low');
    expect(ops.runtime.told).toEqual([]);
  });

  it('takes a browser login on pages only, so that another site cannot post with it', async () => {
    const headers = {
      authorization: `Basic ${Buffer.from(`any:${ADMIN_TOKEN}`).toString('base64')}`,
    };
    expect((await withHeaders('/', headers)).status).toBe(200);
    expect((await withHeaders('/v1/accounts', headers)).status).toBe(401);
    expect((await withHeaders('/v1/drain', headers, 'POST')).status).toBe(401);
  });

  it('answers every error as problem details', async () => {
    const missing = await ops.request('GET', '/v1/nothing?x=1');
    expect(missing).toMatchObject({ status: 404, type: 'application/problem+json' });
    expect(missing.json).toEqual({
      type: 'urn:smppgate:problem:no-such-path',
      title: 'Not Found',
      status: 404,
      detail: 'there is no GET /v1/nothing',
      instance: '/v1/nothing',
    });
    const wrong = await ops.request('GET', '/v1/accounts?limit=0');
    expect(wrong.status).toBe(400);
    expect(wrong.json.errors[0].at).toBe('querystring.limit');
    const broken = await ops.request('POST', '/v1/accounts', '{', {
      'content-type': 'application/json',
    });
    expect(broken).toMatchObject({ status: 400, type: 'application/problem+json' });
    const media = await ops.request('POST', '/v1/accounts', 'x', { 'content-type': 'text/csv' });
    expect(media).toMatchObject({ status: 415, type: 'application/problem+json' });
    const large = await ops.request('POST', '/v1/accounts', { name: 'x'.repeat(70_000) });
    expect(large).toMatchObject({ status: 413, type: 'application/problem+json' });
    const method = await ops.request('DELETE', '/v1/accounts');
    expect(method.status).toBe(404);
  });

  it('says nothing of an inner failure but that its log has the reason', async () => {
    await ops.pool.query('alter table account rename to account_gone');
    const answer = await ops.request('GET', '/v1/accounts');
    await ops.pool.query('alter table account_gone rename to account');
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('relation');
    const line = JSON.parse(ops.logged.at(-1) ?? '{}');
    expect(line).toMatchObject({
      level: 'error',
      msg: 'http request failed',
      route: '/v1/accounts',
    });
    expect(line.reason).toContain('does not exist');
  });

  it('refuses an address that keeps guessing, right token or not, until a minute is over', async () => {
    const guess = () => withHeaders('/v1/accounts', { authorization: 'Bearer guess' });
    for (let n = 0; n < FAILURES_MAX; n += 1) expect((await guess()).status).toBe(401);
    const refused = await guess();
    expect(refused.status).toBe(429);
    expect((await ops.request('GET', '/v1/accounts')).status).toBe(429);
    expect((await withHeaders('/healthz', {})).status).toBe(200);
    ops.now += FAILURE_WINDOW_MS;
    expect((await ops.request('GET', '/v1/accounts')).status).toBe(200);
  });
});

describe('GET /docs', () => {
  it('describes every route of the API as OpenAPI 3.1', async () => {
    const { json } = await ops.request('GET', '/docs/json');
    expect(json.openapi).toBe('3.1.0');
    expect(Object.keys(json.paths).toSorted()).toEqual([
      '/healthz',
      '/metrics',
      '/readyz',
      '/v1/accounts',
      '/v1/accounts/{name}',
      '/v1/accounts/{name}/adjustments',
      '/v1/accounts/{name}/balance',
      '/v1/accounts/{name}/conversions',
      '/v1/accounts/{name}/forfeits',
      '/v1/accounts/{name}/penalties',
      '/v1/accounts/{name}/purchase-refunds',
      '/v1/accounts/{name}/resume',
      '/v1/accounts/{name}/signals',
      '/v1/accounts/{name}/statement',
      '/v1/accounts/{name}/suspend',
      '/v1/accounts/{name}/terminate',
      '/v1/accounts/{name}/top-ups',
      '/v1/accounts/{name}/violations',
      '/v1/audit',
      '/v1/bans',
      '/v1/binds',
      '/v1/binds/history',
      '/v1/carrier-profiles',
      '/v1/carrier-profiles/{name}',
      '/v1/carriers',
      '/v1/carriers/{name}',
      '/v1/carriers/{name}/invoices',
      '/v1/carriers/{name}/invoices/{run}',
      '/v1/carriers/{name}/pause',
      '/v1/carriers/{name}/probe',
      '/v1/carriers/{name}/quality',
      '/v1/carriers/{name}/resume',
      '/v1/consents',
      '/v1/drain',
      '/v1/expiring-credit',
      '/v1/messages',
      '/v1/messages/{id}',
      '/v1/moderation',
      '/v1/moderation/{id}',
      '/v1/moderation/{id}/refuse',
      '/v1/moderation/{id}/release',
      '/v1/number-networks',
      '/v1/opt-outs',
      '/v1/outages',
      '/v1/outages/{id}',
      '/v1/policies/replay',
      '/v1/policies/{name}/versions',
      '/v1/policies/{name}/versions/{version}',
      '/v1/receipts/explain',
      '/v1/receipts/unmatched',
      '/v1/receipts/unmatched/{id}',
      '/v1/reconciliation',
      '/v1/refund-requests',
      '/v1/refund-requests/{id}',
      '/v1/refund-requests/{id}/decision',
      '/v1/refund-requests/{id}/payment',
      '/v1/reports/carriers/{name}',
      '/v1/reports/deliveries',
      '/v1/reports/margin',
      '/v1/reports/usage',
      '/v1/resources',
      '/v1/routes/explain',
      '/v1/routes/requeue',
      '/v1/senders',
      '/v1/suspensions',
      '/v1/tariffs/{name}',
      '/v1/tariffs/{name}/versions',
      '/v1/tariffs/{name}/versions/{version}',
      '/v1/terms/{name}/versions',
      '/v1/terms/{name}/versions/{version}',
      '/v1/trace',
      '/v1/traces',
      '/v1/traces/{id}',
      '/v1/traces/{id}/stop',
      '/v1/word-lists',
      '/v1/word-lists/{name}',
      '/v1/word-lists/{name}/versions',
      '/v1/word-lists/{name}/versions/{version}',
    ]);
    const post = json.paths['/v1/accounts/{name}/top-ups'].post;
    expect(post.requestBody.content['application/json'].schema.required).toEqual([
      'credits',
      'reference',
    ]);
    expect(post.responses['201'].content['application/json'].schema.properties.entry.type).toBe(
      'string',
    );
    expect(post.responses.default).toBeDefined();
  });

  it('is one page that loads nothing from elsewhere', async () => {
    const { text, type } = await ops.request('GET', '/docs');
    expect(type).toContain('text/html');
    expect(text).toContain('POST /v1/accounts/{name}/top-ups');
    expect(text).not.toMatch(/<script|<link|src=|https?:\/\//);
  });
});
