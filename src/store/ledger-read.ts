import type { Pool } from 'pg';
import { type Credits, credits } from '../domain/money.ts';
import type { Queryable } from './snapshot.ts';

/** What stands in the ledger as the kind of an entry. */
export type EntryKind =
  | 'charge'
  | 'refund'
  | 'reserve'
  | 'release'
  | 'top_up'
  | 'expiry'
  | 'penalty'
  | 'forfeit'
  | 'correction'
  | 'adjustment'
  | 'purchase_refund';

/** An account's money over both sides. available = credits - reserved. */
export interface Balance {
  readonly account: string;
  readonly credits: Credits;
  readonly reserved: Credits;
  readonly available: Credits;
  /** When the first of it expires; undefined: never. */
  readonly expiresAt: Date | undefined;
}

/** The balance of an account by its name, undefined when there is none. One statement, so both sides are of one moment. */
export async function readBalance(db: Queryable, account: string): Promise<Balance | undefined> {
  const { rows } = await db.query<BalanceRow>(`${BALANCES} where a.name = $1 group by a.id`, [
    account,
  ]);
  return rows[0] && balanceOf(rows[0]);
}

/** Every account's balance by name. */
export async function readBalances(db: Queryable): Promise<ReadonlyMap<string, Balance>> {
  const { rows } = await db.query<BalanceRow>(`${BALANCES} group by a.id`);
  return new Map(rows.map((row) => [row.name, balanceOf(row)]));
}

/** One posting of a statement. `balance` is the account's credits (over both sides) after it. */
export interface StatementEntry {
  readonly id: bigint;
  readonly at: Date;
  readonly kind: EntryKind;
  readonly amount: Credits;
  /** Added to the reserved money. */
  readonly reserved: Credits;
  readonly balance: Credits;
  readonly messages: number;
  readonly segments: number;
  readonly reference: string | undefined;
  readonly cause: string | undefined;
  readonly actor: string | undefined;
  readonly reason: string | undefined;
  /** The lot that it is of, where the account has lots. */
  readonly lot: { readonly id: number; readonly reference: string } | undefined;
}

/** A page of a statement. */
export interface StatementPage {
  /** Credits before the first entry of this page. */
  readonly opening: Credits;
  readonly entries: readonly StatementEntry[];
  /** Credits after its last entry. */
  readonly closing: Credits;
  /** Where the next page starts; undefined at the end. */
  readonly next: StatementCursor | undefined;
}

/** A place in a statement: the entry before it, and the credits after that entry. Time in microseconds, as stored. */
export interface StatementCursor {
  readonly atMicros: bigint;
  readonly id: bigint;
  readonly balance: Credits;
}

/** What of a statement is asked for: entries with from <= time < to, oldest first. */
export interface StatementQuery {
  readonly accountId: number;
  readonly from: Date;
  /** Undefined: to the newest. */
  readonly to: Date | undefined;
  /** 1 to 1000 entries a page. */
  readonly limit: number;
  readonly after: StatementCursor | undefined;
}

/**
 * A page of an account's entries. The opening credits are today's less everything posted since, so a page costs what
 * was posted after its start, and the pages after the first only themselves.
 */
export async function readStatement(db: Pool, query: StatementQuery): Promise<StatementPage> {
  const opening = query.after?.balance ?? (await readOpening(db, query));
  const { rows } = await db.query<EntryRow>(
    `select e.id::text, e.at, (extract(epoch from e.at) * 1000000)::bigint::text as at_micros, e.kind, e.amount::text,
       e.reserved_delta::text, e.messages, e.segments, e.reference, e.cause, e.actor, e.reason, e.lot,
       l.reference as lot_reference
     from ledger_entry e left join lot l on l.id = e.lot
     where e.account = $1 and e.at >= $2 and e.at < coalesce($3::timestamptz, 'infinity')
       and ($4::bigint is null
         or (e.at, e.id) > (timestamptz 'epoch' + $4::bigint * interval '1 microsecond', $5::bigint))
     order by e.at, e.id limit $6`,
    [
      query.accountId,
      query.from,
      query.to ?? null,
      query.after?.atMicros.toString() ?? null,
      query.after?.id.toString() ?? null,
      query.limit + 1,
    ],
  );
  let balance: bigint = opening;
  const shown = rows.slice(0, query.limit);
  const entries = shown.map((row) => {
    balance += BigInt(row.amount);
    return entryOf(row, credits(balance));
  });
  const last = shown.at(-1);
  return {
    opening,
    entries,
    closing: credits(balance),
    next:
      rows.length > query.limit && last !== undefined
        ? { atMicros: BigInt(last.at_micros), id: BigInt(last.id), balance: credits(balance) }
        : undefined,
  };
}

const BALANCES = `select a.name, sum(b.credits)::text as credits, sum(b.reserved)::text as reserved,
  case when min(b.own_lot) is null then min(b.expires_at) filter (where b.side = 0) else first_expiry(a.id) end as expires_at
  from account a join balance b on b.account = a.id`;

interface BalanceRow {
  name: string;
  credits: string;
  reserved: string;
  expires_at: Date | null;
}

function balanceOf(row: BalanceRow): Balance {
  const owned = BigInt(row.credits);
  const reserved = BigInt(row.reserved);
  return {
    account: row.name,
    credits: credits(owned),
    reserved: credits(reserved),
    available: credits(owned - reserved),
    expiresAt: row.expires_at ?? undefined,
  };
}

/** Both numbers in one statement: an entry that commits between two would be counted once or twice. */
async function readOpening(db: Pool, query: StatementQuery): Promise<Credits> {
  const { rows } = await db.query<{ opening: string }>(
    `select ((select sum(credits) from balance where account = $1)
       - coalesce((select sum(amount) from ledger_entry where account = $1 and at >= $2), 0))::bigint::text as opening`,
    [query.accountId, query.from],
  );
  return credits(BigInt(rows[0]?.opening ?? 0));
}

interface EntryRow {
  id: string;
  at: Date;
  at_micros: string;
  kind: EntryKind;
  amount: string;
  reserved_delta: string;
  messages: number;
  segments: number;
  reference: string | null;
  cause: string | null;
  actor: string | null;
  reason: string | null;
  lot: number | null;
  lot_reference: string | null;
}

function entryOf(row: EntryRow, balance: Credits): StatementEntry {
  return {
    id: BigInt(row.id),
    at: row.at,
    kind: row.kind,
    amount: credits(BigInt(row.amount)),
    reserved: credits(BigInt(row.reserved_delta)),
    balance,
    messages: row.messages,
    segments: row.segments,
    reference: row.reference ?? undefined,
    cause: row.cause ?? undefined,
    actor: row.actor ?? undefined,
    reason: row.reason ?? undefined,
    lot:
      row.lot === null || row.lot_reference === null
        ? undefined
        : { id: row.lot, reference: row.lot_reference },
  };
}
