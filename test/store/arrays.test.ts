import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ByteaColumn,
  Int2Column,
  Int4Column,
  Int8Column,
  TextColumn,
  TimestampColumn,
} from '../../src/store/arrays.ts';
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

/** What PostgreSQL makes of an array, element by element, as text. */
async function read(type: string, array: Buffer): Promise<(string | null)[]> {
  const { rows } = await client.query(
    `select array(select e::text from unnest($1::${type}[]) with ordinality as t (e, n) order by n) as e`,
    [array],
  );
  return rows[0].e;
}

describe('columns', () => {
  it.each([
    ['int2', new Int2Column(), [0, 1, -1, 32_767, -32_768]],
    ['int4', new Int4Column(), [0, 1, -1, 2_147_483_647, -2_147_483_648]],
    ['int8', new Int8Column(), [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]],
  ] as const)('carry every %s exactly', async (type, column, values) => {
    column.begin(values.length);
    for (const value of values) (column.push as (v: unknown) => void).call(column, value);
    expect(await read(type, column.end())).toEqual(values.map(String));
  });

  it('wrap an unsigned status over 2^31 into the same 32 bits', async () => {
    const column = new Int4Column();
    column.begin(1);
    column.push(0x8000_0401);
    expect(await read('int4', column.end())).toEqual([String(0x8000_0401 | 0)]);
  });

  it('carry times to the millisecond, before and after 2000', async () => {
    const column = new TimestampColumn();
    const times = [
      '1970-01-01T00:00:00.001Z',
      '1999-12-31T23:59:59.999Z',
      '2026-11-22T14:00:00.123Z',
      '2094-09-01T00:00:00Z',
    ];
    column.begin(times.length);
    for (const time of times) column.push(Date.parse(time));
    const { rows } = await client.query(
      'select e from unnest($1::timestamptz[]) with ordinality as t (e, n) order by n',
      [column.end()],
    );
    expect(rows.map((row) => row.e.getTime())).toEqual(times.map((time) => Date.parse(time)));
  });

  it('carry texts of any length and script, empty ones and nulls', async () => {
    const column = new TextColumn();
    const texts = [
      '',
      'a',
      null,
      'سلام',
      '😀'.repeat(30),
      'x'.repeat(10_000),
      '{"\'\\',
      'ÿ'.repeat(41),
    ];
    column.begin();
    for (const text of texts) column.push(text);
    expect(await read('text', column.end())).toEqual(texts);
  });

  it('carry octets', async () => {
    const column = new ByteaColumn();
    const values = [Buffer.alloc(0), Buffer.from([0, 255, 92]), Buffer.alloc(70_000, 7)];
    column.begin();
    for (const value of values) column.push(value);
    const { rows } = await client.query(
      'select e from unnest($1::bytea[]) with ordinality as t (e, n) order by n',
      [column.end()],
    );
    expect(rows.map((row) => row.e)).toEqual(values);
  });

  it('can be used again, for fewer and for more rows than before', async () => {
    const column = new Int8Column();
    const texts = new TextColumn();
    for (const count of [3, 1, 2000, 0, 5]) {
      column.begin(count);
      texts.begin();
      for (let i = 0; i < count; i++) {
        column.push(BigInt(i));
        texts.push(i % 2 === 0 ? null : `t${i}`);
      }
      expect(await read('int8', column.end())).toEqual(
        Array.from({ length: count }, (_, i) => String(i)),
      );
      expect(await read('text', texts.end())).toEqual(
        Array.from({ length: count }, (_, i) => (i % 2 === 0 ? null : `t${i}`)),
      );
    }
  });
});
