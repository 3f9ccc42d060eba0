import type { ClientBase } from 'pg';
import {
  type CarrierId,
  carrierId,
  type EpochId,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import type { SendKey } from './lease.ts';

/** A submit_sm that went to a carrier, or may have, and was not answered. */
export interface UnknownOutcome extends SendKey {
  readonly carrier: CarrierId;
  readonly sinceMs: number;
}

/** How one ended: the answer came after all, a receipt settled it, it is sent again, it is given up, or its message ended otherwise. */
export type UnknownResolution = 'answered' | 'receipt' | 'resent' | 'expired' | 'ended';

/** Lists keys of this node's leases as unknown: their session ended before the answer. Again is harmless. */
export async function recordUnknown(
  client: ClientBase,
  epoch: EpochId,
  carrier: CarrierId,
  keys: readonly SendKey[],
): Promise<void> {
  await client.query('select record_unknown($1, $2, $3, $4, $5)', [
    epoch,
    carrier,
    keys.map((key) => key.id),
    keys.map((key) => key.segment),
    keys.map((key) => key.attempt),
  ]);
}

/** The carrier is bound again: the wait of its unknown outcomes begins. Those that have a deadline keep it. */
export async function startUnknownWait(
  client: ClientBase,
  epoch: EpochId,
  carrier: CarrierId,
  deadlineMs: number,
): Promise<number> {
  const { rowCount } = await client.query(
    `update unknown_outcome set deadline = to_timestamp($3 / 1000.0::float8)
     where epoch = $1 and carrier = $2 and resolved_at is null and deadline is null`,
    [epoch, carrier, deadlineMs],
  );
  return rowCount ?? 0;
}

/** The carrier is gone: the wait of its unknown outcomes begins anew when it is bound again. */
export async function endUnknownWait(
  client: ClientBase,
  epoch: EpochId,
  carrier: CarrierId,
): Promise<number> {
  const { rowCount } = await client.query(
    `update unknown_outcome set deadline = null
     where epoch = $1 and carrier = $2 and resolved_at is null and deadline is not null`,
    [epoch, carrier],
  );
  return rowCount ?? 0;
}

/** The smallest message id among this node's open unknown outcomes; undefined when there is none. */
export async function oldestUnknown(
  client: ClientBase,
  epoch: EpochId,
): Promise<MessageId | undefined> {
  const { rows } = await client.query<{ id: bigint | null }>(
    'select min(id) as id from unknown_outcome where epoch = $1 and resolved_at is null',
    [epoch],
  );
  const id = rows[0]?.id ?? null;
  return id === null ? undefined : messageId(id);
}

/** This node's unknown outcomes whose wait is over, oldest first. They stay until resolveUnknown. */
export async function dueUnknown(
  client: ClientBase,
  epoch: EpochId,
  nowMs: number,
  limit: number,
): Promise<UnknownOutcome[]> {
  const { rows } = await client.query<UnknownColumns>(
    `select id, segment, attempt, carrier, since from unknown_outcome
     where epoch = $1 and resolved_at is null and deadline <= to_timestamp($2 / 1000.0::float8)
     order by deadline, id limit $3`,
    [epoch, nowMs, limit],
  );
  return rows.map(unknownOutcome);
}

/**
 * This node's open unknown outcomes at carriers that are not among `known`, or that are unknown since before the time
 * (unix ms) that stands there, oldest first.
 */
export async function forsakenUnknown(
  client: ClientBase,
  epoch: EpochId,
  known: ReadonlyMap<CarrierId, number>,
  limit: number,
): Promise<UnknownOutcome[]> {
  const { rows } = await client.query<UnknownColumns>(
    `select u.id, u.segment, u.attempt, u.carrier, u.since from unknown_outcome u
       left join unnest($2::int[], $3::float8[]) as k (carrier, before) on k.carrier = u.carrier
     where u.epoch = $1 and u.resolved_at is null
       and (k.carrier is null or u.since <= to_timestamp(k.before / 1000))
     order by u.since, u.id limit $4`,
    [epoch, [...known.keys()], [...known.values()], limit],
  );
  return rows.map(unknownOutcome);
}

/** The open ones of carriers, of whatever node: what an orphan receipt can fit. By age, in pages. */
export async function openUnknown(
  client: ClientBase,
  carriers: readonly CarrierId[],
  limit: number,
  after?: UnknownOutcome,
): Promise<UnknownOutcome[]> {
  const { rows } = await client.query<UnknownColumns>(
    `select id, segment, attempt, carrier, since from unknown_outcome
     where carrier = any ($1) and resolved_at is null
       and ($3::float8 is null or (since, id, segment) > (to_timestamp($3 / 1000.0::float8), $4::bigint, $5::int))
     order by since, id, segment limit $2`,
    [carriers, limit, after?.sinceMs ?? null, after?.id ?? null, after?.segment ?? null],
  );
  return rows.map(unknownOutcome);
}

/**
 * Those of carriers to these numbers that an orphan receipt may still be about, newest first: still open
 * (`resolution` null), sent again since, given up, or closed because their message ended.
 * @param hashes keyed hashes of the numbers
 */
export async function unknownTo(
  client: ClientBase,
  carriers: readonly CarrierId[],
  hashes: readonly Buffer[],
  sinceMs: number,
  limit: number,
): Promise<(UnknownOutcome & { readonly resolution: UnknownResolution | null })[]> {
  const { rows } = await client.query<UnknownColumns & { resolution: UnknownResolution | null }>(
    `select u.id, u.segment, u.attempt, u.carrier, u.since, u.resolution
     from unknown_outcome u join message m on m.id = u.id
     where u.carrier = any ($1) and u.since >= to_timestamp($3 / 1000.0::float8)
       and (u.resolution in ('resent', 'expired', 'ended') or u.resolved_at is null) and m.destination_hash = any ($2)
     order by u.since desc limit $4`,
    [carriers, hashes, sinceMs, limit],
  );
  return rows.map((row) => ({ ...unknownOutcome(row), resolution: row.resolution }));
}

/** Closes unknown outcomes; returns those that were open. Of two who close one, one gets it. */
export async function resolveUnknown(
  client: ClientBase,
  keys: readonly SendKey[],
  resolution: UnknownResolution,
): Promise<SendKey[]> {
  const { rows } = await client.query<{ id: bigint; segment: number; attempt: number }>(
    `update unknown_outcome u set resolved_at = now(), resolution = $4
     from unnest($1::int8[], $2::int[], $3::int[]) as k (id, segment, attempt)
     where u.id = k.id and u.segment = k.segment and u.attempt = k.attempt and u.resolved_at is null
     returning u.id, u.segment, u.attempt`,
    [
      keys.map((key) => key.id),
      keys.map((key) => key.segment),
      keys.map((key) => key.attempt),
      resolution,
    ],
  );
  return rows.map((row) => ({ id: messageId(row.id), segment: row.segment, attempt: row.attempt }));
}

/** Open unknown outcomes by carrier, for the metric. */
export async function countUnknown(client: ClientBase): Promise<Map<CarrierId, number>> {
  const { rows } = await client.query<{ carrier: number; n: number }>(
    'select carrier, count(*)::int as n from unknown_outcome where resolved_at is null group by carrier',
  );
  return new Map(rows.map((row) => [carrierId(row.carrier), row.n]));
}

interface UnknownColumns {
  readonly id: bigint;
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: number;
  readonly since: Date;
}

function unknownOutcome(row: UnknownColumns): UnknownOutcome {
  const id: MessageId = messageId(row.id);
  return {
    id,
    segment: row.segment,
    attempt: row.attempt,
    carrier: carrierId(row.carrier),
    sinceMs: row.since.getTime(),
  };
}
