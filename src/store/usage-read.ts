import type { ClientBase, Pool } from 'pg';
import { readSnapshot } from './snapshot.ts';
import { type LateRow, readLate } from './usage-late.ts';

/** What a usage report is of: days (UTC), from the first to before the last, of one account or of all. */
export interface UsageQuery {
  /** YYYY-MM-DD */
  readonly from: string;
  readonly to: string;
  readonly accountId: number | undefined;
}

/** A row as it was counted; who reports folds it as asked. Money in micro-credits. */
export interface UsageRow {
  readonly day: string;
  readonly account: string;
  readonly class: string;
  readonly sender: string;
  readonly prefix: string;
  readonly network: string;
  readonly messages: bigint;
  readonly segments: bigint;
  readonly charged: bigint;
  readonly refunded: bigint;
  readonly reserved: bigint;
  readonly released: bigint;
}

/** Sums of the same kinds. */
export type UsageTotals = Pick<
  UsageRow,
  'messages' | 'segments' | 'charged' | 'refunded' | 'reserved' | 'released'
>;

/** An account's usage beside its ledger, of one moment. */
export interface UsageReport {
  /** As counted, and what moved money of messages after their end. */
  readonly rows: readonly UsageRow[];
  /** Accepted, ended or replaced in the last seconds: in the ledger and not counted yet. */
  readonly pending: UsageTotals;
  /** The ledger entries of messages in the same days. */
  readonly ledger: UsageTotals;
  /** Sums of entries that are of no message (top-ups, expiry, penalties ...), by kind. */
  readonly others: ReadonlyMap<string, bigint>;
  /** Ends are counted up to here. */
  readonly countedUntil: Date;
}

/** Rows of a report before they are folded: a month of an account with a thousand senders in thirty countries. */
export const USAGE_ROWS_MAX = 1_000_000;

/**
 * What was counted in some days, what is not counted yet, and what the ledger says of the same days. Costs what is counted
 * there, and some milliseconds for the last seconds. Undefined: more than USAGE_ROWS_MAX rows, ask for fewer days.
 */
export async function readUsage(pool: Pool, query: UsageQuery): Promise<UsageReport | undefined> {
  return readSnapshot(pool, async (client) => {
    await client.query(`set local timezone = 'UTC'`);
    const parameters = [query.from, query.to, query.accountId ?? null];
    const { rows } = await client.query<RawUsage>(
      `${COUNTED} limit ${USAGE_ROWS_MAX + 1}`,
      parameters,
    );
    if (rows.length > USAGE_ROWS_MAX) return undefined;
    const { ledger, others } = await ledgerOf(client, parameters);
    const late = await readLate(client, query);
    return {
      rows: [
        ...rows.map((row) => ({ ...row, ...totalsOf(row) })),
        ...late.map((row) => ({ ...NO_MESSAGES, ...row })),
      ],
      pending: totalsOf((await client.query<RawTotals>(PENDING, parameters)).rows[0]),
      ledger,
      others,
      countedUntil: await countedUntil(client),
    };
  });
}

async function ledgerOf(
  client: ClientBase,
  parameters: readonly unknown[],
): Promise<Pick<UsageReport, 'ledger' | 'others'>> {
  const { rows } = await client.query<RawTotals>(LEDGER, [...parameters]);
  const others = await client.query<{ kind: string; amount: string }>(OTHERS, [...parameters]);
  return {
    ledger: totalsOf(rows[0]),
    others: new Map(others.rows.map(({ kind, amount }) => [kind, BigInt(amount)])),
  };
}

async function countedUntil(client: ClientBase): Promise<Date> {
  const { rows } = await client.query<{ value: bigint }>(
    `select value from job where name = 'books-ends'`,
  );
  return new Date(Number((rows[0]?.value ?? 0n) / 1000n));
}

/** Of what came after the end: the messages themselves are counted already. */
const NO_MESSAGES = { messages: 0n, segments: 0n, reserved: 0n, released: 0n };

interface RawTotals {
  messages: string | null;
  segments: string | null;
  charged: string | null;
  refunded: string | null;
  reserved: string | null;
  released: string | null;
}

interface RawUsage extends RawTotals {
  day: string;
  account: string;
  class: string;
  sender: string;
  prefix: string;
  network: string;
}

function totalsOf(row: RawTotals | undefined): UsageTotals {
  return {
    messages: BigInt(row?.messages ?? 0),
    segments: BigInt(row?.segments ?? 0),
    charged: BigInt(row?.charged ?? 0),
    refunded: BigInt(row?.refunded ?? 0),
    reserved: BigInt(row?.reserved ?? 0),
    released: BigInt(row?.released ?? 0),
  };
}

const COUNTED = `
  select to_char(u.day, 'YYYY-MM-DD') as day, coalesce(a.name, '?') as account, g.class, g.sender, g.prefix, g.network,
    u.messages::text, u.segments::text, u.charged::text, u.refunded::text, u.reserved::text, u.released::text
  from usage_day u join traffic_group g on g.id = u.grp left join account a on a.id = g.account
  where u.day >= $1::date and u.day < $2::date and ($3::int is null or g.account = $3)
  order by u.day, a.name, g.id`;

/** Entries of messages: of the lanes, which have a batch, and what came after an end. */
const OF_MESSAGES = `((batch is not null and kind in ('charge', 'refund', 'reserve', 'release'))
    or (kind = 'refund' and cause in ('request', 'outage')) or kind = 'correction')`;

/** Of entries on side 0 with a batch the count is of messages; a replacement's one message is not a new one. */
const LEDGER = `
  select sum(messages) filter (where batch is not null and side = 0 and cause is distinct from 'replaced')::text as messages,
    sum(segments) filter (where side = 0)::text as segments,
    (-sum(amount) filter (where kind = 'charge' or (kind = 'correction' and amount < 0)))::text as charged,
    sum(amount) filter (where kind = 'refund' or (kind = 'correction' and amount > 0))::text as refunded,
    sum(reserved_delta) filter (where kind = 'reserve')::text as reserved,
    (-sum(reserved_delta) filter (where kind = 'release'))::text as released
  from ledger_entry
  where at >= $1::date and at < $2::date and ($3::int is null or account = $3) and ${OF_MESSAGES}`;

const OTHERS = `
  select kind, sum(amount)::text as amount from ledger_entry
  where at >= $1::date and at < $2::date and ($3::int is null or account = $3) and not coalesce(${OF_MESSAGES}, false)
  group by kind order by kind`;

/** The tail that the counter has not reached: short, unless the counter was away. */
const PENDING = `
  with place as (select (select value from job where name = 'books-messages') as id,
      timestamptz 'epoch' + (select value from job where name = 'books-ends') * interval '1 microsecond' as at),
  batches as (
    select m.batch, m.account, min(m.id) as first_id, count(*) as messages, sum(m.segments) as segments,
      sum(m.unit_price * m.segments) filter (where m.charge_on = 0) as charged,
      sum(m.unit_price * m.segments) filter (where m.charge_on = 1) as reserved
    from message m where m.id > (select id from place) and ($3::int is null or m.account = $3) group by 1, 2),
  accepted as (
    select sum(b.messages) as messages, sum(b.segments) as segments, sum(b.charged) as charged, sum(b.reserved) as reserved
    from batches b cross join lateral (select coalesce(min(x.at) filter (where x.account = b.account and x.side = 0
        and x.cause is distinct from 'replaced'), to_timestamp(((b.first_id >> 22) + 1735689600000) / 1000.0)) as at
      from (select * from ledger_entry y where y.batch = b.batch offset 0) x) e
    where e.at >= $1::date and e.at < $2::date),
  ended as (
    select sum(o.charge) as charged, sum(o.refund) as refunded, sum(o.release) as released
    from outcome o where o.settled_at > (select at from place) and o.settled_at >= $1::date and o.settled_at < $2::date
      and ($3::int is null or o.account = $3)),
  replaced as (
    select sum(e.segments) as segments, -sum(e.amount) filter (where e.kind = 'charge') as charged,
      sum(e.reserved_delta) filter (where e.kind = 'reserve') as reserved
    from replacement r cross join lateral (select x.* from ledger_entry x where x.batch = r.batch offset 0) e
    where r.at > (select at from place) and coalesce(e.posting, e.id) = r.entry and e.at >= $1::date and e.at < $2::date and ($3::int is null or r.account = $3))
  select a.messages::text, (coalesce(a.segments, 0) + coalesce(r.segments, 0))::text as segments,
    (coalesce(a.charged, 0) + coalesce(o.charged, 0) + coalesce(r.charged, 0))::text as charged,
    o.refunded::text, (coalesce(a.reserved, 0) + coalesce(r.reserved, 0))::text as reserved, o.released::text
  from accepted a, ended o, replaced r`;

/** Ends as they were counted. Money in micro-credits, times in milliseconds. */
export interface DeliveryRow extends Omit<UsageRow, keyof UsageTotals> {
  /** null: no carrier had it. */
  readonly carrier: string | null;
  readonly state: number;
  readonly fault: number;
  readonly messages: bigint;
  readonly segments: bigint;
  readonly income: bigint;
  readonly timed: bigint;
  readonly sumMs: bigint;
  readonly maxMs: bigint;
  readonly within1s: bigint;
  readonly within10s: bigint;
  readonly within60s: bigint;
}

/** What a report of deliveries or margins is of. */
export interface DeliveryQuery extends UsageQuery {
  readonly carrierId: number | undefined;
}

/** What was counted of ends, of one moment. */
export interface DeliveriesReport {
  readonly rows: readonly DeliveryRow[];
  /** Ends are counted up to here: what ended later is not in the rows. */
  readonly countedUntil: Date;
}

/** How messages ended. Undefined: more than USAGE_ROWS_MAX rows. */
export async function readDeliveries(
  pool: Pool,
  query: DeliveryQuery,
): Promise<DeliveriesReport | undefined> {
  return readSnapshot(pool, async (client) => {
    const rows = await deliveriesOf(client, query);
    return rows && { rows, countedUntil: await countedUntil(client) };
  });
}

async function deliveriesOf(
  client: ClientBase,
  query: DeliveryQuery,
): Promise<readonly DeliveryRow[] | undefined> {
  const { rows } = await client.query<DeliveryRow>(
    `select to_char(d.day, 'YYYY-MM-DD') as day, coalesce(a.name, '?') as account, g.class, g.sender, g.prefix, g.network,
       c.name as carrier, d.state, d.fault, d.messages, d.segments, d.income, d.timed, d.sum_ms as "sumMs", d.max_ms as "maxMs",
       d.within_1s as "within1s", d.within_10s as "within10s", d.within_60s as "within60s"
     from delivery_day d join traffic_group g on g.id = d.grp left join account a on a.id = g.account
       left join carrier c on c.id = d.carrier
     where ${DAYS} order by d.day, a.name, c.name, g.id limit ${USAGE_ROWS_MAX + 1}`,
    [query.from, query.to, query.accountId ?? null, query.carrierId ?? null],
  );
  return rows.length > USAGE_ROWS_MAX ? undefined : rows;
}

/** What carriers took, as it was counted. */
export interface CostRow extends Omit<UsageRow, keyof UsageTotals> {
  readonly carrier: string;
  readonly segments: bigint;
  /** Of these the cost is not known. */
  readonly uncosted: bigint;
  readonly cost: bigint;
}

/** What ended messages brought and cost, of one moment. */
export interface MarginReport {
  readonly ends: readonly DeliveryRow[];
  readonly costs: readonly CostRow[];
  readonly late: readonly LateRow[];
  /** Ends and costs are counted up to here; what moved money after an end is there at once. */
  readonly countedUntil: Date;
}

/** What messages brought and what carriers took for them. Undefined: more than USAGE_ROWS_MAX rows of a kind. */
export async function readMargin(
  pool: Pool,
  query: DeliveryQuery,
): Promise<MarginReport | undefined> {
  return readSnapshot(pool, async (client) => {
    const ends = await deliveriesOf(client, query);
    const costs = await costsOf(client, query);
    if (ends === undefined || costs === undefined) return undefined;
    const late = await readLate(client, query);
    return { ends, costs, late, countedUntil: await countedUntil(client) };
  });
}

async function costsOf(
  client: ClientBase,
  query: DeliveryQuery,
): Promise<readonly CostRow[] | undefined> {
  const { rows } = await client.query<CostRow>(
    `select to_char(d.day, 'YYYY-MM-DD') as day, coalesce(a.name, '?') as account, g.class, g.sender, g.prefix, g.network,
       coalesce(c.name, '?') as carrier, d.segments, d.uncosted, d.cost
     from carrier_day d join traffic_group g on g.id = d.grp left join account a on a.id = g.account
       left join carrier c on c.id = d.carrier
     where ${DAYS} order by d.day, a.name, c.name, g.id limit ${USAGE_ROWS_MAX + 1}`,
    [query.from, query.to, query.accountId ?? null, query.carrierId ?? null],
  );
  return rows.length > USAGE_ROWS_MAX ? undefined : rows;
}

const DAYS = `d.day >= $1::date and d.day < $2::date and ($3::int is null or g.account = $3)
  and ($4::int is null or d.carrier = $4)`;
