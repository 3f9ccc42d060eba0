import type { ClientBase, Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import { boolean, int4, rowsOf } from './copy-rows.ts';
import { addNew, type NewEntries } from './list-copy.ts';
import { changedBy, type ListedRecipient, type RecipientQuery } from './recipient-scopes.ts';

/** The channel on which every node hears that numbers opted out or in. */
export const OPT_OUT_CHANNEL = 'smppgate_opt_outs';
/** In place of an account: all of them. */
export const ALL_ACCOUNTS = 0 as AccountId;

/** Numbers that one statement sets out or in, as bytea[]. */
export interface OptOutSettings {
  readonly length: number;
  readonly hashes: Buffer;
  readonly sealed: Buffer;
}

/**
 * Sets numbers out or in again of an account's messages of a scope, inside the caller's transaction; returns how many
 * changed. Every node hears of it at the commit.
 */
export async function setOptOuts(
  client: ClientBase,
  what: { readonly account: AccountId; readonly scope: number; readonly out: boolean },
  parts: Iterable<OptOutSettings>,
): Promise<number> {
  return changedBy(parts, async ({ hashes, sealed }) => {
    const { rows } = await client.query<{ changed: number }>(
      'select set_opt_outs_of($1, $2, $3, $4, $5) as changed',
      [what.account, what.scope, hashes, sealed, what.out],
    );
    return rows[0]?.changed ?? 0;
  });
}

/**
 * Sets numbers out if none of them was ever out of these messages, inside the caller's transaction.
 * @returns how many; undefined: one was, and nothing was changed
 */
export async function addNewOptOuts(
  client: ClientBase,
  what: { readonly account: AccountId; readonly scope: number },
  parts: Iterable<OptOutSettings>,
): Promise<number | undefined> {
  return addNew(client, 'optOuts', what.account, newEntries(what.account, what.scope, parts));
}

function* newEntries(
  account: AccountId,
  scope: number,
  parts: Iterable<OptOutSettings>,
): Generator<NewEntries> {
  const leading = [int4(account), int4(scope), boolean(true), Buffer.from('operator')];
  for (const { length, hashes, sealed } of parts) {
    const first = Array.from({ length }, () => 0);
    yield { hashes, scopes: [scope], rows: rowsOf([leading], first, [hashes, sealed]) };
  }
}

/** A listed opt-out. */
export interface OptOut extends ListedRecipient {
  /** '' is any. */
  readonly sender: string;
  /** The sealed number. */
  readonly number: Buffer;
}

/** Opt-outs of an account by hash and scope, a page after one of them; with `hashes` only those. */
export async function listOptOuts(
  pool: Pool,
  account: AccountId,
  query: RecipientQuery,
): Promise<OptOut[]> {
  const { rows } = await pool.query<OptOut>(
    `select o.number_hash as hash, o.number, o.scope, s.sender, s.class as "trafficClass", o.source, o.at
     from opt_out o join recipient_scope s on s.id = o.scope
     where o.account = $1 and (o.number_hash, o.scope) > ($2, $3) and o.opted_out
       and ($5::bytea[] is null or o.number_hash = any ($5)) order by o.number_hash, o.scope limit $4`,
    [account, query.after, query.afterScope, query.limit, query.hashes ?? null],
  );
  return rows;
}
