import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DependencyError, dependencyError, EpochLost } from '../../src/store/errors.ts';
import { connectStore, createStorePool, inTransaction } from '../../src/store/pool.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { connect } from './fixtures.ts';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createDatabase();
  client = await connect(database.url);
});
afterAll(async () => {
  await client?.end();
  await database?.drop();
});

/** The error that PostgreSQL gives for a statement. */
async function errorOf(sql: string): Promise<DependencyError> {
  return client.query(sql).then(
    () => Promise.reject(new Error('no error')),
    (error: unknown) => dependencyError(error),
  );
}

const raise = (code: string) => `do $$ begin raise exception 'x' using errcode = '${code}'; end $$`;

describe('dependencyError', () => {
  it.each([
    ['40P01', 'conflict', true],
    ['40001', 'conflict', true],
    ['55P03', 'conflict', true],
    ['53100', 'resources', true],
    ['53300', 'resources', true],
    ['25006', 'readOnly', true],
    ['57014', 'timeout', true],
    ['57P03', 'shutdown', true],
    ['SG004', 'clock', true],
    ['23505', 'data', false],
    ['22021', 'data', false],
    ['42P01', 'other', false],
    ['SG001', 'epochLost', false],
  ])('maps SQLSTATE %s to %s (passing: %s)', async (code, kind, transient) => {
    expect(await errorOf(raise(code))).toMatchObject({ kind, transient, sqlState: code });
  });

  it('keeps what it made itself, and takes what is no answer of the server as the connection', () => {
    const made = new EpochLost('gone');
    expect(dependencyError(made)).toBe(made);
    expect(dependencyError(new Error('ECONNRESET'))).toMatchObject({ kind: 'connection' });
    expect(dependencyError(new Error('ECONNRESET'), 'inDoubt')).toMatchObject({ kind: 'inDoubt' });
    expect(dependencyError('text')).toBeInstanceOf(DependencyError);
  });
});

describe('connectStore', () => {
  it('reads int8 as bigint and has JIT off', async () => {
    const { rows } = await client.query(
      "select 9007199254740993::int8 as n, array[1, -2]::int8[] as a, '{}'::int8[] as e, current_setting('jit') as jit",
    );
    expect(rows).toEqual([{ n: 9_007_199_254_740_993n, a: [1n, -2n], e: [], jit: 'off' }]);
  });

  it('fails when nobody is there', async () => {
    await expect(
      connectStore({ url: 'postgresql://x@localhost/x?host=/nowhere', applicationName: 'x' }),
    ).rejects.toThrow();
  });
});

describe('inTransaction', () => {
  it('commits what succeeds, rolls back what fails, and keeps the pool usable', async () => {
    const pool = createStorePool({ url: database.url, applicationName: 'test' }, 1);
    await inTransaction(pool, (c) => c.query("insert into job (name, value) values ('a', 1)"));
    await expect(
      inTransaction(pool, async (c) => {
        await c.query("insert into job (name, value) values ('b', 1)");
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const { rows } = await pool.query(
      "select name, value, current_setting('jit') as jit from job where name in ('a', 'b')",
    );
    expect(rows).toEqual([{ name: 'a', value: 1n, jit: 'off' }]);
    await pool.end();
  });
});
