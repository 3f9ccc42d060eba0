import type { Client } from 'pg';
import type { BatchId, CarrierId, EpochId, MessageId } from '../domain/ids.ts';
import { Int2Column, Int4Column, Int8Column, TextColumn, TimestampColumn } from './arrays.ts';
import { callLane, perClient } from './lane-call.ts';

/** A carrier's answer to one submit_sm. */
export interface SentRow {
  readonly id: MessageId;
  /** 1 to 255. */
  readonly segment: number;
  /** 1 to 32767. */
  readonly attempt: number;
  readonly carrier: CarrierId;
  /** message_id of submit_sm_resp, as it came; null: none. */
  readonly upstreamId: string | null;
  /** command_status; 0: the carrier has it. */
  readonly status: number;
  readonly atMs: number;
}

/**
 * Stores carriers' answers, and ends the leases all of whose keys have theirs stored, by earlier batches or this one.
 * Storing an answer again is harmless. As a lane's `write` it can be called more than once for the same items: work
 * out `doneLeases` from what onCommitted has seen.
 * @throws DatabaseError of pg; SG001: the epoch is adopted.
 */
export async function writeSent(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly SentRow[],
  doneLeases: readonly bigint[],
): Promise<never[]> {
  const columns = columnsOf(client);
  await callLane(client, statement, [
    epoch,
    batch,
    ...columns.fill(rows),
    columns.leases(doneLeases),
  ]);
  return [];
}

const statement = {
  name: 'sent',
  text: `select write_sent($1, $2, $3::int8[], $4::int2[], $5::int2[], $6::int4[], $7::text[], $8::int4[],
    $9::timestamptz[], $10::int8[])`,
};

class SentColumns {
  readonly #id = new Int8Column();
  readonly #segment = new Int2Column();
  readonly #attempt = new Int2Column();
  readonly #carrier = new Int4Column();
  readonly #upstreamId = new TextColumn();
  readonly #status = new Int4Column();
  readonly #at = new TimestampColumn();
  readonly #lease = new Int8Column();
  /** In the order of the statement's parameters. */
  readonly #all = [
    this.#id,
    this.#segment,
    this.#attempt,
    this.#carrier,
    this.#upstreamId,
    this.#status,
    this.#at,
  ];

  fill(rows: readonly SentRow[]): Buffer[] {
    for (const column of this.#all) column.begin(rows.length);
    for (const row of rows) {
      this.#id.push(row.id);
      this.#segment.push(row.segment);
      this.#attempt.push(row.attempt);
      this.#carrier.push(row.carrier);
      this.#upstreamId.push(row.upstreamId);
      this.#status.push(row.status);
      this.#at.push(row.atMs);
    }
    return this.#all.map((column) => column.end());
  }

  leases(ids: readonly bigint[]): Buffer {
    this.#lease.begin(ids.length);
    for (const id of ids) this.#lease.push(id);
    return this.#lease.end();
  }
}

const columnsOf = perClient(() => new SentColumns());
