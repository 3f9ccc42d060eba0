import type { Client, ClientBase } from 'pg';
import {
  type AccountId,
  type BatchId,
  type CarrierId,
  type EpochId,
  firstIdAt,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import { ByteaColumn, Int2Column, Int4Column, Int8Column } from './arrays.ts';
import { callLane, perClient } from './lane-call.ts';
import type { WaitingKey } from './waiting.ts';

/** What a carrier sent for a customer beside a final receipt. */
export interface InboundRow extends WaitingKey {
  readonly account: AccountId;
  readonly carrier: CarrierId;
  readonly recipientKey: bigint;
  /** content_key.id of a mobile-originated message; 0: a notification. */
  readonly contentKey: number;
  /** Sealed deliver_sm; empty in a notification. */
  readonly content: Uint8Array;
  readonly err: number;
  /** This node will return it at once. */
  readonly claimed: boolean;
  /** The sender opts out (1) or in again (2); 0: neither. */
  readonly optOut: 0 | 1 | 2;
  /** Keyed hash of the sender's number, and the number sealed; empty when optOut is 0. */
  readonly numberHash: Uint8Array;
  readonly sealedNumber: Uint8Array;
}

/** 1 stored, 0 a notification of this state was stored before. */
export type InboundVerdict = 0 | 1;

/** Stores them, on the waiting list too, with the opt-outs that they ask for: one transaction. */
export async function writeInbound(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly InboundRow[],
): Promise<InboundVerdict[]> {
  const verdicts = await callLane(client, statement, [
    epoch,
    batch,
    ...columnsOf(client).fill(rows),
  ]);
  return Array.from(verdicts) as InboundVerdict[];
}

/** A stored mobile-originated message or notification. */
export interface StoredInbound {
  readonly id: MessageId;
  readonly kind: number;
  readonly receivedAtMs: number;
  readonly contentKey: number;
  /** Sealed deliver_sm; null in a notification. */
  readonly content: Buffer | null;
  readonly err: number;
}

/** Reads what is to be returned, by id and kind. */
export async function loadInbound(
  client: ClientBase,
  keys: readonly Pick<WaitingKey, 'id' | 'kind'>[],
): Promise<StoredInbound[]> {
  const { rows } = await client.query(
    `select i.id, i.kind, i.received_at, i.key, i.blob, i.err
     from unnest($1::int8[], $2::int2[]) as t (id, kind) cross join lateral
       (select * from inbound x where x.id = t.id and x.kind = t.kind offset 0) i`,
    [keys.map((key) => key.id), keys.map((key) => key.kind)],
  );
  return rows.map((row) => ({
    id: messageId(row.id),
    kind: row.kind,
    receivedAtMs: row.received_at.getTime(),
    contentKey: row.key ?? 0,
    content: row.blob,
    err: row.err,
  }));
}

/** Forgets what was returned or expired, of ids from before a time. @returns how many; `limit`: there may be more */
export async function pruneInbound(
  client: ClientBase,
  beforeMs: number,
  limit: number,
): Promise<number> {
  const { rowCount } = await client.query(
    `delete from inbound i using (select id, kind from inbound where id < $1 and returned_at is not null
       order by id limit $2) old where i.id = old.id and i.kind = old.kind`,
    [firstIdAt(beforeMs), limit],
  );
  return rowCount ?? 0;
}

const statement = {
  name: 'inbound',
  text: `select write_inbound($1, $2, $3::int8[], $4::int2[], $5::int4[], $6::int4[], $7::int8[], $8::int8[],
    $9::int4[], $10::bytea[], $11::int4[], $12::int2[], $13::int2[], $14::bytea[], $15::bytea[])`,
};

class InboundColumns {
  readonly #id = new Int8Column();
  readonly #kind = new Int2Column();
  readonly #account = new Int4Column();
  readonly #carrier = new Int4Column();
  readonly #order = new Int8Column();
  readonly #recipient = new Int8Column();
  readonly #key = new Int4Column();
  readonly #content = new ByteaColumn();
  readonly #err = new Int4Column();
  readonly #claimed = new Int2Column();
  readonly #optOut = new Int2Column();
  readonly #hash = new ByteaColumn();
  readonly #number = new ByteaColumn();
  /** In the order of the statement's parameters. */
  readonly #all = [
    this.#id,
    this.#kind,
    this.#account,
    this.#carrier,
    this.#order,
    this.#recipient,
    this.#key,
    this.#content,
    this.#err,
    this.#claimed,
    this.#optOut,
    this.#hash,
    this.#number,
  ];

  fill(rows: readonly InboundRow[]): Buffer[] {
    for (const column of this.#all) column.begin(rows.length);
    for (const row of rows) {
      this.#id.push(row.id);
      this.#kind.push(row.kind);
      this.#account.push(row.account);
      this.#carrier.push(row.carrier);
      this.#order.push(BigInt(row.order));
      this.#recipient.push(row.recipientKey);
      this.#key.push(row.contentKey);
      this.#content.push(row.content);
      this.#err.push(row.err);
      this.#claimed.push(row.claimed ? 1 : 0);
      this.#optOut.push(row.optOut);
      this.#hash.push(row.numberHash);
      this.#number.push(row.sealedNumber);
    }
    return this.#all.map((column) => column.end());
  }
}

const columnsOf = perClient(() => new InboundColumns());
