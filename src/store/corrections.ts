import type { ClientBase } from 'pg';
import type { AccountId, CarrierId, EpochId, MessageId } from '../domain/ids.ts';
import { type Credits, credits } from '../domain/money.ts';
import type { EndMoney } from '../domain/terms.ts';

/** A message's outcome as far as a correction needs it. */
export interface PostedEnd extends EndMoney {
  readonly state: number;
  /** receipt, neverSent, cancelled, refusedLater, carrierRefused, noReceipt. */
  readonly cause: string;
}

/** The carrier's word that came after a message had ended without it. */
export interface CorrectionRow {
  readonly message: MessageId;
  readonly account: AccountId;
  readonly carrier: CarrierId | null;
  /** Stored small ints of domain/message-state.ts. */
  readonly state: number;
  readonly fault: number;
  readonly err: number;
  readonly doneAtMs: number;
  /** Added to the credits of the account: negative where it costs more than was posted. */
  readonly amount: Credits;
  readonly reason: string;
}

/** How a message ended and what that posted; undefined while it has not. */
export async function readPostedEnd(
  client: ClientBase,
  id: MessageId,
): Promise<PostedEnd | undefined> {
  const { rows } = await client.query<{
    state: number;
    cause: string;
    refund: bigint;
    charge: bigint;
    release: bigint;
  }>('select state, cause, refund, charge, release from outcome where id = $1', [id]);
  const [row] = rows;
  return (
    row && {
      state: row.state,
      cause: row.cause,
      refund: credits(row.refund),
      charge: credits(row.charge),
      release: credits(row.release),
    }
  );
}

/**
 * Keeps the first late word on a message and posts its money, in one transaction: one ledger entry of kind
 * `correction`, or none where the amount is 0. It may take the available balance below its limit.
 * @returns false: the message had such a word already, nothing changed
 * @throws DatabaseError of pg; SG001: the epoch is adopted
 */
export async function postCorrection(
  client: ClientBase,
  epoch: EpochId,
  row: CorrectionRow,
): Promise<boolean> {
  const { rows } = await client.query<{ posted: boolean }>(
    `select post_correction($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0::float8), $9, $10) as posted`,
    [
      epoch,
      row.message,
      row.account,
      row.carrier,
      row.state,
      row.fault,
      row.err,
      row.doneAtMs,
      row.amount,
      row.reason,
    ],
  );
  return rows[0]?.posted === true;
}
