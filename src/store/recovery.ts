import type { Client, ClientBase } from 'pg';
import {
  type AccountId,
  accountId,
  type CarrierId,
  carrierId,
  type EpochId,
  firstIdAt,
  type MessageId,
  messageId,
} from '../domain/ids.ts';
import { type AttemptColumns, attemptOf, type FailedAttempt, standOf } from './attempts.ts';
import type { AdoptedEpoch } from './epoch.ts';

/*
 * What an adopter reads of each of its adoptedEpochs(), in this order, in pages:
 *
 *   1 unknownOf     leases of the dead epoch -> unknown_outcome (the adopter's from then on)
 *   2 queuedOf      messages to be sent -> its queues
 *   3 unreturnedOf  outcomes whose receipts the customer has not taken -> its outbox
 *   4 finishRecovery, with a floor and checkpoint that count all of these
 *
 * Each step can be done again from its beginning: a node that dies in between leaves the epoch, with its own, to the
 * next adopter.
 */

/** Leases in one transaction: some thousand keys. */
const LEASES_PER_STEP = 10;

/** Turns the leases of an adopted epoch into unknown outcomes of `by` until none is left. Returns how many leases. */
export async function unknownOf(client: ClientBase, dead: EpochId, by: EpochId): Promise<number> {
  for (let gone = 0; ; ) {
    const { rows } = await client.query<{ n: number }>(
      'select leases_to_unknown($1, $2, $3) as n',
      [dead, by, LEASES_PER_STEP],
    );
    const n = rows[0]?.n ?? 0;
    if (n === 0) return gone;
    gone += n;
  }
}

/** A message that an adopter has to send, wholly or in part. */
export interface QueuedMessage {
  readonly id: MessageId;
  readonly account: AccountId;
  /** Where it was tried last, or moved on request since; where it was first queued if neither ever was. */
  readonly carrier: CarrierId;
  readonly lane: number;
  readonly segments: number;
  readonly validUntilMs: number;
  /** Segments (from 1) that are with no carrier and whose outcome is not unknown. */
  readonly missing: readonly MissingSegment[];
  /** Segments that a carrier has, or may have; of a message sent as one submit_sm that is the first. */
  readonly sent: number;
  /** Higher than any attempt before, of whatever segment. */
  readonly nextAttempt: number;
  /** The attempt before which it was moved on request; what came of those before it was taken care of. 0: never. */
  readonly movedBefore: number;
}

/** A segment to be sent. */
export interface MissingSegment {
  readonly segment: number;
  /** How its last attempt failed; undefined: it had none, or one whose outcome is unknown for good. */
  readonly last: FailedAttempt | undefined;
}

/** Messages looked at in one step, whatever is found among them. */
const QUEUE_WINDOW = 5_000;

/**
 * One page of what an adopted epoch leaves to be sent, in order of id. `next` undefined: that was the last. Pages can
 * lie hours apart: messages are the adopter's from adoption on, and nobody else touches them.
 * Call it only after unknownOf.
 */
export async function queuedOf(
  client: ClientBase,
  adopted: AdoptedEpoch,
  after: bigint = adopted.queueFloor - 1n,
): Promise<{ messages: QueuedMessage[]; next: bigint | undefined }> {
  const until = firstIdAt(adopted.idLimitMs + 1);
  const window = await client.query<{ upto: bigint | null }>(
    'select message_window($1, $2, $3) as upto',
    [after, until, QUEUE_WINDOW],
  );
  const upto = window.rows[0]?.upto ?? undefined;
  if (upto === undefined) return { messages: [], next: undefined };
  const { rows } = await client.query<QueuedColumns>('select * from queued_messages($1, $2, $3)', [
    adopted.epoch,
    after,
    upto,
  ]);
  // Of some only the unknown segments are left: those are not for the queue.
  const messages = rows.map(queuedMessage).filter((message) => message.missing.length > 0);
  return { messages, next: upto };
}

/** A row of queued_messages or queue_state. */
export interface QueuedColumns {
  readonly id: bigint;
  readonly account: number;
  readonly carrier: number;
  readonly lane: number;
  readonly segments: number;
  readonly valid_until: Date;
  /** In order; null: it was never tried. */
  readonly attempts: readonly AttemptColumns[] | null;
  /** Null: it was never moved on request. */
  readonly moved_to: number | null;
  readonly moved_before: number | null;
}

/** What such a row says. */
export function queuedMessage(row: QueuedColumns): QueuedMessage {
  const attempts = (row.attempts ?? []).map(attemptOf);
  const { held, failed } = standOf(attempts);
  const segments = Array.from({ length: row.segments }, (_, i) => i + 1);
  const last = attempts.at(-1);
  const movedBefore = row.moved_before ?? 0;
  const moved = movedBefore > (last?.attempt ?? 0) ? (row.moved_to ?? undefined) : undefined;
  return {
    id: messageId(row.id),
    account: accountId(row.account),
    carrier: moved === undefined ? (last?.carrier ?? carrierId(row.carrier)) : carrierId(moved),
    lane: row.lane,
    segments: row.segments,
    validUntilMs: row.valid_until.getTime(),
    missing: segments
      .filter((segment) => !held.has(segment))
      .map((segment) => ({ segment, last: failed.get(segment) })),
    sent: held.size,
    nextAttempt: (last?.attempt ?? 0) + 1,
    movedBefore,
  };
}

/** A settled message whose customer may not have its receipt. */
export interface UnreturnedMessage {
  readonly id: MessageId;
  readonly account: AccountId;
  readonly state: number;
  readonly registeredDelivery: number;
  /** Unix microseconds of its end: its place among what waits. */
  readonly order: number;
  /** See store/waiting.ts. */
  readonly recipient: bigint;
}

/** Rows of one page. */
const UNRETURNED_PAGE = 2_000;

/**
 * What an adopted epoch settled since its checkpoint and did not return, of messages that asked for any final receipt
 * (SMPP 3.4 §5.2.17: the two low bits), without those on the waiting list. In pages, oldest partition first. `client`
 * is a connection for this alone until the iteration ends; the result waits on the server's disk, not in memory, and
 * holds back no vacuum.
 */
export async function* unreturnedOf(
  client: Client,
  adopted: AdoptedEpoch,
): AsyncGenerator<UnreturnedMessage[], void, void> {
  const name = `unreturned_${adopted.epoch}`;
  await client.query('begin');
  try {
    // By index on the time, whatever the statistics of a new partition say.
    await client.query('set local enable_seqscan = off');
    await client.query(unreturnedCursor(name, adopted));
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
  for (;;) {
    const { rows } = await client.query(`fetch ${UNRETURNED_PAGE} from ${name}`);
    if (rows.length === 0) break;
    yield rows.map((row) => ({
      id: messageId(row.id),
      account: accountId(row.account),
      state: row.state,
      registeredDelivery: row.registered_delivery,
      order: Number(row.ord),
      recipient: row.recipient,
    }));
  }
  await client.query(`close ${name}`);
}

/** A cursor takes no parameters; both values are numbers of ours. */
function unreturnedCursor(name: string, adopted: AdoptedEpoch): string {
  return `declare ${name} no scroll cursor with hold for
    select o.id, o.account, o.state, m.registered_delivery, m.recipient,
      (extract(epoch from o.settled_at) * 1000000)::int8 as ord
    from (select x.id, x.account, x.state, x.settled_at from outcome x
      where x.settled_at >= to_timestamp(${Math.floor(adopted.checkpointMs)} / 1000.0::float8)
        and x.epoch = ${Number(adopted.epoch)}
        and (select r.id from returned r where r.id = x.id) is null
      offset 0) o
    cross join lateral (select x.registered_delivery, recipient_key(x.destination_hash) as recipient from message x
      where x.id = o.id and x.registered_delivery & 3 <> 0 offset 0) m
    where (select w.id from outbox_waiting w where w.account = o.account and w.recipient = m.recipient
      and w.id = o.id and w.kind = 0 limit 1) is null`;
}
