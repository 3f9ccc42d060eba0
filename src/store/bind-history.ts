import type { ClientBase, Pool } from 'pg';
import type { AccountId, EpochId, MessageId } from '../domain/ids.ts';
import { type Queryable, readSnapshot } from './snapshot.ts';

/** Sessions and counts are kept this long after their end: a dispute about a bill of last quarter can be settled. */
export const HISTORY_KEPT_MS = 90 * 86_400_000;
/** Rows struck off at once, each minute: above what may come in that time, some 50 ms. */
const PRUNE_ROWS = 20_000;
/** An operator's question must not slow the traffic. */
const LIST_MS = 20_000;

/** Whose session it is. */
export type BindSide = 'customer' | 'carrier';

/** One session as it is stored; `ended` undefined while it lives. */
export interface BindSession {
  /** Counts within the process of the node. */
  readonly session: number;
  readonly side: BindSide;
  /** system_id, or the carrier's name. */
  readonly peer: string;
  readonly account: AccountId | undefined;
  readonly address: string;
  readonly port: number;
  readonly boundAs: string;
  readonly version: number;
  readonly tls: boolean;
  readonly boundAtMs: number;
  readonly ended:
    | {
        readonly atMs: number;
        readonly reason: string;
        readonly detail: string;
        readonly submits: number;
        readonly receipts: number;
      }
    | undefined;
}

/** Binds of one peer from one address in one minute that have no row each. */
export interface BindCount {
  /** Unix ms of the minute. */
  readonly minuteMs: number;
  readonly side: BindSide;
  /** `-`: no system_id of ours. */
  readonly peer: string;
  /** `*`: any. */
  readonly address: string;
  /** Of the last one. */
  reason: string;
  count: number;
}

/** Writes sessions (again at their end) and adds counts, in one transaction. Sessions may be written twice, counts not. */
export async function writeBinds(
  client: ClientBase,
  epoch: EpochId,
  sessions: readonly BindSession[],
  counts: readonly BindCount[],
): Promise<void> {
  await client.query('begin');
  try {
    if (sessions.length > 0) await client.query(WRITE_SESSIONS, sessionColumns(epoch, sessions));
    if (counts.length > 0) await client.query(WRITE_COUNTS, countColumns(counts));
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/**
 * The janitor's: ends sessions of nodes that are no more (reason `nodeLost`, at the end of the node's last
 * heartbeat), and forgets what is over HISTORY_KEPT_MS old.
 */
export async function pruneBinds(client: ClientBase, dbNowMs: number): Promise<void> {
  await client.query(
    `update bind_session s set ended_at = greatest(s.bound_at, least(e.valid_until, now())), reason = 'nodeLost'
     from node_epoch e where s.ended_at is null and e.epoch = s.epoch and (e.closed or e.adopted_by is not null)`,
  );
  const before = [dbNowMs - HISTORY_KEPT_MS, PRUNE_ROWS];
  await client.query(
    `delete from bind_session where (epoch, session) in (select epoch, session from bind_session
       where ended_at < to_timestamp($1 / 1000.0::float8) order by ended_at limit $2)`,
    before,
  );
  await client.query(
    `delete from bind_count where (minute, side, peer, address) in (select minute, side, peer, address from bind_count
       where minute < to_timestamp($1 / 1000.0::float8) order by minute limit $2)`,
    before,
  );
}

/** What of the history is asked for. */
export interface BindQuery {
  readonly side: BindSide | undefined;
  readonly peer: string | undefined;
  readonly from: Date;
  readonly until: Date;
  readonly limit: number;
}

/** One line of the history. */
export interface BindRecord {
  readonly kind: 'session' | 'count';
  readonly side: BindSide;
  readonly peer: string;
  readonly account: string | null;
  readonly address: string;
  readonly port: number | null;
  readonly boundAs: string | null;
  readonly version: number | null;
  readonly tls: boolean | null;
  /** Of a session when it was bound, of a count its minute. */
  readonly at: Date;
  readonly endedAt: Date | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly submits: number | null;
  readonly receipts: number | null;
  readonly count: number;
  readonly node: string | null;
}

/**
 * Sessions that were bound at any instant of `from <= t < until`, and counts of these minutes; newest first.
 * @throws DatabaseError 57014 when it takes over LIST_MS: ask for a shorter time
 */
export async function listBinds(pool: Pool, query: BindQuery): Promise<BindRecord[]> {
  const side = query.side === undefined ? null : SIDES.indexOf(query.side);
  return readSnapshot(pool, async (client) => {
    await client.query(`set local statement_timeout = ${LIST_MS}`);
    const { rows } = await client.query<StoredRecord>(LIST, [
      side,
      query.peer ?? null,
      query.from,
      query.until,
      query.limit,
    ]);
    return rows.map((row) => ({ ...row, side: row.side === 1 ? 'carrier' : 'customer' }));
  });
}

interface StoredRecord extends Omit<BindRecord, 'side'> {
  readonly side: number;
}

const SIDES: readonly BindSide[] = ['customer', 'carrier'];

/** A session that could send when a message came. */
export interface SessionThen {
  readonly session: number;
  readonly address: string;
  readonly port: number;
  readonly boundAs: string;
  readonly boundAt: Date;
  readonly endedAt: Date | null;
}

/**
 * The sessions of a message's system_id that were bound to its node when it was accepted: it came over one of them. A
 * session's row is a second or two behind, and kept as long as the history is. At most 100.
 */
export async function sessionsAtAccept(
  db: Queryable,
  id: MessageId,
  acceptedAt: Date,
): Promise<SessionThen[]> {
  const { rows } = await db.query<SessionThen>(
    `select s.session::float8 as session, s.address, s.port, s.bound_as as "boundAs", s.bound_at as "boundAt",
       s.ended_at as "endedAt"
     from message m join bind b on b.id = m.bind
       join bind_session s on s.epoch = m.epoch and s.side = 0 and s.peer = b.system_id
     where m.id = $1 and s.bound_as <> 'receiver' and s.bound_at <= $2
       and (s.ended_at is null or s.ended_at >= $2)
     order by s.session limit 100`,
    [id.toString(), acceptedAt],
  );
  return rows;
}

const WRITE_SESSIONS = `insert into bind_session (epoch, session, side, peer, account, address, port, bound_as, version,
    tls, bound_at, ended_at, reason, detail, submits, receipts)
  select $1, t.session, t.side, t.peer, t.account, t.address, t.port, t.bound_as, t.version, t.tls,
    to_timestamp(t.bound_at / 1000.0), to_timestamp(t.ended_at / 1000.0), t.reason, t.detail, t.submits, t.receipts
  from unnest($2::int8[], $3::int2[], $4::text[], $5::int4[], $6::text[], $7::int4[], $8::text[], $9::int2[],
    $10::bool[], $11::float8[], $12::float8[], $13::text[], $14::text[], $15::int8[], $16::int8[])
    as t (session, side, peer, account, address, port, bound_as, version, tls, bound_at, ended_at, reason, detail,
      submits, receipts)
  on conflict (epoch, session) do update set ended_at = excluded.ended_at, reason = excluded.reason,
    detail = excluded.detail, submits = excluded.submits, receipts = excluded.receipts
  where excluded.ended_at is not null`;

/** In one order on every node: two that count the same peer must not wait for each other. */
const WRITE_COUNTS = `insert into bind_count (minute, side, peer, address, reason, count)
  select to_timestamp(t.minute / 1000.0), t.side, t.peer, t.address, t.reason, t.count
  from unnest($1::float8[], $2::int2[], $3::text[], $4::text[], $5::text[], $6::int4[])
    as t (minute, side, peer, address, reason, count)
  order by 1, 2, 3, 4
  on conflict (minute, side, peer, address) do update set reason = excluded.reason,
    count = bind_count.count + excluded.count`;

const LIST = `select * from (
    (select 'session' as kind, s.side, s.peer, a.name as account, s.address, s.port, s.bound_as as "boundAs", s.version,
       s.tls, s.bound_at as at, s.ended_at as "endedAt", s.reason, s.detail, s.submits::float8 as submits,
       s.receipts::float8 as receipts, 1 as count, e.name as node
     from bind_session s left join account a on a.id = s.account left join node_epoch e on e.epoch = s.epoch
     where ($1::int2 is null or s.side = $1) and ($2::text is null or s.peer = $2)
       and s.bound_at < $4 and (s.ended_at is null or s.ended_at >= $3)
     order by s.bound_at desc limit $5)
    union all
    (select 'count', c.side, c.peer, null, c.address, null, null, null, null, c.minute, null, c.reason, null, null, null,
       c.count, null
     from bind_count c where ($1::int2 is null or c.side = $1) and ($2::text is null or c.peer = $2)
       and c.minute < $4 and c.minute + interval '1 minute' > $3
     order by c.minute desc limit $5)
  ) as both_kinds order by at desc limit $5`;

function sessionColumns(epoch: EpochId, sessions: readonly BindSession[]): unknown[] {
  const column = (of: (one: BindSession) => unknown): unknown[] => sessions.map(of);
  return [
    epoch,
    column((one) => one.session),
    column((one) => SIDES.indexOf(one.side)),
    column((one) => one.peer),
    column((one) => one.account ?? null),
    column((one) => one.address),
    column((one) => one.port),
    column((one) => one.boundAs),
    column((one) => one.version),
    column((one) => one.tls),
    column((one) => one.boundAtMs),
    column((one) => one.ended?.atMs ?? null),
    column((one) => one.ended?.reason ?? null),
    column((one) => one.ended?.detail ?? null),
    column((one) => one.ended?.submits ?? null),
    column((one) => one.ended?.receipts ?? null),
  ];
}

function countColumns(counts: readonly BindCount[]): unknown[] {
  return [
    counts.map((one) => one.minuteMs),
    counts.map((one) => SIDES.indexOf(one.side)),
    counts.map((one) => one.peer),
    counts.map((one) => one.address),
    counts.map((one) => one.reason),
    counts.map((one) => one.count),
  ];
}
