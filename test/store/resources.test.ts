import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileCatalog } from '../../src/domain/compile-catalog.ts';
import { parseResources } from '../../src/domain/resource-file.ts';
import { CONFIG_CHANNEL, readConfigVersion } from '../../src/store/config-version.ts';
import { readBalance } from '../../src/store/ledger-read.ts';
import { createStorePool } from '../../src/store/pool.ts';
import { loadResources, readAccountSpec } from '../../src/store/resource-rows.ts';
import { listResourceVersions, readResourceVersion } from '../../src/store/resource-versions.ts';
import { applyResources, setCarrierPaused } from '../../src/store/resources.ts';
import { testSecrets } from '../ops/ops-bench.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { RESOURCES } from './ledger-traffic.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createStorePool>;
const secrets = testSecrets();
beforeAll(async () => {
  database = await createDatabase();
  pool = createStorePool({ url: database.url, applicationName: 'test' });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function apply(text: string, more: { dryRun?: boolean; demo?: boolean } = {}) {
  const parsed = parseResources(text);
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
  const { ok } = parsed;
  return applyResources(pool, secrets, {
    next: () => ({ ok }),
    actor: 'test',
    dryRun: false,
    ...more,
  });
}

const change = (from: string, to: string) => RESOURCES.replace(from, to);

describe('applyResources', () => {
  it('applies concurrent files one after the other, each whole', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => apply(RESOURCES)));
    const versions = results.map((result) => ('version' in result ? result.version : undefined));
    expect(versions).toEqual([1, 1, 1, 1]);
    expect(results.filter((result) => 'changed' in result && result.changed)).toHaveLength(1);
    expect((await readBalance(pool, 'acme'))?.credits).toBe(10_000_000n);
  });

  it('stores what the catalog compiles, passwords hashed and sealed', async () => {
    const catalog = compileCatalog(await loadResources(pool));
    expect(catalog.version).toBe(1);
    const bind = catalog.binds.get('acme');
    expect(bind?.account.name).toBe('acme');
    expect(await secrets.matches('secret', bind?.passwordHash ?? '')).toBe(true);
    const [carrier] = catalog.carriers.values();
    expect(secrets.open(carrier?.sealedPassword ?? '')).toBe('gw');
    const { rows } = await pool.query(
      'select spec::text from resource_version union all select spec::text from bind',
    );
    expect(JSON.stringify(rows)).not.toContain('"password"');
  });

  it('tells every node of a change, and of no other apply', async () => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    const heard: (string | undefined)[] = [];
    client.on('notification', (message) => heard.push(message.payload));
    await client.query(`listen ${CONFIG_CHANNEL}`);
    await apply(RESOURCES);
    await apply(change('"*": "0.05"', '"*": "0.06"'));
    await apply(change('"*": "0.05"', '"*": "0.07"'), { dryRun: true });
    await client.query('select 1');
    await client.end();
    expect(heard).toEqual(['2']);
  });

  it('keeps the former version of what it changed', async () => {
    const [now, before] = await listResourceVersions(pool, 'tariffs', 'standard', 10);
    expect(
      (await readResourceVersion(pool, 'tariffs', 'standard', before?.version ?? 0))?.spec,
    ).toEqual({
      '*': '0.05',
    });
    expect(
      (await readResourceVersion(pool, 'tariffs', 'standard', now?.version ?? 0))?.spec,
    ).toEqual({
      '*': '0.06',
    });
    expect(now).toMatchObject({ actor: 'test', removed: false });
  });

  it('gives an account whose credit changes in the file nothing more', async () => {
    await apply(change('credit: "10"', 'credit: "99"'));
    expect((await readBalance(pool, 'acme'))?.credits).toBe(10_000_000n);
  });

  it('moves a system_id from one account to another in one apply', async () => {
    const swapped = RESOURCES.replace('systemId: acme', 'systemId: x')
      .replace('systemId: later', 'systemId: acme')
      .replace('systemId: x', 'systemId: later');
    expect(await apply(swapped)).toMatchObject({ changed: true });
    expect((await readAccountSpec(pool, 'pays-later'))?.binds.map((bind) => bind.systemId)).toEqual(
      ['acme'],
    );
    expect(await apply(RESOURCES)).toMatchObject({ changed: true });
    expect((await readAccountSpec(pool, 'acme'))?.binds.map((bind) => bind.systemId)).toEqual([
      'acme',
    ]);
  });

  it('keeps the row of a bind whose limits change', async () => {
    const id = async () =>
      (await pool.query("select id from bind where system_id = 'acme'")).rows[0]?.id as number;
    const before = await id();
    await apply(
      change(
        '{systemId: acme, password: secret}',
        '{systemId: acme, password: other, windowMax: 7}',
      ),
    );
    expect(await id()).toBe(before);
    const spec = await readAccountSpec(pool, 'acme');
    expect(spec?.binds[0]?.windowMax).toBe(7);
    expect(await secrets.matches('other', spec?.binds[0]?.passwordHash ?? '')).toBe(true);
    await apply(RESOURCES);
  });

  it('removes what the file leaves out, but no account', async () => {
    const without = RESOURCES.replace(/ {2}- \{name: pays-later.*\n/, '').replace(
      '  delivery: {chargeOn: delivered}\n',
      '',
    );
    const result = await apply(without);
    expect('errors' in result && result.errors[0]).toMatchObject({
      path: ['accounts', 'pays-later', 'terms'],
    });
    const kept = await apply(RESOURCES.replace(/ {2}- \{name: pays-later.*\n/, ''));
    expect(kept).toMatchObject({ changed: false, notInFile: ['pays-later'] });
    const more = await apply(`${RESOURCES}policies: {strict: {rules: []}}\n`);
    expect(more).toMatchObject({ changed: true });
    expect(await apply(`${RESOURCES}policies: {}\n`)).toMatchObject({
      lines: ['- policies strict'],
    });
    expect(
      (await listResourceVersions(pool, 'policies', 'strict', 10)).map((each) => each.removed),
    ).toEqual([true, false]);
  });

  it('does not remove a carrier that may still answer', async () => {
    const two = RESOURCES.replace(
      'routes:',
      '  - {name: old, host: 127.0.0.1, port: 2786, systemId: gw, password: gw}\nroutes:',
    );
    await apply(two);
    await pool.query(
      `insert into unknown_outcome (id, segment, attempt, carrier, epoch) select 1, 1, 1, id, 1 from carrier where name = 'old'`,
    );
    const refused = await apply(RESOURCES);
    expect('errors' in refused && refused.errors[0]?.message).toContain('may still answer');
    await pool.query('update unknown_outcome set resolved_at = now()');
    expect(await apply(RESOURCES)).toMatchObject({ lines: ['- carriers old'] });
  });

  it('leaves nothing of an apply that fails half way', async () => {
    const before = await readConfigVersion(pool);
    const failing = {
      ...secrets,
      seal: () => {
        throw new Error('no key');
      },
    };
    const parsed = parseResources(
      `${change('"*": "0.05"', '"*": "0.09"').replace('password: gw', 'password: gw2')}`,
    );
    if ('errors' in parsed) throw new Error('must parse');
    const { ok } = parsed;
    await expect(
      applyResources(pool, failing, { next: () => ({ ok }), actor: 'test', dryRun: false }),
    ).rejects.toThrow('no key');
    expect(await readConfigVersion(pool)).toBe(before);
    expect((await loadResources(pool)).tariffs[0]?.spec).toEqual({ '*': '0.05' });
  });

  it('flags what the demo adds', async () => {
    await apply(
      RESOURCES.replace(
        'accounts:\n',
        'accounts:\n  - {name: shown, tariff: standard, terms: submit}\n',
      ),
      { demo: true },
    );
    const { accounts } = await loadResources(pool);
    expect(accounts.map(({ name, demo }) => [name, demo])).toEqual([
      ['acme', false],
      ['pays-later', false],
      ['shown', true],
    ]);
  });
});

describe('setCarrierPaused', () => {
  it('pauses for every node, and says when there is no such carrier', async () => {
    const before = await readConfigVersion(pool);
    expect(await setCarrierPaused(pool, { name: 'sim', paused: true, actor: 'test' })).toBe(true);
    expect((await loadResources(pool)).carriers[0]?.paused).toBe(true);
    expect(await readConfigVersion(pool)).toBe(before + 1);
    expect(await setCarrierPaused(pool, { name: 'sim', paused: true, actor: 'test' })).toBe(true);
    expect(await readConfigVersion(pool)).toBe(before + 1);
    expect(await setCarrierPaused(pool, { name: 'none', paused: true, actor: 'test' })).toBe(false);
  });
});
