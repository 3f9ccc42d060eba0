import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientBase } from 'pg';

/** The schema cannot be brought to this version. The message is one line with what to do. */
export class MigrationError extends Error {
  override readonly name: string = 'MigrationError';
}

/** The database was migrated by a later version of smppgate than this one. */
export class DatabaseNewer extends MigrationError {
  override readonly name = 'DatabaseNewer';
}

/** One file of sql/: `0001_first.sql`. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** Of the text with \n as line ends, in hex: the same in every checkout. */
  readonly sha256: string;
}

export interface MigrationReport {
  /** The schema's number, 0 when there is no migration at all. */
  readonly current: number;
  /** File names run by this call. */
  readonly applied: readonly string[];
}

/** The sql/ folder of this checkout or package: it lies beside src/ and beside dist/. */
export const migrationsFolder = fileURLToPath(new URL('../../sql/', import.meta.url));

// Any constant no one else uses; the one-number lock space is apart from the two-number one that
// guards node epochs. Octets of "smppgate".
const MIGRATION_LOCK = BigInt(`0x${Buffer.from('smppgate').toString('hex')}`).toString();

/**
 * Brings the schema to this version: runs the files of sql/ that the database has not seen, in
 * order, each in a transaction of its own together with its row in `schema_migration`. Callers on
 * several nodes wait for each other.
 * @throws DatabaseNewer when the database is of a later version.
 * @throws MigrationError when a file that was run has changed or is missing, or one fails.
 */
export async function migrate(
  client: ClientBase,
  folder: string = migrationsFolder,
): Promise<MigrationReport> {
  const migrations = readMigrations(folder);
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await client.query(`
      CREATE TABLE IF NOT EXISTS schema_migration (
        number integer PRIMARY KEY,
        name text NOT NULL,
        sha256 text NOT NULL,
        at timestamptz NOT NULL DEFAULT now()
      )`);
    const pending = compare(migrations, await stored(client));
    for (const migration of pending) await run(client, migration);
    return {
      current: migrations.at(-1)?.number ?? 0,
      applied: pending.map(({ name }) => name),
    };
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  }
}

/**
 * Says whether the schema is the one of this version, without changing anything.
 * @returns the names of the files not yet run; [] when current.
 * @throws DatabaseNewer, MigrationError as `migrate` does.
 */
export async function pendingMigrations(
  client: ClientBase,
  folder: string = migrationsFolder,
): Promise<string[]> {
  const known = await client.query<{ known: boolean }>(
    "SELECT to_regclass('schema_migration') IS NOT NULL AS known",
  );
  const rows = known.rows[0]?.known === true ? await stored(client) : [];
  return compare(readMigrations(folder), rows).map(({ name }) => name);
}

/**
 * Reads a folder of migrations, in order of their numbers; gaps are allowed.
 * @throws MigrationError when a name is not `NNNN_name.sql`, or a number is there twice.
 */
export function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  const migrations = names.sort().map((name) => readMigration(folder, name));
  for (const [index, { number, name }] of migrations.entries()) {
    if (number === migrations[index - 1]?.number) {
      throw new MigrationError(`sql/${name}: ${migrations[index - 1]?.name} has this number`);
    }
  }
  return migrations;
}

function readMigration(folder: string, name: string): Migration {
  const digits = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
  if (digits === undefined) {
    throw new MigrationError(`sql/${name}: a migration is called NNNN_name.sql`);
  }
  const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n');
  const sha256 = createHash('sha256').update(sql).digest('hex');
  return { number: Number(digits), name, sql, sha256 };
}

interface StoredMigration {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
}

async function stored(client: ClientBase): Promise<StoredMigration[]> {
  const { rows } = await client.query<StoredMigration>(
    'SELECT number, name, sha256 FROM schema_migration ORDER BY number',
  );
  return rows;
}

/** The files to run: those after the newest that was run, which has to be one of ours. */
function compare(migrations: Migration[], rows: StoredMigration[]): Migration[] {
  const newest = rows.at(-1)?.number ?? 0;
  const ours = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const row of rows) {
    const migration = ours.get(row.number);
    if (migration === undefined) throw unknown(row, migrations);
    if (row.sha256 !== migration.sha256) throw changed(migration, row);
  }
  const done = new Set(rows.map(({ number }) => number));
  const pending = migrations.filter(({ number }) => !done.has(number));
  const late = pending.find(({ number }) => number < newest);
  if (late !== undefined) {
    throw new MigrationError(
      `sql/${late.name} comes before ${newest}, which was run here without it: give it the next number`,
    );
  }
  return pending;
}

function unknown(row: StoredMigration, migrations: Migration[]): MigrationError {
  const known = migrations.at(-1)?.number ?? 0;
  if (row.number <= known) {
    return new MigrationError(`sql/${row.name} was run here and is gone: restore it`);
  }
  return new DatabaseNewer(
    `the database has schema ${row.number} (${row.name}), this smppgate knows ${known}: ` +
      'run the version that migrated it or a later one',
  );
}

function changed(migration: Migration, row: StoredMigration): MigrationError {
  return new MigrationError(
    `sql/${migration.name} is not the file that was run here (${row.name}, sha256 ${row.sha256.slice(0, 12)}): ` +
      'restore that file and put the change into a new migration',
  );
}

async function run(client: ClientBase, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query('INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3)', [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw new MigrationError(`sql/${migration.name}${lineOf(error, migration)}: ${said(error)}`, {
      cause: error,
    });
  }
}

/** PostgreSQL says where in the text (in characters, from 1) it stumbled. */
function lineOf(error: unknown, migration: Migration): string {
  if (typeof error !== 'object' || error === null || !('position' in error)) return '';
  const position = Number(error.position);
  if (!(position > 0)) return '';
  return `:${migration.sql.slice(0, position).split('\n').length}`;
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
