import type { ClientBase } from 'pg';
import { type AccountId, type MessageId, messageId } from '../domain/ids.ts';

/** What an account's `dedupe` compares of a submit_sm, hashed. */
export interface SubmitKey {
  readonly account: AccountId;
  readonly key: Uint8Array;
}

/** The first message of a key. */
export interface FirstOfKey {
  readonly id: MessageId;
  /** The message_id that the customer was given; null: the id in decimal. */
  readonly customerId: string | null;
}

/** The first messages of these keys, in their order; undefined where none is accepted (it was refused meanwhile). */
export async function firstOfKeys(
  client: ClientBase,
  keys: readonly SubmitKey[],
): Promise<(FirstOfKey | undefined)[]> {
  const { rows } = await client.query<{ nth: bigint; id: bigint; customer_id: string | null }>(
    `select t.nth, m.id, m.customer_id
     from unnest($1::int4[], $2::bytea[]) with ordinality as t (account, key, nth)
     join submit_key s on s.account = t.account and s.key = t.key
     cross join lateral (select x.id, x.customer_id from message x where x.id = s.id offset 0) m`,
    [keys.map((one) => one.account), keys.map((one) => one.key)],
  );
  const found = new Map(rows.map((row) => [Number(row.nth), row]));
  return keys.map((_, i) => {
    const row = found.get(i + 1);
    return row === undefined ? undefined : { id: messageId(row.id), customerId: row.customer_id };
  });
}

/** Forgets keys whose time is over. @returns how many, at most `limit` */
export async function pruneSubmitKeys(client: ClientBase, limit: number): Promise<number> {
  const { rowCount } = await client.query(
    `delete from submit_key where ctid = any (array(
       select ctid from submit_key where until <= now() order by until limit $1))`,
    [limit],
  );
  return rowCount ?? 0;
}
