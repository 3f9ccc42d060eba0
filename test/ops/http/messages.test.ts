import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Accepted, LedgerTraffic } from '../../store/ledger-traffic.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

let traffic: LedgerTraffic;
let ops: OpsBench;
let delivered: Accepted;
beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  ops = await startOps({ pool: traffic.pool });
  const messages = await traffic.accept(
    { account: 'acme', customerId: 'cafe', destination: '966500000001' },
    { account: 'pays-later', customerId: 'cafe', destination: '966511111111' },
  );
  delivered = messages[0] as Accepted;
  await traffic.sent(messages);
  await traffic.settle([delivered], 'DELIVRD');
});
afterAll(async () => {
  await ops.stop();
  await traffic.stop();
});

describe('GET /v1/messages/{id}', () => {
  it('tells the timeline, ids and money as strings, content hidden', async () => {
    const answer = await ops.request('GET', `/v1/messages/${delivered.id}`);
    expect(answer.json).toMatchObject({
      id: String(delivered.id),
      messageId: 'cafe',
      account: 'acme',
      state: 'DELIVRD',
      carrier: 'sim',
      price: '0.05',
    });
    expect(answer.json).not.toHaveProperty('queuedFor');
    expect(answer.json.events).toMatchObject([
      { event: 'accepted', state: 'ACCEPTD', queuedFor: 'sim' },
      { event: 'charged', money: '-0.05', entry: expect.stringMatching(/^\d+$/) },
      { event: 'sent', carrier: 'sim', upstreamId: `up-${delivered.id}-1`, status: '0x00000000' },
      { event: 'delivered', state: 'DELIVRD' },
      { event: 'settled', state: 'DELIVRD', fault: 'none', cause: 'receipt' },
    ]);
    expect(answer.text).not.toContain('966500000001');
  });

  it("finds the customer's own id, and asks whose when two have it", async () => {
    expect((await ops.request('GET', '/v1/messages/cafe')).status).toBe(409);
    const mine = await ops.request('GET', '/v1/messages/cafe?account=acme');
    expect(mine.json.id).toBe(String(delivered.id));
    expect((await ops.request('GET', '/v1/messages/12345')).status).toBe(404);
  });
});

describe('GET /v1/messages', () => {
  const ids = (answer: { json: { messages: { account: string }[] } }) =>
    answer.json.messages.map((message) => message.account);

  it('lists by account, number and time', async () => {
    expect(ids(await ops.request('GET', '/v1/messages'))).toEqual(['pays-later', 'acme']);
    expect(ids(await ops.request('GET', '/v1/messages?account=acme'))).toEqual(['acme']);
    for (const to of ['966511111111', '%2B966511111111', '+966511111111', '00966511111111']) {
      expect(ids(await ops.request('GET', `/v1/messages?to=${to}`))).toEqual(['pays-later']);
    }
    expect(ids(await ops.request('GET', '/v1/messages?from=1970-01-01&until=2020-01-01'))).toEqual(
      [],
    );
  });

  it('pages by the last id', async () => {
    const first = await ops.request('GET', '/v1/messages?limit=1');
    expect(ids(first)).toEqual(['pays-later']);
    expect(ids(await ops.request('GET', `/v1/messages?limit=1&before=${first.json.next}`))).toEqual(
      ['acme'],
    );
  });

  it('refuses what is no number, no time and no account', async () => {
    expect((await ops.request('GET', '/v1/messages?to=abc')).status).toBe(400);
    expect((await ops.request('GET', '/v1/messages?from=x')).status).toBe(400);
    expect((await ops.request('GET', '/v1/messages?account=nobody')).status).toBe(404);
  });
});

describe('GET /v1/reconciliation', () => {
  it('names the differences and sets the metric', async () => {
    expect((await ops.request('GET', '/v1/reconciliation')).json).toEqual({
      ok: true,
      accounts: 2,
      mismatches: [],
    });
    await traffic.tamper(
      `update message set unit_price = unit_price + 1 where id = ${delivered.id}`,
    );
    const answer = await ops.request('GET', '/v1/reconciliation');
    expect(answer.json).toMatchObject({
      ok: false,
      mismatches: [{ account: 'acme', expected: '0.050001', found: '0.05' }],
    });
    expect(await ops.metrics.scrape()).toContain('smppgate_ledger_mismatches 1');
  });
});

describe('GET /v1/messages/{id} after an end in the queue', () => {
  it('names no carrier of what never left, but whose queue it was in', async () => {
    const [expired] = await traffic.accept({ account: 'acme', destination: '966500000002' });
    await traffic.settle([expired as Accepted], 'EXPIRED');
    const { json } = await ops.request('GET', `/v1/messages/${expired?.id}`);
    expect(json).toMatchObject({ state: 'EXPIRED', queuedFor: 'sim' });
    expect(json).not.toHaveProperty('carrier');
    for (const event of json.events) expect(event).not.toHaveProperty('carrier');
  });
});
