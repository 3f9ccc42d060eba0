import type { Client, ClientBase } from 'pg';
import {
  type BatchId,
  type CarrierId,
  carrierId,
  type EpochId,
  type MessageId,
} from '../domain/ids.ts';
import { callLane } from './lane-call.ts';

/** A receipt that fits no dispatch yet. */
export interface ParkRow {
  readonly carrier: CarrierId;
  /** The keys (smpp/message-ids.ts) that the id of its submit_sm_resp can have, of each carrier that it can be of. */
  readonly keys: readonly { readonly carrier: CarrierId; readonly key: string }[];
  /** Keyed hash of the destination; null: it names none. */
  readonly destinationHash: Buffer | null;
  readonly receivedAtMs: number;
  /** What is needed to match it later, sealed. */
  readonly fields: Buffer;
  /** Label of the metric: unknownId, otherDestination, ambiguous, unreadable. */
  readonly reason: string;
}

/** A parked receipt as it comes back. */
export interface ParkedReceipt {
  readonly parked: bigint;
  readonly carrier: CarrierId;
  readonly destinationHash: Buffer | null;
  readonly receivedAtMs: number;
  readonly fields: Buffer;
  readonly reason: string;
  /** Sweeps so far. */
  readonly tries: number;
}

/** The first sweep comes this long after parking; then 1 s, 2 s, ... 10 min. */
const FIRST_SWEEP_MS = 1_000;
/** A receipt that found nothing in this time is no longer looked for, only kept: an answer is never that late. */
export const PARKED_GIVE_UP_MS = 24 * 3_600_000;

/**
 * Parks receipts, in one statement; answer the carrier after it. Then look for the dispatch once more (findDispatch):
 * its batch may have committed meanwhile. Writers of dispatches look the other way after their commit
 * (takeParkedFor), so that of the two at least one sees the other.
 * @returns their ids, in order
 */
export async function park(client: ClientBase, rows: readonly ParkRow[]): Promise<bigint[]> {
  if (rows.length === 0) return [];
  const keys = rows.flatMap((row, i) => row.keys.map((key) => ({ ...key, owner: i + 1 })));
  const { rows: result } = await client.query<{ ids: bigint[] }>(
    'select park_receipts($1, $2, $3, $4, $5, to_timestamp($6 / 1000.0::float8), $7, $8, $9) as ids',
    [
      rows.map((row) => row.carrier),
      rows.map((row) => row.destinationHash),
      rows.map((row) => new Date(row.receivedAtMs).toISOString()),
      rows.map((row) => row.fields),
      rows.map((row) => row.reason),
      Math.min(...rows.map((row) => row.receivedAtMs)) + FIRST_SWEEP_MS,
      keys.map((key) => key.owner),
      keys.map((key) => key.carrier),
      keys.map((key) => key.key),
    ],
  );
  return result[0]?.ids ?? [];
}

/** Whether any receipt is parked that is still looked for. */
export async function anyParked(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ any: boolean }>(
    'select exists (select from parked_receipt where matched is null and next_try_at is not null) as any',
  );
  return rows[0]?.any === true;
}

/**
 * Parked receipts under one of these keys; call it after the commit of the dispatches, on any connection.
 * They stay parked until resolveParked: settling one twice is harmless, losing one is not.
 */
export async function takeParkedFor(
  client: ClientBase,
  carrier: CarrierId,
  keys: readonly string[],
): Promise<ParkedReceipt[]> {
  const { rows } = await client.query<ParkedColumns>({
    name: 'parked-for',
    text: 'select * from parked_for($1, $2)',
    values: [carrier, keys],
  });
  return rows.map(parkedReceipt);
}

/** The sweep: parked receipts to be looked up once more now. The next time comes later and later. */
export async function takeParkedDue(
  client: ClientBase,
  nowMs: number,
  limit: number,
): Promise<ParkedReceipt[]> {
  const { rows } = await client.query<ParkedColumns>(
    `select * from take_parked_due(to_timestamp($1 / 1000.0::float8), $2, $3 * interval '1 ms')`,
    [nowMs, limit, PARKED_GIVE_UP_MS],
  );
  return rows.map(parkedReceipt);
}

/** Writes down which message parked receipts belonged to: after its outcome (or the note) is committed. */
export async function resolveParked(
  client: ClientBase,
  matches: readonly { parked: bigint; message: MessageId }[],
): Promise<void> {
  const ids = matches.map((match) => match.parked);
  await client.query(
    `with done as (delete from parked_key where parked = any ($1))
     update parked_receipt p set matched = t.message, matched_at = now(), next_try_at = null
     from unnest($1::int8[], $2::int8[]) as t (id, message) where p.id = t.id and p.matched is null`,
    [ids, matches.map((match) => match.message)],
  );
}

/** A receipt that changed nothing: repeated, contradictory or late. */
export interface NoteRow {
  readonly message: MessageId;
  readonly carrier: CarrierId | null;
  readonly kind: 'repeated' | 'contradictory' | 'late' | 'unreadable';
  readonly state: number | null;
  readonly err: number | null;
  readonly detail: string | null;
}

/** Notes such receipts on their messages' timelines. @throws DatabaseError of pg; SG001: the epoch is adopted. */
export async function writeNotes(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly NoteRow[],
): Promise<never[]> {
  await callLane(client, noteStatement, [
    epoch,
    batch,
    rows.map((row) => row.message),
    rows.map((row) => row.carrier ?? 0),
    rows.map((row) => row.kind),
    rows.map((row) => row.state),
    rows.map((row) => row.err),
    rows.map((row) => row.detail),
  ]);
  return [];
}

const noteStatement = {
  name: 'notes',
  text: 'select write_notes($1, $2, $3::int8[], $4::int4[], $5::text[], $6::int4[], $7::int4[], $8::text[])',
};

interface ParkedColumns {
  readonly id: bigint;
  readonly carrier: number;
  readonly destination_hash: Buffer | null;
  readonly received_at: Date;
  readonly fields: Buffer;
  readonly reason: string;
  readonly tries: number;
}

function parkedReceipt(row: ParkedColumns): ParkedReceipt {
  return {
    parked: row.id,
    carrier: carrierId(row.carrier),
    destinationHash: row.destination_hash,
    receivedAtMs: row.received_at.getTime(),
    fields: row.fields,
    reason: row.reason,
    tries: row.tries,
  };
}
