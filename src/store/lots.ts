import type { ClientBase, Pool } from 'pg';
import { type Credits, credits } from '../domain/money.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';

/** A lot of an account: a top-up's credit with its own expiry. `own`: what came before lots, and what the account owes. */
export interface Lot {
  readonly id: number;
  readonly own: boolean;
  readonly reference: string;
  /** What it was made with. */
  readonly original: Credits;
  readonly credits: Credits;
  readonly reserved: Credits;
  /** Undefined: it never expires. */
  readonly expiresAt: Date | undefined;
}

/** Lots told of one account at most, those that expire first: an account that tops up daily has 365. */
export const LOTS_MAX = 1_000;

/** The lots of an account that have something in them, in the order in which they are spent. */
export async function readLots(db: Queryable, account: string): Promise<Lot[]> {
  const { rows } = await db.query<LotRow>(
    `select l.id, l.own, l.reference, l.credits::text as original, s.credits::text as credits,
       s.reserved::text as reserved, l.expires_at
     from account a join lot l on l.account = a.id
       cross join lateral (select sum(x.credits) as credits, sum(x.reserved) as reserved from lot_side x
         where x.lot = l.id) s
     where a.name = $1 and (s.credits <> 0 or s.reserved <> 0)
     order by l.expires_at nulls last, l.own, l.id limit $2`,
    [account, LOTS_MAX],
  );
  return rows.map((row) => ({
    id: row.id,
    own: row.own,
    reference: row.reference,
    original: credits(BigInt(row.original)),
    credits: credits(BigInt(row.credits)),
    reserved: credits(BigInt(row.reserved)),
    expiresAt: row.expires_at ?? undefined,
  }));
}

interface LotRow {
  id: number;
  own: boolean;
  reference: string;
  original: string;
  credits: string;
  reserved: string;
  expires_at: Date | null;
}

/** Credit that expires soon. */
export interface ExpiringCredit {
  readonly account: string;
  /** Undefined: of one balance. */
  readonly lot: { readonly id: number; readonly reference: string } | undefined;
  readonly left: Credits;
  readonly expiresAt: Date;
}

/**
 * Credit that is neither spent nor reserved and expires before a time, first to expire first.
 * @param limit 1 to 1000
 */
export async function readExpiring(
  db: Queryable,
  until: Date,
  limit: number,
): Promise<ExpiringCredit[]> {
  const { rows } = await db.query<ExpiringRow>(
    `select a.name, e.lot, e.reference, e.left_::text as left, e.expires_at
     from (${EXPIRING}) e join account a on a.id = e.account
     where e.expires_at < $1 and e.left_ > 0 order by e.expires_at, a.name limit $2`,
    [until, limit],
  );
  return rows.map((row) => ({
    account: row.name,
    lot:
      row.lot === null || row.reference === null
        ? undefined
        : { id: row.lot, reference: row.reference },
    left: credits(BigInt(row.left)),
    expiresAt: row.expires_at,
  }));
}

interface ExpiringRow {
  name: string;
  lot: number | null;
  reference: string | null;
  left: string;
  expires_at: Date;
}

/** Every dated credit with what is left of it. */
export const EXPIRING = `
  select b.account, null::int as lot, null as reference, available(b.account) as left_, b.expires_at
    from balance b where b.side = 0 and b.own_lot is null and b.expires_at is not null
  union all
  select l.account, l.id, l.reference, (select sum(s.credits - s.reserved)::bigint from lot_side s where s.lot = l.id),
      l.expires_at
    from lot l where l.open and l.expires_at is not null`;

/** What the books of one account lost to time. */
export interface ExpiredCredit {
  readonly account: string;
  readonly kind: 'expiry' | 'forfeit';
  readonly entry: bigint;
  /** Above 0. */
  readonly amount: Credits;
}

/** Accounts looked at in one turn. */
const SWEEP_PAGE = 100;

/**
 * Takes expired credit from the books of up to 100 accounts, a transaction each: `expiry` what was there when its time was
 * over, and what came back since by terms.refundIntoExpired. Doing it again changes nothing.
 * @param since lots that expired before it are left out: a full look is with the beginning of time
 * @returns what was taken, and whether there may be more
 */
export async function expireDue(
  pool: Pool,
  since: Date | '-infinity',
): Promise<{ expired: ExpiredCredit[]; more: boolean }> {
  const { rows } = await pool.query<{ account: number }>(
    'select account from expired_accounts($1, $2) as e (account)',
    [since, SWEEP_PAGE],
  );
  const expired: ExpiredCredit[] = [];
  for (const { account } of rows) {
    expired.push(...(await inTransaction(pool, (client) => expireAccount(client, account))));
  }
  return { expired, more: rows.length === SWEEP_PAGE };
}

async function expireAccount(client: ClientBase, account: number): Promise<ExpiredCredit[]> {
  // A statement sees nothing of what it writes itself: two of them.
  await client.query('select expire_credit($1)', [account]);
  const { rows } = await client.query<{
    name: string;
    kind: 'expiry' | 'forfeit';
    entry: string;
    amount: string;
  }>(
    `select a.name, e.kind, e.id::text as entry, (-e.amount)::text as amount
     from ledger_entry e join account a on a.id = e.account
     where e.account = $1 and e.at = now() and e.actor = 'system' and e.kind in ('expiry', 'forfeit') order by e.id`,
    [account],
  );
  return rows.map((row) => ({
    account: row.name,
    kind: row.kind,
    entry: BigInt(row.entry),
    amount: credits(BigInt(row.amount)),
  }));
}

/** Closes spent lots of up to 100 accounts, a transaction each, so that accept walks over few. */
export async function closeSpentLots(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ account: number }>(
    'select account from accounts_with_spent_lots($1) as a (account)',
    [SWEEP_PAGE],
  );
  for (const { account } of rows) await pool.query('select close_spent_lots($1)', [account]);
}
