import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DatabaseNewer,
  MigrationError,
  migrate,
  migrationsFolder,
  pendingMigrations,
  readMigrations,
} from '../../src/store/migrate.ts';
import { createDatabase, type TestDatabase, withClient } from '../support/postgres.ts';

let database: TestDatabase;
let folder: string;
let client: Client;

beforeAll(async () => {
  database = await createDatabase({ empty: true });
});
afterAll(() => database.drop());

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'smppgate-sql-'));
  client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
});
afterEach(async () => {
  await client.end();
  rmSync(folder, { recursive: true });
});

describe('migrate', () => {
  it('runs the files in order, once', async () => {
    file('0001_first.sql', 'CREATE TABLE a (x integer); CREATE TABLE b (x integer);');
    file('0002_second.sql', 'ALTER TABLE a ADD y integer;');
    expect(await migrate(client, folder)).toEqual({
      current: 2,
      applied: ['0001_first.sql', '0002_second.sql'],
    });
    expect(await migrate(client, folder)).toEqual({ current: 2, applied: [] });

    file('0003_third.sql', 'DROP TABLE b;');
    expect(await migrate(client, folder)).toEqual({ current: 3, applied: ['0003_third.sql'] });
    const { rows } = await client.query(
      'SELECT number, name FROM schema_migration ORDER BY number',
    );
    expect(rows.map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  it('lets several nodes start at once', async () => {
    file('0001_first.sql', 'CREATE TABLE a (x integer); SELECT pg_sleep(0.1);');
    const reports = await Promise.all(
      [1, 2, 3].map(() => withClient(database.url, (other) => migrate(other, folder))),
    );
    expect(reports.flatMap(({ applied }) => applied)).toEqual(['0001_first.sql']);
  });

  it('leaves nothing of a file that fails, names its line, and goes on from there when mended', async () => {
    file('0001_first.sql', 'CREATE TABLE a (x integer);');
    file('0002_second.sql', 'CREATE TABLE b (x integer);\n\nCREATE TABEL c (x integer);');
    const failed = migrate(client, folder);
    await expect(failed).rejects.toThrow(MigrationError);
    await expect(failed).rejects.toThrow(/^sql\/0002_second\.sql:3: syntax error/);
    expect(await tables()).toEqual(['a', 'schema_migration']);

    file('0002_second.sql', 'CREATE TABLE b (x integer);');
    expect((await migrate(client, folder)).applied).toEqual(['0002_second.sql']);
  });

  it('refuses a database that a later version has migrated', async () => {
    file('0001_first.sql', 'CREATE TABLE a (x integer);');
    file('0002_second.sql', 'CREATE TABLE b (x integer);');
    await migrate(client, folder);
    rmSync(join(folder, '0002_second.sql'));
    const refused = migrate(client, folder);
    await expect(refused).rejects.toThrow(DatabaseNewer);
    await expect(refused).rejects.toThrow(
      /has schema 2 \(0002_second\.sql\), this smppgate knows 1: run the version/,
    );
  });

  it('refuses a file that has changed since it was run, but not for its line ends', async () => {
    file('0001_first.sql', 'CREATE TABLE a (\nx integer);\n');
    await migrate(client, folder);
    file('0001_first.sql', 'CREATE TABLE a (\r\nx integer);\r\n');
    expect((await migrate(client, folder)).applied).toEqual([]);
    file('0001_first.sql', 'CREATE TABLE a (\nx bigint);\n');
    await expect(migrate(client, folder)).rejects.toThrow(
      /0001_first\.sql is not the file that was run here .* into a new migration/,
    );
  });

  it('refuses a file that comes before one that was run, and the lack of one that was run', async () => {
    file('0001_first.sql', 'CREATE TABLE a (x integer);');
    file('0010_tenth.sql', 'CREATE TABLE b (x integer);');
    await migrate(client, folder);
    file('0002_late.sql', 'CREATE TABLE c (x integer);');
    await expect(migrate(client, folder)).rejects.toThrow(
      'sql/0002_late.sql comes before 10, which was run here without it: give it the next number',
    );
    rmSync(join(folder, '0002_late.sql'));
    rmSync(join(folder, '0001_first.sql'));
    await expect(migrate(client, folder)).rejects.toThrow(
      'sql/0001_first.sql was run here and is gone: restore it',
    );
  });

  it('runs the migrations of this version', async () => {
    const names = readMigrations(migrationsFolder).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    expect((await migrate(client)).applied).toEqual(names);
    expect(await pendingMigrations(client)).toEqual([]);
  });
});

describe('pendingMigrations', () => {
  it('names the files not yet run and changes nothing', async () => {
    file('0001_first.sql', 'CREATE TABLE a (x integer);');
    expect(await pendingMigrations(client, folder)).toEqual(['0001_first.sql']);
    expect(await tables()).toEqual([]);
    await migrate(client, folder);
    file('0002_second.sql', 'CREATE TABLE b (x integer);');
    expect(await pendingMigrations(client, folder)).toEqual(['0002_second.sql']);
  });
});

describe('readMigrations', () => {
  it.each([
    [['0001_a.sql', '0001_b.sql'], /0001_b\.sql: 0001_a\.sql has this number/],
    [['1_a.sql'], /1_a\.sql: a migration is called NNNN_name\.sql/],
  ])('refuses %j', (names, reason) => {
    for (const name of names) file(name, 'SELECT 1;');
    expect(() => readMigrations(folder)).toThrow(reason);
  });
});

function file(name: string, sql: string): void {
  writeFileSync(join(folder, name), sql);
}

async function tables(): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}
