import type { ClientBase, Pool } from 'pg';
import type { TrafficGroup } from '../domain/traffic-group.ts';
import { groupOf } from './usage-count.ts';

/** A line of a carrier's invoice or call detail file: one submit_sm. */
export interface InvoiceLine {
  /** Of the file, from 1. */
  readonly line: number;
  /** Its id of the message, as it stood in submit_sm_resp. */
  readonly upstreamId: string;
  readonly segments: number | undefined;
  /** Of the whole line, in micro-credits. */
  readonly price: bigint | undefined;
  readonly at: Date | undefined;
}

/** Lines of a comparison that nobody finished are forgotten after this. */
const FORGOTTEN_AFTER = "interval '1 day'";

/** Begins a comparison. @returns its number */
export async function beginInvoice(pool: Pool): Promise<bigint> {
  await pool.query(`delete from invoice_line where loaded_at < now() - ${FORGOTTEN_AFTER}`);
  const { rows } = await pool.query<{ run: bigint }>(`select nextval('invoice_run') as run`);
  return rows[0]?.run ?? 0n;
}

/** Adds lines, some thousands at once. */
export async function addInvoiceLines(
  pool: Pool,
  run: bigint,
  lines: readonly InvoiceLine[],
): Promise<void> {
  await pool.query(
    `insert into invoice_line (run, line, upstream_id, segments, price, at)
       select $1, * from unnest($2::bigint[], $3::text[], $4::int[], $5::bigint[], $6::timestamptz[])`,
    [
      run.toString(),
      lines.map(({ line }) => line),
      lines.map(({ upstreamId }) => upstreamId),
      lines.map(({ segments }) => segments ?? null),
      lines.map(({ price }) => price?.toString() ?? null),
      lines.map(({ at }) => at ?? null),
    ],
  );
}

/** Ends a comparison: its lines are gone. */
export async function endInvoice(pool: Pool, run: bigint): Promise<void> {
  await pool.query('delete from invoice_line where run = $1', [run.toString()]);
}

/** What is wrong with a pair, or with one that has no partner. */
export type InvoiceFault =
  | 'missingAtThem'
  | 'missingAtUs'
  | 'billedTwice'
  | 'segments'
  | 'price'
  | 'segmentsAndPrice';

/** One difference. Money in micro-credits. */
export interface InvoiceDifference {
  readonly fault: InvoiceFault;
  readonly upstreamId: string;
  /** Of the file; undefined: missing there. */
  readonly line: number | undefined;
  /** Ours; undefined: missing here. */
  readonly message: bigint | undefined;
  readonly at: Date | undefined;
  readonly segments: { readonly ours: number | undefined; readonly theirs: number | undefined };
  readonly price: { readonly ours: bigint | undefined; readonly theirs: bigint | undefined };
}

/** Sums of one side or kind. Money in micro-credits. */
export interface InvoiceSum {
  readonly kind: 'matched' | InvoiceFault;
  readonly count: bigint;
  readonly ourSegments: bigint;
  readonly theirSegments: bigint;
  readonly ourPrice: bigint;
  readonly theirPrice: bigint;
}

/** What a carrier takes for segments. */
export interface InvoiceCosts {
  /** Of a group; undefined: not known, and not compared. */
  costOf(group: Omit<TrafficGroup, 'account'>, atMs: number): bigint | undefined;
  /** When costOf may change, unix ms, ascending. */
  readonly changesAtMs: readonly number[];
}

/** What is to be compared. */
export interface InvoiceQuery {
  readonly run: bigint;
  readonly carrierId: number;
  /** Ours of this time have to be in the file. Undefined: from the first to the last of the file. */
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  /** A submit_sm carries the whole message (message_payload): its segments are the message's. */
  readonly isWhole: boolean;
  /** What the carrier took since a time. */
  costsSince(client: ClientBase, since: Date | undefined): Promise<InvoiceCosts>;
  /** Ids of ours count without zeros before them and upper case; those of the lines have neither. */
  readonly areNumbers: boolean;
  /** Differences told at most; the sums are of all. */
  readonly limit: number;
}

/** The comparison of a file with what the carrier accepted from us. */
export interface InvoiceComparison {
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly lines: bigint;
  readonly sums: readonly InvoiceSum[];
  readonly differences: readonly InvoiceDifference[];
}

/** A clock of theirs may be off, and a submit_sm of midnight stand on the day after: partners are looked for so far beside. */
const BESIDE = "interval '2 days'";

/**
 * Compares the lines of a run with the submits that the carrier accepted, by its id; the same id several times, in the
 * order of time. PostgreSQL sorts both on disk beyond 64 MB. The client is left with temporary tables: do not give it
 * back to a pool.
 */
export async function compareInvoice(
  client: ClientBase,
  query: InvoiceQuery,
): Promise<InvoiceComparison> {
  await client.query(SETTINGS);
  const period = await periodOf(client, query);
  const { run, carrierId, isWhole } = query;
  await client.query(`create temp table ours as ${oursOf(query)}`, [
    run.toString(),
    carrierId,
    period.from ?? null,
    period.to ?? null,
    isWhole,
  ]);
  const moments = await addCosts(client, query);
  await client.query('analyze ours');
  await client.query(`create temp table pairs as ${PAIRS}`, [
    run.toString(),
    period.from ?? null,
    period.to ?? null,
    moments,
  ]);
  const sums = await client.query<SumRow>(SUMS);
  const { rows } = await client.query<PairRow>(
    `select * from pairs where kind <> 'matched' order by line nulls last, at, upstream_id limit $1`,
    [query.limit],
  );
  const lines = await client.query<{ n: bigint }>(
    'select count(*) as n from invoice_line where run = $1',
    [run.toString()],
  );
  return {
    ...period,
    lines: lines.rows[0]?.n ?? 0n,
    sums: sums.rows.map(sumOf),
    differences: rows.map(differenceOf),
  };
}

const SETTINGS = `set work_mem = '64MB'; set statement_timeout = 0; set jit = off;
  set max_parallel_workers_per_gather = 0; drop table if exists pairs, ours, unit_costs`;

/** As asked for, else the times of the file, else those of its ids here. */
async function periodOf(
  client: ClientBase,
  query: InvoiceQuery,
): Promise<{ from: Date | undefined; to: Date | undefined }> {
  const { run, carrierId, from, to } = query;
  if (from !== undefined && to !== undefined) return { from, to };
  const { rows } = await client.query<{ first: Date | null; last: Date | null }>(
    `select coalesce(min(l.at), min(d.at)) as first, coalesce(max(l.at), max(d.at)) as last
     from invoice_line l left join lateral (select x.at from dispatch x
       where l.at is null and x.carrier = $2 and ${keyOf('x', query)} = l.upstream_id) d on true
     where l.run = $1`,
    [run.toString(), carrierId],
  );
  const last = rows[0]?.last;
  // The last one belongs to it.
  const end = last == null ? undefined : new Date(last.getTime() + 1);
  return { from: from ?? rows[0]?.first ?? undefined, to: to ?? end };
}

/**
 * Costs by group and the time between two changes: few, whatever the number of submits.
 * @returns the changes, as width_bucket takes them: 0 before the first, n from the n-th on
 */
async function addCosts(client: ClientBase, query: InvoiceQuery): Promise<Date[]> {
  const first = await client.query<{ at: Date | null }>('select min(at) as at from ours');
  const { costOf, changesAtMs } = await query.costsSince(client, first.rows[0]?.at ?? undefined);
  const moments = changesAtMs.map((ms) => new Date(ms));
  const { rows } = await client.query<Omit<TrafficGroup, 'account'> & { id: number; nth: number }>(
    `select distinct g.id, g.class, g.sender, g.prefix, g.network, width_bucket(o.at, $1::timestamptz[]) as nth
     from ours o join traffic_group g on g.id = o.grp`,
    [moments],
  );
  const beginsAt = (nth: number) => changesAtMs[nth - 1] ?? Number.NEGATIVE_INFINITY;
  const costs = rows.map((row) => costOf(row, beginsAt(row.nth)));
  await client.query('create temp table unit_costs (grp int, nth int, cost bigint)');
  await client.query(
    'insert into unit_costs select * from unnest($1::int[], $2::int[], $3::bigint[])',
    [
      rows.map(({ id }) => id),
      rows.map(({ nth }) => nth),
      costs.map((cost) => cost?.toString() ?? null),
    ],
  );
  return moments;
}

/** What of ours the id of a line is compared with; an index finds it where they are the same text. */
function keyOf(table: string, { areNumbers }: InvoiceQuery): string {
  return areNumbers
    ? `coalesce(nullif(ltrim(lower(${table}.upstream_id), '0'), ''), '0')`
    : `${table}.upstream_id`;
}

const oursOf = (query: InvoiceQuery) => `
  select ${keyOf('d', query)} as upstream_id, d.at, d.id, m.grp, case when $5 then coalesce(r.segments, m.segments, 1) else 1 end::int as segments
  from dispatch d
    left join lateral (select x.segments, ${groupOf('x')} as grp from message x where x.id = d.id offset 0) m on true
    left join lateral (select x.segments from replacement x where $5 and x.id = d.id order by x.version desc limit 1) r on true
  where d.carrier = $2 and d.status = 0 and d.upstream_id is not null
    and d.at >= $3::timestamptz - ${BESIDE} and d.at < $4::timestamptz + ${BESIDE}
    and ((d.at >= $3 and d.at < $4) or exists (select from invoice_line l where l.run = $1 and l.upstream_id = ${keyOf('d', query)}))`;

/** A price is compared where both sides have one. */
const PAIRS = `
  select coalesce(t.upstream_id, o.upstream_id) as upstream_id, t.line, o.id as message, coalesce(o.at, t.at) as at,
    o.segments as our_segments, t.segments as their_segments, o.segments * u.cost as our_price, t.price as their_price,
    case when t.upstream_id is null then 'missingAtThem'
      when o.id is null and t.nth > 1 and exists (select from ours x where x.upstream_id = t.upstream_id) then 'billedTwice'
      when o.id is null then 'missingAtUs'
      when t.segments <> o.segments and t.price <> o.segments * u.cost then 'segmentsAndPrice'
      when t.segments <> o.segments then 'segments'
      when t.price <> o.segments * u.cost then 'price'
      else 'matched' end as kind
  from (select *, row_number() over (partition by upstream_id order by at, line) as nth
      from invoice_line where run = $1) t
    full join (select *, row_number() over (partition by upstream_id order by at, id) as nth from ours) o
      on o.upstream_id = t.upstream_id and o.nth = t.nth
    left join unit_costs u on u.grp = o.grp and u.nth = width_bucket(o.at, $4::timestamptz[])
  where t.upstream_id is not null or (o.at >= $2 and o.at < $3)`;

const SUMS = `
  select kind, count(*) as count, coalesce(sum(our_segments), 0)::text as our_segments,
    coalesce(sum(their_segments), 0)::text as their_segments, coalesce(sum(our_price), 0)::text as our_price,
    coalesce(sum(their_price), 0)::text as their_price
  from pairs group by kind order by kind`;

interface SumRow {
  kind: InvoiceSum['kind'];
  count: bigint;
  our_segments: string;
  their_segments: string;
  our_price: string;
  their_price: string;
}

function sumOf(row: SumRow): InvoiceSum {
  return {
    kind: row.kind,
    count: row.count,
    ourSegments: BigInt(row.our_segments),
    theirSegments: BigInt(row.their_segments),
    ourPrice: BigInt(row.our_price),
    theirPrice: BigInt(row.their_price),
  };
}

interface PairRow {
  kind: InvoiceFault;
  upstream_id: string;
  line: bigint | null;
  message: bigint | null;
  at: Date | null;
  our_segments: number | null;
  their_segments: number | null;
  our_price: bigint | null;
  their_price: bigint | null;
}

function differenceOf(row: PairRow): InvoiceDifference {
  return {
    fault: row.kind,
    upstreamId: row.upstream_id,
    line: row.line === null ? undefined : Number(row.line),
    message: row.message ?? undefined,
    at: row.at ?? undefined,
    segments: { ours: row.our_segments ?? undefined, theirs: row.their_segments ?? undefined },
    price: { ours: row.our_price ?? undefined, theirs: row.their_price ?? undefined },
  };
}
