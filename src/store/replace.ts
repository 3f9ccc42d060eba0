import type { Client } from 'pg';
import type { AccountId, BatchId, EpochId, MessageId } from '../domain/ids.ts';
import type { IfSaid } from '../domain/policy.ts';
import type { HeldRow } from './accept.ts';
import { ByteaColumn, Int2Column, Int4Column, Int8Column, TimestampColumn } from './arrays.ts';
import { callLane, perClient } from './lane-call.ts';
import { saidColumns } from './said-texts.ts';

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
  /** What rules do if another message said its text, as of an accept; undefined: none asks. */
  readonly said?: readonly IfSaid[] | undefined;
}

/**
 * 0 replaced; 1 insufficient credit, 2 credit expired, 3 account suspended or terminated; 4 it has ended, or a carrier has
 * it or may have it; 5 it was replaced since the caller read it, 6 refused for a text that another message said. Nothing changed but with 0.
 */
export type ReplaceVerdict = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** A verdict, and in the upper half of the octet the bits of those of its `said` that another message said (wasSaid). */
export type ReplaceAnswer = number;

/** What became of a replacement. */
export function verdictOfReplace(answer: ReplaceAnswer): ReplaceVerdict {
  return (answer & 0x0f) as ReplaceVerdict;
}

/**
 * Replaces messages and moves the difference in price, in one transaction that excludes leases, cancels and other
 * replacements of them: a lease that commits after it does not send an older copy. What it says takes the place of what
 * the message said (sql/0068_said_anew_and_consents.sql). Answers are in the order of the rows.
 * @throws DatabaseError of pg; SG001: the epoch is adopted.
 */
export async function writeReplace(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly ReplaceRow[],
): Promise<ReplaceAnswer[]> {
  const answers = await callLane(client, statement, [
    epoch,
    batch,
    ...columnsOf(client).fill(rows),
    rows.map(({ releaseAtMs }) => (releaseAtMs === undefined ? null : new Date(releaseAtMs))),
    rows.map(({ held }) => held?.rule ?? null),
    rows.map(({ held }) => held?.reason ?? null),
    rows.map(({ held }) => held?.violates ?? false),
    ...saidColumns(rows),
  ]);
  return Array.from(answers);
}

const statement = {
  name: 'replace',
  text: `select replace_said($1, $2, $3::int8[], $4::int2[], $5::int4[], $6::int2[], $7::int4[], $8::int2[],
    $9::timestamptz[], $10::int4[], $11::bytea[], $12::timestamptz[], $13::text[], $14::text[],
    $15::bool[], $16::int4[], $17::int4[], $18::bytea[], $19::int4[], $20::int4[], $21::text[], $22::text[], $23::bool[])`,
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
