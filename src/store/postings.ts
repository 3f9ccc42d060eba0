import type { ClientBase, Pool } from 'pg';
import type { AccountStatus } from '../domain/catalog.ts';
import { BALANCE_MAX, type Credits, credits, formatCredits } from '../domain/money.ts';
import { writeAudit } from './audit.ts';
import type { EntryKind } from './ledger-read.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';

/** A posting that is wanted: credits in or out of an account, once per reference. */
export interface Posting {
  readonly account: string;
  /** The caller's own name for it, 1 to 200 characters: a second posting of the same reference is the first one. */
  readonly reference: string;
  readonly actor: string;
}

/** A posting that stands. `existing`: it stood already, posted by an earlier call with the same reference. */
export interface Posted {
  readonly entry: bigint;
  readonly amount: Credits;
  readonly at: Date;
  readonly existing: boolean;
}

/**
 * Why nothing was posted. `otherPosting`: the reference is taken by another kind or amount. `trial`: a trial account has
 * its opening credit only. `overLimit`: the account would have, or owe, more than BALANCE_MAX.
 */
export type PostingRefusal =
  | { readonly refused: 'noSuchAccount' | 'terminated' | 'otherPosting' | 'trial' }
  | { readonly refused: 'belowMinimum'; readonly minimum: string }
  | { readonly refused: 'overLimit'; readonly limit: string };

/**
 * Adds credits to an account and moves its expiry as its terms say. Idempotent by reference: the same reference and
 * amount is the same top-up, whatever happened to the first call's answer.
 * @param topUp credits above zero
 */
export async function topUp(
  pool: Pool,
  topUp: Posting & { credits: Credits },
): Promise<Posted | PostingRefusal> {
  return inTransaction(pool, (client) => topUpWithin(client, topUp));
}

/** As topUp, inside the caller's transaction (opening credit of a new account). */
export async function topUpWithin(
  client: ClientBase,
  topUp: Posting & { credits: Credits },
): Promise<Posted | PostingRefusal> {
  const account = await lockForPosting(client, topUp.account);
  if (account === undefined) return { refused: 'noSuchAccount' };
  const before = await findPosted(client, account.id, topUp.reference);
  if (before !== undefined) return samePosting(before, 'top_up', topUp.credits);
  if (account.status === 'terminated') return { refused: 'terminated' };
  if (topUp.credits < account.minimum)
    return { refused: 'belowMinimum', minimum: account.minimumText };
  if (account.trial && topUp.reference !== OPENING_REFERENCE) return { refused: 'trial' };
  if (isOverLimit(account, topUp.credits)) return OVER_LIMIT;
  const posted =
    account.hasLots || !account.topUpExtendsBalance
      ? await topUpLot(client, account, topUp)
      : await topUpBalance(client, account, topUp);
  await auditPosting(client, topUp, 'account.topUp', topUp.credits);
  return posted;
}

/** A top-up of one balance: its expiry becomes that of all of it. */
async function topUpBalance(
  client: ClientBase,
  account: LockedAccount,
  topUp: Posting & { credits: Credits },
): Promise<Posted> {
  const posted = await postEntry(client, {
    ...topUp,
    accountId: account.id,
    kind: 'top_up',
    amount: topUp.credits,
    reason: null,
  });
  await client.query(
    `with moved as (
       update balance set expires_at = case when $2::timestamptz is not null
           then greatest(coalesce(expires_at, '-infinity'), $2::timestamptz) end
         where account = $1 and side = 0 returning expires_at)
     insert into top_up (account, reference, credits, entry, expires_at, actor)
       select $1, $3, $4, $5, expires_at, $6 from moved`,
    [
      account.id,
      account.creditEnd,
      topUp.reference,
      topUp.credits.toString(),
      posted.entry.toString(),
      topUp.actor,
    ],
  );
  return posted;
}

/** A top-up that is a lot of its own; where terms changed back to one balance it renews the other valid lots as well. */
async function topUpLot(
  client: ClientBase,
  account: LockedAccount,
  topUp: Posting & { credits: Credits },
): Promise<Posted> {
  const { rows } = await client.query<EntryRow>(
    `with made as (select id as entry, kind, amount, at from top_up_lot($1, $2, $3, $4, $5, $6)),
       noted as (insert into top_up (account, reference, credits, entry, expires_at, actor)
         select $1, $5, $2, entry, $3, $6 from made)
     select entry::text, kind, amount::text, at, false as existing from made`,
    [
      account.id,
      topUp.credits.toString(),
      account.creditEnd,
      account.topUpExtendsBalance,
      topUp.reference,
      topUp.actor,
    ],
  );
  if (rows[0] === undefined) throw new Error('top_up_lot must post');
  return postedOf(rows[0]);
}

/** What a penalty rests on: a carrier's notice, a case. Never a number or a text of a message. */
export interface PenaltyEvidence {
  readonly carrier?: string | undefined;
  readonly carrierReference?: string | undefined;
  readonly evidence?: string | undefined;
}

async function writeEvidence(
  client: ClientBase,
  entry: bigint,
  { carrier, carrierReference, evidence }: PenaltyEvidence,
): Promise<void> {
  await client.query(
    'insert into penalty_evidence (entry, carrier, carrier_reference, evidence) values ($1, $2, $3, $4)',
    [entry.toString(), carrier ?? null, carrierReference ?? null, evidence ?? null],
  );
}

/** What penalties of an account rest on, by entry; those without evidence are absent. */
export async function readEvidence(
  db: Queryable,
  entries: readonly bigint[],
): Promise<ReadonlyMap<bigint, PenaltyEvidence>> {
  if (entries.length === 0) return new Map();
  const { rows } = await db.query<{
    entry: string;
    carrier: string | null;
    carrier_reference: string | null;
    evidence: string | null;
  }>(
    'select entry::text, carrier, carrier_reference, evidence from penalty_evidence where entry = any ($1)',
    [entries],
  );
  return new Map(
    rows.map((row) => [
      BigInt(row.entry),
      {
        ...(row.carrier !== null && { carrier: row.carrier }),
        ...(row.carrier_reference !== null && { carrierReference: row.carrier_reference }),
        ...(row.evidence !== null && { evidence: row.evidence }),
      },
    ]),
  );
}

/**
 * Takes a penalty from an account or corrects its credits, once per reference. Both may take the available balance
 * below its limit; submits are then refused.
 * @param posting amount is added to the credits: negative for a penalty
 */
export async function postByOperator(
  pool: Pool,
  posting: Posting & {
    kind: 'penalty' | 'adjustment';
    amount: Credits;
    reason: string;
    evidence?: PenaltyEvidence;
  },
): Promise<Posted | PostingRefusal> {
  return inTransaction(pool, async (client) => {
    const account = await lockForPosting(client, posting.account);
    if (account === undefined) return { refused: 'noSuchAccount' };
    const before = await findPosted(client, account.id, posting.reference);
    if (before !== undefined) return samePosting(before, posting.kind, posting.amount);
    if (isOverLimit(account, posting.amount)) return OVER_LIMIT;
    const posted = await postEntry(client, { ...posting, accountId: account.id });
    if (posting.evidence) await writeEvidence(client, posted.entry, posting.evidence);
    await auditPosting(client, posting, `account.${posting.kind}`, posting.amount, posting.reason);
    return posted;
  });
}

const OVER_LIMIT = { refused: 'overLimit', limit: formatCredits(BALANCE_MAX) } as const;

function isOverLimit(account: LockedAccount, amount: Credits): boolean {
  const after = account.credits + amount;
  return after > BALANCE_MAX || after < -BALANCE_MAX;
}

/** The opening credit counts once per account name: its top-up has this reference. */
export const OPENING_REFERENCE = 'opening';

/** An account whose side 0 is locked. */
export interface LockedAccount {
  readonly id: number;
  readonly status: AccountStatus;
  /** Until when credit lasts that comes now; undefined: it never expires. */
  readonly creditEnd: Date | null;
  readonly topUpExtendsBalance: boolean;
  readonly hasLots: boolean;
  readonly trial: boolean;
  /** Micro-credits of both sides; what receipts give back meanwhile is not in it. */
  readonly credits: bigint;
  readonly minimum: bigint;
  readonly minimumText: string;
  readonly purchaseRefundWithinHours: number;
  /** Only a top-up of which nothing is spent is paid back. */
  readonly purchaseRefundWhole: boolean;
}

/** The lock of the balance row comes first: of two calls with one reference the second then sees the first's entry. */
export async function lockForPosting(
  client: ClientBase,
  name: string,
): Promise<LockedAccount | undefined> {
  const { rows } = await client.query<{
    id: number;
    status: AccountStatus;
    credit_end: Date | null;
    extends: boolean;
    lots: boolean;
    trial: boolean;
    credits: string;
    minimum: string | null;
    minimum_micro: string;
    refund_hours: number;
    refund_whole: boolean;
  }>(
    `select a.id, a.status, credit_end(a.id) as credit_end, b.own_lot is not null as lots,
       coalesce((a.spec->>'trial')::boolean, false) as trial,
       (select sum(x.credits)::text from balance x where x.account = a.id) as credits,
       coalesce((t.spec->>'topUpExtendsBalance')::boolean, true) as extends, t.spec->>'topUpMinimum' as minimum,
       (coalesce((t.spec->>'topUpMinimum')::numeric, 0) * 1000000)::bigint::text as minimum_micro,
       coalesce((t.spec->>'purchaseRefundWithinHours')::float8, 0) as refund_hours,
       coalesce(t.spec->>'purchaseRefundOf' = 'unused', false) as refund_whole
     from balance b join account a on a.id = b.account
       left join resource t on t.kind = 'terms' and t.name = a.spec->>'terms'
     where a.name = $1 and b.side = 0 for no key update of b`,
    [name],
  );
  const row = rows[0];
  return (
    row && {
      id: row.id,
      status: row.status,
      creditEnd: row.credit_end,
      topUpExtendsBalance: row.extends,
      hasLots: row.lots,
      trial: row.trial,
      credits: BigInt(row.credits),
      minimum: BigInt(row.minimum_micro),
      minimumText: row.minimum ?? '0',
      purchaseRefundWithinHours: row.refund_hours,
      purchaseRefundWhole: row.refund_whole,
    }
  );
}

interface EntryRow {
  entry: string;
  kind: EntryKind;
  amount: string;
  at: Date;
  existing: boolean;
}

/** A posting with its kind. */
export interface PostedEntry extends Posted {
  readonly kind: EntryKind;
}

/** What stands under a reference of an account. */
export async function findPosted(
  client: ClientBase,
  accountId: number,
  reference: string,
): Promise<PostedEntry | undefined> {
  const { rows } = await client.query<EntryRow>(
    `select entry::text, kind, amount::text, at, true as existing from find_posting($1, $2)`,
    [accountId, reference],
  );
  return rows[0] && postedOf(rows[0]);
}

/** Writes the entry of a posting; with a reference that was used before it is that one (`existing`). */
export async function postEntry(
  client: ClientBase,
  spec: {
    accountId: number;
    kind: EntryKind;
    /** null: all that is available, taken. */
    amount: Credits | null;
    reference: string;
    actor: string;
    reason: string | null;
    cause?: string;
  },
): Promise<PostedEntry> {
  const { rows } = await client.query<EntryRow>(
    `select entry::text, kind, amount::text, at, existing
     from post_entry($1, $2, $3::bigint, p_reference => $4, p_actor => $5, p_reason => $6, p_cause => $7)`,
    [
      spec.accountId,
      spec.kind,
      spec.amount?.toString() ?? null,
      spec.reference,
      spec.actor,
      spec.reason,
      spec.cause ?? null,
    ],
  );
  if (rows[0] === undefined) throw new Error('post_entry without a guard must post');
  return postedOf(rows[0]);
}

function postedOf(row: EntryRow): PostedEntry {
  return {
    entry: BigInt(row.entry),
    kind: row.kind,
    amount: credits(BigInt(row.amount)),
    at: row.at,
    existing: row.existing,
  };
}

function samePosting(
  posted: PostedEntry,
  kind: EntryKind,
  amount: Credits,
): Posted | PostingRefusal {
  return posted.kind === kind && posted.amount === amount ? posted : { refused: 'otherPosting' };
}

/** The audit row of a posting; last in its transaction. */
export async function auditPosting(
  client: ClientBase,
  posting: Posting,
  action: string,
  amount: Credits,
  reason?: string,
): Promise<void> {
  await writeAudit(client, {
    actor: posting.actor,
    action,
    subject: posting.account,
    detail: {
      microCredits: amount.toString(),
      reference: posting.reference,
      ...(reason !== undefined && { reason }),
    },
  });
}
