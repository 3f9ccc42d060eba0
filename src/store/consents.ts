import type { ClientBase, Pool } from 'pg';
import type { AccountId } from '../domain/ids.ts';
import type { ConsentEvidence } from '../domain/policy-rule.ts';
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

/** Consents that one statement gives or withdraws, none twice: arrays in binary (store/arrays.ts). */
export interface ConsentSettings {
  /** Of the numbers: bytea[] */
  readonly hashes: Buffer;
  /** Of each the number and the evidence: bytea[] */
  readonly sealed: Buffer;
  /** When: timestamptz[] */
  readonly ats: Buffer;
  /** Places in `origins`, from 1: int4[] */
  readonly originOf: Buffer;
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
        ...[what.account, what.given, hashes, sealed, ats, originOf],
        origins.map(({ scope }) => scope),
        origins.map(({ textVersion }) => textVersion),
        origins.map(({ source }) => source),
        origins.map(({ evidence }) => evidence),
      ],
    );
    return rows[0]?.changed ?? 0;
  });
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
