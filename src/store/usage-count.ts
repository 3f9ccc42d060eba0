import type { ClientBase } from 'pg';
import { type MessageId, messageId, messageIdMs } from '../domain/ids.ts';

/** An accepted message whose group is not known yet. */
export interface UngroupedMessage {
  readonly id: MessageId;
  readonly account: number;
  readonly bind: number;
  readonly segments: number;
  /** micro-credits */
  readonly price: bigint;
  readonly isReserved: boolean;
  /** Of its ledger entry, UTC. */
  readonly day: string;
  /** 0: its content is gone. */
  readonly contentKey: number;
  readonly content: Buffer;
}

/** What was accepted of a group, of ledger entries of one day (UTC). Money in micro-credits. */
export interface AcceptedSum {
  readonly day: string;
  readonly group: number;
  readonly messages: number;
  readonly segments: number;
  readonly charged: bigint;
  readonly reserved: bigint;
}

/** Accepted messages after one id, up to another: all of them are in `sums` or `ungrouped`. */
export interface UncountedMessages {
  readonly after: bigint;
  readonly upTo: bigint;
  readonly sums: readonly AcceptedSum[];
  readonly ungrouped: readonly UngroupedMessage[];
  /** There may be more at once. */
  readonly isFull: boolean;
}

/** How much is counted in one step. */
export interface CountLimits {
  /** Messages added up: some 2 us each. */
  readonly messages: number;
  /** Messages whose content is read. */
  readonly ungrouped: number;
}

/**
 * Accepted messages in the order of their ids, none of which can appear later: accept takes ids of up to 20 s when it
 * begins. Undefined: nothing new can be counted yet.
 */
export async function uncountedMessages(
  client: ClientBase,
  limits: CountLimits,
): Promise<UncountedMessages | undefined> {
  const { rows: places } = await client.query<{ after: bigint; floor: bigint }>(
    `select value as after, first_id_at(unix_ms(books_horizon()) - 20000) - 1 as floor from job where name = 'books-messages'`,
  );
  const place = places[0];
  if (place === undefined || place.floor <= place.after) return undefined;
  const { after, floor } = place;
  const last = await nthMessage(client, { after, floor }, limits.messages);
  const ungrouped = await ungroupedMessages(client, after, last ?? floor, limits.ungrouped);
  const isCut = ungrouped.length === limits.ungrouped;
  const upTo = (isCut ? ungrouped.at(-1)?.id : undefined) ?? last ?? floor;
  const { rows: sums } = await client.query<AcceptedSum>(ACCEPTED, [String(after), String(upTo)]);
  return { after, upTo, sums, ungrouped, isFull: isCut || last !== undefined };
}

/** The id of the n-th message after an id; undefined: there are not so many up to `floor`. */
async function nthMessage(
  client: ClientBase,
  { after, floor }: { readonly after: bigint; readonly floor: bigint },
  n: number,
): Promise<bigint | undefined> {
  const { rows } = await client.query<{ id: bigint }>(
    'select id from message where id > $1 and id <= $2 order by id offset $3 limit 1',
    [String(after), String(floor), n - 1],
  );
  return rows[0]?.id;
}

async function ungroupedMessages(
  client: ClientBase,
  after: bigint,
  upTo: bigint,
  limit: number,
): Promise<UngroupedMessage[]> {
  const { rows } = await client.query<UngroupedRow>(UNGROUPED, [
    String(after),
    String(upTo),
    limit,
  ]);
  const days = rows.length === 0 ? NO_DAYS : await entryDays(client, rows);
  return rows.map(({ id, price, key, blob, batch, ...row }) => ({
    ...row,
    id: messageId(id),
    price: BigInt(price),
    // An entry that was removed is found by who holds the sums against the ledger.
    day: days.get(`${batch}/${row.account}`) ?? dayOfId(id),
    contentKey: key ?? 0,
    content: blob ?? NOTHING,
  }));
}

async function entryDays(
  client: ClientBase,
  rows: readonly UngroupedRow[],
): Promise<ReadonlyMap<string, string>> {
  const batches = [...new Set(rows.map(({ batch }) => batch))].map(String);
  const found = await client.query<{ batch: bigint; account: number; day: string }>(
    `select batch, account, ${DAY('at')} as day from (${entryTimes('unnest($1::bigint[]) as b (batch)')}) e`,
    [batches],
  );
  return new Map(found.rows.map(({ batch, account, day }) => [`${batch}/${account}`, day]));
}

function dayOfId(id: bigint): string {
  return new Date(messageIdMs(messageId(id))).toISOString().slice(0, 10);
}

/** Messages that ended alike on one day. Money in micro-credits. */
export interface EndedSum {
  readonly day: string;
  readonly account: number;
  /** null: they were never counted. */
  readonly group: number | null;
  /** 0: no carrier had them. */
  readonly carrier: number;
  readonly state: number;
  readonly fault: number;
  readonly messages: number;
  readonly segments: number;
  readonly refund: bigint;
  readonly charge: bigint;
  readonly release: bigint;
  /** What was paid and not given back. */
  readonly income: bigint;
  /** Of these a carrier took: from accept to its first positive submit_sm_resp, in milliseconds. */
  readonly timed: number;
  readonly sumMs: bigint;
  readonly maxMs: bigint;
  readonly within1s: number;
  readonly within10s: number;
  readonly within60s: number;
}

/** Segments that a carrier took in one minute of messages that ended on one day. */
export interface TakenSum {
  readonly day: string;
  /** Its minute, unix ms: what they cost may change within a day. */
  readonly atMs: number;
  readonly account: number;
  readonly group: number | null;
  readonly carrier: number;
  readonly segments: number;
}

/** A ledger entry of a replace_sm, not counted yet. */
export interface UncountedReplacement {
  readonly account: number;
  readonly group: number | null;
  readonly kind: 'charge' | 'reserve';
  /** As the entry has them, in micro-credits. */
  readonly amount: bigint;
  readonly reserved: bigint;
  readonly segments: number;
  readonly day: string;
}

/** Ends and replacements of a time, in unix microseconds: after `after`, up to `upTo`. */
export interface UncountedTime {
  readonly after: bigint;
  readonly upTo: bigint;
  readonly ends: readonly EndedSum[];
  readonly taken: readonly TakenSum[];
  readonly replacements: readonly UncountedReplacement[];
  /** Later ones can be counted already. */
  readonly isFull: boolean;
}

/**
 * The next ends and replacements, all of at most `windowMs`: of a time of which nothing can appear any more, and whose
 * messages are all counted (their ids may be 10 s ahead of the database's clock).
 */
export async function uncountedEnds(
  client: ClientBase,
  windowMs: number,
): Promise<UncountedTime | undefined> {
  const { rows: places } = await client.query<{ after: bigint; floor: bigint }>(
    `select e.value as after, least((extract(epoch from books_horizon()) * 1000000)::bigint,
       ((m.value >> 22) + 1735689600000 - 11000) * 1000) as floor
     from job e, job m where e.name = 'books-ends' and m.name = 'books-messages'`,
  );
  const place = places[0];
  if (place === undefined || place.floor <= place.after) return undefined;
  const wanted = place.after + BigInt(windowMs) * 1000n;
  const upTo = wanted < place.floor ? wanted : place.floor;
  const span = [place.after.toString(), upTo.toString()];
  const { rows } = await client.query<EndedSum & { isTaken: boolean; atMs: number }>(ENDED, span);
  const replacements = await client.query<UncountedReplacement>(UNCOUNTED_REPLACEMENTS, span);
  return {
    after: place.after,
    upTo,
    ends: rows.filter(({ isTaken }) => !isTaken),
    taken: rows.filter(({ isTaken }) => isTaken),
    replacements: replacements.rows,
    isFull: upTo < place.floor,
  };
}

/** Forgets the groups of messages whose partitions are gone. @returns how many, `limit` at most */
export async function pruneGroups(client: ClientBase, limit: number): Promise<number> {
  const { rowCount } = await client.query(
    `delete from message_group where id in (select g.id from message_group g
       where g.id < (select min(from_id) from id_range) order by g.id limit $1)`,
    [limit],
  );
  return rowCount ?? 0;
}

/** The group of a message, as SQL over a row of `message`: where accept knew none, the one found from its content. */
export function groupOf(row: string): string {
  return `case when ${row}.grp <> 0 then ${row}.grp else (select mg.grp from message_group mg where mg.id = ${row}.id) end`;
}

const NOTHING = Buffer.alloc(0);
const NO_DAYS: ReadonlyMap<string, string> = new Map();

const DAY = (at: string) => `to_char(${at} at time zone 'UTC', 'YYYY-MM-DD')`;

/** When the accepts of batches were entered, by account. Found by the batch alone: an account has as many entries as it is old. */
const entryTimes = (batches: string) => `
  select b.batch, e.account, min(e.at) as at
  from ${batches} cross join lateral (select x.account, x.side, x.cause, x.at from ledger_entry x
    where x.batch = b.batch offset 0) e
  where e.side = 0 and e.cause is distinct from 'replaced' group by 1, 2`;

/* Look-ups by key for each row, whatever the statistics say: laterals with offset 0 are not made into joins. */
const UNGROUPED = `
  select m.id, m.account, m.bind, m.batch, m.segments, (m.unit_price * m.segments)::text as price,
    m.charge_on = 1 as "isReserved", c.key, c.blob
  from message m left join lateral (select x.key, x.blob from content x where x.id = m.id offset 0) c on true
  where m.id > $1 and m.id <= $2 and m.grp = 0 order by m.id limit $3`;

interface UngroupedRow {
  id: bigint;
  account: number;
  bind: number;
  segments: number;
  price: string;
  isReserved: boolean;
  batch: bigint;
  key: number | null;
  blob: Buffer | null;
}

/** Of one batch an account has one entry: its messages are added up before its day is looked up. */
const ACCEPTED = `
  with sums as materialized (
    select batch, account, grp, min(id) as first, count(*) as messages, sum(segments) as segments,
      coalesce(sum(unit_price * segments) filter (where charge_on <> 1), 0) as charged,
      coalesce(sum(unit_price * segments) filter (where charge_on = 1), 0) as reserved
    from message where id > $1 and id <= $2 and grp <> 0 group by batch, account, grp),
  entries as materialized (${entryTimes('(select distinct batch from sums) b')})
  select ${DAY('coalesce(e.at, to_timestamp(((s.first >> 22) + 1735689600000) / 1000.0))')} as day, s.grp as group,
    sum(s.messages)::int as messages, sum(s.segments)::int as segments, sum(s.charged)::bigint as charged,
    sum(s.reserved)::bigint as reserved
  from sums s left join entries e using (batch, account) group by 1, 2`;

const TIME = (parameter: string) =>
  `timestamptz 'epoch' + ${parameter}::bigint * interval '1 microsecond'`;

/** The answer's time is a node's clock, the id's may be another's. */
const ENDED = `
  with found as materialized (
    select ${DAY('o.settled_at')} as day, o.account, m.grp, coalesce(o.carrier, 0) as carrier, o.state, o.fault, o.refund,
      o.charge, o.release, coalesce(r.segments, m.segments, 0) as segments, coalesce(m.unit_price, 0) as unit_price,
      coalesce(m.charge_on, 0) as charge_on, d.carriers, d.minutes,
      greatest(0, round(extract(epoch from d.first) * 1000 - ((o.id >> 22) + 1735689600000)))::bigint as ms, d.first
    from outcome o
      left join lateral (select ${groupOf('x')} as grp, x.segments, x.unit_price, x.charge_on from message x
        where x.id = o.id offset 0) m on true
      left join lateral (select x.segments from replacement x where x.id = o.id order by x.version desc limit 1) r on true
      left join lateral (select min(x.at) as first, array_agg(x.carrier) as carriers,
        array_agg(date_trunc('minute', x.at)) as minutes from dispatch x
        where x.id = o.id and x.status = 0) d on true
    where o.settled_at > ${TIME('$1')} and o.settled_at <= ${TIME('$2')})
  select false as "isTaken", day, account, grp as group, carrier, state, fault, count(*)::int as messages,
    sum(segments)::int as segments, sum(refund)::bigint as refund, sum(charge)::bigint as charge,
    sum(release)::bigint as release,
    sum(case charge_on when 0 then unit_price * segments - refund else charge end)::bigint as income,
    count(first)::int as timed, coalesce(sum(ms) filter (where first is not null), 0)::bigint as "sumMs",
    coalesce(max(ms) filter (where first is not null), 0)::bigint as "maxMs",
    (count(first) filter (where ms <= 1000))::int as "within1s",
    (count(first) filter (where ms <= 10000))::int as "within10s",
    (count(first) filter (where ms <= 60000))::int as "within60s", null::float8 as "atMs"
  from found group by day, account, grp, carrier, state, fault
  union all
  select true, f.day, f.account, f.grp, c.carrier, 0, 0, 0, count(*)::int, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    (extract(epoch from c.minute) * 1000)::float8
  from found f cross join unnest(f.carriers, f.minutes) as c (carrier, minute)
  group by f.day, f.account, f.grp, c.carrier, c.minute`;

const UNCOUNTED_REPLACEMENTS = `
  select r.account, (select ${groupOf('m')} from message m where m.id = r.id) as group, e.kind, e.amount,
    e.reserved_delta as reserved, e.segments, ${DAY('e.at')} as day
  from replacement r cross join lateral (select x.* from ledger_entry x where x.batch = r.batch offset 0) e
  where r.at > ${TIME('$1')} and r.at <= ${TIME('$2')} and coalesce(e.posting, e.id) = r.entry`;
