import type { Config } from '../config.ts';
import { startEmbedded } from '../store/embedded.ts';
import { migrate } from '../store/migrate.ts';
import { connectStore } from '../store/pool.ts';
import { checkServer } from '../store/server-check.ts';
import type { OpsLog } from './logs.ts';

/** The database that the daemon runs on, checked and migrated. */
export interface Database {
  readonly url: string;
  readonly embedded: boolean;
  /** No account and no carrier was ever made in it. */
  readonly isEmpty: boolean;
  /** Stops the embedded server; does nothing to another one. */
  close(): Promise<void>;
}

/**
 * Opens DATABASE_URL, or the embedded PostgreSQL of dataDir, and brings its schema to this version.
 * @throws Error of one line with what to do: unreachable, wrong password, unsafe settings, newer schema
 */
export async function openDatabase(config: Config, log: OpsLog): Promise<Database> {
  const server =
    config.database.url === undefined
      ? await startEmbedded({ dataDir: config.dataDir, log })
      : undefined;
  const url = server?.url ?? config.database.url ?? '';
  try {
    const verdict = await checkServer(url);
    if (!verdict.ok) throw new Error(verdict.reason);
    const isEmpty = await prepare(url, log);
    return { url, embedded: server !== undefined, isEmpty, close: async () => server?.stop() };
  } catch (error) {
    await server?.stop();
    throw error;
  }
}

async function prepare(url: string, log: OpsLog): Promise<boolean> {
  const client = await connectStore({ url, applicationName: 'smppgate migrate' });
  try {
    const { current, applied } = await migrate(client);
    if (applied.length > 0) log.info('migrated', { schema: current });
    const { rows } = await client.query<{ empty: boolean }>(
      'select not exists (select from account) and not exists (select from carrier) and not exists (select from resource) as empty',
    );
    return rows[0]?.empty === true;
  } finally {
    await client.end();
  }
}
