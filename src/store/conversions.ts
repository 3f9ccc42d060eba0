import type { ClientBase } from 'pg';
import { firstIdAt, type MessageId, messageId } from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/** Rows forgotten in one step. */
const FORGET_STEP = 50_000;

/** Notes that the codes of these messages were entered; returns those that were not noted before. */
export async function addConversions(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<ReadonlySet<MessageId>> {
  const { rows } = await client.query<{ id: bigint }>(
    // In order: two requests with the same messages cannot wait for each other.
    `insert into conversion (id) select t.id from unnest($1::int8[]) as t (id) order by t.id
     on conflict do nothing returning id`,
    [ids],
  );
  return new Set(rows.map(({ id }) => messageId(id)));
}

/** Forgets those of messages accepted before a time (Unix ms). */
export async function forgetConversions(db: Queryable, beforeMs: number): Promise<void> {
  await db.query(
    `delete from conversion where id in (select id from conversion where id < $1 order by id limit ${FORGET_STEP})`,
    [firstIdAt(beforeMs)],
  );
}
