import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saltOf } from '../../../src/domain/password-hash.ts';
import { type OpsBench, startOps } from '../ops-bench.ts';

const FILE = `
tariffs:
  standard: {"966": "0.05", "*": "0.10"}
terms:
  plain: {chargeOn: submit, creditValidDays: 365}
accounts:
  - name: acme
    tariff: standard
    terms: plain
    credit: "1000"
    binds:
      - {systemId: acme, password: secret}
carriers:
  - {name: sim, host: 127.0.0.1, port: 2785, systemId: gw, password: gw}
routes:
  - {prefix: "", carriers: [{name: sim}]}
`;

let ops: OpsBench;
beforeAll(async () => {
  ops = await startOps();
});
afterAll(() => ops.stop());

const put = (text: string, query = '') =>
  ops.request('PUT', `/v1/resources${query}`, text, { 'content-type': 'application/yaml' });

describe('PUT /v1/resources', () => {
  it('says what a dry run would do and changes nothing', async () => {
    const answer = await put(FILE, '?dryRun=true');
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ version: '0', applied: false, generated: [] });
    expect(answer.json.lines).toEqual([
      '+ tariffs standard',
      '+ terms plain',
      '+ accounts acme',
      '+ carriers sim',
      '+ routes ""',
    ]);
    expect((await ops.request('GET', '/v1/accounts')).json).toEqual({ accounts: [] });
    expect(ops.runtime.told).toEqual([]);
  });

  it('applies the file, tops up the new account once and tells the daemon', async () => {
    const answer = await put(FILE);
    expect(answer.json).toMatchObject({ version: '1', applied: true });
    expect(ops.runtime.told).toEqual(['catalogChanged']);
    const balance = await ops.request('GET', '/v1/accounts/acme/balance');
    expect(balance.json).toMatchObject({
      account: 'acme',
      credits: '1000',
      reserved: '0',
      available: '1000',
    });
  });

  it('changes nothing when the same file comes again, clear secrets and credit and all', async () => {
    const answer = await put(FILE);
    expect(answer.json).toEqual({
      version: '1',
      applied: false,
      changes: [],
      lines: [],
      notInFile: [],
      generated: [],
    });
    expect((await ops.request('GET', '/v1/accounts/acme/balance')).json.credits).toBe('1000');
    expect(await ops.metrics.scrape()).toContain(
      'smppgate_credits_total{account="acme",kind="top_up"} 1000',
    );
  });

  it('takes back what GET gave without a difference, as YAML and as JSON', async () => {
    const yaml = await ops.request('GET', '/v1/resources', undefined, {
      accept: 'application/yaml',
    });
    expect(yaml.text).not.toContain('password: ');
    expect((await put(yaml.text)).json.lines).toEqual([]);
    const json = await ops.request('GET', '/v1/resources');
    const again = await ops.request('PUT', '/v1/resources', json.json);
    expect(again.json.lines).toEqual([]);
  });

  it('names every fault with its line and applies none of the file', async () => {
    const answer = await put(
      FILE.replace('creditValidDays: 365', 'creditValidDay: 365').replace('2785', '"port"'),
    );
    expect(answer.status).toBe(422);
    expect(answer.type).toContain('application/problem+json');
    expect(answer.json.type).toBe('urn:smppgate:problem:resources-invalid');
    expect(answer.json.errors.map((item: { at: string }) => item.at)).toEqual([
      'line 5, terms.plain.creditValidDay',
      'line 14, carriers[0].port',
    ]);
  });

  it('names the line of a reference to what would be removed', async () => {
    const answer = await put('tariffs: {}\n');
    expect(answer.status).toBe(422);
    expect(answer.json.detail).toContain('refers to standard');
    expect((await put(FILE)).json.lines).toEqual([]);
  });

  it('shows a generated password once and keeps it', async () => {
    const file = `${FILE.replace('password: secret', 'password: {generate: true}')}`;
    const other = file.replace('systemId: acme', 'systemId: acme2');
    const made = (await put(other)).json.generated;
    expect(made).toEqual([
      { kind: 'bind', name: 'acme2', password: expect.stringMatching(/^.{8}$/) },
    ]);
    expect((await put(other)).json).toMatchObject({ applied: false, generated: [] });
    expect(
      JSON.stringify((await ops.pool.query('select * from resource_version')).rows),
    ).not.toContain(made[0].password);
  });

  it('keeps a password and the former one under one salt, and takes them back without a difference', async () => {
    const more = 'formerPassword: former, formerPasswordUntil: "2999-01-01T00:00:00Z"';
    const certificate = `certificates: ["${'AB:'.repeat(31)}CD"]`;
    const file = FILE.replace('password: secret', `password: changed, ${more}, ${certificate}`);
    await put(FILE);
    const [line] = (await put(file)).json.lines;
    expect(line).toContain('binds[acme].password changed');
    expect(line).toContain('binds[acme].formerPassword changed');
    expect(line).not.toMatch(/former,|scrypt/);
    expect((await put(file)).json.lines).toEqual([]);
    const stored = await ops.request('GET', '/v1/resources');
    const [bind] = stored.json.accounts[0].binds;
    expect(saltOf(bind.passwordHash)).toBe(saltOf(bind.formerPasswordHash));
    expect(await ops.secrets.matches('former', bind.formerPasswordHash)).toBe(true);
    expect((await ops.request('PUT', '/v1/resources', stored.json)).json.lines).toEqual([]);
    const rows = JSON.stringify((await ops.pool.query('select spec::text from bind')).rows);
    expect(rows).not.toContain('"formerPassword\\"');
    // The next change: what is stored becomes the former, as an operator would write it.
    const next = `password: third, formerPasswordHash: "${bind.passwordHash}", formerPasswordUntil: "2999-01-01T00:00:00Z"`;
    const third = FILE.replace('password: secret', next);
    expect((await put(third)).json.applied).toBe(true);
    expect((await put(third)).json.lines).toEqual([]);
    const two = next.replace('password: third', `passwordHash: "scrypt$2048$8$1$AA$BB"`);
    const refused = await put(FILE.replace('password: secret', () => two));
    expect([refused.status, refused.json.errors]).toEqual([
      422,
      [
        {
          at: expect.stringContaining('line 12, '),
          message: expect.stringContaining('was not made beside passwordHash'),
        },
      ],
    ]);
    expect((await put(FILE)).json.applied).toBe(true);
  });

  it('keeps what changed in versions and who did it in an audit that is whole', async () => {
    const { rows } = await ops.pool.query(
      'select actor, action, subject from audit order by id limit 2',
    );
    expect(rows[1]).toEqual({ actor: 'admin', action: 'resources.apply', subject: null });
    const { findBrokenAudit } = await import('../../../src/store/audit.ts');
    const client = await ops.pool.connect();
    try {
      expect(await findBrokenAudit(client)).toBeUndefined();
      await client.query("update audit set actor = 'someone else' where id = 2");
      expect(await findBrokenAudit(client)).toBe(2n);
    } finally {
      client.release();
    }
  });

  it('is 409 while the resources come from a file, but answers a dry run', async () => {
    ops.runtime.facts = { ...ops.runtime.facts, resourcesFile: '/etc/smppgate/resources.yaml' };
    const answer = await put(FILE);
    expect(answer.status).toBe(409);
    expect(answer.json.detail).toContain('/etc/smppgate/resources.yaml');
    expect((await put(FILE, '?dryRun=true')).status).toBe(200);
  });

  it('refuses a body over 8 MiB', async () => {
    expect((await put('#'.repeat(8 * 1024 * 1024 + 1))).status).toBe(413);
  });
});
