import { pipeline } from 'node:stream/promises';
import { type ClientBase, DatabaseError } from 'pg';
import { from } from 'pg-copy-streams';
import { ARRAY_HEADER_OCTETS } from './arrays.ts';

/**
 * Rows for `copy ... from stdin (format binary)`
 * (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"): a count of fields, then each of them as an
 * element stands in an array: its length and octets.
 */

/** "PGCOPY", a signature that a text would break, no flags, no extension. */
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const TRAILER = Buffer.from('ffff', 'hex');

export function int4(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeInt32BE(value);
  return octets;
}

export function int2(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeInt16BE(value);
  return octets;
}

export function boolean(value: boolean): Buffer {
  return Buffer.of(value ? 1 : 0);
}

/**
 * Rows of which each has fields in common with many others and then an element of each column.
 * @param leading fields that rows begin with
 * @param leadingOf which of these each row begins with
 * @param columns arrays in binary (store/arrays.ts), without nulls, an element for each row
 */
export function rowsOf(
  leading: readonly (readonly Buffer[])[],
  leadingOf: readonly number[],
  columns: readonly Buffer[],
): Buffer {
  const beginnings = leading.map((fields) => beginningOf(fields, columns.length));
  const octets = leadingOf.reduce((sum, nth) => sum + (beginnings[nth]?.length ?? 0), 0);
  const elements = columns.map((column) => column.subarray(ARRAY_HEADER_OCTETS));
  const rows = Buffer.allocUnsafe(elements.reduce((sum, { length }) => sum + length, octets));
  const next = elements.map(() => 0);
  let at = 0;
  for (const nth of leadingOf) {
    at += beginnings[nth]?.copy(rows, at) ?? 0;
    for (const [i, column] of elements.entries()) {
      const from = next[i] ?? 0;
      const to = from + 4 + column.readInt32BE(from);
      at += column.copy(rows, at, from, to);
      next[i] = to;
    }
  }
  return rows;
}

/** How many fields the row has, and the first of them. */
function beginningOf(fields: readonly Buffer[], columns: number): Buffer {
  const parts = [int2(fields.length + columns)];
  for (const field of fields) parts.push(int4(field.length), field);
  return Buffer.concat(parts);
}

/** SQLSTATE unique_violation */
const IS_THERE = '23505';

/**
 * Copies rows into a table, inside the caller's transaction, which goes on in either case.
 * @param into the table with its columns in their order
 * @returns how many; undefined: one of them was there before, and so none is now
 */
export async function copyRows(
  client: ClientBase,
  into: string,
  rows: AsyncIterable<Buffer>,
): Promise<number | undefined> {
  await client.query('savepoint copied');
  try {
    const stream = client.query(from(`copy ${into} from stdin (format binary)`));
    await pipeline(framed(rows), stream);
    return stream.rowCount;
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== IS_THERE) throw error;
    await client.query('rollback to savepoint copied');
    return undefined;
  }
}

async function* framed(rows: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield HEADER;
  yield* rows;
  yield TRAILER;
}
