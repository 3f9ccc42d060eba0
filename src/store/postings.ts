import type { ClientBase, Pool } from 'pg';
import type { AccountStatus } from '../domain/catalog.ts';
import { type Credits, credits } from '../domain/money.ts';
import { writeAudit } from './audit.ts';
import type { EntryKind } from './ledger-read.ts';
import { inTransaction } from './pool.ts';

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

/** Why nothing was posted. `otherPosting`: the reference is taken by another kind or amount. */
export type PostingRefusal =
  | { readonly refused: 'noSuchAccount' | 'terminated' | 'otherPosting' }
  | { readonly refused: 'belowMinimum'; readonly minimum: string };

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
  if (account.expired) await expireCredit(client, account.id, topUp.actor);
  const posted = await postEntry(client, {
    ...topUp,
    accountId: account.id,
    kind: 'top_up',
    amount: topUp.credits,
    reason: null,
  });
  const { rows } = await client.query<{ expires_at: Date | null }>(
    `update balance set expires_at = case when $2::int > 0
         then greatest(coalesce(expires_at, '-infinity'), now() + $2::int * interval '1 day') end
       where account = $1 and side = 0 returning expires_at`,
    [account.id, account.creditValidDays],
  );
  await client.query(
    'insert into top_up (account, reference, credits, entry, expires_at, actor) values ($1, $2, $3, $4, $5, $6)',
    [
      account.id,
      topUp.reference,
      topUp.credits.toString(),
      posted.entry.toString(),
      rows[0]?.expires_at ?? null,
      topUp.actor,
    ],
  );
  await auditPosting(client, topUp, 'account.topUp', topUp.credits);
  return posted;
}

/**
 * Takes a penalty from an account or corrects its credits, once per reference. Both may take the available balance
 * below its limit; submits are then refused.
 * @param posting amount is added to the credits: negative for a penalty
 */
export async function postByOperator(
  pool: Pool,
  posting: Posting & { kind: 'penalty' | 'adjustment'; amount: Credits; reason: string },
): Promise<Posted | PostingRefusal> {
  return inTransaction(pool, async (client) => {
    const account = await lockForPosting(client, posting.account);
    if (account === undefined) return { refused: 'noSuchAccount' };
    const posted = await postEntry(client, { ...posting, accountId: account.id });
    if (posted.existing) return samePosting(posted, posting.kind, posting.amount);
    await auditPosting(client, posting, `account.${posting.kind}`, posting.amount, posting.reason);
    return posted;
  });
}

interface LockedAccount {
  readonly id: number;
  readonly status: AccountStatus;
  readonly creditValidDays: number;
  readonly minimum: bigint;
  readonly minimumText: string;
  /** Its credit ran out of time, posted or not. */
  readonly expired: boolean;
}

/** The lock of the balance row comes first: of two calls with one reference the second then sees the first's entry. */
async function lockForPosting(
  client: ClientBase,
  name: string,
): Promise<LockedAccount | undefined> {
  const { rows } = await client.query<{
    id: number;
    status: AccountStatus;
    days: number | null;
    minimum: string | null;
    minimum_micro: string;
    expired: boolean;
  }>(
    `select a.id, a.status, (t.spec->>'creditValidDays')::int as days, t.spec->>'topUpMinimum' as minimum,
       (coalesce((t.spec->>'topUpMinimum')::numeric, 0) * 1000000)::bigint::text as minimum_micro,
       coalesce(b.expires_at <= now(), false) as expired
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
      creditValidDays: row.days ?? 0,
      minimum: BigInt(row.minimum_micro),
      minimumText: row.minimum ?? '0',
      expired: row.expired,
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

interface PostedEntry extends Posted {
  readonly kind: EntryKind;
}

async function findPosted(
  client: ClientBase,
  accountId: number,
  reference: string,
): Promise<PostedEntry | undefined> {
  const { rows } = await client.query<EntryRow>(
    `select id::text as entry, kind, amount::text, at, true as existing from ledger_entry
     where account = $1 and reference = $2`,
    [accountId, reference],
  );
  return rows[0] && postedOf(rows[0]);
}

async function postEntry(
  client: ClientBase,
  spec: {
    accountId: number;
    kind: EntryKind;
    amount: Credits;
    reference: string;
    actor: string;
    reason: string | null;
  },
): Promise<PostedEntry> {
  const { rows } = await client.query<EntryRow>(
    `select entry::text, kind, amount::text, at, existing
     from post_entry($1, $2, $3::bigint, p_reference => $4, p_actor => $5, p_reason => $6)`,
    [spec.accountId, spec.kind, spec.amount.toString(), spec.reference, spec.actor, spec.reason],
  );
  if (rows[0] === undefined) throw new Error('post_entry without a guard must post');
  return postedOf(rows[0]);
}

/** What is left of a credit that ran out is taken before new credit comes: a top-up does not bring it back. */
async function expireCredit(client: ClientBase, accountId: number, actor: string): Promise<void> {
  await client.query(
    `select from available($1) as left_, post_entry($1, 'expiry', -left_, p_actor => $2, p_cause => 'creditExpired')
     where left_ > 0`,
    [accountId, actor],
  );
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

async function auditPosting(
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
