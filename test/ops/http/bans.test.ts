import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpsBench, startOps } from '../ops-bench.ts';

let ops: OpsBench;
beforeAll(async () => {
  const tokens = [
    { name: 'admin', role: 'admin', token: 'the-admin-token-of-this-test' },
    { name: 'desk', role: 'viewer', token: 'the-viewer-token' },
  ] as const;
  ops = await startOps({ tokens: [...tokens] });
});
beforeEach(() => {
  ops.runtime.told.length = 0;
  ops.runtime.banViews = [
    {
      address: '2001:db8::7',
      systemId: 'a&b c',
      failures: 10,
      bannedAtMs: Date.UTC(2026, 0, 1),
      untilMs: Date.UTC(2026, 0, 1, 0, 1),
    },
  ];
});
afterAll(() => ops.stop());

const PAIR = new URLSearchParams({ address: '2001:db8::7', systemId: 'a&b c' });

describe('GET /v1/bans', () => {
  it('tells who is banned and until when', async () => {
    expect((await ops.request('GET', '/v1/bans')).json).toEqual({
      bans: [
        {
          address: '2001:db8::7',
          systemId: 'a&b c',
          failures: 10,
          bannedAt: '2026-01-01T00:00:00.000Z',
          expiresAt: '2026-01-01T00:01:00.000Z',
        },
      ],
    });
  });
});

describe('DELETE /v1/bans', () => {
  it('lifts the ban of a pair and audits who did', async () => {
    expect((await ops.request('DELETE', `/v1/bans?${PAIR}`)).json).toEqual({ ok: true });
    expect(ops.runtime.told).toEqual(['liftBan 2001:db8::7 a&b c']);
    const { rows } = await ops.pool.query('select actor, action, subject, detail from audit');
    expect(rows).toEqual([
      { actor: 'admin', action: 'ban.lift', subject: 'a&b c', detail: { address: '2001:db8::7' } },
    ]);
  });

  it('is 404 for a pair that is not banned, 400 without one, 403 for who may only read', async () => {
    const other = '/v1/bans?address=192.0.2.1&systemId=acme';
    const absent = await ops.request('DELETE', other);
    expect([absent.status, absent.json.type]).toEqual([404, 'urn:smppgate:problem:ban-not-found']);
    expect((await ops.request('DELETE', '/v1/bans')).status).toBe(400);
    const viewer = { authorization: 'Bearer the-viewer-token' };
    expect((await ops.request('DELETE', `/v1/bans?${PAIR}`, undefined, viewer)).status).toBe(403);
    expect((await ops.request('GET', '/v1/bans', undefined, viewer)).status).toBe(200);
    expect(ops.runtime.told).toEqual([]);
  });
});
