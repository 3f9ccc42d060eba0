import type { ClientBase } from 'pg';
import { type AccountId, type MessageId, messageId } from '../domain/ids.ts';

/** A message by the message_id that its customer was given. */
export interface NamedQuery {
  readonly account: AccountId;
  /** As the customer says it. */
  readonly name: string;
  /** Only of the number with this keyed hash. */
  readonly destinationHash: Buffer | undefined;
}

/** Messages to a number that are still queued. */
export interface QueuedQuery {
  readonly account: AccountId;
  /** Keyed hash of the number. */
  readonly destinationHash: Buffer;
  /** Only ids below it: the oldest of the page before. */
  readonly before: MessageId | undefined;
}

/**
 * The messages that accounts call so, for each query: none, one, or several where a submit_multi gave its destinations
 * one id. An internal id names one partition, or two for a shared one; an alias is looked for by index, newest partition
 * first: EXPLAIN shows 2 to 3 pages of the index a partition, some 10 us.
 * @param most of one query
 */
export async function findNamed(
  client: ClientBase,
  queries: readonly NamedQuery[],
  most: number,
): Promise<MessageId[][]> {
  const { rows } = await client.query<FoundColumns>({
    name: 'find-named',
    text: 'select nth, id from find_named($1, $2, $3, $4, $5)',
    values: [
      queries.map((query) => query.account),
      queries.map((query) => query.name),
      queries.map((query) => internalId(query.name)),
      queries.map((query) => query.destinationHash ?? null),
      most,
    ],
  });
  return byQuery(queries.length, rows, most);
}

/**
 * Messages to these numbers without an end that no carrier has accepted, newest first (leased ones are among them), for
 * each query. Looked at are the ids that some node may still have to send: while carriers keep up those of the last half
 * minute, 0.3 us each, once for all queries.
 * @param most of one query
 */
export async function findQueued(
  client: ClientBase,
  queries: readonly QueuedQuery[],
  most: number,
): Promise<MessageId[][]> {
  const { rows } = await client.query<FoundColumns>({
    name: 'find-queued',
    text: 'select nth, id from find_queued($1, $2, $3, $4)',
    values: [
      queries.map((query) => query.account),
      queries.map((query) => query.destinationHash),
      queries.map((query) => query.before ?? ID_MAX),
      most,
    ],
  });
  return byQuery(queries.length, rows, most);
}

interface FoundColumns {
  readonly nth: number;
  readonly id: bigint;
}

const ID_MAX = 2n ** 63n - 1n;
/** Internal ids have 17 digits and more since 2025; an alias has 8 characters. */
const INTERNAL_ID = /^[1-9][0-9]{9,18}$/;

/** A name as an internal id; null when it is none. */
function internalId(name: string): bigint | null {
  if (!INTERNAL_ID.test(name)) return null;
  const id = BigInt(name);
  return id <= ID_MAX ? id : null;
}

/** The newest `most` of each, newest first. */
function byQuery(count: number, rows: readonly FoundColumns[], most: number): MessageId[][] {
  const found: MessageId[][] = Array.from({ length: count }, () => []);
  for (const { nth, id } of rows) found[nth - 1]?.push(messageId(id));
  return found.map((ids) => ids.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)).slice(0, most));
}
