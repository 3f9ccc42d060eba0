import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { carrierId } from '../../../src/domain/ids.ts';
import type { Arrival } from '../../../src/gateway/arrival.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

const TOKENS = { operator: 'token-operator', inspector: 'token-inspector', viewer: 'token-viewer' };
type Who = keyof typeof TOKENS;
let ops: OpsBench;

beforeAll(async () => {
  ops = await startOps({
    tokens: [
      { name: 'otto', role: 'operator', token: TOKENS.operator },
      { name: 'ivan', role: 'inspector', token: TOKENS.inspector },
      { name: 'vera', role: 'viewer', token: TOKENS.viewer },
    ],
  });
  ops.now = 61_000;
  ops.runtime.parkedViews = [
    {
      parked: 5n,
      carrier: carrierId(1),
      carrierName: 'sim',
      receivedAt: new Date(1_000),
      reason: 'unknownId',
      tries: 3,
      nextTryAt: new Date(64_000),
      matched: undefined,
      arrival: {
        carrier: { name: 'sim' },
        ids: ['beef'],
        fields: { stat: 'DELIVRD', err: '000' },
        destination: '966500000001',
        sender: '966500000002',
      } as unknown as Arrival,
    },
  ];
});
afterAll(() => ops.stop());

function as(who: Who, method: string, path: string, body?: unknown) {
  return ops.request(method, path, body, { authorization: `Bearer ${TOKENS[who]}` });
}

async function run(...line: string[]) {
  const env = { SMPPGATE_URL: ops.url, ADMIN_TOKEN: TOKENS.viewer };
  const { code, out, err } = await runCommand(env, line);
  return { code, out: out + err };
}

describe('POST /v1/receipts/explain', () => {
  it('explains to whoever may read', async () => {
    const body = { carrier: 'sim', text: 'id:7 stat:DELIVRD', destination: '966500000001' };
    const { status, json } = await as('viewer', 'POST', '/v1/receipts/explain', body);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      carrier: 'sim',
      read: { ids: [{ id: '7' }], destination: '966500000001' },
      matched: null,
      reason: 'otherDestination',
      does: 'explains id:7 stat:DELIVRD',
      hints: ['look at it'],
    });
    const unknown = await as('viewer', 'POST', '/v1/receipts/explain', { ...body, carrier: 'no' });
    expect(unknown.status).toBe(404);
    expect((await as('viewer', 'POST', '/v1/receipts/explain', { text: '' })).status).toBe(400);
    // Other POSTs stay closed to readers.
    expect((await as('viewer', 'POST', '/v1/drain')).status).toBe(403);
  });
});

describe('GET /v1/receipts/unmatched', () => {
  it('lists them without whole numbers', async () => {
    const { json } = await as('viewer', 'GET', '/v1/receipts/unmatched');
    expect(json).toEqual({
      receipts: [
        {
          id: '5',
          carrier: 'sim',
          receivedAt: '1970-01-01T00:00:01.000Z',
          ageSeconds: 60,
          reason: 'unknownId',
          tries: 3,
          nextTryAt: '1970-01-01T00:01:04.000Z',
          matched: null,
          ids: ['beef'],
          state: 'DELIVRD',
          err: '000',
          destination: '96650000****',
          sender: '96650000****',
        },
      ],
    });
    const story = await as('viewer', 'GET', '/v1/receipts/unmatched/5');
    expect(story.json).toMatchObject({
      id: '5',
      explanation: { read: { destination: '96650000****' }, candidates: [{ message: '12' }] },
    });
    expect((await as('viewer', 'GET', '/v1/receipts/unmatched/6')).status).toBe(404);
    expect((await as('viewer', 'GET', '/v1/receipts/unmatched?carrier=none')).status).toBe(404);
  });

  it('shows numbers to who may see them, for a reason that the audit has', async () => {
    const path = '/v1/receipts/unmatched?content=true';
    expect((await as('operator', 'GET', `${path}&reason=why`)).status).toBe(403);
    expect((await as('inspector', 'GET', path)).status).toBe(400);
    const { json } = await as('inspector', 'GET', `${path}&reason=ticket%2012`);
    expect(json.receipts[0]).toMatchObject({ destination: '966500000001' });
    const { rows } = await ops.pool.query(
      "select actor, subject, detail from audit where action = 'receipts.content'",
    );
    expect(rows).toEqual([{ actor: 'ivan', subject: 'all', detail: { reason: 'ticket 12' } }]);
  });
});

describe('receipt', () => {
  it('explains, lists and shows', async () => {
    const explained = await run('receipt', 'explain', 'id:7', '--carrier', 'sim', '--dest', '9665');
    expect(explained.code).toBe(0);
    for (const shown of ['7 (same)', 'otherDestination', 'explains id:7', 'hint  look at it'])
      expect(explained.out).toContain(shown);
    expect((await run('receipt', 'list', '--unmatched')).out).toMatch(
      /5 +sim +60 s +unknownId +beef +DELIVRD +96650000\*{4} +3\n$/,
    );
    expect((await run('receipt', 'show', '5')).out).toContain('candidates');
    expect((await run('receipt', 'explain', 'id:7')).code).toBe(2);
    expect((await run('receipt', 'explain', 'x', '--carrier', 'sim', '--state', 'y')).code).toBe(2);
    expect((await run('receipt', 'explain', 'x', '--carrier', 'none')).code).toBe(1);
  });
});
