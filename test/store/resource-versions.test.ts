import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseResources } from '../../src/domain/resource-file.ts';
import { readConfigVersion } from '../../src/store/config-version.ts';
import { migrate, migrationsFolder, readMigrations } from '../../src/store/migrate.ts';
import { createStorePool } from '../../src/store/pool.ts';
import { loadResources } from '../../src/store/resource-rows.ts';
import {
  listResourceVersions,
  listsOfPolicyVersion,
  readResourceVersion,
} from '../../src/store/resource-versions.ts';
import { applyResources } from '../../src/store/resources.ts';
import { testSecrets } from '../ops/ops-bench.ts';
import { createDatabase, type TestDatabase, withClient } from '../support/postgres.ts';

/** The file from which on policies change with their lists. */
const SINCE = 78;

let database: TestDatabase;
let pool: ReturnType<typeof createStorePool>;
let folder: string;

beforeAll(async () => {
  database = await createDatabase({ empty: true });
  pool = createStorePool({ url: database.url, applicationName: 'test' });
  folder = mkdtempSync(join(tmpdir(), 'smppgate-sql-'));
  for (const { name, number } of readMigrations(migrationsFolder))
    if (number < SINCE) copyFileSync(join(migrationsFolder, name), join(folder, name));
  await withClient(database.url, (client) => migrate(client, folder));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await pool.end();
  await database.drop();
});

async function apply(file: object): Promise<void> {
  const parsed = parseResources(JSON.stringify(file));
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
  const { ok } = parsed;
  const applied = await applyResources(pool, testSecrets(), {
    next: () => ({ ok }),
    actor: 'test',
    dryRun: false,
  });
  if ('errors' in applied) throw new Error(JSON.stringify(applied.errors));
}

const list = (words: string) => ({ language: 'en', words });
const reads = (...lists: string[]) => ({ rules: [{ words: { lists } }, { words: { lists } }] });

/** As an apply changed a list before there was sql/0078. */
async function changeListAlone(name: string, words: string): Promise<void> {
  await pool.query(
    `with next as (insert into resource_version (version, kind, name, spec, actor)
       values (nextval('resource_version_number'), 'wordLists', $1, $2, 'test') returning version, spec)
     update resource r set version = next.version, spec = next.spec from next where r.kind = 'wordLists' and r.name = $1`,
    [name, JSON.stringify({ ...list(words), category: 'general' })],
  );
}

async function versionOf(kind: 'policies' | 'wordLists', name: string): Promise<number> {
  const found = (await loadResources(pool))[kind].find((each) => each.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found.version;
}

/** The lists of a version of a policy, each with its words then. */
async function listsOf(name: string, version: number): Promise<string[]> {
  const found = await listsOfPolicyVersion(pool, name, version);
  return Promise.all(
    found.map(async (each) => {
      const read = await readResourceVersion(pool, 'wordLists', each.name, each.version);
      return `${each.name}: ${read?.spec.words}`;
    }),
  );
}

describe('listsOfPolicyVersion', () => {
  let old: number;

  it('has all that a list was under a version of before, in order of time', async () => {
    await apply({
      wordLists: { a: list('a1'), b: list('b1'), c: list('c1') },
      policies: { ab: reads('a', 'b'), c: reads('c'), none: { rules: [] } },
    });
    old = await versionOf('policies', 'ab');
    await changeListAlone('a', 'a2');
    await changeListAlone('a', 'a3');
    expect(await listsOf('ab', old)).toEqual(['a: a1', 'a: a2', 'a: a3', 'b: b1']);
    expect(await listsOf('none', await versionOf('policies', 'none'))).toEqual([]);
  });

  it('is exact from the migration on, of whichever policy was not, and what was stays readable', async () => {
    const before = await readConfigVersion(pool);
    const c = await versionOf('policies', 'c');
    const heard: (string | undefined)[] = [];
    const client = new Client({ connectionString: database.url });
    await client.connect();
    client.on('notification', ({ payload }) => heard.push(payload));
    await client.query('listen smppgate_config');
    await withClient(database.url, (other) => migrate(other));
    await client.query('select 1');
    await client.end();
    expect(heard).toEqual([String(before + 1)]);
    expect(await versionOf('policies', 'c')).toBe(c);
    const now = await versionOf('policies', 'ab');
    expect(now).toBeGreaterThan(old);
    expect(await listsOf('ab', now)).toEqual(['a: a3', 'b: b1']);
    expect(await listsOf('ab', old)).toEqual(['a: a1', 'a: a2', 'a: a3', 'b: b1']);
    expect((await readResourceVersion(pool, 'policies', 'ab', now))?.spec).toMatchObject(
      reads('a', 'b'),
    );
  });

  it('has one of each list since: that of the commit that made the version, or older', async () => {
    const first = await versionOf('policies', 'ab');
    await apply({ wordLists: { a: list('a4'), b: list('b1'), c: list('c1') } });
    const second = await versionOf('policies', 'ab');
    await apply({
      wordLists: { a: list('a5'), b: list('b2'), c: list('c1') },
      policies: { ab: reads('b', 'a', 'c'), c: reads('c'), none: { rules: [] } },
    });
    const third = await versionOf('policies', 'ab');
    expect(await listsOf('ab', first)).toEqual(['a: a3', 'b: b1']);
    expect(await listsOf('ab', second)).toEqual(['a: a4', 'b: b1']);
    expect(await listsOf('ab', third)).toEqual(['a: a5', 'b: b2', 'c: c1']);
    // Two lists of a policy that change at once are one version of it.
    expect(
      (await listResourceVersions(pool, 'policies', 'ab', 2)).map((each) => each.version),
    ).toEqual([third, second]);
  });

  it('keeps what it says when list and policy are gone, and come back', async () => {
    const last = await versionOf('policies', 'c');
    await apply({ wordLists: { a: list('a5'), b: list('b2') }, policies: { ab: reads('b', 'a') } });
    expect(await listsOf('c', last)).toEqual(['c: c1']);
    expect((await readResourceVersion(pool, 'policies', 'c', last))?.until).toBeInstanceOf(Date);
    await apply({ wordLists: { a: list('a5'), c: list('c2') }, policies: { c: reads('c') } });
    expect(await listsOf('c', last)).toEqual(['c: c1']);
    expect(await listsOf('c', await versionOf('policies', 'c'))).toEqual(['c: c2']);
  });
});
