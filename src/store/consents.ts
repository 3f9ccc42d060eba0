import type { ClientBase, Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { ConsentEvidence } from '../domain/policy-rule.ts';
import { ByteaColumn, Int2Column, Int4Column, TextColumn, TimestampColumn } from './arrays.ts';
import type { ListedRecipient, RecipientQuery } from './recipient-scopes.ts';

/** The channel on which every node hears that numbers gave or withdrew their consent. */
export const CONSENT_CHANNEL = 'smppgate_consents';

/** A consent that is given or withdrawn. */
export interface ConsentSetting {
  /** Of the account's messages those of this scope (a class). */
  readonly scope: number;
  readonly hash: Buffer;
  /** The number and the evidence. */
  readonly sealed: Buffer;
  readonly textVersion: string;
  readonly source: string;
  /** Unix ms. */
  readonly atMs: number;
  readonly evidence: ConsentEvidence;
}

/**
 * Gives consents of an account or withdraws them, inside the caller's transaction; returns how many changed. Of several
 * for one number and scope the last counts. Every node hears of it at the commit.
 */
export async function setConsents(
  client: ClientBase,
  what: { readonly account: AccountId; readonly given: boolean },
  consents: readonly ConsentSetting[],
): Promise<number> {
  const { rows } = await client.query<{ changed: number }>(
    'select set_consents_of($1, $2, $3, $4, $5, $6, $7, $8, $9) as changed',
    [what.account, what.given, ...columnsOf(consents)],
  );
  return rows[0]?.changed ?? 0;
}

/** In the order of set_consents_of; in binary, which costs half of what arrays in text do. */
function columnsOf(consents: readonly ConsentSetting[]): Buffer[] {
  const [scopes, evidences, ats] = [new Int4Column(), new Int2Column(), new TimestampColumn()];
  const [hashes, sealeds] = [new ByteaColumn(), new ByteaColumn()];
  const [versions, sources] = [new TextColumn(), new TextColumn()];
  for (const column of [scopes, hashes, sealeds, versions, sources, ats, evidences])
    column.begin(consents.length);
  for (const consent of consents) {
    scopes.push(consent.scope);
    hashes.push(consent.hash);
    sealeds.push(consent.sealed);
    versions.push(consent.textVersion);
    sources.push(consent.source);
    ats.push(consent.atMs);
    evidences.push(consent.evidence);
  }
  return [scopes, hashes, sealeds, versions, sources, ats, evidences].map((column) => column.end());
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
