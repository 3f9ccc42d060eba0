import type { Client, ClientBase } from 'pg';
import { firstIdAt, messageId, messageIdMs } from '../domain/ids.ts';
import { dependencyError } from './errors.ts';
import type { Queryable } from './snapshot.ts';

/** A partition is cut when its messages take so many octets: 160 MB are 1.2 million rows. At five million rows the upstream-id index no longer fits the cache. */
export const PARTITION_OCTETS = 160_000_000;
/** ...or when it is this old, so that retention can drop days. */
export const PARTITION_AGE_MS = 86_400_000;
/** The cut lies so far ahead. Ids are at most 10 s ahead (accept checks), so for 20 s nothing comes near it. */
const CUT_AHEAD_MS = 30_000;
/** By then the swap is done or given up. */
const CUT_DEADLINE_MS = 18_000;
/** The swap stops all lanes while it waits for its locks, so not for long; between tries they catch up. */
const SWAP_LOCK_TIMEOUT_MS = 250;
const SWAP_PAUSE_MS = 100;

/** What needs passing in for a cut. */
export interface PartitionClock {
  /** Unix ms, to measure with. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Is the current partition over its size or age? Cheap enough to ask each second. */
export async function needsCut(
  client: ClientBase,
  limits = { octets: PARTITION_OCTETS, ageMs: PARTITION_AGE_MS },
): Promise<boolean> {
  const { rows } = await client.query<{ due: boolean }>(
    `select (pg_relation_size(format('message_%s', number)::regclass) >= $1
        or (opened_at <= now() - $2 * interval '1 ms'
          and pg_relation_size(format('message_%s', number)::regclass) > 0)) as due
     from id_range where to_id is null`,
    [limits.octets, limits.ageMs],
  );
  return rows[0]?.due === true;
}

/**
 * Cuts the current partition of all five tables under full load (the leader does): ids from 30 s ahead go to a new
 * one. Writers wait only for the swap, some milliseconds. Afterwards the closed partitions are prepared for reading.
 * @returns the closed partition's number; undefined: locks could not be had, everything is as before, try later
 */
export async function cutPartition(
  client: Client,
  clock: PartitionClock,
): Promise<number | undefined> {
  const startedMs = clock.now();
  // Left behind by a leader that died in a cut: it would refuse every later id.
  await retried(client, clock, startedMs, 'select abandon_cut()', []);
  const cut = firstIdAt((await databaseNow(client)) + CUT_AHEAD_MS);
  const number = await retried(client, clock, startedMs, 'select begin_cut($1) as value', [cut]);
  if (number === undefined) return undefined;
  let swapped: unknown;
  try {
    const valid = await retried(client, clock, startedMs, 'select validate_cut($1)', [number]);
    if (valid !== undefined)
      swapped = await retried(client, clock, startedMs, 'select finish_cut($1, $2)', [number, cut]);
  } catch (error) {
    await insist(client, clock, 'select abandon_cut()');
    throw dependencyError(error);
  }
  if (swapped !== undefined) return Number(number);
  await insist(client, clock, 'select abandon_cut()');
  return undefined;
}

/**
 * Prepares a closed partition for the operators' reading: indexes on account and on number, which would cost too much
 * row by row, statistics, and the freeze. Call it half a minute after the cut, when no message goes into it any more;
 * it blocks no reader and no writer of outcomes.
 */
export async function finishPartition(client: Client, number: number): Promise<void> {
  const n = Math.floor(number);
  await client.query(
    `create index if not exists message_${n}_account on message_${n} (account, id)`,
  );
  await client.query(
    `create index if not exists message_${n}_destination on message_${n} (destination_hash)`,
  );
  for (const table of ['message', 'content'])
    await client.query(`vacuum (freeze, analyze) ${table}_${n}`);
  await client.query(`analyze dispatch_${n}, outcome_${n}`);
}

/** Closed partitions that finishPartition has not prepared. */
export async function unfinishedPartitions(client: ClientBase): Promise<number[]> {
  const { rows } = await client.query<{ number: number }>(
    `select number from id_range where to_id is not null and closed_at < now() - interval '40 s'
       and to_regclass(format('message_%s_destination', number)) is null order by number`,
  );
  return rows.map((row) => row.number);
}

/**
 * Drops the partitions whose messages are all older than a time, oldest first, and what else hangs on
 * their ids. @returns the numbers dropped
 */
export async function dropPartitionsBefore(
  client: Client,
  beforeMs: number,
  clock: PartitionClock,
): Promise<number[]> {
  const { rows } = await client.query<{ number: number; to_id: bigint }>(
    'select number, to_id from id_range where to_id <= $1 order by number',
    [firstIdAt(beforeMs)],
  );
  const dropped: number[] = [];
  for (const { number, to_id } of rows) {
    const done = await retried(client, clock, clock.now(), 'select drop_partitions($1)', [number]);
    if (done === undefined) break;
    await client.query('delete from segment_receipt where id < $1', [to_id]);
    await client.query('delete from replacement where id < $1', [to_id]);
    await client.query('delete from conversion where id < $1', [to_id]);
    await client.query('delete from policy_note where id < $1', [to_id]);
    await client.query('delete from carrier_move where id < $1', [to_id]);
    await client.query('delete from lot_use where message < $1', [to_id]);
    await client.query('delete from unknown_outcome where id < $1', [to_id]);
    await client.query('delete from due where id < $1 and at < now()', [to_id]);
    await client.query('delete from receipt_note where message < $1', [to_id]);
    await client.query(
      'delete from parked_receipt where received_at < to_timestamp($1 / 1000.0::float8)',
      [messageIdMs(messageId(to_id))],
    );
    dropped.push(number);
  }
  return dropped;
}

/**
 * Deletes rows of batches that no lane can ask for any more. Batch ids rise with time like message ids.
 * @param beforeMs unix ms; an hour ago is ample: a lane reads back as soon as the database answers
 */
export async function pruneBatches(client: ClientBase, beforeMs: number): Promise<number> {
  const { rowCount } = await client.query('delete from batch where id < $1', [firstIdAt(beforeMs)]);
  return rowCount ?? 0;
}

/** The database's clock in unix ms: ids are checked against it. */
export async function databaseNow(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ now_ms: number }>(
    'select unix_ms(clock_timestamp())::float8 as now_ms',
  );
  return rows[0]?.now_ms ?? 0;
}

/**
 * Runs a statement that needs table locks, with a short lock timeout, again and again until the cut's deadline, which
 * also ends it. undefined: not done in time; else its `value`, or null.
 */
async function retried(
  client: Client,
  clock: PartitionClock,
  startedMs: number,
  sql: string,
  values: unknown[],
): Promise<unknown> {
  for (;;) {
    const leftMs = Math.floor(startedMs + CUT_DEADLINE_MS - clock.now());
    if (leftMs <= 0) return undefined;
    const got = await attempt(client, sql, values, leftMs);
    if (got !== undefined) return got.value;
    await clock.sleep(SWAP_PAUSE_MS);
  }
}

/** As retried, without a deadline: a constraint left behind would stop accept. */
async function insist(client: Client, clock: PartitionClock, sql: string): Promise<void> {
  while ((await attempt(client, sql, [], 0)) === undefined) await clock.sleep(SWAP_PAUSE_MS);
}

/** undefined: the locks were not to be had, or it was not done, in time. @param limitMs 0: none */
async function attempt(
  client: Client,
  sql: string,
  values: unknown[],
  limitMs: number,
): Promise<{ value: unknown } | undefined> {
  await client.query('begin');
  try {
    await client.query(
      `set local lock_timeout = ${SWAP_LOCK_TIMEOUT_MS}; set local statement_timeout = ${limitMs}`,
    );
    const { rows } = await client.query(sql, values);
    await client.query('commit');
    return { value: rows[0]?.value ?? null };
  } catch (error) {
    await client.query('rollback');
    const { kind } = dependencyError(error);
    if (kind === 'conflict' || kind === 'timeout') return undefined;
    throw error;
  }
}
