import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { startEmbedded } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { checkServer } from '../../src/store/server-check.ts';
import { type ContainerEngine, say } from './containers.ts';
import { guardedFolder } from './guard.ts';

/** What test files are told of the run's PostgreSQL. */
export interface ProvidedPostgres {
  /** Of a user that may create databases. */
  readonly adminUrl: string;
  /** The migrated database that each test file's is cloned from. */
  readonly template: string;
  /** Why there is no template: the migrations fail. Tests without a database run all the same. */
  readonly templateError: string | undefined;
}

/** A provisioned service and how to end it. */
export interface Source<Provided> {
  readonly provided: Provided;
  stop(): Promise<void>;
}

/** Small, and with room for many files' pools; as durable as in production, which is what we test. */
export const testServerSettings = {
  shared_buffers: '128MB',
  max_connections: '300',
  max_wal_size: '1GB',
};

/**
 * Provides the PostgreSQL of a run: the given one, else a container, else the embedded one.
 * @throws Error in one line when none can be had.
 */
export async function providePostgres(
  given: string | undefined,
  containers: () => Promise<ContainerEngine | undefined>,
): Promise<Source<ProvidedPostgres>> {
  const server = await provideServer(given, containers);
  const template = `smppgate_template_${randomBytes(4).toString('hex')}`;
  const templateError = await makeTemplate(server.provided, template);
  return {
    provided: { adminUrl: server.provided, template, templateError },
    async stop() {
      if (given !== undefined) {
        await onServer(given, (client) => client.query(`DROP DATABASE IF EXISTS ${template}`));
      }
      await server.stop();
    },
  };
}

/** The URL of another database on the same server. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function provideServer(
  given: string | undefined,
  containers: () => Promise<ContainerEngine | undefined>,
): Promise<Source<string>> {
  if (given !== undefined) {
    const verdict = await checkServer(given);
    if (!verdict.ok) throw new Error(`TEST_DATABASE_URL: ${verdict.reason}`);
    return { provided: given, stop: async () => {} };
  }
  const engine = await containers();
  return (await engine?.postgres()) ?? (await embedded());
}

async function embedded(): Promise<Source<string>> {
  const folder = guardedFolder();
  const log = { info: () => {}, warn: say };
  const postgres = await startEmbedded({
    dataDir: folder.path,
    elsewhere: folder.path,
    log,
    settings: testServerSettings,
  });
  return {
    provided: postgres.url,
    async stop() {
      await postgres.stop();
      await folder.release();
    },
  };
}

async function makeTemplate(adminUrl: string, name: string): Promise<string | undefined> {
  await onServer(adminUrl, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`),
  );
  try {
    await onServer(databaseUrl(adminUrl, name), migrate);
  } catch (error) {
    return `the migrations fail: ${error instanceof Error ? error.message : String(error)}`;
  }
  // A template with a connection on it cannot be cloned: nobody gets one.
  await onServer(adminUrl, (client) =>
    client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`),
  );
  return undefined;
}

async function onServer<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
