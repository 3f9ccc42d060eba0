import type { ClientBase } from 'pg';
import { type MessageId, messageId } from '../domain/ids.ts';

/**
 * A page of all messages that have not ended and that no carrier has accepted whole, in order of id: what is queued on
 * any node, and what waits for its time. Begin with 0n. Below the floor of every living node nothing is queued, but for
 * scheduled messages.
 * @returns `next` undefined: that was the last
 */
export async function queuedAfter(
  client: ClientBase,
  after: bigint,
  limit: number,
): Promise<{ readonly ids: MessageId[]; readonly next: bigint | undefined }> {
  const { rows } = await client.query<{ id: bigint; queued: boolean }>(
    `select m.id, o.id is null and (select d.id from dispatch d where d.id = m.id and d.status = 0 limit 1) is null
         as queued
     from (
       (select id from message where id > $1 and id >= (select coalesce(min(queue_floor), 0) from node_epoch
          where not recovered) order by id limit $2)
       union (select id from scheduled where id > $1 order by id limit $2)
       order by id limit $2) m
     left join outcome o on o.id = m.id order by m.id`,
    [after, limit],
  );
  return {
    ids: rows.filter(({ queued }) => queued).map(({ id }) => messageId(id)),
    next: rows.length < limit ? undefined : rows.at(-1)?.id,
  };
}
