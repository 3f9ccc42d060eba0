import type { ClientBase, Pool } from 'pg';
import type { AccountStatus } from '../domain/catalog.ts';
import { type AccountId, accountId } from '../domain/ids.ts';
import { type Credits, credits, ZERO } from '../domain/money.ts';
import { writeAudit } from './audit.ts';
import { configChanged } from './config-version.ts';
import { forfeitWithin } from './forfeits.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';

/** An account as operators see it; its settings are in the resources. */
export interface AccountRow {
  readonly id: number;
  readonly name: string;
  readonly status: AccountStatus;
  readonly statusReason: string | undefined;
  readonly statusAt: Date | undefined;
  readonly demo: boolean;
  readonly createdAt: Date;
  readonly credits: Credits;
  readonly reserved: Credits;
  readonly expiresAt: Date | undefined;
}

/** Accounts by name, `limit` (1 to 1000) of those after `after`. */
export async function listAccounts(
  db: Queryable,
  after: string,
  limit: number,
): Promise<AccountRow[]> {
  const { rows } = await db.query<StoredAccountRow>(
    `${ACCOUNTS} where a.name > $1 group by a.id order by a.name limit $2`,
    [after, limit],
  );
  return rows.map(accountOf);
}

/** The row id of an account. */
export async function findAccountId(db: Queryable, name: string): Promise<AccountId | undefined> {
  const { rows } = await db.query<{ id: number }>('select id from account where name = $1', [name]);
  return rows[0] && accountId(rows[0].id);
}

/** One account by its name, undefined when there is none. */
export async function findAccount(db: Queryable, name: string): Promise<AccountRow | undefined> {
  const { rows } = await db.query<StoredAccountRow>(`${ACCOUNTS} where a.name = $1 group by a.id`, [
    name,
  ]);
  return rows[0] && accountOf(rows[0]);
}

/** Why a status cannot be set. */
export type StatusRefusal = 'noSuchAccount' | 'terminated';

/**
 * Suspends, resumes or terminates: the account, its audit row and the new version of the configuration in one
 * transaction. Accept sees it with its next batch, by a trigger on the balance. Setting the status that stands is ok
 * and changes nothing. Terminated is for good.
 */
export async function setAccountStatus(
  pool: Pool,
  change: StatusChange,
): Promise<StatusChanged | { refused: StatusRefusal }> {
  return inTransaction(pool, (client) => setStatusWithin(client, change));
}

/** A status that is wanted. */
export interface StatusChange {
  readonly name: string;
  readonly status: AccountStatus;
  readonly reason: string;
  readonly actor: string;
  /** A suspension that ends its sessions as well; else they stay, for receipts. */
  readonly dropBinds?: boolean | undefined;
  /** A termination that destroys its content, or leaves it; undefined: as its terms say. */
  readonly eraseContent?: boolean | undefined;
  /** Why what is available is forfeited with it; undefined: it is not. `byTerms`: if its terms say so. */
  readonly forfeit?: 'violation' | 'termination' | 'operator' | 'byTerms' | undefined;
}

/** A status that stands now. */
export interface StatusChanged {
  readonly ok: true;
  /** False: it stood already. */
  readonly changed: boolean;
  /** Credit taken with it. */
  readonly forfeited: Credits;
}

/** As setAccountStatus, inside the caller's transaction; the audit makes it the last thing there. */
export async function setStatusWithin(
  client: ClientBase,
  change: StatusChange,
): Promise<StatusChanged | { refused: StatusRefusal }> {
  // The balance's row too, before the lock of the audit: postings take them in this order.
  const { rows } = await client.query<LockedStatus>(
    `select a.id, a.status, coalesce(case when $2 = 'terminated' then t.terms->'onTermination'->>'balance' = 'forfeit' end,
         (t.terms->'onViolation'->>'forfeitBalance')::boolean, false) as forfeits,
       coalesce(t.terms->'onTermination'->>'content', 'erase') = 'erase' as erases
     from account a join balance b on b.account = a.id and b.side = 0
       cross join lateral (select terms_of(a.id) as terms) t
     where a.name = $1 for no key update of a, b`,
    [change.name, change.status],
  );
  const account = rows[0];
  if (account === undefined) return { refused: 'noSuchAccount' };
  if (account.status === change.status) return { ok: true, changed: false, forfeited: ZERO };
  if (account.status === 'terminated') return { refused: 'terminated' };
  await client.query(
    `update account set status = $2, status_reason = $3, status_at = now(), binds_dropped = $4,
       resumed_at = case when $2 = 'active' then clock_timestamp() else resumed_at end,
       closing_at = case when $2 = 'terminated' then now() end, erase_content = $2 = 'terminated' and $5
     where id = $1`,
    [
      account.id,
      change.status,
      change.reason,
      change.dropBinds ?? false,
      change.eraseContent ?? account.erases,
    ],
  );
  await configChanged(client);
  const forfeited = await forfeitWith(client, change, account.forfeits);
  const action = `account.${change.status}`;
  await writeAudit(client, {
    actor: change.actor,
    action,
    subject: change.name,
    detail: { reason: change.reason },
  });
  return { ok: true, changed: true, forfeited };
}

interface LockedStatus {
  id: number;
  status: AccountStatus;
  forfeits: boolean;
  erases: boolean;
}

/** The reference says which stop it was: each forfeits once. @returns what it took */
async function forfeitWith(
  client: ClientBase,
  { name, status, reason, actor, forfeit }: StatusChange,
  byTerms: boolean,
): Promise<Credits> {
  if (forfeit === undefined || (forfeit === 'byTerms' && !byTerms)) return ZERO;
  const usual = status === 'terminated' ? 'termination' : 'violation';
  const cause = forfeit === 'byTerms' ? usual : forfeit;
  const { rows } = await client.query<{ at: string }>(
    'select (extract(epoch from status_at) * 1000)::int8::text as at from account where name = $1',
    [name],
  );
  const reference = `${cause}:${rows[0]?.at ?? ''}`;
  const posted = await forfeitWithin(client, { account: name, reference, actor, reason, cause });
  return 'refused' in posted || posted.existing ? ZERO : credits(-posted.amount);
}

const ACCOUNTS = `select a.id, a.name, a.status, a.status_reason, a.status_at, a.demo, a.created_at,
    sum(b.credits)::text as credits, sum(b.reserved)::text as reserved,
    case when min(b.own_lot) is null then min(b.expires_at) filter (where b.side = 0) else first_expiry(a.id) end as expires_at
  from account a join balance b on b.account = a.id`;

interface StoredAccountRow {
  id: number;
  name: string;
  status: AccountStatus;
  status_reason: string | null;
  status_at: Date | null;
  demo: boolean;
  created_at: Date;
  credits: string;
  reserved: string;
  expires_at: Date | null;
}

function accountOf(row: StoredAccountRow): AccountRow {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    statusReason: row.status_reason ?? undefined,
    statusAt: row.status_at ?? undefined,
    demo: row.demo,
    createdAt: row.created_at,
    credits: credits(BigInt(row.credits)),
    reserved: credits(BigInt(row.reserved)),
    expiresAt: row.expires_at ?? undefined,
  };
}
