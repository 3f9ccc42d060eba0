import type { ClientBase } from 'pg';
import { type EpochId, type MessageId, messageId } from '../domain/ids.ts';
import { type QueuedColumns, type QueuedMessage, queuedMessage } from './recovery.ts';

/** Messages of this node whose time has come, oldest time first, `without` some. */
export async function dueScheduled(
  client: ClientBase,
  epoch: EpochId,
  without: readonly MessageId[],
  limit: number,
): Promise<MessageId[]> {
  const { rows } = await client.query<{ id: bigint }>(
    `select id from scheduled where epoch = $1 and at <= clock_timestamp() and not id = any ($2)
     order by at limit $3`,
    [epoch, without, limit],
  );
  return rows.map((row) => messageId(row.id));
}

/** What is left to send of messages; one that ended, or that carriers have all of, is missing. */
export async function leftToSend(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<Map<MessageId, QueuedMessage>> {
  const { rows } = await client.query<QueuedColumns>('select * from queue_state($1)', [ids]);
  return new Map(rows.map((row) => [messageId(row.id), queuedMessage(row)]));
}

/** These have nothing left to send. */
export async function strikeScheduled(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<void> {
  await client.query('delete from scheduled where id = any ($1)', [ids]);
}

/** An adopted node's scheduled messages are ours from here on. Call it after unknownOf. */
export async function adoptScheduled(
  client: ClientBase,
  dead: EpochId,
  by: EpochId,
): Promise<void> {
  await client.query('update scheduled set epoch = $2 where epoch = $1', [dead, by]);
}
