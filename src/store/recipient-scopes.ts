import type { ClientBase } from 'pg';
import type { Queryable } from './snapshot.ts';

/** What of an account's messages an entry of a list is about; '' is any sender or class. */
export interface RecipientScope {
  /** In lower case. */
  readonly sender: string;
  readonly trafficClass: string;
}

/** The scope of all messages. */
export const ALL_MESSAGES = 0;
/** Scopes that there may be: senders times classes, with a set of each in memory. */
export const SCOPES_MAX = 100_000;

/** The numbers of scopes in their order, made where they are new; undefined: there would be too many. */
export async function scopeIds(
  client: ClientBase,
  scopes: readonly RecipientScope[],
): Promise<number[] | undefined> {
  const { rows } = await client.query<{ ids: number[] | null }>(
    'select recipient_scopes($1, $2, $3) as ids',
    [scopes.map(({ sender }) => sender), scopes.map((one) => one.trafficClass), SCOPES_MAX],
  );
  const ids = rows[0]?.ids ?? [];
  return ids.includes(-1) ? undefined : ids;
}

/** Scopes over `after`, oldest first: none is ever removed. */
export async function readScopes(
  db: Queryable,
  after: number,
): Promise<(RecipientScope & { readonly id: number })[]> {
  const { rows } = await db.query<{ id: number; sender: string; class: string }>(
    'select id, sender, class from recipient_scope where id > $1 order by id',
    [after],
  );
  return rows.map(({ id, sender, class: trafficClass }) => ({ id, sender, trafficClass }));
}

/** An entry of a list as it is listed; its key is (hash, scope). */
export interface ListedRecipient {
  readonly hash: Buffer;
  readonly scope: number;
  /** '' is any. */
  readonly trafficClass: string;
  readonly source: string;
  readonly at: Date;
}

/** A page of a list: what comes after one key; with `hashes` only those. */
export interface RecipientQuery {
  readonly after: Buffer;
  readonly afterScope: number;
  readonly limit: number;
  readonly hashes: readonly Buffer[] | undefined;
}

/** How many entries of a list count. */
export async function countRecipients(
  db: Queryable,
  list: 'optOuts' | 'consents',
): Promise<number> {
  const { rows } = await db.query<{ total: string }>(
    'select total::text from recipient_total where list = $1',
    [list],
  );
  return Number(rows[0]?.total ?? 0);
}

/** Changes of a list in order, packed: a page of objects would cost more than their octets. */
export interface RecipientPage {
  readonly length: number;
  /**
   * Of each: account (4 octets), scope (4), keyed hash (16), 0 out of the list or 1 in it (1); a consent adds twice its
   * evidence.
   */
  readonly entries: Buffer;
  /** Of the last one; rises with each commit. */
  readonly lastChange: bigint;
}

/** Octets of one entry of a page. */
export const PAGE_ENTRY_OCTETS = 25;

/** The next changes of a list over `after`, oldest first. */
export async function readRecipients(
  db: Queryable,
  list: 'optOuts' | 'consents',
  after: bigint,
  limit: number,
): Promise<RecipientPage> {
  const { rows } = await db.query<{ n: number; entries: Buffer | null; last: string }>(
    PAGES[list],
    [after, limit],
  );
  const row = rows[0];
  if (row === undefined || row.entries === null)
    return { length: 0, entries: Buffer.alloc(0), lastChange: after };
  return { length: row.n, entries: row.entries, lastChange: BigInt(row.last) };
}

const PAGES = {
  optOuts: pageOf('opt_out', 'opted_out::int'),
  consents: pageOf('consent', 'case when given then 1 + 2 * evidence else 0 end'),
} as const;

function pageOf(table: string, state: string): string {
  return `select count(*)::int as n, coalesce(max(change), 0)::text as last,
      string_agg(int4send(account) || int4send(scope) || number_hash || substr(int2send((${state})::int2), 2),
        '' order by change) as entries
    from (select * from ${table} where change > $1 order by change limit $2) n`;
}
