import type { ClientBase } from 'pg';
import type { AccountId } from '../domain/ids.ts';
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

/** Scopes by their numbers, of which none is ever removed. */
export async function readScopes(
  db: Queryable,
  ids: readonly number[],
): Promise<(RecipientScope & { readonly id: number })[]> {
  const { rows } = await db.query<{ id: number; sender: string; class: string }>(
    'select id, sender, class from recipient_scope where id = any ($1)',
    [ids],
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

/**
 * How many entries the statements of a transaction change, one after the other: what the next one says is made while
 * the database has the one before.
 */
export async function changedBy<Part>(
  parts: Iterable<Part>,
  change: (part: Part) => Promise<number>,
): Promise<number> {
  let changed = 0;
  let underWay = Promise.resolve(0);
  for (const part of parts) {
    changed += await underWay;
    underWay = change(part);
  }
  return changed + (await underWay);
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

/** The next changes of a list, packed: a page of objects would cost more than their octets. */
export interface RecipientPage {
  readonly length: number;
  readonly parts: readonly RecipientPagePart[];
  /** Of the last one; rises with each commit. */
  readonly lastChange: bigint;
}

/** Entries of an account and a scope, in no order: a page has each number there once, as it is. */
export interface RecipientPagePart {
  readonly account: AccountId;
  readonly scope: number;
  /** Of each: keyed hash (16 octets), 0 out of the list or 1 in it (1); a consent adds twice its evidence. */
  readonly entries: Buffer;
}

/** Octets of one entry of a page. */
export const PAGE_ENTRY_OCTETS = 17;

/** The next changes of a list over `after`. */
export async function readRecipients(
  db: Queryable,
  list: 'optOuts' | 'consents',
  after: bigint,
  limit: number,
): Promise<RecipientPage> {
  const { rows } = await db.query<RecipientPagePart & { n: number; last: string }>(PAGES[list], [
    after,
    limit,
  ]);
  return {
    length: rows.reduce((sum, { n }) => sum + n, 0),
    parts: rows,
    lastChange: rows.map(({ last }) => BigInt(last)).reduce((a, b) => (a > b ? a : b), after),
  };
}

const PAGES = {
  optOuts: pageOf('opt_out', 'opted_out::int'),
  consents: pageOf('consent', 'case when given then 1 + 2 * evidence else 0 end'),
} as const;

function pageOf(table: string, state: string): string {
  return `select account, scope, count(*)::int as n, max(change)::text as last,
      string_agg(number_hash || set_byte('\\x00'::bytea, 0, ${state}), '') as entries
    from (select * from ${table} where change > $1 order by change limit $2) n group by account, scope`;
}
