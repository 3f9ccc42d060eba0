import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrokenAudit, writeAudit } from '../../../src/store/audit.ts';
import { inTransaction } from '../../../src/store/pool.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';

const RESOURCES = `
tariffs: {standard: {"*": "0.05"}}
terms: {usual: {}}
accounts: [{name: acme, tariff: standard, terms: usual}, {name: other, tariff: standard, terms: usual}]
`;

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps({
    tokens: [
      { name: 'admin', role: 'admin', token: ADMIN_TOKEN },
      { name: 'olga', role: 'operator', token: OLGA },
    ],
  });
  const yaml = { 'content-type': 'application/yaml' };
  await ops.request('PUT', '/v1/resources', RESOURCES, yaml);
});
afterAll(() => ops.stop());

const OLGA = 'the-operator-token';
const as = (token: string) => ({ authorization: `Bearer ${token}` });

describe('GET /v1/audit', () => {
  it('says who did what to whom, when, and from which address', async () => {
    const before = Date.now();
    const body = { credits: '5', reference: 'invoice 1' };
    await ops.request('POST', '/v1/accounts/acme/top-ups', body, as(OLGA));
    await ops.request('POST', '/v1/accounts/other/top-ups', body);
    const { json } = await ops.request('GET', '/v1/audit?subject=acme&action=account');
    expect(json.entries).toMatchObject([
      { actor: 'olga', address: '127.0.0.1', action: 'account.topUp', subject: 'acme' },
    ]);
    expect(Math.abs(Date.parse(json.entries[0].at) - before)).toBeLessThan(60_000);
    const mine = await ops.request('GET', '/v1/audit?actor=olga');
    expect(mine.json.entries).toEqual(json.entries);
    expect((await ops.request('GET', '/v1/audit?action=acc')).json.entries).toEqual([]);
  });

  it('goes through them by pages, newest first', async () => {
    const seen: string[] = [];
    let next: string | undefined;
    do {
      const page = await ops.request('GET', `/v1/audit?limit=1${next ? `&before=${next}` : ''}`);
      seen.push(...page.json.entries.map((entry: { action: string }) => entry.action));
      next = page.json.next;
    } while (next !== undefined);
    expect(seen).toEqual(['account.topUp', 'account.topUp', 'resources.apply']);
  });

  it('has no address of what the daemon did by itself, and the chain of hashes covers those that are there', async () => {
    await inTransaction(ops.pool, (client) =>
      writeAudit(client, {
        actor: 'policy',
        action: 'account.suspended',
        subject: 'b',
        detail: {},
      }),
    );
    const { json } = await ops.request('GET', '/v1/audit?actor=policy');
    expect(json.entries[0]).not.toHaveProperty('address');
    const broken = () => inTransaction(ops.pool, findBrokenAudit);
    expect(await broken()).toBeUndefined();
    await ops.pool.query(`update audit set address = '192.0.2.1' where actor = 'olga'`);
    expect(await broken()).toBeGreaterThan(0n);
  });
});
