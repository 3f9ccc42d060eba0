import type { ClientBase } from 'pg';
import { type CarrierId, firstIdAt, MESSAGE_ID_EPOCH_MS } from '../domain/ids.ts';
import { type MessageColumns, type StoredMessage, storedMessage } from './stored-message.ts';

/** Dispatches under one id and in one partition that are looked at, and the newest of them that are read. */
const SAME_ID_MAX = 1_000;
const NEWEST_OF_ID = 64;

/** A stored submit_sm that a receipt can belong to. */
export interface DispatchCandidate {
  readonly upstreamId: string;
  readonly segment: number;
  readonly attempt: number;
  readonly sentAtMs: number;
  readonly message: StoredMessage;
}

/** What to look for: the ids, in each base still possible, under which one receipt's message may stand. */
export interface DispatchQuery {
  readonly upstreamIds: readonly string[];
}

/**
 * The messages that receipts can be about: newest partition first, one partition at a time, until each receipt has
 * enough. Carriers use ids again, so an id has many candidates; at most 64 of one id and partition are given.
 * @param isEnough queries[index] needs no older partition once it has this candidate
 * @param oldestMs unix ms: partitions that end before it are not read (longest validity plus grace)
 * @returns in the order of `queries`, each newest first
 */
export async function findDispatch(
  client: ClientBase,
  carrier: CarrierId,
  queries: readonly DispatchQuery[],
  isEnough: (index: number, candidate: DispatchCandidate) => boolean,
  oldestMs: number,
): Promise<DispatchCandidate[][]> {
  const found: DispatchCandidate[][] = queries.map(() => []);
  const done = new Set<number>();
  const wanted = wantedById(queries);
  for (const partition of await partitionsSince(client, oldestMs)) {
    if (wanted.size === 0) break;
    const { rows } = await client.query<DispatchColumns>({
      name: 'find-dispatch',
      text: 'select * from find_dispatch($1, $2, $3, $4, $5)',
      values: [partition, carrier, [...wanted.keys()], SAME_ID_MAX, NEWEST_OF_ID],
    });
    for (const row of rows) {
      const candidate = candidateOf(row);
      for (const index of wanted.get(row.upstream_id) ?? []) {
        found[index]?.push(candidate);
        if (isEnough(index, candidate)) done.add(index);
      }
    }
    drop(wanted, done);
  }
  return found;
}

interface DispatchColumns extends MessageColumns {
  readonly upstream_id: string;
  readonly segment: number;
  readonly attempt: number;
  readonly sent_at: Date;
}

function candidateOf(row: DispatchColumns): DispatchCandidate {
  return {
    upstreamId: row.upstream_id,
    segment: row.segment,
    attempt: row.attempt,
    sentAtMs: row.sent_at.getTime(),
    message: storedMessage(row),
  };
}

/** Which queries ask for an upstream id. */
function wantedById(queries: readonly DispatchQuery[]): Map<string, number[]> {
  const wanted = new Map<string, number[]>();
  for (const [index, { upstreamIds }] of queries.entries()) {
    for (const id of upstreamIds) {
      const indexes = wanted.get(id);
      if (indexes === undefined) wanted.set(id, [index]);
      else if (!indexes.includes(index)) indexes.push(index);
    }
  }
  return wanted;
}

/** What has enough is not looked for in older partitions. */
function drop(wanted: Map<string, number[]>, done: ReadonlySet<number>): void {
  if (done.size === 0) return;
  for (const [id, indexes] of wanted) {
    const left = indexes.filter((index) => !done.has(index));
    if (left.length === 0) wanted.delete(id);
    else wanted.set(id, left);
  }
}

/** Numbers of the partitions that hold ids since a time, newest first. */
async function partitionsSince(client: ClientBase, oldestMs: number): Promise<number[]> {
  const { rows } = await client.query<{ number: number }>({
    name: 'partitions-since',
    text: 'select number from id_range where to_id is null or to_id > $1 order by number desc',
    values: [firstIdAt(Math.max(oldestMs, MESSAGE_ID_EPOCH_MS))],
  });
  return rows.map((row) => row.number);
}
