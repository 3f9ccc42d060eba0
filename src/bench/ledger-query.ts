import { Client } from 'pg';
import type { DaemonProcess } from './daemon-process.ts';

/** Asks the embedded PostgreSQL of a daemon under test, over a connection of its own. @throws when it does not run */
export async function queryLedger<Value>(
  daemon: DaemonProcess,
  work: (client: Client) => Promise<Value>,
): Promise<Value> {
  const postmaster = daemon.postmaster();
  if (!postmaster) throw new Error('PostgreSQL does not run');
  const client = new Client({
    host: postmaster.socketFolder,
    user: 'postgres',
    database: 'smppgate',
  });
  client.on('error', () => {}); // the query under way rejects with it
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
