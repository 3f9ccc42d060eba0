import type { ClientBase, Pool } from 'pg';
import { type AccountId, accountId } from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/** The channel on which every node hears that numbers opted out or in. */
export const OPT_OUT_CHANNEL = 'smppgate_opt_outs';

/** One number of one account that opted out or, `out` false, in again. */
export interface OptOutChange {
  readonly account: AccountId;
  readonly hash: Buffer;
  readonly out: boolean;
  /** Rises with each commit. */
  readonly change: number;
}

/** The next changes over `after`, oldest first. */
export async function readOptOutChanges(
  pool: Pool,
  after: number,
  limit: number,
): Promise<OptOutChange[]> {
  const { rows } = await pool.query<{
    account: number;
    number_hash: Buffer;
    opted_out: boolean;
    change: bigint;
  }>(
    'select account, number_hash, opted_out, change from opt_out where change > $1 order by change limit $2',
    [after, limit],
  );
  return rows.map(({ account, number_hash, opted_out, change }) => {
    return {
      account: accountId(account),
      hash: number_hash,
      out: opted_out,
      change: Number(change),
    };
  });
}

/** A number that an operator sets out or in. */
export interface OptOutSetting {
  readonly hash: Buffer;
  readonly sealed: Buffer;
}

/**
 * Sets numbers of an account out or in again, inside the caller's transaction; returns how many changed. Every node
 * hears of it at the commit.
 */
export async function setOptOuts(
  client: ClientBase,
  account: AccountId,
  numbers: readonly OptOutSetting[],
  out: boolean,
): Promise<number> {
  const { rows } = await client.query<{ changed: number }>(
    `select set_opt_outs($1, $2, $3, $4, 'operator') as changed`,
    [
      numbers.map(() => account),
      numbers.map((number) => number.hash),
      numbers.map((number) => number.sealed),
      numbers.map(() => out),
    ],
  );
  return rows[0]?.changed ?? 0;
}

/** How many numbers are opted out, of all accounts. */
export async function countOptOuts(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ n: bigint }>(
    'select count(*) as n from opt_out where opted_out',
  );
  return Number(rows[0]?.n ?? 0);
}

/** A listed opt-out. */
export interface OptOut {
  readonly hash: Buffer;
  /** The sealed number. */
  readonly number: Buffer;
  readonly source: string;
  readonly at: Date;
}

/** Opt-outs of an account by hash, a page after `after`; with `hashes` only those. */
export async function listOptOuts(
  pool: Pool,
  account: AccountId,
  page: {
    readonly after: Buffer;
    readonly limit: number;
    readonly hashes?: readonly Buffer[] | undefined;
  },
): Promise<OptOut[]> {
  const { rows } = await pool.query<{
    number_hash: Buffer;
    number: Buffer;
    source: string;
    at: Date;
  }>(
    `select number_hash, number, source, at from opt_out where account = $1 and number_hash > $2 and opted_out
       and ($4::bytea[] is null or number_hash = any ($4)) order by number_hash limit $3`,
    [account, page.after, page.limit, page.hashes ?? null],
  );
  return rows.map(({ number_hash, ...rest }) => ({ hash: number_hash, ...rest }));
}
