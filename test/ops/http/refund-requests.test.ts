import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpsBench, startOps } from '../ops-bench.ts';

const RESOURCES = `
tariffs: {standard: {"*": "0.05"}}
terms: {asked: {refundOnRequest: [platform]}}
accounts:
  - {name: acme, tariff: standard, terms: asked, credit: "10"}
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

const wanted = { account: 'acme', reference: 'ticket 1', reason: 'nothing came', messages: ['77'] };

describe('POST /v1/refund-requests', () => {
  it('closes a complaint about messages that there are not, once a reference', async () => {
    const first = await ops.request('POST', '/v1/refund-requests', wanted);
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({
      ...{ state: 'refused', credits: '0', messages: 0, unknown: 1, unknownIds: ['77'] },
      decision: { by: 'terms' },
    });
    const again = await ops.request('POST', '/v1/refund-requests', wanted);
    expect([again.status, again.json.id]).toEqual([200, first.json.id]);
    const other = await ops.request('POST', '/v1/refund-requests', { ...wanted, messages: ['78'] });
    expect([other.status, other.json.type]).toEqual([409, 'urn:smppgate:problem:reference-taken']);
    const nobody = await ops.request('POST', '/v1/refund-requests', { ...wanted, account: 'x' });
    expect(nobody.status).toBe(404);
  });

  it('takes a campaign as lines, ids as they are', async () => {
    const head = JSON.stringify({ account: 'acme', reference: 'campaign', reason: 'undelivered' });
    const lines = `${head}\n"81"\n{"message":"82"}\n123456789012345678\n\n`;
    const type = { 'content-type': 'application/x-ndjson' };
    const made = await ops.request('POST', '/v1/refund-requests', lines, type);
    expect(made.status).toBe(201);
    expect(made.json.unknownIds).toEqual(['123456789012345678', '81', '82']);
    const wrong = await ops.request('POST', '/v1/refund-requests', `${head}\n{"id":"81"}`, type);
    expect([wrong.status, wrong.json.detail]).toEqual([400, 'line 2: must be an id, or {message}']);
  });

  it('is listed by state, decided for good, and counted', async () => {
    const listed = await ops.request('GET', '/v1/refund-requests?state=refused&limit=1');
    expect(listed.json.refundRequests).toMatchObject([{ reference: 'ticket 1', overdue: false }]);
    const [{ id }] = listed.json.refundRequests;
    expect(listed.json.next).toBe(id);
    expect((await ops.request('GET', '/v1/refund-requests?due=overdue')).json).toEqual({
      refundRequests: [],
    });
    const soon = await ops.request('GET', '/v1/refund-requests?due=soon');
    expect([soon.status, soon.json.detail]).toEqual([
      400,
      expect.stringContaining('due: must be overdue, or a time such as'),
    ]);
    const decision = { decision: 'approve', reason: 'why not' };
    const late = await ops.request('POST', `/v1/refund-requests/${id}/decision`, decision);
    expect([late.status, late.json.type]).toEqual([409, 'urn:smppgate:problem:already-decided']);
    const unpaid = await ops.request('POST', `/v1/refund-requests/${id}/payment`, {
      reference: 'p',
    });
    expect([unpaid.status, unpaid.json.type]).toEqual([409, 'urn:smppgate:problem:not-approved']);
    const none = await ops.request('POST', '/v1/refund-requests/999/decision', decision);
    expect(none.status).toBe(404);
    const metrics = await ops.metrics.scrape();
    expect(metrics).toContain('smppgate_refund_requests{state="refused"} 2');
    expect(metrics).toContain('smppgate_refund_requests_overdue 0');
  });
});

describe('approved refund requests', () => {
  /** As approvals leave them. */
  const approve = (reference: string, due: string) =>
    ops.pool.query(
      `insert into refund_request (account, reference, reason, actor, digest, state, decision, decided_by, decided_at, due_at)
         select id, $1, 'nothing came', 'olga', '', 'approved', 'an outage', 'olga', now(), now() + $2::interval
         from account where name = 'acme'`,
      [reference, due],
    );

  it('stand on the page in the order of their due dates, those that are late in red', async () => {
    await approve('next week', '7 days');
    await approve('late <b>', '-1 hour');
    const { text } = await ops.request('GET', '/');
    expect(text).toContain('0 open, 0 looked into, 2 to be paid.');
    const [late, next] = ['late &lt;b&gt;', 'next week'].map((one) => text.indexOf(one));
    expect(late).toBeGreaterThan(0);
    expect(next).toBeGreaterThan(late ?? 0);
    expect(text.match(/<tr class="bad">.*?<\/tr>/g)?.join()).toContain('late &lt;b&gt;');
    expect(text.match(/<tr class="bad">.*?<\/tr>/g)?.join()).not.toContain('next week');
  });

  it('are a metric: how many are late, and how long until the first is', async () => {
    const metrics = await ops.metrics.scrape();
    expect(metrics).toContain('smppgate_refund_requests{state="approved"} 2');
    expect(metrics).toContain('smppgate_refund_requests_overdue 1');
    const due = Number(/^smppgate_refund_requests_due_seconds (\S+)/m.exec(metrics)?.[1]);
    expect(due).toBeLessThanOrEqual(-3600);
    expect(due).toBeGreaterThan(-3700);
  });
});

describe('/v1/outages', () => {
  const declared = {
    from: '2026-12-01T08:00:00Z',
    until: '2026-12-01T10:00:00Z',
    prefix: '92',
    reason: 'exchange down',
  };

  it('are declared once, ended, and withdrawn', async () => {
    const first = await ops.request('POST', '/v1/outages', declared);
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({ prefix: '92', carrier: null, refunded: '0' });
    expect((await ops.request('POST', '/v1/outages', declared)).status).toBe(200);
    const ended = await ops.request('PATCH', `/v1/outages/${first.json.id}`, {
      until: '2026-12-01T11:00:00Z',
    });
    expect([ended.status, ended.json.type]).toEqual([409, 'urn:smppgate:problem:outage-ended']);
    const { until: _, ...lasting } = declared;
    const open = await ops.request('POST', '/v1/outages', lasting);
    const path = `/v1/outages/${open.json.id}`;
    const closed = await ops.request('PATCH', path, { until: '2026-12-01T11:00:00Z' });
    expect(closed.json.until).toBe('2026-12-01T11:00:00.000Z');
    expect((await ops.request('DELETE', path)).json.withdrawnAt).toEqual(expect.any(String));
    expect((await ops.request('DELETE', path)).status).toBe(404);
    expect((await ops.request('GET', '/v1/outages')).json.outages).toHaveLength(1);
    expect((await ops.request('GET', '/v1/outages?withdrawn=true')).json.outages).toHaveLength(2);
  });

  it('say what is wrong with them', async () => {
    const backwards = { ...declared, until: declared.from };
    expect((await ops.request('POST', '/v1/outages', backwards)).status).toBe(400);
    const nobodys = { ...declared, carrier: 'nobody' };
    expect((await ops.request('POST', '/v1/outages', nobodys)).status).toBe(404);
    expect((await ops.request('POST', '/v1/outages', { ...declared, prefix: '+92' })).status).toBe(
      400,
    );
  });
});

describe('P3.5 a penalty', () => {
  it('has its evidence and the reference of the carrier on the statement', async () => {
    const body = {
      ...{ credits: '2', reference: 'case 4', reason: 'spam complaint' },
      ...{ carrier: 'alpha', carrierReference: 'ALPHA-2026-88', evidence: 'notice of 2 December' },
    };
    expect((await ops.request('POST', '/v1/accounts/acme/penalties', body)).status).toBe(201);
    const { json } = await ops.request('GET', '/v1/accounts/acme/statement');
    expect(json.entries.at(-1)).toMatchObject({
      ...{ kind: 'penalty', amount: '-2', reference: 'case 4' },
      ...{ carrier: 'alpha', carrierReference: 'ALPHA-2026-88', evidence: 'notice of 2 December' },
    });
    expect(json.entries[0]).not.toHaveProperty('evidence');
  });
});
