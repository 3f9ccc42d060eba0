import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { Client } from 'pg';
import { inject } from 'vitest';
import { packageRoot, prepareBinaries } from '../../src/store/embedded-binaries.ts';
import { initialize, writeSettings } from '../../src/store/embedded-init.ts';
import { findPlace, makeSocketFolder, openDataFolder } from '../../src/store/embedded-place.ts';
import { adoptServer, startServer, stopServer } from '../../src/store/embedded-server.ts';
import { migrate } from '../../src/store/migrate.ts';
import { guardedFolder } from './guard.ts';
import { databaseUrl, testServerSettings } from './postgres-source.ts';

/** A database of one test file. */
export interface TestDatabase {
  readonly url: string;
  /** Drops it, also under the connections that are left. */
  drop(): Promise<void>;
}

/**
 * Makes a fresh, migrated database on the run's PostgreSQL: about 50 ms, cloned from a template.
 * Make one per test file in beforeAll and drop it in afterAll.
 * @param options.empty without any table, for tests of the migrations themselves.
 */
export async function createDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const { adminUrl, template, templateError } = inject('postgres');
  if (templateError !== undefined && options.empty !== true) throw new Error(templateError);
  const name = `test_${randomBytes(8).toString('hex')}`;
  const origin = options.empty === true ? "template0 ENCODING 'UTF8'" : template;
  await execute(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${origin}`);
  return {
    url: databaseUrl(adminUrl, name),
    drop: () => execute(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

/** A PostgreSQL of one test alone, which may be killed and started again. */
export interface OwnPostgres {
  /** The same over every restart. */
  readonly url: string;
  readonly pid: number;
  /** kill -9 of the postmaster, as a crash of the server; it stays down until `start()`. */
  kill(): Promise<void>;
  /** Shuts down in order; it stays down until `start()`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it for good and removes it. */
  dispose(): Promise<void>;
}

/**
 * Starts a private embedded PostgreSQL (about a second) with a migrated database. It stands on its
 * own: nothing starts it again but the test.
 * @param options.empty without any table.
 * @param options.program what is started in place of the real binary, given both it and the data folder.
 */
export async function ownPostgres(
  options: { empty?: boolean; program?: (postgres: string, base: string) => string } = {},
): Promise<OwnPostgres> {
  const folder = guardedFolder();
  const log = `${folder.path}/postgres.log`;
  const user = openDataFolder(folder.path, undefined);
  const binaries = prepareBinaries(packageRoot(), folder.path, user);
  const place = findPlace(folder.path, user, folder.path);
  await initialize(place, binaries, user);
  writeSettings(place.base, user, testServerSettings);
  const socketDir = makeSocketFolder(place.base, user);
  const postgres = options.program?.(binaries.postgres, place.base) ?? binaries.postgres;
  const spec = { postgres, base: place.base, user, logFile: log };
  let server = await startServer(spec, socketDir);
  const url = `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(socketDir)}`;
  if (options.empty !== true) await withClient(url, migrate);
  return {
    url,
    get pid() {
      return server.pid;
    },
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      // Waits until the dead one is gone for good, zombie and all.
      await adoptServer(place.base);
    },
    stop: () => stopServer(server.pid, place.base),
    async start() {
      await adoptServer(place.base);
      server = await startServer(spec, socketDir);
    },
    async dispose() {
      await stopServer(server.pid, place.base);
      rmSync(socketDir, { recursive: true, force: true });
      await folder.release();
    },
  };
}

/** Runs something on a connection of its own and closes it. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function execute(url: string, sql: string): Promise<void> {
  await withClient(url, (client) => client.query(sql));
}
