import type { ClientBase } from 'pg';
import { type CarrierId, firstIdAt, MESSAGE_ID_EPOCH_MS } from '../domain/ids.ts';
import { type MessageColumns, type StoredMessage, storedMessage } from './stored-message.ts';

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
 * Finds the messages of receipts that memory does not know: newest partition first, one partition at a time, until
 * each receipt has a candidate that fits and is open. Carriers use ids again, so an id has many candidates; the
 * newest open one that fits wins, and only where there is none the newest finished one (a repeated receipt).
 * @param fits decides for queries[index], for instance by the last digits of the destination
 * @param oldestMs unix ms: partitions that end before it are not read (longest validity plus grace)
 * @returns in the order of `queries`; undefined: none fits
 */
export async function findDispatch(
  client: ClientBase,
  carrier: CarrierId,
  queries: readonly DispatchQuery[],
  fits: (index: number, candidate: DispatchCandidate) => boolean,
  oldestMs: number,
): Promise<(DispatchCandidate | undefined)[]> {
  const found: (DispatchCandidate | undefined)[] = queries.map(() => undefined);
  const wanted = wantedById(queries);
  for (const partition of await partitionsSince(client, oldestMs)) {
    if (wanted.size === 0) break;
    const { rows } = await client.query<DispatchColumns>({
      name: 'find-dispatch',
      text: 'select * from find_dispatch($1, $2, $3)',
      values: [partition, carrier, [...wanted.keys()]],
    });
    for (const row of rows) consider(row, wanted, found, fits);
    drop(wanted, found);
  }
  return found;
}

interface DispatchColumns extends MessageColumns {
  readonly upstream_id: string;
  readonly segment: number;
  readonly attempt: number;
  readonly sent_at: Date;
}

/** Which queries ask for an upstream id. */
function wantedById(queries: readonly DispatchQuery[]): Map<string, number[]> {
  const wanted = new Map<string, number[]>();
  for (const [index, { upstreamIds }] of queries.entries()) {
    for (const id of upstreamIds) {
      const indexes = wanted.get(id);
      if (indexes === undefined) wanted.set(id, [index]);
      else indexes.push(index);
    }
  }
  return wanted;
}

/** Newest first, so that the first open candidate that fits is the one; a finished one is only kept for want of it. */
function consider(
  row: DispatchColumns,
  wanted: ReadonlyMap<string, number[]>,
  found: (DispatchCandidate | undefined)[],
  fits: (index: number, candidate: DispatchCandidate) => boolean,
): void {
  const candidate: DispatchCandidate = {
    upstreamId: row.upstream_id,
    segment: row.segment,
    attempt: row.attempt,
    sentAtMs: row.sent_at.getTime(),
    message: storedMessage(row),
  };
  for (const index of wanted.get(row.upstream_id) ?? []) {
    const best = found[index];
    if (
      best !== undefined &&
      (best.message.end === undefined || candidate.message.end !== undefined)
    )
      continue;
    if (fits(index, candidate)) found[index] = candidate;
  }
}

/** Receipts with an open candidate need no older partition. */
function drop(
  wanted: Map<string, number[]>,
  found: readonly (DispatchCandidate | undefined)[],
): void {
  for (const [id, indexes] of wanted) {
    const left = indexes.filter((index) => {
      const best = found[index];
      return best === undefined || best.message.end !== undefined;
    });
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
