import type { ClientBase, Pool } from 'pg';
import { type Credits, credits, formatCredits } from '../domain/money.ts';
import { inTransaction } from './pool.ts';
import {
  auditPosting,
  findPosted,
  type LockedAccount,
  lockForPosting,
  type Posted,
  type Posting,
} from './postings.ts';

/** A purchase refund that is wanted. */
export interface PurchaseRefund extends Posting {
  /** The reference of the top-up that is to be paid back. */
  readonly topUpReference: string;
  readonly reason: string;
}

/** Why a purchase is not paid back. */
export type PurchaseRefundRefusal =
  | {
      readonly refused:
        | 'noSuchAccount'
        | 'noSuchTopUp'
        | 'otherPosting'
        | 'nothingLeft'
        | 'used'
        | 'trial';
    }
  | { readonly refused: 'tooLate'; readonly withinHours: number; readonly toppedUpAt: Date };

/**
 * Pays back what is unspent of a top-up, within terms.purchaseRefundWithinHours of it: an entry `purchase_refund` takes
 * the credits. With lots that is what its lot has once it has paid what the account owes, else credit is spent in the
 * order in which it came. Once per reference; a second one for the same top-up finds what is left then. Where one balance
 * had its expiry from this top-up and all of it is paid back, the expiry is again that of the top-up before. Where
 * terms.purchaseRefundOf is `unused` a top-up of which anything is spent or reserved is not paid back at all; what refunds
 * gave back to it is not spent.
 */
export async function refundPurchase(
  pool: Pool,
  wanted: PurchaseRefund,
): Promise<Posted | PurchaseRefundRefusal> {
  return inTransaction(pool, async (client) => {
    const account = await lockForPosting(client, wanted.account);
    if (account === undefined) return { refused: 'noSuchAccount' };
    const before = await findPosted(client, account.id, wanted.reference);
    const purchase = await findTopUp(client, account.id, wanted.topUpReference);
    if (before !== undefined) return sameRefund(client, before, purchase);
    if (purchase === undefined) return { refused: 'noSuchTopUp' };
    if (account.trial) return { refused: 'trial' };
    if (purchase.ageHours > account.purchaseRefundWithinHours)
      return {
        refused: 'tooLate',
        withinHours: account.purchaseRefundWithinHours,
        toppedUpAt: purchase.at,
      };
    await client.query('select expire_credit($1)', [account.id]);
    // What was reserved when the account went into debt, and came free since, pays that first.
    if (account.hasLots) await client.query('select cover_debt($1)', [account.id]);
    const left = await leftOf(client, account.id, purchase.id);
    if (left <= 0n) return { refused: 'nothingLeft' };
    if (account.purchaseRefundWhole && left < purchase.credits) return { refused: 'used' };
    const posted = await payBack(client, account, purchase, left, wanted);
    await auditPosting(client, wanted, 'account.purchaseRefund', posted.amount, wanted.reason);
    return posted;
  });
}

interface TopUpRow {
  readonly id: string;
  readonly lot: number | null;
  readonly at: Date;
  readonly ageHours: number;
  /** Micro-credits. */
  readonly credits: bigint;
}

async function findTopUp(
  client: ClientBase,
  accountId: number,
  reference: string,
): Promise<TopUpRow | undefined> {
  const { rows } = await client.query<Omit<TopUpRow, 'credits'> & { readonly credits: string }>(
    `select t.id::text, coalesce(e.lot, b.own_lot) as lot, t.at, t.credits::text,
       (extract(epoch from now() - t.at) / 3600)::float8 as "ageHours"
     from top_up t join ledger_entry e on e.id = t.entry join balance b on b.account = t.account and b.side = 0
     where t.account = $1 and t.reference = $2`,
    [accountId, reference],
  );
  const row = rows[0];
  return row && { ...row, credits: BigInt(row.credits) };
}

/** A second call with a reference is the first one, if it was for the same top-up. */
async function sameRefund(
  client: ClientBase,
  before: Posted,
  purchase: TopUpRow | undefined,
): Promise<Posted | PurchaseRefundRefusal> {
  const { rows } = await client.query<{ top_up: string }>(
    'select top_up::text from purchase_refund where entry = $1',
    [before.entry.toString()],
  );
  return rows[0] !== undefined && rows[0].top_up === purchase?.id
    ? before
    : { refused: 'otherPosting' };
}

async function leftOf(client: ClientBase, accountId: number, topUp: string): Promise<bigint> {
  const { rows } = await client.query<{ left: string }>(
    'select purchase_left($1, $2)::text as left',
    [accountId, topUp],
  );
  return BigInt(rows[0]?.left ?? 0);
}

async function payBack(
  client: ClientBase,
  account: LockedAccount,
  purchase: TopUpRow,
  left: bigint,
  wanted: PurchaseRefund,
): Promise<Posted> {
  const { rows } = await client.query<{ entry: string; amount: string; at: Date }>(
    `with posted as (
       select id, amount, at from post_lot($1, 0, $2, 'purchase_refund', -$3::bigint, 0, p_reference => $4,
         p_actor => $5, p_reason => $6, p_cause => 'purchaseRefund')),
     noted as (insert into purchase_refund (entry, account, top_up, amount) select id, $1, $7, $3 from posted)
     select id::text as entry, amount::text, at from posted`,
    [
      account.id,
      purchase.lot,
      left.toString(),
      wanted.reference,
      wanted.actor,
      `${wanted.reason} (${formatCredits(credits(left))} of top-up ${wanted.topUpReference})`,
      purchase.id,
    ],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('post_lot must post');
  if (!account.hasLots) await takeBackExpiry(client, account.id, purchase.id);
  return {
    entry: BigInt(row.entry),
    amount: credits(BigInt(row.amount)) satisfies Credits,
    at: row.at,
    existing: false,
  };
}

/** A year of validity is not kept for a purchase that was paid back whole. */
async function takeBackExpiry(client: ClientBase, accountId: number, topUp: string): Promise<void> {
  await client.query(
    `update balance b set expires_at = p.expires_at
     from top_up t, lateral (select x.expires_at from top_up x
       where x.account = t.account and x.credits > (select coalesce(sum(r.amount), 0) from purchase_refund r
         where r.top_up = x.id) order by x.id desc limit 1) p
     where t.id = $2 and b.account = $1 and b.side = 0 and b.expires_at is not distinct from t.expires_at
       and t.credits <= (select sum(r.amount) from purchase_refund r where r.top_up = t.id)`,
    [accountId, topUp],
  );
}
