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

/** A message that is not to go before a time. */
export interface DeferredMessage {
  readonly id: MessageId;
  readonly atMs: number;
  /** The rule that says so, and what it says. */
  readonly rule: string;
  readonly reason: string | undefined;
}

/** Gives messages of this node that waited a later time, in this order, and notes why. @throws SG001: the epoch is adopted */
export async function deferMessages(
  client: ClientBase,
  epoch: EpochId,
  deferred: readonly DeferredMessage[],
): Promise<void> {
  await client.query('select defer_messages($1, $2, $3, $4, $5)', [
    epoch,
    deferred.map(({ id }) => id),
    deferred.map(({ atMs }) => new Date(atMs)),
    deferred.map(({ rule }) => rule),
    deferred.map(({ reason }) => reason ?? null),
  ]);
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
