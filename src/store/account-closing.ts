import type { Pool } from 'pg';
import { type AccountId, accountId } from '../domain/ids.ts';
import { writeAudit } from './audit.ts';
import { configChanged } from './config-version.ts';
import { inTransaction } from './pool.ts';
import type { Queryable } from './snapshot.ts';

/** A terminated account with something left to do. */
export interface ClosingAccount {
  readonly id: AccountId;
  readonly name: string;
}

/** Stopped accounts to which something came back since their credit was forfeited with it, by name. */
export async function accountsWithReturns(db: Queryable, limit: number): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `select a.name from account a where a.status <> 'active' and available(a.id) > 0
       and returned_after_stop(a.id) > 0 order by a.id limit $1`,
    [limit],
  );
  return rows.map(({ name }) => name);
}

/** Who destroyed an account's content, in the audit. */
const ACTOR = 'terms';

/**
 * Terminated accounts that are to be closed, `graceMs` after their end at the earliest: new ones, and those whose content
 * is to be destroyed and that have some again (what subscribers sent to their numbers since).
 */
export async function accountsToClose(
  db: Queryable,
  graceMs: number,
  limit: number,
): Promise<ClosingAccount[]> {
  const { rows } = await db.query<{ id: number; name: string }>(
    `select a.id, a.name from account a
     where a.status = 'terminated' and a.status_at < now() - $1 * interval '1 millisecond'
       and (a.closing_at is not null or a.erase_content
         and exists (select from content_key k where k.account = a.id and k.wrapped is not null))
     order by a.id limit $2`,
    [graceMs, limit],
  );
  return rows.map(({ id, name }) => ({ id: accountId(id), name }));
}

/**
 * Ends the closing of an account: destroys the keys of its content where that is wanted, for good, in one commit with the
 * audit. Every node hears of it and forgets them.
 * @returns keys destroyed: days of content
 */
export async function closeAccount(pool: Pool, { id, name }: ClosingAccount): Promise<number> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ erase: boolean }>(
      `update account set closing_at = null where id = $1 and status = 'terminated'
       returning erase_content as erase`,
      [id],
    );
    if (rows[0]?.erase !== true) return 0;
    const { rowCount } = await client.query(
      `update content_key set wrapped = null, destroyed_at = now() where account = $1 and wrapped is not null`,
      [id],
    );
    const keys = rowCount ?? 0;
    if (keys === 0) return 0;
    await configChanged(client);
    const detail = { days: keys };
    await writeAudit(client, {
      actor: ACTOR,
      action: 'account.contentErased',
      subject: name,
      detail,
    });
    return keys;
  });
}
