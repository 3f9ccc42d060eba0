import type { Client } from 'pg';
import type { AccountId, BatchId, CarrierId, EpochId, MessageId } from '../domain/ids.ts';
import type { Credits } from '../domain/money.ts';
import { Int2Column, Int4Column, Int8Column, TextColumn, TimestampColumn } from './arrays.ts';
import { callLane, type LaneStatement, perClient } from './lane-call.ts';

/** A message's end, and what it gives back. */
export interface SettleRow {
  readonly id: MessageId;
  readonly account: AccountId;
  /** null: no carrier had it. */
  readonly carrier: CarrierId | null;
  /** Stored small ints of domain/message-state.ts. */
  readonly state: number;
  readonly fault: number;
  /** The carrier's err, or the command_status of its refusal. */
  readonly err: number;
  /** Of moneyAtEnd: refund where it was charged at submit; charge + release = price where it was reserved. */
  readonly refund: Credits;
  readonly charge: Credits;
  readonly release: Credits;
  /** As the carrier says. */
  readonly doneAtMs: number;
  /** receipt, neverSent, cancelled, refusedLater, carrierRefused, noReceipt, carrierAccepted, policy, refusedCharged. */
  readonly cause: string;
  /** writeEndUnsent: of the copy of the message that this end was made from (0, the default: as accepted). */
  readonly version?: number;
}

/**
 * 1: this row made the final state; 0: the message had one, nothing changed; 2 (writeEndUnsent only): a carrier has it
 * or may have it, or it was replaced since that version, nothing changed.
 */
export type SettleVerdict = 0 | 1 | 2;

/**
 * Gives messages their final state and moves their money, in one transaction. A message's first row wins, whoever
 * writes it and however often: its money moves once.
 * @throws DatabaseError of pg; SG001: the epoch is adopted.
 */
export async function writeSettle(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly SettleRow[],
): Promise<SettleVerdict[]> {
  return call(client, settleStatement, epoch, batch, rows, []);
}

/**
 * As writeSettle, but only for messages that no carrier can have: a key in a lease without stored answer, an open
 * unknown outcome or an accepted dispatch gives verdict 2. It waits for leases being taken and they for it: a lease
 * that commits after it sees the outcome and leaves the message out.
 */
export async function writeEndUnsent(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly SettleRow[],
): Promise<SettleVerdict[]> {
  const versions = columnsOf(client).versions(rows);
  return call(client, endUnsentStatement, epoch, batch, rows, [versions]);
}

const parameters = `($1, $2, $3::int8[], $4::int4[], $5::int4[], $6::int2[], $7::int2[], $8::int4[], $9::int8[],
  $10::int8[], $11::int8[], $12::timestamptz[], $13::text[])`;
const settleStatement = { name: 'settle', text: `select settle_messages${parameters}` };
const endUnsentStatement = {
  name: 'end-unsent',
  text: `select end_unsent${parameters.slice(0, -1)}, $14::int4[])`,
};

async function call(
  client: Client,
  statement: LaneStatement,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly SettleRow[],
  more: readonly Buffer[],
): Promise<SettleVerdict[]> {
  const verdicts = await callLane(client, statement, [
    epoch,
    batch,
    ...columnsOf(client).fill(rows),
    ...more,
  ]);
  return Array.from(verdicts) as SettleVerdict[];
}

/** Carriers' ids begin at 1; the statement reads 0 as null. */
const NO_CARRIER = 0;

class SettleColumns {
  readonly #id = new Int8Column();
  readonly #account = new Int4Column();
  readonly #carrier = new Int4Column();
  readonly #state = new Int2Column();
  readonly #fault = new Int2Column();
  readonly #err = new Int4Column();
  readonly #refund = new Int8Column();
  readonly #charge = new Int8Column();
  readonly #release = new Int8Column();
  readonly #doneAt = new TimestampColumn();
  readonly #cause = new TextColumn();
  readonly #version = new Int4Column();
  /** In the order of the statement's parameters. */
  readonly #all = [
    this.#id,
    this.#account,
    this.#carrier,
    this.#state,
    this.#fault,
    this.#err,
    this.#refund,
    this.#charge,
    this.#release,
    this.#doneAt,
    this.#cause,
  ];

  fill(rows: readonly SettleRow[]): Buffer[] {
    for (const column of this.#all) column.begin(rows.length);
    for (const row of rows) {
      this.#id.push(row.id);
      this.#account.push(row.account);
      this.#carrier.push(row.carrier ?? NO_CARRIER);
      this.#state.push(row.state);
      this.#fault.push(row.fault);
      this.#err.push(row.err);
      this.#refund.push(row.refund);
      this.#charge.push(row.charge);
      this.#release.push(row.release);
      this.#doneAt.push(row.doneAtMs);
      this.#cause.push(row.cause);
    }
    return this.#all.map((column) => column.end());
  }

  /** Only writeEndUnsent has them. */
  versions(rows: readonly SettleRow[]): Buffer {
    this.#version.begin(rows.length);
    for (const row of rows) this.#version.push(row.version ?? 0);
    return this.#version.end();
  }
}

const columnsOf = perClient(() => new SettleColumns());
