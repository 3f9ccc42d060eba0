import type { ClientBase, Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { ConsentEvidence } from '../domain/policy-rule.ts';
import { Int4Column } from './arrays.ts';
import { boolean, int2, int4, rowsOf } from './copy-rows.ts';
import { addNew, type NewEntries } from './list-copy.ts';
import { changedBy, type ListedRecipient, type RecipientQuery } from './recipient-scopes.ts';

/** The channel on which every node hears that numbers gave or withdrew their consent. */
export const CONSENT_CHANNEL = 'smppgate_consents';

/** What many consents have in common. */
export interface ConsentOrigin {
  /** Of the account's messages those of this scope (a class). */
  readonly scope: number;
  readonly textVersion: string;
  readonly source: string;
  readonly evidence: ConsentEvidence;
}

/** Consents, none twice, that one statement gives or withdraws: columns are arrays in binary (store/arrays.ts). */
export interface ConsentSettings {
  /** Of the numbers: bytea[] */
  readonly hashes: Buffer;
  /** Of each the number and the evidence: bytea[] */
  readonly sealed: Buffer;
  /** When: timestamptz[] */
  readonly ats: Buffer;
  /** Places in `origins`. */
  readonly originOf: readonly number[];
  readonly origins: readonly ConsentOrigin[];
}

/**
 * Gives consents of an account or withdraws them, inside the caller's transaction; returns how many changed. Every
 * node hears of it at the commit.
 */
export async function setConsents(
  client: ClientBase,
  what: { readonly account: AccountId; readonly given: boolean },
  parts: Iterable<ConsentSettings>,
): Promise<number> {
  return changedBy(parts, async ({ hashes, sealed, ats, originOf, origins }) => {
    const { rows } = await client.query<{ changed: number }>(
      'select set_consents_of($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as changed',
      [
        ...[what.account, what.given, hashes, sealed, ats, fromOne(originOf)],
        origins.map(({ scope }) => scope),
        origins.map(({ textVersion }) => textVersion),
        origins.map(({ source }) => source),
        origins.map(({ evidence }) => evidence),
      ],
    );
    return rows[0]?.changed ?? 0;
  });
}

/**
 * Gives consents if they are all of numbers that never had one there, inside the caller's transaction.
 * @returns how many; undefined: one is there, and nothing was changed
 */
export async function giveNewConsents(
  client: ClientBase,
  account: AccountId,
  parts: Iterable<ConsentSettings>,
): Promise<number | undefined> {
  return addNew(client, 'consents', account, newEntries(account, parts));
}

function* newEntries(account: AccountId, parts: Iterable<ConsentSettings>): Generator<NewEntries> {
  for (const { hashes, sealed, ats, originOf, origins } of parts) {
    const leading = origins.map(({ scope, textVersion, source, evidence }) => [
      ...[int4(account), int4(scope), boolean(true)],
      ...[Buffer.from(textVersion), Buffer.from(source), int2(evidence)],
    ]);
    const scopes = [...new Set(origins.map(({ scope }) => scope))];
    yield { hashes, scopes, rows: rowsOf(leading, originOf, [hashes, sealed, ats]) };
  }
}

/** As PostgreSQL counts: int4[] */
function fromOne(places: readonly number[]): Buffer {
  const column = new Int4Column();
  column.begin(places.length);
  for (const place of places) column.push(place + 1);
  return column.end();
}

/** A listed consent. */
export interface Consent extends ListedRecipient {
  /** The number and the evidence. */
  readonly sealed: Buffer;
  readonly textVersion: string;
  readonly evidence: ConsentEvidence;
}

/** Consents of an account by hash and scope, a page after one of them; with `hashes` only those. */
export async function listConsents(
  pool: Pool,
  account: AccountId,
  query: RecipientQuery,
): Promise<Consent[]> {
  const { rows } = await pool.query<Consent>(
    `select c.number_hash as hash, c.scope, s.class as "trafficClass", c.sealed, c.text_version as "textVersion", c.source, c.at, c.evidence
     from consent c join recipient_scope s on s.id = c.scope
     where c.account = $1 and (c.number_hash, c.scope) > ($2, $3) and c.given
       and ($5::bytea[] is null or c.number_hash = any ($5)) order by c.number_hash, c.scope limit $4`,
    [account, query.after, query.afterScope, query.limit, query.hashes ?? null],
  );
  return rows;
}
