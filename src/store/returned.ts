import type { Client } from 'pg';
import type { BatchId, MessageId } from '../domain/ids.ts';
import { Int4Column, Int8Column, TimestampColumn } from './arrays.ts';
import { callLane, perClient } from './lane-call.ts';

/** A customer's answer to the final receipt of his message. */
export interface ReturnedRow {
  readonly id: MessageId;
  /** command_status of deliver_sm_resp. */
  readonly status: number;
  readonly atMs: number;
}

/** Stores that receipts were taken by the customer; these are never returned again. Storing one again is harmless. */
export async function writeReturned(
  client: Client,
  batch: BatchId,
  rows: readonly ReturnedRow[],
): Promise<never[]> {
  const { ids, statuses, ats } = columnsOf(client);
  ids.begin(rows.length);
  statuses.begin(rows.length);
  ats.begin(rows.length);
  for (const row of rows) {
    ids.push(row.id);
    statuses.push(row.status);
    ats.push(row.atMs);
  }
  await callLane(client, statement, [batch, ids.end(), statuses.end(), ats.end()]);
  return [];
}

const statement = {
  name: 'returned',
  text: 'select write_returned($1, $2::int8[], $3::int4[], $4::timestamptz[])',
};

const columnsOf = perClient(() => ({
  ids: new Int8Column(),
  statuses: new Int4Column(),
  ats: new TimestampColumn(),
}));
