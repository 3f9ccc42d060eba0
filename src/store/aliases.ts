import type { ClientBase } from 'pg';
import type { AccountId } from '../domain/ids.ts';

/**
 * Reserves `count` message_ids of 8 hexadecimal digits for an account: the first one's number. They are given out
 * once in 2^32, and never while a message of the same one is still stored.
 * @param count a power of two
 * @throws DatabaseError of pg; SG006: a million in a row are in use
 */
export async function reserveAliases(
  client: ClientBase,
  account: AccountId,
  count: number,
): Promise<number> {
  const { rows } = await client.query<{ first: bigint }>(
    'select reserve_aliases($1, $2) as first',
    [account, count],
  );
  return Number(rows[0]?.first ?? 0n);
}
