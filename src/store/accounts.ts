import type { Pool } from 'pg';
import type { AccountStatus } from '../domain/catalog.ts';
import { type AccountId, accountId } from '../domain/ids.ts';
import { type Credits, credits } from '../domain/money.ts';
import { writeAudit } from './audit.ts';
import { configChanged } from './config-version.ts';
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
  change: { name: string; status: AccountStatus; reason: string; actor: string },
): Promise<{ ok: true; changed: boolean } | { refused: StatusRefusal }> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ id: number; status: AccountStatus }>(
      'select id, status from account where name = $1 for no key update',
      [change.name],
    );
    const account = rows[0];
    if (account === undefined) return { refused: 'noSuchAccount' };
    if (account.status === change.status) return { ok: true, changed: false };
    if (account.status === 'terminated') return { refused: 'terminated' };
    await client.query(
      'update account set status = $2, status_reason = $3, status_at = now() where id = $1',
      [account.id, change.status, change.reason],
    );
    await configChanged(client);
    const action = `account.${change.status}`;
    await writeAudit(client, {
      actor: change.actor,
      action,
      subject: change.name,
      detail: { reason: change.reason },
    });
    return { ok: true, changed: true };
  });
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
