import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Accepted, LedgerTraffic } from '../../store/ledger-traffic.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from '../ops-bench.ts';
import { runCommand } from '../run-cli.ts';

let traffic: LedgerTraffic;
let ops: OpsBench;
let held: string[];

beforeAll(async () => {
  traffic = await LedgerTraffic.start();
  ops = await startOps({
    pool: traffic.pool,
    tokens: [
      { name: 'admin', role: 'admin', token: ADMIN_TOKEN },
      { name: 'olga', role: 'operator', token: OPERATOR },
      { name: 'ivan', role: 'inspector', token: INSPECTOR },
    ],
  });
  const messages: Accepted[] = await traffic.accept(
    { account: 'acme' },
    { account: 'acme' },
    { account: 'pays-later' },
  );
  held = messages.map(({ id }) => String(id));
  await traffic.pool.query(
    `insert into moderation (id, account, rule, reason) select id, account, 'donations', 'a drive' from message`,
  );
  await traffic.pool.query(
    `insert into violation (account, rule, message) select account, 'donations', id from message order by id`,
  );
});
afterAll(async () => {
  await ops.stop();
  await traffic.stop();
});

const OPERATOR = 'the-operator-token';
const INSPECTOR = 'the-inspector-token';
const as = (token: string) => ({ authorization: `Bearer ${token}` });

async function run(...words: string[]) {
  const { code, out, err } = await runCommand({ SMPPGATE_URL: ops.url, ADMIN_TOKEN }, words);
  return { code, out: out + err };
}

describe('GET /v1/moderation', () => {
  it('lists what waits by pages, oldest first, without content', async () => {
    const first = await ops.request('GET', '/v1/moderation?account=acme&limit=1');
    expect(first.json).toMatchObject({
      messages: [{ id: held[0], account: 'acme', rule: 'donations', why: 'a drive', waits: true }],
      next: held[0],
    });
    expect(first.json.messages[0].content).toBeUndefined();
    const rest = await ops.request('GET', `/v1/moderation?account=acme&after=${held[0]}`);
    expect(rest.json.messages).toMatchObject([{ id: held[1], price: '0.05' }]);
    expect((await ops.request('GET', '/v1/moderation?account=nobody')).status).toBe(404);
  });

  it('shows content to a role that may, with a reason, and writes it down first', async () => {
    const path = '/v1/moderation?content=true';
    expect((await ops.request('GET', path, undefined, as(INSPECTOR))).status).toBe(400);
    const reasoned = `${path}&reason=complaint`;
    expect((await ops.request('GET', reasoned, undefined, as(OPERATOR))).status).toBe(403);
    const shown = await ops.request('GET', reasoned, undefined, as(INSPECTOR));
    expect(shown.json.messages[0].content).toEqual({
      from: 'Shop',
      to: '12025550101',
      text: 'please donate',
    });
    const { rows } = await traffic.pool.query(
      `select actor, subject, detail from audit where action = 'moderation.content'`,
    );
    expect(rows).toEqual([{ actor: 'ivan', subject: 'all', detail: { reason: 'complaint' } }]);
  });

  it('is counted in the metrics and on the page', async () => {
    expect(await ops.metrics.scrape()).toContain('smppgate_moderation_held{account="acme"} 2');
    const page = await ops.request('GET', '/');
    expect(page.text).toContain('Held for a moderator');
  });
});

describe('POST /v1/moderation/{id}', () => {
  it('decides once, by a role that may, and says what was decided', async () => {
    const [one] = held;
    const body = { reason: 'a school' };
    const release = `/v1/moderation/${one}/release`;
    expect((await ops.request('POST', release, body, as(INSPECTOR))).status).toBe(403);
    expect((await ops.request('POST', release, { ...body, version: 1 })).status).toBe(409);
    const done = await ops.request('POST', release, { ...body, version: 0 }, as(OPERATOR));
    expect(done.json).toMatchObject({
      waits: false,
      decision: { is: 'released', by: 'olga', reason: 'a school' },
    });
    const again = await ops.request('POST', `/v1/moderation/${one}/refuse`, body);
    expect(again.status).toBe(409);
    expect(again.json.type).toBe('urn:smppgate:problem:already-decided');
    expect((await ops.request('POST', '/v1/moderation/77/release', body)).status).toBe(404);
  });
});

describe('smppgate moderation', () => {
  it('lists, shows and refuses', async () => {
    const [, two = ''] = held;
    expect((await run('moderation', 'list', '--account', 'acme')).out).toContain(two);
    expect((await run('moderation', 'show', two)).out).toContain('donations');
    ops.runtime.told.length = 0;
    const refused = await run('moderation', 'refuse', two, '--reason', 'a drive');
    expect(refused).toMatchObject({ code: 0 });
    expect(refused.out).toContain('refused by ');
    expect(ops.runtime.told).toEqual([`refuseHeld ${two}`]);
    expect((await run('moderation', 'release', two, '--reason', 'no')).code).toBe(1);
    expect((await run('moderation', 'release', two)).code).toBe(2);
  });
});

describe('GET /v1/accounts/{name}/violations', () => {
  it('lists them newest first and counts those since the last resume', async () => {
    const all = await ops.request('GET', '/v1/accounts/acme/violations');
    expect(all.json).toMatchObject({
      counted: 2,
      violations: [
        { rule: 'donations', message: held[1] },
        { rule: 'donations', message: held[0] },
      ],
    });
    await ops.request('POST', '/v1/accounts/acme/suspend', { reason: 'x', forfeit: true });
    const balance = await ops.request('GET', '/v1/accounts/acme');
    expect(balance.json).toMatchObject({ status: 'suspended', credits: '0' });
    expect(await ops.metrics.scrape()).toMatch(
      /credits_total\{account="acme",kind="forfeit"\} [1-9]/,
    );
    await ops.request('POST', '/v1/accounts/acme/resume', { reason: 'they promised' });
    const after = await run('account', 'violations', 'acme');
    expect(after.out).toContain('0 since its last resume');
    expect((await ops.request('GET', '/v1/accounts/nobody/violations')).status).toBe(404);
  });

  it('forfeits at a termination only where the terms say so', async () => {
    await ops.request('POST', '/v1/accounts/pays-later/terminate', { reason: 'unused' });
    const account = await ops.request('GET', '/v1/accounts/pays-later');
    expect(account.json).toMatchObject({ status: 'terminated', credits: '10' });
  });
});
