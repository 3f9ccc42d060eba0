import type { Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { Queryable } from './snapshot.ts';

/** What a node wants of a quota. */
export interface WantedQuota {
  readonly account: AccountId;
  /** Which rule counts, what and for how long. */
  readonly rule: string;
  /** Keyed hash of what is counted. */
  readonly key: Buffer;
  readonly limit: number;
  readonly withinSeconds: number;
  /** Negative: given back. */
  readonly wanted: number;
  /** The window that it is given back to, as the store wrote it. */
  readonly until: string | undefined;
}

/** What it gets, durable by then. */
export interface GivenQuota {
  readonly given: number;
  /** The end of the window, as the store writes it, and how far off that is. */
  readonly until: string;
  readonly leftMs: number;
}

/** Takes and gives back, in one commit; in the order asked. Two nodes that ask at once get no more together than there is. */
export async function takeQuotas(
  pool: Pool,
  wanted: readonly WantedQuota[],
): Promise<GivenQuota[]> {
  const { rows } = await pool.query<{
    given: string;
    until_: string | null;
    left_ms: number;
  }>({
    name: 'take-quota',
    text: `select given::text, until_, left_ms from take_quota($1, $2, $3, $4, $5, $6, $7) order by nth`,
    values: [
      wanted.map(({ account }) => account),
      wanted.map(({ rule }) => rule),
      wanted.map(({ key }) => key),
      wanted.map(({ limit }) => limit),
      wanted.map(({ withinSeconds }) => withinSeconds),
      wanted.map((one) => one.wanted),
      wanted.map(({ until }) => until ?? null),
    ],
  });
  return rows.map(({ given, until_, left_ms }) => ({
    given: Number(given),
    until: until_ ?? '',
    leftMs: left_ms,
  }));
}

/** Forgets quotas whose time is over. @returns how many */
export async function pruneQuotas(db: Queryable, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from quota where (account, rule, key) in (select account, rule, key from quota
       where until < now() order by until limit $1 for update skip locked)`,
    [limit],
  );
  return rowCount ?? 0;
}
