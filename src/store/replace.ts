import type { Client } from 'pg';
import type { AccountId, BatchId, EpochId, MessageId } from '../domain/ids.ts';
import type { HeldRow } from './accept.ts';
import { ByteaColumn, Int2Column, Int4Column, Int8Column, TimestampColumn } from './arrays.ts';
import { callLane, perClient } from './lane-call.ts';

/** A new version of a message: what replaces its content and its price. */
export interface ReplaceRow {
  readonly id: MessageId;
  /** The one after the version that the caller read: 1 and up, at most 32767. */
  readonly version: number;
  readonly account: AccountId;
  /** The price is the message's own unit price x segments. */
  readonly segments: number;
  readonly policyVersion: number;
  /** As the customer gave it (SMPP 3.4 §5.2.17). */
  readonly registeredDelivery: number;
  readonly validUntilMs: number;
  readonly contentKey: number;
  /** The whole submit_sm as it is from now on, sealed under (id, version). */
  readonly content: Uint8Array;
  /** Unix ms before which it is not sent; a past one: at once. Undefined: its time stays. */
  readonly releaseAtMs: number | undefined;
  /** What it is now waits for a moderator; undefined: it does if it did. */
  readonly held: HeldRow | undefined;
}

/**
 * 0 replaced; 1 insufficient credit, 2 credit expired, 3 account suspended or terminated; 4 it has ended, or a carrier has
 * it or may have it; 5 it was replaced since the caller read it. Nothing changed but with 0.
 */
export type ReplaceVerdict = 0 | 1 | 2 | 3 | 4 | 5;

/**
 * Replaces messages and moves the difference in price, in one transaction that excludes leases, cancels and other
 * replacements of them: a lease that commits after it does not send an older copy. Verdicts are in the order of the rows.
 * @throws DatabaseError of pg; SG001: the epoch is adopted.
 */
export async function writeReplace(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly ReplaceRow[],
): Promise<ReplaceVerdict[]> {
  const verdicts = await callLane(client, statement, [
    epoch,
    batch,
    ...columnsOf(client).fill(rows),
    rows.map(({ releaseAtMs }) => (releaseAtMs === undefined ? null : new Date(releaseAtMs))),
    rows.map(({ held }) => held?.rule ?? null),
    rows.map(({ held }) => held?.reason ?? null),
    rows.map(({ held }) => held?.violates ?? false),
  ]);
  return Array.from(verdicts) as ReplaceVerdict[];
}

const statement = {
  name: 'replace',
  text: `select replace_moderated($1, $2, $3::int8[], $4::int2[], $5::int4[], $6::int2[], $7::int4[], $8::int2[],
    $9::timestamptz[], $10::int4[], $11::bytea[], $12::timestamptz[], $13::text[], $14::text[],
    $15::bool[])`,
};

class ReplaceColumns {
  readonly #id = new Int8Column();
  readonly #version = new Int2Column();
  readonly #account = new Int4Column();
  readonly #segments = new Int2Column();
  readonly #policy = new Int4Column();
  readonly #registered = new Int2Column();
  readonly #validUntil = new TimestampColumn();
  readonly #key = new Int4Column();
  readonly #content = new ByteaColumn();
  /** In the order of the statement's parameters. */
  readonly #all = [
    this.#id,
    this.#version,
    this.#account,
    this.#segments,
    this.#policy,
    this.#registered,
    this.#validUntil,
    this.#key,
    this.#content,
  ];

  fill(rows: readonly ReplaceRow[]): Buffer[] {
    for (const column of this.#all) column.begin(rows.length);
    for (const row of rows) {
      this.#id.push(row.id);
      this.#version.push(row.version);
      this.#account.push(row.account);
      this.#segments.push(row.segments);
      this.#policy.push(row.policyVersion);
      this.#registered.push(row.registeredDelivery);
      this.#validUntil.push(row.validUntilMs);
      this.#key.push(row.contentKey);
      this.#content.push(row.content);
    }
    return this.#all.map((column) => column.end());
  }
}

const columnsOf = perClient(() => new ReplaceColumns());
