import type { Pool } from 'pg';
import { type AccountId, type MessageId, messageId, messageIdMs } from '../domain/ids.ts';
import type { Credits } from '../domain/money.ts';
import { credits } from '../domain/money.ts';
import type { OutageWindow } from '../domain/refund-claim.ts';
import type { Queryable } from './snapshot.ts';

/** How far the walk over the ends of messages has come for an outage. */
export interface OutageWalk {
  readonly window: OutageWindow;
  readonly untilMs: number;
  readonly lastId: bigint;
  /** Ends settled in this time are one slice of the walk. */
  readonly sliceMs: number;
}

/** A slice where there is traffic: a scan by the index on settled_at, then pages by id. */
const SLICE_MS = 600_000;
/** A slice where there is none: it doubles up to this while a scan finds nothing and takes less than QUICK_MS. */
const SLICE_MAX_MS = 86_400_000;
const QUICK_MS = 20;
/** A message was accepted before it was settled, whatever node's clock its id is of. */
const CLOCKS_MS = 86_400_000;
/** A message lives at most 15 days from accept to its end here (store/reconcile.ts): later ends are of later messages. */
const LIFE_MS = 15 * 86_400_000;

/** Outages whose messages were not all looked at, oldest first. */
export async function openWalks(db: Queryable): Promise<OutageWalk[]> {
  const { rows } = await db.query<{
    id: number;
    from: number;
    until: number | null;
    carrier: number | null;
    prefix: string | null;
    looked: number;
    last: string;
    first: string | null;
  }>(
    `select id, unix_ms(from_at)::float8 as from, unix_ms(until_at)::float8 as until, carrier, prefix,
       unix_ms(looked_until)::float8 as looked, looked_id::text as last, (select min(id) from outcome)::text as first
     from outage where withdrawn_at is null and not looked_all and from_at <= now() order by id`,
  );
  return rows.map((row) => ({
    window: {
      id: row.id,
      fromMs: row.from,
      untilMs: row.until ?? undefined,
      carrier: row.carrier ?? undefined,
      prefix: row.prefix ?? undefined,
    },
    untilMs: Math.max(row.looked, beganMs(row.first)),
    lastId: BigInt(row.last),
    sliceMs: SLICE_MS,
  }));
}

/** Before this nothing ended of what is stored: an outage may be declared from years ago. */
function beganMs(first: string | null): number {
  return first === null ? 0 : messageIdMs(messageId(BigInt(first))) - CLOCKS_MS;
}

/** A page of the walk: ends that were not a delivery, and where the walk then stands. */
export interface WalkPage {
  readonly ids: readonly MessageId[];
  readonly next: OutageWalk;
  readonly done: boolean;
  /** Whether there is something to look at at once. */
  readonly more: boolean;
}

/**
 * The next undelivered ends after a walk's place, up to a moment before which nobody writes any more
 * (settled_horizon): none is passed over, whatever commits late.
 */
export async function nextPage(db: Queryable, walk: OutageWalk, limit: number): Promise<WalkPage> {
  const horizonMs = await horizon(db);
  const sliceEndMs = Math.min(walk.untilMs + walk.sliceMs, horizonMs);
  const lastMs = walk.window.untilMs === undefined ? undefined : walk.window.untilMs + LIFE_MS;
  if (sliceEndMs <= walk.untilMs) return { ids: [], next: walk, done: false, more: false };
  const beganAtMs = performance.now();
  const { rows } = await db.query<{ id: string }>(
    `select id::text from outcome where settled_at >= to_timestamp($1 / 1000.0::float8)
       and settled_at < to_timestamp($2 / 1000.0::float8) and state <> 2 and id > $3 order by id limit $4`,
    [walk.untilMs, sliceEndMs, walk.lastId, limit],
  );
  const ids = rows.map((row) => messageId(BigInt(row.id)));
  const isWhole = ids.length < limit;
  const isNothing = ids.length === 0 && performance.now() - beganAtMs < QUICK_MS;
  const sliceMs = isNothing ? Math.min(walk.sliceMs * 2, SLICE_MAX_MS) : SLICE_MS;
  const next = isWhole
    ? { ...walk, untilMs: sliceEndMs, lastId: 0n, sliceMs }
    : { ...walk, lastId: ids.at(-1) ?? 0n };
  const done = isWhole && lastMs !== undefined && sliceEndMs >= lastMs;
  return { ids, next, done, more: !done && (!isWhole || sliceEndMs < horizonMs) };
}

/** Keeps where a walk stands: a leader that comes after this one goes on there. */
export async function keepWalk(pool: Pool, walk: OutageWalk, done: boolean): Promise<void> {
  await pool.query(
    `update outage set looked_until = to_timestamp($2 / 1000.0::float8), looked_id = $3, looked_all = $4 where id = $1`,
    [walk.window.id, walk.untilMs, walk.lastId, done],
  );
}

/** A refund that an outage makes by itself. */
export interface OutageRefund {
  readonly account: AccountId;
  readonly message: MessageId;
  readonly amount: Credits;
}

/**
 * Makes it, once a message, in a transaction of its own; a crash between it and keepWalk repeats it, which does nothing.
 * @returns what was given back: 0 where it was before
 */
export async function refundForOutage(
  pool: Pool,
  outage: number,
  refund: OutageRefund,
): Promise<Credits> {
  const { account, message, amount } = refund;
  const { rows } = await pool.query<{ amount: string | null }>(
    'select refund_message($1, $2, $3, null, $4, $5, $6, $7)::text as amount',
    [account, message, amount, outage, `outage ${outage} ${message}`, 'system', `outage ${outage}`],
  );
  return credits(BigInt(rows[0]?.amount ?? 0));
}

async function horizon(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    'select unix_ms(settled_horizon())::float8 as ms',
  );
  return rows[0]?.ms ?? 0;
}
