import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LedgerTraffic } from '../../store/ledger-traffic.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';

let traffic: LedgerTraffic;
let ops: OpsBench;

beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  ops = await startOps({
    pool: traffic.pool,
    tokens: [
      { name: 'admin', role: 'admin', token: ADMIN_TOKEN },
      { name: 'olga', role: 'operator', token: 'the-operator-token' },
      { name: 'ivan', role: 'inspector', token: 'the-inspector-token' },
      { name: 'vera', role: 'viewer', token: 'the-viewer-token' },
    ],
  });
});
afterAll(async () => {
  await ops.stop();
  await traffic.stop();
});

const SINCE = { since: '2026-01-01T00:00:00Z' };
/** What the runtime of the bench answers to who may ask. */
const STARTING = 503;

async function ask(role: string, body: object): Promise<number> {
  const headers = { authorization: `Bearer the-${role}-token` };
  return (await ops.request('POST', '/v1/policies/replay', { ...SINCE, ...body }, headers)).status;
}

describe('POST /v1/policies/replay', () => {
  it('tries a policy of his own only for who may change policies or see texts', async () => {
    const own = { resources: '{"policies":{"p":{}}}' };
    expect(await ask('viewer', {})).toBe(STARTING);
    expect(await ask('viewer', own)).toBe(403);
    expect(await ask('viewer', { policy: 'open' })).toBe(403);
    expect(await ask('operator', own)).toBe(STARTING);
    expect(await ask('inspector', own)).toBe(STARTING);
  });

  it('shows content only to a role that may, for a reason', async () => {
    const content = { content: true, reason: 'a complaint' };
    expect(await ask('operator', content)).toBe(403);
    expect(await ask('inspector', { content: true })).toBe(400);
    expect(await ask('inspector', content)).toBe(STARTING);
    const { rows } = await traffic.pool.query(
      `select actor from audit where action = 'policy.replay' and (detail->>'content')::bool`,
    );
    expect(rows).toEqual([{ actor: 'ivan' }]);
  });

  it('refuses what it cannot read, and more than it may', async () => {
    expect(await ask('operator', { resources: '{"policies":{"p":{"rule":[]}}}' })).toBe(422);
    expect(await ask('operator', { limit: 1_000_001 })).toBe(400);
    expect(await ask('operator', { until: '2025-01-01T00:00:00Z' })).toBe(400);
    expect(await ask('operator', { unknown: 1 })).toBe(400);
  });
});
