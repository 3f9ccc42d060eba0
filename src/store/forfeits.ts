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
 * Takes what came back to a terminated account since its credit was forfeited (sql/0071_returned_after_end.sql): an entry of
 * its own, whose reference says behind which entry.
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
    const { rows } = await client.query<{ returned: string | null; version: string }>(
      `select returned_after_end(account)::text as returned, version::text from balance where account = $1 and side = 0`,
      [account.id],
    );
    const [row] = rows;
    const returned = BigInt(row?.returned ?? 0);
    if (row === undefined || returned <= 0n) return undefined;
    const forfeit = { account: name, reference: `termination:returned:${row.version}`, actor };
    const reason = 'came back after the end of the account';
    const posted = await postEntry(client, {
      ...{ ...forfeit, accountId: account.id, kind: 'forfeit', amount: credits(-returned) },
      ...{ reason, cause: 'termination' },
    });
    await auditPosting(client, forfeit, 'account.forfeit', posted.amount, reason);
    return posted;
  });
}
