import type { ClientBase } from 'pg';
import {
  type AccountId,
  accountId,
  type CarrierId,
  carrierId,
  firstIdAt,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import { type Credits, credits } from '../domain/money.ts';

/** An unfinished message whose time has come: its validity, or its validity and grace. */
export interface DueMessage {
  /** Names the due row together with the id. */
  readonly atMs: number;
  readonly id: MessageId;
  readonly account: AccountId;
  /** As routed at accept. */
  readonly carrier: CarrierId;
  readonly segments: number;
  readonly unitPrice: Credits;
  readonly chargeOnDelivery: boolean;
  readonly termsVersion: number;
  readonly validUntilMs: number;
  /** The carrier that accepted (a segment of) it last; undefined: none did. */
  readonly acceptedBy: CarrierId | undefined;
  /** It has an open unknown outcome. */
  readonly unknown: boolean;
}

/**
 * Messages are visited twice, at these ages: soon for those that end within two hours, and after an hour, when nearly
 * all have their outcome and need no row, for the others. Each message's row is so written in good time.
 */
const WALKS = [
  { job: 'due-soon', ageMs: 30_000, aheadMs: 7_200_000 },
  { job: 'due-later', ageMs: 3_600_000, aheadMs: Number.POSITIVE_INFINITY },
] as const;
/**
 * The walk waits while a writing transaction is older than this: accept takes ids of up to 20 s when it begins, so
 * that none of the first walk's age can come any more.
 */
const RUNNING_MS = 8_000;
/** Messages of one step: some 2 ms of the database. Ten times as many held up submits for so long (p99 60 ms, not 32). */
const WALK_WINDOW = 2_000;

/**
 * One step of the janitor's walk over all messages: notes in `due` those without outcome. The leader calls it again
 * at once while it returns true, and else after a second. Each message is visited once a walk.
 * @param nowMs the database's clock
 */
export async function walkDue(client: ClientBase, nowMs: number): Promise<boolean> {
  let more = false;
  for (const walk of WALKS) {
    const { rows } = await client.query<{ visited: boolean }>(
      `select visited from walk_due($1, $2, $3, to_timestamp($4::float8 / 1000), $5 * interval '1 ms')`,
      [walk.job, firstIdAt(nowMs - walk.ageMs), WALK_WINDOW, nowMs + walk.aheadMs, RUNNING_MS],
    );
    more ||= rows[0]?.visited === true;
  }
  return more;
}

/**
 * What is due now, oldest first; finished messages are struck off on the way. The rows stay until finishDue: a leader
 * that dies between leaves them to the next, and ending a message twice is harmless.
 */
export async function takeDue(
  client: ClientBase,
  nowMs: number,
  limit: number,
): Promise<DueMessage[]> {
  const { rows } = await client.query({
    name: 'take-due',
    text: `select at, id, account, carrier, segments, unit_price, charge_on, terms_version, valid_until, accepted_by,
      unknown from take_due(to_timestamp($1 / 1000.0::float8), $2)`,
    values: [nowMs, limit],
  });
  return rows.map((row) => ({
    atMs: row.at.getTime(),
    id: messageId(row.id),
    account: accountId(row.account),
    carrier: carrierId(row.carrier),
    segments: row.segments,
    unitPrice: credits(row.unit_price),
    chargeOnDelivery: row.charge_on === 1,
    termsVersion: row.terms_version,
    validUntilMs: row.valid_until.getTime(),
    acceptedBy: row.accepted_by === null ? undefined : carrierId(row.accepted_by),
    unknown: row.unknown,
  }));
}

/** Has messages looked at at a time of their own, before their validity is over. Again is harmless. */
export async function noteDue(
  client: ClientBase,
  rows: readonly { readonly atMs: number; readonly id: MessageId }[],
): Promise<void> {
  await client.query(
    `insert into due (at, id) select to_timestamp(t.at / 1000.0), t.id from unnest($1::float8[], $2::int8[]) as t (at, id)
     on conflict do nothing`,
    [rows.map((row) => row.atMs), rows.map((row) => row.id)],
  );
}

/** Strikes due rows off (`nextAtMs` undefined: the message has its outcome) or moves them. */
export async function finishDue(
  client: ClientBase,
  done: readonly { atMs: number; id: MessageId; nextAtMs?: number | undefined }[],
): Promise<void> {
  const again = done.filter((row) => row.nextAtMs !== undefined);
  await client.query(
    `with gone as (
       delete from due d using unnest($1::float8[], $2::int8[]) as t (at, id)
       where d.at = to_timestamp(t.at / 1000.0) and d.id = t.id)
     insert into due (at, id) select to_timestamp(t.at / 1000.0), t.id from unnest($3::float8[], $4::int8[]) as t (at, id)
     on conflict do nothing`,
    [
      done.map((row) => row.atMs),
      done.map((row) => row.id),
      again.map((row) => row.nextAtMs),
      again.map((row) => row.id),
    ],
  );
}
