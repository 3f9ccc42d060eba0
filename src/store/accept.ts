import type { Client } from 'pg';
import type { AccountId, BatchId, BindId, CarrierId, EpochId, MessageId } from '../domain/ids.ts';
import type { Credits } from '../domain/money.ts';
import type { IfSaid } from '../domain/policy.ts';
import type { PolicyNote } from '../domain/policy-notes.ts';
import {
  ByteaColumn,
  Int2Column,
  Int4Column,
  Int8Column,
  TextColumn,
  TimestampColumn,
} from './arrays.ts';
import { callLane, type LaneStatement, perClient } from './lane-call.ts';
import { saidColumns } from './said-texts.ts';

/** A message to be charged and stored. */
export interface AcceptRow {
  /** Within 20 s before and 10 s after the database's clock, else the batch fails (kind `clock`). */
  readonly id: MessageId;
  readonly account: AccountId;
  readonly bind: BindId;
  /** The message_id that the customer sees; null: the id in decimal. */
  readonly customerId: string | null;
  readonly carrier: CarrierId;
  readonly lane: number;
  readonly segments: number;
  /** The price is unitPrice x segments. */
  readonly unitPrice: Credits;
  readonly tariffVersion: number;
  readonly policyVersion: number;
  readonly termsVersion: number;
  /** true: the price is reserved now and charged by the outcome. */
  readonly chargeOnDelivery: boolean;
  /** As the customer gave it (SMPP 3.4 §5.2.17). */
  readonly registeredDelivery: number;
  readonly validUntilMs: number;
  /** 16 octets of keyed HMAC. */
  readonly destinationHash: Uint8Array;
  readonly contentKey: number;
  /** Sealed. */
  readonly content: Uint8Array;
  /** What it is counted by (`traffic_group`); 0: not known yet. */
  readonly group: number;
  /** Unix ms before which it is not sent; 0: at once. */
  readonly releaseAtMs: number;
  /** It waits for a moderator: by which rule, why in words, and whether it counts against the account. */
  readonly held: HeldRow | undefined;
  /** It waits for the other parts of its long message; undefined: it is none, or does not wait. */
  readonly part: AcceptedPart | undefined;
  /** What a repetition of it is known by until `knownUntilMs`; undefined: it is not looked for. */
  readonly submitKey: Uint8Array | undefined;
  readonly knownUntilMs: number;
  /** What rules do if another message said its text (said-texts.ts), DUPLICATES_MAX at the most; undefined: none asks. */
  readonly said?: readonly IfSaid[] | undefined;
  /** What rules did about it; undefined: nothing. */
  readonly notes?: readonly PolicyNote[] | undefined;
}

/** Why a message is held. */
export interface HeldRow {
  readonly rule: string;
  readonly reason: string | undefined;
  readonly violates: boolean;
}

/** A part of a long message (sql/0046_parts.sql). */
export interface AcceptedPart {
  /** 16 octets of keyed hash: the same for all its parts. */
  readonly key: Uint8Array;
  /** From 1. */
  readonly part: number;
  readonly total: number;
  /** Unix ms: then it waits no longer. */
  readonly untilMs: number;
  /** What quotas counted of it, as JSON: [rule, key in hex, amount, until] of each. */
  readonly counts: string;
  /** Its node has not seen all parts: it is not stored if with it they are all here. */
  readonly asks: boolean;
}

/**
 * 0 accepted, 1 insufficient credit, 2 credit expired, 3 account suspended or terminated, 4 a repetition, 5 accepted and
 * with it all parts of its long message are here, 6 refused for a text that was said before, 7 not stored: with it all
 * parts are here, and they are to be judged first.
 */
export type AcceptVerdict = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** A verdict, and in the upper half of the octet the bits of those of its `said` that another message said before. */
export type AcceptAnswer = number;

/** What became of a message. */
export function verdictOf(answer: AcceptAnswer): AcceptVerdict {
  return (answer & 0x0f) as AcceptVerdict;
}

/**
 * Charges and stores a batch in one round trip and one transaction: exactly those messages of an account are
 * accepted, in order, that its credit can pay. Verdicts are in the order of the rows.
 * @throws DatabaseError of pg; the lane maps it. SG001: the epoch is adopted. SG004: the clock.
 */
export async function writeAccept(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly AcceptRow[],
): Promise<AcceptAnswer[]> {
  const values: unknown[] = [epoch, batch, ...columnsOf(client).fill(rows)];
  const special = rows.some(isSpecial);
  if (special) {
    values.push(
      rows.map(({ releaseAtMs }) => (releaseAtMs === 0 ? null : new Date(releaseAtMs))),
      rows.map(({ submitKey }) => submitKey ?? null),
      rows.map(({ submitKey, knownUntilMs }) => submitKey && new Date(knownUntilMs)),
    );
  }
  const said = special && rows.some((row) => row.said !== undefined);
  const parts = said || (special && rows.some((row) => row.part !== undefined));
  const held = parts || (special && rows.some((row) => row.held !== undefined));
  if (held) {
    values.push(
      rows.map((row) => row.held?.rule ?? null),
      rows.map((row) => row.held?.reason ?? null),
      rows.map((row) => row.held?.violates ?? false),
    );
  }
  if (parts) {
    values.push(
      rows.map((row) => row.part?.key ?? null),
      rows.map((row) => row.part?.part ?? null),
      rows.map((row) => row.part?.total ?? null),
      rows.map((row) => row.part && new Date(row.part.untilMs)),
      rows.map((row) => row.part?.counts ?? '[]'),
      rows.map((row) => row.part?.asks ?? false),
    );
  }
  if (said) values.push(...saidColumns(rows));
  const lane = special ? specialStatement : statement;
  const rare = said ? saidStatement : parts ? partsStatement : heldStatement;
  const plain = held ? rare : lane;
  if (rows.every(({ notes }) => notes === undefined))
    return Array.from(await callLane(client, plain, values));
  const noted = notedOf(plain, values.length);
  return Array.from(await callLane(client, noted, [...values, ...noteColumns(rows)]));
}

/** The same statement with the notes of what it accepts, in its transaction. @param given parameters that it has */
function notedOf({ name, text }: LaneStatement, given: number): LaneStatement {
  const types = ['int4', 'int4', 'text', 'text', 'text'];
  const notes = types.map((type, i) => `$${given + i + 1}::${type}[]`).join(', ');
  const call = text.slice('select '.length);
  return { name: `${name}-noted`, text: `select accept_noted(${call}, $3::int8[], ${notes})` };
}

/** A note each, with the place of its message from 1. */
function noteColumns(rows: readonly AcceptRow[]): unknown[][] {
  const all = rows.flatMap(({ notes = [] }, i) =>
    notes.map((note, nth) => ({ ...note, place: i + 1, nth })),
  );
  return [
    all.map(({ place }) => place),
    all.map(({ nth }) => nth),
    all.map(({ event }) => event),
    all.map(({ rule }) => rule),
    all.map(({ reason }) => reason ?? null),
  ];
}

/** It has a time of its own, waits for a moderator or for other parts, or may be a repetition: rare, and dearer. */
function isSpecial({ releaseAtMs, submitKey, held, part, said }: AcceptRow): boolean {
  return (
    releaseAtMs !== 0 ||
    submitKey !== undefined ||
    held !== undefined ||
    part !== undefined ||
    said !== undefined
  );
}

const ARRAYS = `$3::int8[], $4::int4[], $5::int4[], $6::text[], $7::int4[], $8::int2[], $9::int2[], $10::int8[],
  $11::int4[], $12::int4[], $13::int4[], $14::int2[], $15::int2[], $16::timestamptz[], $17::bytea[], $18::int4[],
  $19::bytea[], $20::int4[]`;

const specialStatement = {
  name: 'accept-special',
  text: `select accept_special($1, $2, ${ARRAYS}, $21::timestamptz[], $22::bytea[], $23::timestamptz[])`,
};

const heldStatement = {
  name: 'accept-held',
  text: `select accept_held($1, $2, ${ARRAYS}, $21::timestamptz[], $22::bytea[], $23::timestamptz[],
    $24::text[], $25::text[], $26::bool[])`,
};

const PARTS = `${ARRAYS}, $21::timestamptz[], $22::bytea[], $23::timestamptz[], $24::text[], $25::text[], $26::bool[],
  $27::bytea[], $28::int2[], $29::int2[], $30::timestamptz[], $31::jsonb[], $32::bool[]`;

const partsStatement = {
  name: 'accept-parts',
  text: `select accept_parts($1, $2, ${PARTS})`,
};

const saidStatement = {
  name: 'accept-said',
  text: `select accept_said($1, $2, ${PARTS}, $33::int4[], $34::int4[], $35::bytea[], $36::int4[], $37::int4[],
    $38::text[], $39::text[], $40::bool[])`,
};

const statement = {
  name: 'accept',
  text: `select accept_messages($1, $2, ${ARRAYS})`,
};

class AcceptColumns {
  readonly #id = new Int8Column();
  readonly #account = new Int4Column();
  readonly #bind = new Int4Column();
  readonly #customerId = new TextColumn();
  readonly #carrier = new Int4Column();
  readonly #lane = new Int2Column();
  readonly #segments = new Int2Column();
  readonly #unitPrice = new Int8Column();
  readonly #tariff = new Int4Column();
  readonly #policy = new Int4Column();
  readonly #terms = new Int4Column();
  readonly #chargeOn = new Int2Column();
  readonly #registered = new Int2Column();
  readonly #validUntil = new TimestampColumn();
  readonly #hash = new ByteaColumn();
  readonly #key = new Int4Column();
  readonly #content = new ByteaColumn();
  readonly #group = new Int4Column();
  /** In the order of the statement's parameters. */
  readonly #all = [
    this.#id,
    this.#account,
    this.#bind,
    this.#customerId,
    this.#carrier,
    this.#lane,
    this.#segments,
    this.#unitPrice,
    this.#tariff,
    this.#policy,
    this.#terms,
    this.#chargeOn,
    this.#registered,
    this.#validUntil,
    this.#hash,
    this.#key,
    this.#content,
    this.#group,
  ];

  fill(rows: readonly AcceptRow[]): Buffer[] {
    for (const column of this.#all) column.begin(rows.length);
    for (const row of rows) this.#push(row);
    return this.#all.map((column) => column.end());
  }

  #push(row: AcceptRow): void {
    this.#id.push(row.id);
    this.#account.push(row.account);
    this.#bind.push(row.bind);
    this.#customerId.push(row.customerId);
    this.#carrier.push(row.carrier);
    this.#lane.push(row.lane);
    this.#segments.push(row.segments);
    this.#unitPrice.push(row.unitPrice);
    this.#tariff.push(row.tariffVersion);
    this.#policy.push(row.policyVersion);
    this.#terms.push(row.termsVersion);
    this.#chargeOn.push(row.chargeOnDelivery ? 1 : 0);
    this.#registered.push(row.registeredDelivery);
    this.#validUntil.push(row.validUntilMs);
    this.#hash.push(row.destinationHash);
    this.#key.push(row.contentKey);
    this.#content.push(row.content);
    this.#group.push(row.group);
  }
}

const columnsOf = perClient(() => new AcceptColumns());
