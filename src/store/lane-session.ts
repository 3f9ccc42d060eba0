import type { Client } from 'pg';
import type { BatchId } from '../domain/ids.ts';
import { DependencyError } from './errors.ts';

/**
 * Runs something on a connection with a limit in time: past it the connection is destroyed, which makes it fail.
 * A peer that died without a TCP reset would else be waited for without end.
 */
export async function within<T>(
  client: Client,
  limitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const limit = setTimeout(() => destroy(client), limitMs);
  try {
    return await work();
  } finally {
    clearTimeout(limit);
  }
}

/**
 * Does this session still answer? After an ERROR it does, and the transaction is rolled back for certain; after a
 * FATAL, a PANIC or a broken connection it does not, and nothing is certain. (The severity in the error's own fields is
 * in the server's language.)
 */
export async function answers(client: Client, limitMs: number): Promise<boolean> {
  try {
    await within(client, limitMs, () => client.query('select'));
    return true;
  } catch {
    return false;
  }
}

/** Closes the socket without asking the server. */
export function destroy(client: Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/**
 * Whether a batch whose commit is in doubt is committed, and the verdicts stored with it. Waits for a transaction of
 * it that is still under way; afterwards a batch that is not committed never can be (sql/0004: read_back_batch).
 */
export async function readBackBatch(
  client: Client,
  batch: BatchId,
): Promise<{ committed: boolean; verdicts: Buffer | null }> {
  const { rows } = await client.query<{ committed: boolean; verdicts: Buffer | null }>(
    'select committed, verdicts from read_back_batch($1, 0)',
    [batch],
  );
  const [row] = rows;
  if (row === undefined) throw new DependencyError('other', 'read_back_batch returned nothing');
  return row;
}

/** Stored verdicts as most lanes have them: one number an octet. */
export function octets(stored: Buffer | null): unknown[] {
  return stored === null ? [] : Array.from(stored);
}
