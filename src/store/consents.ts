import type { ClientBase, Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { ConsentEvidence } from '../domain/policy-rule.ts';
import { Int2Column, Int4Column, TextColumn, TimestampColumn } from './arrays.ts';
import { byteaArray } from './byte-arrays.ts';
import type { ListedRecipient, RecipientQuery } from './recipient-scopes.ts';

/** The channel on which every node hears that numbers gave or withdrew their consent. */
export const CONSENT_CHANNEL = 'smppgate_consents';

/** A consent that is given or withdrawn. */
export interface ConsentSetting {
  readonly account: AccountId;
  /** Of its messages those of this scope (a class). */
  readonly scope: number;
  readonly hash: Buffer;
  /** The number and the evidence. */
  readonly sealed: Buffer;
  readonly textVersion: string;
  readonly source: string;
  readonly at: Date;
  readonly evidence: ConsentEvidence;
}

/**
 * Gives or withdraws consents, inside the caller's transaction; returns how many changed. Every node hears of it at the
 * commit.
 */
export async function setConsents(
  client: ClientBase,
  consents: readonly ConsentSetting[],
  given: boolean,
): Promise<number> {
  const { rows } = await client.query<{ changed: number }>(
    'select set_consents($1, $2, $3, $4, array_fill($5::boolean, array[cardinality($1::int[])]), $6, $7, $8, $9) as changed',
    columnsOf(consents, given),
  );
  return rows[0]?.changed ?? 0;
}

/** In the order of set_consents; in binary, which costs half of what arrays in text do. */
function columnsOf(consents: readonly ConsentSetting[], given: boolean): unknown[] {
  const [accounts, scopes, evidences] = [new Int4Column(), new Int4Column(), new Int2Column()];
  const [versions, sources] = [new TextColumn(), new TextColumn()];
  const ats = new TimestampColumn();
  for (const column of [accounts, scopes, evidences, ats]) column.begin(consents.length);
  for (const consent of consents) {
    accounts.push(consent.account);
    scopes.push(consent.scope);
    evidences.push(consent.evidence);
    versions.push(consent.textVersion);
    sources.push(consent.source);
    ats.push(consent.at.getTime());
  }
  return [
    accounts.end(),
    scopes.end(),
    byteaArray(consents.map(({ hash }) => hash)),
    byteaArray(consents.map(({ sealed }) => sealed)),
    given,
    versions.end(),
    sources.end(),
    ats.end(),
    evidences.end(),
  ];
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
