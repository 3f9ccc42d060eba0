import type { ClientBase } from 'pg';
import type { CarrierId, MessageId } from '../domain/ids.ts';
import { carrierId, messageId } from '../domain/ids.ts';

/** A parked receipt with its state. */
export interface ParkedRow {
  readonly parked: bigint;
  readonly carrier: CarrierId;
  readonly carrierName: string;
  readonly receivedAt: Date;
  /** Sealed. */
  readonly fields: Buffer;
  /** Why it was not matched when it came. */
  readonly reason: string;
  readonly tries: number;
  /** Undefined: no longer looked for, or matched. */
  readonly nextTryAt: Date | undefined;
  readonly matched: MessageId | undefined;
}

/** Which unmatched receipts are wanted, newest first. */
export interface ParkedQuery {
  readonly carrier: CarrierId | undefined;
  /** Only ids below this: the last one of the page before. */
  readonly before: bigint | undefined;
  readonly limit: number;
}

/** Receipts that are matched to nothing, newest first. */
export async function listParked(client: ClientBase, query: ParkedQuery): Promise<ParkedRow[]> {
  const { rows } = await client.query<Columns>(
    `${COLUMNS} where matched is null and ($1::int is null or carrier = $1) and ($2::int8 is null or id < $2)
     order by id desc limit $3`,
    [query.carrier ?? null, query.before ?? null, query.limit],
  );
  return rows.map(parkedRow);
}

/** One parked receipt, matched or not. */
export async function readParked(client: ClientBase, id: bigint): Promise<ParkedRow | undefined> {
  const { rows } = await client.query<Columns>(`${COLUMNS} where id = $1`, [id]);
  return rows[0] && parkedRow(rows[0]);
}

const COLUMNS = `select id, carrier, coalesce((select c.name from carrier c where c.id = parked_receipt.carrier), '?') as carrier_name, received_at, fields,
    reason, tries, next_try_at, matched from parked_receipt`;

interface Columns {
  readonly id: bigint;
  readonly carrier: number;
  readonly carrier_name: string;
  readonly received_at: Date;
  readonly fields: Buffer;
  readonly reason: string;
  readonly tries: number;
  readonly next_try_at: Date | null;
  readonly matched: bigint | null;
}

function parkedRow(row: Columns): ParkedRow {
  return {
    parked: row.id,
    carrier: carrierId(row.carrier),
    carrierName: row.carrier_name,
    receivedAt: row.received_at,
    fields: row.fields,
    reason: row.reason,
    tries: row.tries,
    nextTryAt: row.next_try_at ?? undefined,
    matched: row.matched === null ? undefined : messageId(row.matched),
  };
}
