import type { ClientBase, Pool } from 'pg';
import { MESSAGE_ID_EPOCH_MS, messageId, messageIdMs } from '../domain/ids.ts';
import { credits, formatCredits } from '../domain/money.ts';
import { CHAIN_DIFFERENCES } from './ledger-chain.ts';
import { LOTS_ARE_SUMS, LOTS_MATCH_MESSAGES, PURCHASE_REFUNDS } from './reconcile-lots.ts';
import { AUDITED_POSTINGS, TOP_UPS } from './reconcile-postings.ts';
import { MESSAGE_REFUNDS, MESSAGE_REFUNDS_WITHIN_PRICE } from './reconcile-refunds.ts';
import { readSnapshot } from './snapshot.ts';

/** What is compared with what. */
export type ReconciliationCheck =
  | 'balanceIsSumOfEntries'
  | 'reservedIsSumOfEntries'
  | 'versionsAreContinuous'
  | 'entryFollowsEntry'
  | 'topUpHasEntry'
  | 'postingHasEntry'
  | 'acceptBatchMatchesMessages'
  | 'replaceBatchMatchesVersions'
  | 'versionPaysDifference'
  | 'outcomeBatchMatchesEntries'
  | 'refundWithinCharge'
  | 'reserveIsChargedOrReleased'
  | 'correctionHasEntry'
  | 'correctionWithinPrice'
  | 'lotIsSumOfEntries'
  | 'lotMatchesMessages'
  | 'purchaseRefundHasEntry'
  | 'entryIsAsChained'
  | 'messageRefundHasEntry'
  | 'messageRefundWithinPrice';

/** One difference. `expected` and `found` are credits in decimals, or counts where `what` says so. */
export interface Mismatch {
  readonly check: ReconciliationCheck;
  readonly account: string;
  /** Where: an entry, a batch, a message, a side, in words. */
  readonly where: string;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** The outcome of a reconciliation. */
export interface Reconciliation {
  readonly ok: boolean;
  /** Accounts looked at. */
  readonly accounts: number;
  /** The first differences of each check, MISMATCHES_MAX at most of each. */
  readonly mismatches: readonly Mismatch[];
}

/** Differences told of one check: the first names the fault, thousands more would only bury it. */
export const MISMATCHES_MAX = 20;

/**
 * Compares balances, ledger, messages and outcomes with each other, all of one moment, and writes nothing. PostgreSQL
 * does the work in streams and spills to disk over RECONCILE_WORK_MEM, so memory is bounded whatever the ledger's
 * size; a million messages take about 6 s of one core.
 *
 * Messages whose partitions were dropped by retention cannot be compared: batches near the oldest kept message are
 * left out.
 */
export async function reconcile(pool: Pool): Promise<Reconciliation> {
  return readSnapshot(pool, async (client) => {
    await client.query(SETTINGS);
    const mismatches = await run(client, CHECKS, await comparableSince(client));
    const { rows } = await client.query<{ accounts: number }>(
      'select count(*)::int as accounts from account',
    );
    return { ok: mismatches.length === 0, accounts: rows[0]?.accounts ?? 0, mismatches };
  });
}

/**
 * As reconcile, but only what was posted from a time on, and each balance against its newest entry: it costs what the
 * time costs, however long the ledger is.
 */
export async function reconcileSince(pool: Pool, from: Date): Promise<readonly Mismatch[]> {
  return readSnapshot(pool, async (client) => {
    await client.query(SETTINGS);
    const comparable = await comparableSince(client);
    const since = comparable === '-infinity' || comparable < from ? from : comparable;
    return run(client, RECENT_CHECKS, since);
  });
}

async function run(
  client: ClientBase,
  checks: readonly Check[],
  since: Date | '-infinity',
): Promise<Mismatch[]> {
  const mismatches: Mismatch[] = [];
  for (const check of checks) {
    const { rows } = await client.query<MismatchRow>(
      `${check.sql} limit ${MISMATCHES_MAX}`,
      check.since ? [since] : [],
    );
    for (const row of rows) mismatches.push(mismatchOf(check.name, row));
  }
  return mismatches;
}

/*
 * 64 MB a sort or hash keeps a million groups in memory; beyond it goes to temporary files. One worker: the gateway
 * shares the machine. JIT costs more than it gives for statements that run a second.
 */
const SETTINGS = `set local work_mem = '64MB'; set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0; set local max_parallel_workers_per_gather = 0;
  set local jit = off; set local enable_partitionwise_join = on; set local enable_partitionwise_aggregate = on`;

/**
 * A message lives at most 15 days from accept to its end here: twice the default longest validity (168 h) and receipt
 * grace (24 h). Of batches younger than the oldest kept message by this much every row is there.
 */
const UNSURE_MS = 15 * 24 * 3_600_000;

/** From when on batches are compared with rows: always, until retention has dropped a partition. */
async function comparableSince(client: ClientBase): Promise<Date | '-infinity'> {
  const { rows } = await client.query<{ from_id: string }>(
    'select from_id::text from id_range order by number limit 1',
  );
  const fromId = BigInt(rows[0]?.from_id ?? 0);
  return fromId <= 0n ? '-infinity' : new Date(messageIdMs(messageId(fromId)) + UNSURE_MS);
}

interface MismatchRow {
  account: string | null;
  place: string;
  what: string;
  expected: string | null;
  found: string | null;
}

/** Counts are told as they are, money in credits. */
function mismatchOf(check: ReconciliationCheck, row: MismatchRow): Mismatch {
  const isCount = row.what.startsWith('number of') || row.what === 'version' || row.what === 'hash';
  const shown = (value: string | null) => {
    if (value === null) return 'none';
    return isCount ? value : formatCredits(credits(BigInt(value)));
  };
  return {
    check,
    account: row.account ?? '?',
    where: row.place,
    what: row.what,
    expected: shown(row.expected),
    found: shown(row.found),
  };
}

/** One comparison: rows are differences. `since`: $1 is the time from which batches are compared. */
interface Check {
  readonly name: ReconciliationCheck;
  readonly since: boolean;
  readonly sql: string;
}

/** Sums of all entries of a side, against its balance. A side without entries has to be empty. */
const sumsOfEntries = (column: 'credits' | 'reserved', delta: 'amount' | 'reserved_delta') => `
  select a.name as account, 'side ' || b.side as place, '${column}' as what, coalesce(e.total, 0)::text as expected,
    b.${column}::text as found
  from balance b join account a on a.id = b.account
    left join (select account, side, sum(${delta}) as total from ledger_entry group by account, side) e
      on e.account = b.account and e.side = b.side
  where b.${column} <> coalesce(e.total, 0) order by a.id, b.side`;

/** Versions of a side run from 1 to the balance's without a gap: no entry was taken out or added beside. */
const CONTINUOUS_VERSIONS = `
  select a.name as account, 'side ' || b.side as place,
    case when b.version <> coalesce(e.highest, 0) then 'version' else 'number of entries' end as what,
    b.version::text as expected,
    case when b.version <> coalesce(e.highest, 0) then coalesce(e.highest, 0) else e.entries end::text as found
  from balance b join account a on a.id = b.account
    left join (select account, side, max(version) as highest, count(*) as entries from ledger_entry group by account, side) e
      on e.account = b.account and e.side = b.side
  where b.version <> coalesce(e.highest, 0) or b.version <> coalesce(e.entries, 0) order by a.id, b.side`;

/** Each entry says what it left; the one before it and its own amounts must give the same. Walks the unique index. */
const chain = (after: 'credits_after' | 'reserved_after', delta: 'amount' | 'reserved_delta') => `
  select a.name as account, 'entry ' || e.id || ' (' || e.kind || ', side ' || e.side || ', version ' || e.version || ')' as place,
    '${after === 'credits_after' ? 'credits' : 'reserved'} after' as what, (e.before + e.${delta})::text as expected,
    e.${after}::text as found
  from (select *, coalesce(lag(${after}) over (partition by account, side order by version), 0) as before
    from ledger_entry) e left join account a on a.id = e.account
  where e.${after} <> e.before + e.${delta} order by e.account, e.side, e.version`;

/** A message's id is at most 20 s older than its batch's entry, as accept_messages demands; and some more. */
const BATCH_SPAN_MS = 60_000;

/**
 * Charge and reserve entries of accept batches against the messages of the same batch and account. Every kept message
 * is summed up; a sum without an entry counts only where the entry would be young enough to be looked at.
 */
const ACCEPT_BATCHES = `
  select a.name as account, 'batch ' || coalesce(e.batch, m.batch) || ' (' || coalesce(e.kind, m.kind) || ')' as place,
    v.what, v.expected::text, v.found::text
  from (select account, batch, kind, sum(reserved_delta - amount) as total, sum(messages) as messages,
        sum(segments) as segments
      from ledger_entry where side = 0 and batch is not null and cause is distinct from 'replaced' and at >= $1
      group by account, batch, kind) e
    full join (select account, batch, case charge_on when 0 then 'charge' else 'reserve' end as kind,
        sum(unit_price * segments) as total, count(*) as messages, sum(segments) as segments,
        to_timestamp(((min(id) >> 22) + ${MESSAGE_ID_EPOCH_MS}) / 1000.0) as first_at
      from message where id >= case when $1 = '-infinity' then 0 else first_id_at(unix_ms($1) - ${BATCH_SPAN_MS}) end
      group by 1, 2, 3) m
      on m.account = e.account and m.batch = e.batch and m.kind = e.kind
    left join account a on a.id = coalesce(e.account, m.account),
    lateral (values ('price of its messages', m.total, e.total), ('number of messages', m.messages::numeric, e.messages::numeric),
      ('number of segments', m.segments::numeric, e.segments::numeric)) as v (what, expected, found)
  where v.expected is distinct from v.found and (e.batch is not null or m.first_at >= $1)`;

/** The entries of a replace batch against the versions that it made, one of each. Versions without a difference have none. */
const REPLACE_BATCHES = `
  select a.name as account, coalesce('message ' || r.id || ', version ' || r.version, 'entry ' || e.id) as place,
    'difference' as what, r.difference::text as expected, (e.reserved_delta - e.amount)::text as found
  from (select coalesce(posting, id) as id, account, batch, sum(reserved_delta) as reserved_delta, sum(amount) as amount
      from ledger_entry where side = 0 and cause = 'replaced' and at >= $1 group by 1, 2, 3) e
    full join (select * from replacement where at >= $1 and (difference <> 0 or entry is not null)) r on r.entry = e.id
    left join account a on a.id = coalesce(e.account, r.account)
  where r.difference is distinct from e.reserved_delta - e.amount or r.account is distinct from e.account
    or r.batch is distinct from e.batch`;

/** A version costs or gives back the unit price of the message for each segment more or less than the version before. */
const VERSIONS_PAY_DIFFERENCE = `
  select a.name as account, 'message ' || v.id || ', version ' || v.version as place, 'difference' as what,
    (v.unit_price * (v.segments - v.segments_before))::text as expected, v.difference::text as found
  from (select r.*, m.unit_price, m.account as owner,
      coalesce(lag(r.segments) over (partition by r.id order by r.version), m.segments) as segments_before
    from replacement r join message m on m.id = r.id) v left join account a on a.id = v.account
  where v.difference <> v.unit_price * (v.segments - v.segments_before) or v.account <> v.owner`;

/** Messages with the segments of the version in force. */
const PRICED = `(select x.id, x.account, x.charge_on, x.unit_price, coalesce(v.segments, x.segments) as segments
    from message x left join (select distinct on (id) id, segments from replacement order by id, version desc) v
      on v.id = x.id)`;

/** Refund, charge and release entries of settle batches against the outcomes of the same batch and account. */
const OUTCOME_BATCHES = `
  select a.name as account, 'batch ' || coalesce(e.batch, o.batch) || ' (' || coalesce(e.kind, o.kind) || ')' as place,
    v.what, v.expected::text, v.found::text
  from (select account, batch, kind, sum(case kind when 'refund' then amount else -reserved_delta end) as total,
        sum(messages) as messages
      from ledger_entry where side = 1 and batch is not null and at >= $1 group by account, batch, kind) e
    full join (select o.account, o.batch, k.kind, sum(k.total) as total, count(*) as messages
      from outcome o, lateral (values ('refund', o.refund), ('charge', o.charge), ('release', o.release)) as k (kind, total)
      where k.total <> 0 and o.settled_at >= $1 group by o.account, o.batch, k.kind) o
      on o.account = e.account and o.batch = e.batch and o.kind = e.kind
    left join account a on a.id = coalesce(e.account, o.account),
    lateral (values ('sum of its outcomes', o.total, e.total),
      ('number of messages', o.messages::numeric, e.messages::numeric)) as v (what, expected, found)
  where v.expected is distinct from v.found`;

/**
 * No message gets back more than it was charged; one that was only reserved gets no refund at all.
 * @param among further condition on the outcomes
 */
const refundWithinCharge = (among = '') => `
  select a.name as account, 'message ' || o.id as place, 'refund at most' as what,
    case m.charge_on when 0 then m.unit_price * m.segments else 0 end::text as expected, o.refund::text as found
  from outcome o join ${PRICED} m on m.id = o.id left join account a on a.id = o.account
  where (o.refund < 0 or o.refund > case m.charge_on when 0 then m.unit_price * m.segments else 0 end
    or o.account <> m.account) ${among}`;

/** What was reserved for a message is charged or released at its end, all of it and only that. */
const RESERVE_IS_SETTLED = `
  select a.name as account, 'message ' || o.id as place, 'charge and release' as what,
    case m.charge_on when 0 then 0 else m.unit_price * m.segments end::text as expected,
    (o.charge + o.release)::text as found
  from outcome o join ${PRICED} m on m.id = o.id left join account a on a.id = o.account
  where o.charge < 0 or o.release < 0
    or o.charge + o.release <> case m.charge_on when 0 then 0 else m.unit_price * m.segments end`;

/** Each correction of a message has its entry with its amount, and each correction entry its message. */
const CORRECTIONS = `
  select a.name as account, coalesce('message ' || c.message, 'entry ' || e.id) as place, 'correction' as what,
    c.amount::text as expected, e.amount::text as found
  from (select * from correction where amount <> 0 or entry is not null) c
    full join (select coalesce(posting, id) as id, account, sum(amount) as amount, sum(reserved_delta) as reserved_delta
      from ledger_entry where kind = 'correction' group by 1, 2) e on e.id = c.entry
    left join account a on a.id = coalesce(c.account, e.account)
  where c.amount is distinct from e.amount or c.account is distinct from e.account
    or e.reserved_delta <> 0 order by a.id, e.id`;

/** With its correction a message has cost something between nothing and its price, and it had ended without a receipt. */
const CORRECTION_WITHIN_PRICE = `
  select a.name as account, 'message ' || c.message as place, 'paid at most' as what,
    (m.unit_price * m.segments)::text as expected, v.paid::text as found
  from correction c join ${PRICED} m on m.id = c.message left join outcome o on o.id = c.message
    left join account a on a.id = c.account,
    lateral (select case m.charge_on when 0 then m.unit_price * m.segments - o.refund else o.charge end - c.amount as paid) v
  where v.paid is null or v.paid < 0 or v.paid > m.unit_price * m.segments or o.cause <> 'noReceipt'
    or c.account <> m.account`;

const CHECKS: readonly Check[] = [
  { name: 'balanceIsSumOfEntries', since: false, sql: sumsOfEntries('credits', 'amount') },
  {
    name: 'reservedIsSumOfEntries',
    since: false,
    sql: sumsOfEntries('reserved', 'reserved_delta'),
  },
  { name: 'versionsAreContinuous', since: false, sql: CONTINUOUS_VERSIONS },
  { name: 'entryFollowsEntry', since: false, sql: chain('credits_after', 'amount') },
  { name: 'entryFollowsEntry', since: false, sql: chain('reserved_after', 'reserved_delta') },
  { name: 'topUpHasEntry', since: false, sql: TOP_UPS },
  { name: 'postingHasEntry', since: false, sql: AUDITED_POSTINGS },
  { name: 'acceptBatchMatchesMessages', since: true, sql: ACCEPT_BATCHES },
  { name: 'replaceBatchMatchesVersions', since: true, sql: REPLACE_BATCHES },
  { name: 'versionPaysDifference', since: false, sql: VERSIONS_PAY_DIFFERENCE },
  { name: 'outcomeBatchMatchesEntries', since: true, sql: OUTCOME_BATCHES },
  { name: 'refundWithinCharge', since: false, sql: refundWithinCharge() },
  { name: 'reserveIsChargedOrReleased', since: false, sql: RESERVE_IS_SETTLED },
  { name: 'correctionHasEntry', since: false, sql: CORRECTIONS },
  { name: 'correctionWithinPrice', since: false, sql: CORRECTION_WITHIN_PRICE },
  { name: 'lotIsSumOfEntries', since: false, sql: LOTS_ARE_SUMS },
  { name: 'lotMatchesMessages', since: true, sql: LOTS_MATCH_MESSAGES },
  { name: 'purchaseRefundHasEntry', since: false, sql: PURCHASE_REFUNDS },
  { name: 'entryIsAsChained', since: false, sql: CHAIN_DIFFERENCES },
  { name: 'messageRefundHasEntry', since: false, sql: MESSAGE_REFUNDS },
  { name: 'messageRefundWithinPrice', since: false, sql: MESSAGE_REFUNDS_WITHIN_PRICE },
];

/** Each balance against its newest entry: an index look-up a side. */
const lastEntry = (column: 'credits' | 'reserved') => `
  select a.name as account, 'side ' || b.side as place, '${column}' as what,
    coalesce(e.${column}_after, 0)::text as expected, b.${column}::text as found
  from balance b join account a on a.id = b.account left join lateral (select x.${column}_after from ledger_entry x
    where x.account = b.account and x.side = b.side order by x.version desc limit 1) e on true
  where b.${column} <> coalesce(e.${column}_after, 0) order by a.id, b.side`;

const RECENT_CHECKS: readonly Check[] = [
  { name: 'balanceIsSumOfEntries', since: false, sql: lastEntry('credits') },
  { name: 'reservedIsSumOfEntries', since: false, sql: lastEntry('reserved') },
  { name: 'acceptBatchMatchesMessages', since: true, sql: ACCEPT_BATCHES },
  { name: 'replaceBatchMatchesVersions', since: true, sql: REPLACE_BATCHES },
  { name: 'outcomeBatchMatchesEntries', since: true, sql: OUTCOME_BATCHES },
  {
    name: 'refundWithinCharge',
    since: true,
    sql: refundWithinCharge('and o.settled_at >= $1'),
  },
];
