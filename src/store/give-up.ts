import type { Client } from 'pg';
import type { BatchId, CarrierId, EpochId, MessageId } from '../domain/ids.ts';
import type { AttemptEnd } from './attempts.ts';
import { callLane } from './lane-call.ts';

/** An attempt that a carrier accepted, and whose receipt says that the next carrier is to be tried. */
export interface GiveUpRow extends AttemptEnd {
  readonly id: MessageId;
  /** 1 to 255. */
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: CarrierId;
}

/** 1: given up, 0: it was already, 2: its message or its segment has ended. */
export type GiveUpVerdict = 0 | 1 | 2;

/**
 * Gives attempts up: they count as refused from then on, and their messages have a place in the table `scheduled` until
 * nothing of them is left to send.
 * @throws DatabaseError of pg; SG001: the epoch is adopted.
 */
export async function writeGiveUp(
  client: Client,
  epoch: EpochId,
  batch: BatchId,
  rows: readonly GiveUpRow[],
): Promise<GiveUpVerdict[]> {
  const verdicts = await callLane(client, statement, [
    epoch,
    batch,
    rows.map((row) => row.id),
    rows.map((row) => row.segment),
    rows.map((row) => row.attempt),
    rows.map((row) => row.carrier),
    rows.map((row) => row.state),
    rows.map((row) => row.fault),
    rows.map((row) => row.err),
    rows.map((row) => new Date(row.doneAtMs)),
  ]);
  return Array.from(verdicts) as GiveUpVerdict[];
}

const statement = {
  name: 'give-up',
  text: `select give_up($1, $2, $3::int8[], $4::int2[], $5::int2[], $6::int4[], $7::int2[], $8::int2[], $9::int4[],
    $10::timestamptz[])`,
};
