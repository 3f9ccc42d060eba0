import type { ClientBase } from 'pg';
import { type MessageId, messageId, messageIdMs } from '../domain/ids.ts';

/** What messages are told apart by where they are counted. */
export interface TrafficGroup {
  readonly account: number;
  readonly class: string;
  /** '': none, '-': not known, '*': too many; of a number the last four digits are hidden. */
  readonly sender: string;
  /** Of the number: the longest that a route or tariff has, at least the country code; '-': not known. */
  readonly prefix: string;
  /** MCC and MNC; '': not known. */
  readonly network: string;
}

/** An accepted message that is not counted yet. */
export interface UncountedMessage {
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

/** The next messages to count. `upTo`: every message of `rows`' range up to here is among them. */
export interface UncountedPage<T> {
  readonly after: bigint;
  readonly upTo: bigint;
  readonly rows: readonly T[];
  /** There may be more at once. */
  readonly isFull: boolean;
}

/**
 * Accepted messages in the order of their ids, none of which can appear later: accept takes ids of up to 20 s when it
 * begins. Undefined: nothing new can be counted yet.
 */
export async function uncountedMessages(
  client: ClientBase,
  limit: number,
): Promise<UncountedPage<UncountedMessage> | undefined> {
  const { rows: places } = await client.query<{ after: bigint; floor: bigint }>(
    `select value as after, first_id_at(unix_ms(books_horizon()) - 20000) - 1 as floor from job where name = 'books-messages'`,
  );
  const place = places[0];
  if (place === undefined || place.floor <= place.after) return undefined;
  const { rows } = await client.query<MessageRow>(UNCOUNTED_MESSAGES, [
    place.after.toString(),
    place.floor.toString(),
    limit,
  ]);
  const isFull = rows.length === limit;
  const last = rows.at(-1);
  const days = await entryDays(client, rows);
  return {
    after: place.after,
    upTo: isFull && last !== undefined ? last.id : place.floor,
    rows: rows.map(({ id, price, key, blob, batch, ...row }) => ({
      ...row,
      id: messageId(id),
      price: BigInt(price),
      // An entry that was removed is found by who holds the sums against the ledger.
      day: days.get(`${batch}/${row.account}`) ?? dayOfId(id),
      contentKey: key ?? 0,
      content: blob ?? NOTHING,
    })),
    isFull,
  };
}

async function entryDays(
  client: ClientBase,
  rows: readonly MessageRow[],
): Promise<ReadonlyMap<string, string>> {
  const batches = [...new Set(rows.map(({ batch }) => batch))].map(String);
  const found = await client.query<{ batch: bigint; account: number; day: string }>(ENTRY_DAYS, [
    batches,
  ]);
  return new Map(found.rows.map(({ batch, account, day }) => [`${batch}/${account}`, day]));
}

function dayOfId(id: bigint): string {
  return new Date(messageIdMs(messageId(id))).toISOString().slice(0, 10);
}

/** A message that ended, not counted yet. Money in micro-credits. */
export interface UncountedEnd {
  readonly id: MessageId;
  readonly account: number;
  /** Of message_group; undefined: its message was never counted. */
  readonly group: number | undefined;
  /** 0: no carrier had it. */
  readonly carrier: number;
  readonly state: number;
  readonly fault: number;
  readonly refund: bigint;
  readonly charge: bigint;
  readonly release: bigint;
  /** What was paid and not given back. */
  readonly income: bigint;
  readonly day: string;
  readonly segments: number;
  /** Unix ms of the first positive submit_sm_resp. */
  readonly takenAtMs: number | undefined;
  /** A carrier for each segment (and attempt) that it took. */
  readonly takenBy: readonly number[];
}

/** A ledger entry of a replace_sm, not counted yet. */
export interface UncountedReplacement {
  readonly account: number;
  readonly group: number | undefined;
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
  readonly ends: readonly UncountedEnd[];
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
  const ends = await client.query<EndRow>(UNCOUNTED_ENDS, span);
  const replacements = await client.query<ReplacementRow>(UNCOUNTED_REPLACEMENTS, span);
  return {
    after: place.after,
    upTo,
    ends: ends.rows.map(endOf),
    replacements: replacements.rows.map((row) => ({
      ...row,
      group: row.group ?? undefined,
      amount: BigInt(row.amount),
      reserved: BigInt(row.reserved),
    })),
    isFull: upTo < place.floor,
  };
}

/** Finds the ids of groups, making those that are new. In the order of `groups`. */
export async function groupIds(
  client: ClientBase,
  groups: readonly TrafficGroup[],
): Promise<number[]> {
  const columns = [
    groups.map((group) => group.account),
    groups.map((group) => group.class),
    groups.map((group) => group.sender),
    groups.map((group) => group.prefix),
    groups.map((group) => group.network),
  ];
  const given = `unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[]) with ordinality
    as g (account, class, sender, prefix, network, nth)`;
  await client.query(
    `insert into traffic_group (account, class, sender, prefix, network)
       select distinct account, class, sender, prefix, network from ${given} on conflict do nothing`,
    columns,
  );
  const { rows } = await client.query<{ id: number }>(
    `select t.id from ${given} join traffic_group t using (account, class, sender, prefix, network) order by g.nth`,
    columns,
  );
  return rows.map(({ id }) => id);
}

/** Groups by id. */
export async function groupsOf(
  client: ClientBase,
  ids: readonly number[],
): Promise<Map<number, TrafficGroup>> {
  const { rows } = await client.query<TrafficGroup & { id: number }>(
    'select id, account, class, sender, prefix, network from traffic_group where id = any ($1)',
    [ids],
  );
  return new Map(rows.map(({ id, ...group }) => [id, group]));
}

/** How many groups an account has. */
export async function countGroups(client: ClientBase, account: number): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    'select count(*)::int as n from traffic_group where account = $1',
    [account],
  );
  return rows[0]?.n ?? 0;
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

const NOTHING = Buffer.alloc(0);

const DAY = (at: string) => `to_char(${at} at time zone 'UTC', 'YYYY-MM-DD')`;

/* Look-ups by key for each row, whatever the statistics say: laterals with offset 0 are not made into joins. */
const UNCOUNTED_MESSAGES = `
  select m.id, m.account, m.bind, m.batch, m.segments, (m.unit_price * m.segments)::text as price,
    m.charge_on = 1 as "isReserved", c.key, c.blob
  from message m left join lateral (select x.key, x.blob from content x where x.id = m.id offset 0) c on true
  where m.id > $1 and m.id <= $2 order by m.id limit $3`;

/** Of batches, few in a page. Found by the batch alone: an account has as many entries as it is old. */
const ENTRY_DAYS = `
  select b.batch, e.account, ${DAY('min(e.at)')} as day
  from unnest($1::bigint[]) as b (batch) cross join lateral (select x.account, x.side, x.cause, x.at from ledger_entry x
    where x.batch = b.batch offset 0) e
  where e.side = 0 and e.cause is distinct from 'replaced' group by 1, 2`;

interface MessageRow {
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

const TIME = (parameter: string) =>
  `timestamptz 'epoch' + ${parameter}::bigint * interval '1 microsecond'`;

const UNCOUNTED_ENDS = `
  select o.id, o.account, g.grp as group, coalesce(o.carrier, 0) as carrier, o.state, o.fault, o.refund, o.charge, o.release,
    ${DAY('o.settled_at')} as day, coalesce(r.segments, m.segments, 0) as segments, coalesce(m.unit_price, 0) as unit_price,
    coalesce(m.charge_on, 0) as charge_on, (extract(epoch from d.first) * 1000)::float8 as taken_at,
    coalesce(d.carriers, '{}') as carriers
  from outcome o
    left join lateral (select x.grp from message_group x where x.id = o.id offset 0) g on true
    left join lateral (select x.segments, x.unit_price, x.charge_on from message x where x.id = o.id offset 0) m on true
    left join lateral (select x.segments from replacement x where x.id = o.id order by x.version desc limit 1) r on true
    left join lateral (select min(x.at) as first, array_agg(x.carrier) as carriers from dispatch x
      where x.id = o.id and x.status = 0) d on true
  where o.settled_at > ${TIME('$1')} and o.settled_at <= ${TIME('$2')}`;

interface EndRow {
  id: bigint;
  account: number;
  group: number | null;
  carrier: number;
  state: number;
  fault: number;
  refund: bigint;
  charge: bigint;
  release: bigint;
  day: string;
  segments: number;
  unit_price: bigint;
  charge_on: number;
  taken_at: number | null;
  carriers: number[];
}

function endOf(row: EndRow): UncountedEnd {
  const { id, group, unit_price: unitPrice, charge_on: chargeOn, taken_at: takenAt, ...rest } = row;
  const { carriers, ...end } = rest;
  const price = unitPrice * BigInt(row.segments);
  return {
    ...end,
    id: messageId(id),
    group: group ?? undefined,
    income: chargeOn === 0 ? price - row.refund : row.charge,
    takenAtMs: takenAt ?? undefined,
    takenBy: carriers,
  };
}

const UNCOUNTED_REPLACEMENTS = `
  select r.account, g.grp as group, e.kind, e.amount::text, e.reserved_delta::text as reserved, e.segments, ${DAY('e.at')} as day
  from replacement r cross join lateral (select x.* from ledger_entry x where x.batch = r.batch offset 0) e
    left join lateral (select x.grp from message_group x where x.id = r.id offset 0) g on true
  where r.at > ${TIME('$1')} and r.at <= ${TIME('$2')} and coalesce(e.posting, e.id) = r.entry`;

interface ReplacementRow {
  account: number;
  group: number | null;
  kind: 'charge' | 'reserve';
  amount: string;
  reserved: string;
  segments: number;
  day: string;
}
