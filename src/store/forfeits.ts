import type { ClientBase, Pool } from 'pg';
import { credits } from '../domain/money.ts';
import { inTransaction } from './pool.ts';
import {
  auditPosting,
  lockForPosting,
  type Posted,
  type Posting,
  type PostingRefusal,
  postEntry,
} from './postings.ts';

/**
 * Takes all available credit of an account, once per reference: a violation, a termination, whatever the terms or an
 * operator say. What is reserved for messages under way stays until they end. With nothing left an entry of 0 says so.
 * @param forfeit cause such as `violation`, `termination`, `operator`
 */
export async function forfeitBalance(
  pool: Pool,
  forfeit: Posting & { reason: string; cause: string },
): Promise<Posted | PostingRefusal> {
  return inTransaction(pool, (client) => forfeitWithin(client, forfeit));
}

/** As forfeitBalance, inside the caller's transaction; the audit makes it the last thing there. */
export async function forfeitWithin(
  client: ClientBase,
  forfeit: Posting & { reason: string; cause: string },
): Promise<Posted | PostingRefusal> {
  const account = await lockForPosting(client, forfeit.account);
  if (account === undefined) return { refused: 'noSuchAccount' };
  const posted = await postEntry(client, {
    ...forfeit,
    accountId: account.id,
    kind: 'forfeit',
    amount: null,
  });
  if (posted.existing) return posted.kind === 'forfeit' ? posted : { refused: 'otherPosting' };
  await auditPosting(client, forfeit, 'account.forfeit', posted.amount, forfeit.reason);
  return posted;
}

/**
 * Takes what came back to a stopped account since its credit was forfeited with it (sql/0075_returned_after_stop.sql): an
 * entry of its own, whose reference says behind which entry.
 * @returns undefined: nothing came back
 */
export async function forfeitReturned(
  pool: Pool,
  name: string,
  actor: string,
): Promise<Posted | undefined> {
  return inTransaction(pool, async (client) => {
    const account = await lockForPosting(client, name);
    if (account === undefined) return undefined;
    await client.query('select expire_credit($1)', [account.id]);
    const { rows } = await client.query<{
      cause: string;
      returned: string | null;
      version: string;
    }>(
      `select case a.status when 'terminated' then 'termination' else 'violation' end as cause,
         returned_after_stop(a.id)::text as returned, b.version::text
       from account a join balance b on b.account = a.id and b.side = 0 where a.id = $1`,
      [account.id],
    );
    const [row] = rows;
    const returned = BigInt(row?.returned ?? 0);
    if (row === undefined || returned <= 0n) return undefined;
    const { cause, version } = row;
    const forfeit = { account: name, reference: `${cause}:returned:${version}`, actor };
    const reason = 'came back after its credit was forfeited';
    const posted = await postEntry(client, {
      ...{ ...forfeit, accountId: account.id, kind: 'forfeit', amount: credits(-returned) },
      ...{ reason, cause },
    });
    await auditPosting(client, forfeit, 'account.forfeit', posted.amount, reason);
    return posted;
  });
}
