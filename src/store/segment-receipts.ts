import type { Client, ClientBase } from 'pg';
import { type BatchId, type EpochId, type MessageId, messageId } from '../domain/ids.ts';
import { Int2Column, Int4Column, Int8Column, TimestampColumn } from './arrays.ts';
import { callLane, perClient } from './lane-call.ts';

/** How one segment of a message of several ended. */
export interface SegmentRow {
  readonly id: MessageId;
  /** 1 to 255. */
  readonly segment: number;
  readonly attempt: number;
  /** Stored small ints of domain/message-state.ts. */
  readonly state: number;
  readonly fault: number;
  readonly err: number;
  readonly doneAtMs: number;
}

/**
 * Stores final states of segments. Verdict 1: stored; 0: the segment had one, nothing changed.
 * @throws DatabaseError of pg; SG001: the epoch is adopted.
 */
export async function writeSegmentReceipts(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly SegmentRow[],
): Promise<(0 | 1)[]> {
  const verdicts = await callLane(client, statement, [
    epoch,
    batch,
    ...columnsOf(client).fill(rows),
  ]);
  return Array.from(verdicts) as (0 | 1)[];
}

/** What is known of the segments of messages, in order of id and segment. */
export async function loadSegmentReceipts(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<SegmentRow[]> {
  const { rows } = await client.query(
    'select * from segment_receipt where id = any ($1) order by id, segment',
    [ids],
  );
  return rows.map((row) => ({
    id: messageId(row.id),
    segment: row.segment,
    attempt: row.attempt,
    state: row.state,
    fault: row.fault,
    err: row.err,
    doneAtMs: row.done_at.getTime(),
  }));
}

/** A message of several segments, and whether its carrier sends one receipt for all of them. */
export interface SegmentedMessage {
  readonly id: MessageId;
  readonly segments: number;
  readonly isOne: boolean;
}

/**
 * Of these messages those that can end by what is known of their segments: each has ended (`all`), or the carrier of one
 * receipt has sent it and has all of them (`one`).
 */
export async function completedMessages(
  client: ClientBase,
  messages: readonly SegmentedMessage[],
): Promise<{ readonly all: MessageId[]; readonly one: MessageId[] }> {
  const { rows } = await client.query<{ id: bigint; all_: boolean }>(
    `select t.id, t.ended >= t.segments as all_
     from (select u.id, u.segments, u.one, (select count(*) from segment_receipt s where s.id = u.id) as ended
       from unnest($1::int8[], $2::int[], $3::bool[]) as u (id, segments, one)) t
     where t.ended >= t.segments or t.one and t.ended > 0
       and exists (select from segment_receipt s join dispatch d
         on d.id = s.id and d.segment = s.segment and d.attempt = s.attempt and d.status = 0
           and stands(d.id, d.segment, d.attempt) where s.id = t.id)
       and (select count(*) from (select d.segment from dispatch d where d.id = t.id and d.status = 0
           and stands(d.id, d.segment, d.attempt)
         union select s.segment from segment_receipt s where s.id = t.id) k) >= t.segments`,
    [
      messages.map((message) => message.id),
      messages.map((message) => message.segments),
      messages.map((message) => message.isOne),
    ],
  );
  const ids = (all: boolean) =>
    rows.filter((row) => row.all_ === all).map((row) => messageId(row.id));
  return { all: ids(true), one: ids(false) };
}

/** When the first segment of each message ended, in unix ms by the database's clock; those without any are absent. */
export async function firstSegmentEnds(
  client: ClientBase,
  ids: readonly MessageId[],
): Promise<Map<MessageId, number>> {
  const { rows } = await client.query<{ id: bigint; at: Date }>(
    'select id, min(at) as at from segment_receipt where id = any ($1) group by id',
    [ids],
  );
  return new Map(rows.map((row) => [messageId(row.id), row.at.getTime()]));
}

const statement = {
  name: 'segment-receipts',
  text: `select write_segment_receipts($1, $2, $3::int8[], $4::int2[], $5::int2[], $6::int2[], $7::int2[],
    $8::int4[], $9::timestamptz[])`,
};

class SegmentColumns {
  readonly #id = new Int8Column();
  readonly #segment = new Int2Column();
  readonly #attempt = new Int2Column();
  readonly #state = new Int2Column();
  readonly #fault = new Int2Column();
  readonly #err = new Int4Column();
  readonly #doneAt = new TimestampColumn();
  /** In the order of the statement's parameters. */
  readonly #all = [
    this.#id,
    this.#segment,
    this.#attempt,
    this.#state,
    this.#fault,
    this.#err,
    this.#doneAt,
  ];

  fill(rows: readonly SegmentRow[]): Buffer[] {
    for (const column of this.#all) column.begin(rows.length);
    for (const row of rows) {
      this.#id.push(row.id);
      this.#segment.push(row.segment);
      this.#attempt.push(row.attempt);
      this.#state.push(row.state);
      this.#fault.push(row.fault);
      this.#err.push(row.err);
      this.#doneAt.push(row.doneAtMs);
    }
    return this.#all.map((column) => column.end());
  }
}

const columnsOf = perClient(() => new SegmentColumns());
