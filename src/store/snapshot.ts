import type { ClientBase, Pool } from 'pg';
import { inTransaction } from './pool.ts';

/** Where a single statement can be sent: a pool, or a client inside a transaction. */
export type Queryable = Pick<Pool, 'query'> | ClientBase;

/** Runs several reads on one snapshot, so that what they return agrees. Nothing can be written in it. */
export async function readSnapshot<T>(
  pool: Pool,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query('set transaction isolation level repeatable read, read only');
    return work(client);
  });
}
