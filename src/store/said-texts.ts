import type { ClientBase } from 'pg';
import type { AccountId, MessageId } from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/*
 * Texts that accounts said to recipients (sql/0060_said_texts.sql).
 */

/** A text that a message says. */
export interface SayingRow {
  readonly account: AccountId;
  /** 16 octets of keyed hash. */
  readonly key: Buffer;
  readonly id: MessageId;
  readonly withinSeconds: number;
}

/** Whether a text is said for the first time. */
export interface Said {
  /** The message that said it first; 0: another, whichever. */
  readonly firstId: bigint;
  /** It is this one, now. */
  readonly isNew: boolean;
}

/** Says texts that no accept says: of messages that are replaced, and of wholes whose parts came to several nodes. */
export async function sayTexts(db: Queryable, rows: readonly SayingRow[]): Promise<Said[]> {
  const { rows: said } = await db.query<{ first_id: bigint | string; is_new: boolean }>(
    'select first_id, is_new from say_texts($1, $2, $3, $4) order by nth',
    [
      rows.map(({ account }) => account),
      rows.map(({ key }) => key),
      rows.map(({ id }) => id.toString()),
      rows.map(({ withinSeconds }) => withinSeconds),
    ],
  );
  return said.map(({ first_id, is_new }) => ({ firstId: BigInt(first_id), isNew: is_new }));
}

/** What came of it was not stored: these texts were not said by this message. */
export async function unsayTexts(
  db: Queryable,
  account: AccountId,
  keys: readonly Buffer[],
  id: MessageId,
): Promise<void> {
  await db.query('delete from said_text where account = $1 and key = any ($2) and id = $3', [
    account,
    keys,
    id.toString(),
  ]);
}

/** The messages that said these texts first, in their order; undefined: none did. Says nothing. */
export async function whoSaid(
  db: Queryable,
  account: AccountId,
  keys: readonly Buffer[],
): Promise<(bigint | undefined)[]> {
  const { rows } = await db.query<{ id: bigint | string | null }>(
    `select s.id from unnest($2::bytea[]) with ordinality as t (key, nth)
       left join said_text s on s.account = $1 and s.key = t.key and s.until > clock_timestamp() order by t.nth`,
    [account, keys],
  );
  return rows.map(({ id }) => (id === null ? undefined : BigInt(id)));
}

/** Forgets texts whose time is over. @returns how many, at most `limit` */
export async function pruneSaidTexts(client: ClientBase, limit: number): Promise<number> {
  const { rowCount } = await client.query(
    `delete from said_text where ctid = any (array(
       select ctid from said_text where until <= now() order by until limit $1))`,
    [limit],
  );
  return rowCount ?? 0;
}
