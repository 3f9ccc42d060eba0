import type { ClientBase } from 'pg';
import { type CarrierId, carrierId } from '../domain/ids.ts';

/** A parked receipt that was matched to nothing. */
export interface UnmatchedReceipt {
  readonly parked: bigint;
  readonly carrier: CarrierId;
  readonly receivedAtMs: number;
  /** Sealed. */
  readonly fields: Buffer;
}

/** The parked receipts of carriers that are matched to nothing and came since a time, newest first. */
export async function unmatchedSince(
  client: ClientBase,
  carriers: readonly CarrierId[],
  sinceMs: number,
  limit: number,
): Promise<UnmatchedReceipt[]> {
  const { rows } = await client.query<{
    id: bigint;
    carrier: number;
    received_at: Date;
    fields: Buffer;
  }>(
    `select id, carrier, received_at, fields from parked_receipt
     where carrier = any ($1) and matched is null and received_at >= to_timestamp($2 / 1000.0::float8)
     order by received_at desc limit $3`,
    [carriers, sinceMs, limit],
  );
  return rows.map((row) => ({
    parked: row.id,
    carrier: carrierId(row.carrier),
    receivedAtMs: row.received_at.getTime(),
    fields: row.fields,
  }));
}
