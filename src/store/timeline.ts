import type { Pool } from 'pg';
import type { MessageId } from '../domain/ids.ts';
import {
  type EndCause,
  type EndOrigin,
  endOrigin,
  faultClassName,
  type MessageState,
  messageStateName,
} from '../domain/message-state.ts';
import { type Credits, credits } from '../domain/money.ts';
import { HEADS, type HeadRow, headOf, type MessageHead } from './message-heads.ts';
import { type Queryable, readSnapshot } from './snapshot.ts';

/** What happened to a message, in words that do not change: the `event` of a timeline's line. */
export type TimelineEventKind =
  | 'accepted'
  | 'charged'
  | 'reserved'
  | 'replaced'
  | 'moved'
  | 'leased'
  | 'sent'
  | 'refusedByCarrier'
  | 'unknownOutcome'
  | 'unknownOutcomeResolved'
  | 'receiptParked'
  | 'receiptMatched'
  | 'segmentReceipt'
  | 'delivered'
  | 'settled'
  | 'refunded'
  | 'chargedAtEnd'
  | 'released'
  | 'corrected'
  | 'returned'
  | 'receiptNoted'
  | 'givenUp'
  | 'held'
  | 'releasedByModerator'
  | 'refusedByModerator'
  | 'converted'
  | 'flagged'
  | 'monitored'
  | 'rewritten'
  | 'deferred'
  | 'refusedByPolicy';

/** One line of a timeline. Fields that the event has nothing to say about are undefined. */
export interface TimelineEvent {
  readonly at: Date;
  readonly event: TimelineEventKind;
  readonly state: MessageState | undefined;
  readonly carrier: string | undefined;
  /** Of the accept: as routed then. */
  readonly queuedFor: string | undefined;
  readonly upstreamId: string | undefined;
  /** command_status: of the carrier's submit_sm_resp, or of the customer's deliver_sm_resp. */
  readonly status: number | undefined;
  readonly segment: number | undefined;
  readonly attempt: number | undefined;
  readonly fault: string | undefined;
  readonly cause: string | undefined;
  /** Of an end, and of the receipt that the customer got of it: whether the carrier says so, or we do. */
  readonly origin: EndOrigin | undefined;
  readonly err: number | undefined;
  /** When it was done by the carrier's clock, which may count in whole minutes. */
  readonly doneAt: Date | undefined;
  /** Signed as the customer sees it: a charge is negative, a refund positive. */
  readonly money: Credits | undefined;
  /** The ledger entry that this money is part of. */
  readonly entry: bigint | undefined;
  readonly detail: string | undefined;
}

/** A message with everything that is known of it, in the order in which it happened. */
export interface Timeline {
  readonly message: MessageHead;
  readonly events: readonly TimelineEvent[];
}

/** The timeline of a message, undefined when there is none. One snapshot: its parts agree with each other. */
export async function readTimeline(pool: Pool, id: MessageId): Promise<Timeline | undefined> {
  return readSnapshot(pool, async (client) => {
    const { rows } = await client.query<HeadRow>(`${HEADS} where m.id = $1`, [id.toString()]);
    const head = rows[0];
    if (head === undefined) return undefined;
    const events = await client.query<EventRow>(EVENTS, [id.toString()]);
    const message = headOf(head);
    const stored = withOrigins(events.rows.map(eventOf));
    return { message, events: [...acceptanceOf(message, head), ...stored] };
  });
}

/** Open unknown outcomes by carrier name, of those in the resources. */
export async function countUnknownOutcomes(db: Queryable): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ name: string; open: number }>(
    `select c.name, count(u.id)::int as open from carrier c
       left join unknown_outcome u on u.carrier = c.id and u.resolved_at is null
     where c.removed_at is null group by c.id`,
  );
  return new Map(rows.map((row) => [row.name, row.open]));
}

function acceptanceOf(message: MessageHead, row: HeadRow): TimelineEvent[] {
  const accepted: TimelineEvent = {
    ...NOTHING,
    at: message.acceptedAt,
    event: 'accepted',
    state: 'ACCEPTD',
    queuedFor: row.routed ?? undefined,
  };
  return [
    accepted,
    {
      ...NOTHING,
      at: message.acceptedAt,
      event: message.chargedOn === 'submit' ? 'charged' : 'reserved',
      money: credits(-(message.unitPrice * BigInt(row.first_segments))),
      entry: row.entry === null ? undefined : BigInt(row.entry),
    },
  ];
}

const NOTHING = {
  state: undefined,
  carrier: undefined,
  queuedFor: undefined,
  upstreamId: undefined,
  status: undefined,
  segment: undefined,
  attempt: undefined,
  fault: undefined,
  cause: undefined,
  origin: undefined,
  err: undefined,
  doneAt: undefined,
  money: undefined,
  entry: undefined,
  detail: undefined,
} as const;

/*
 * What each table says of one message, as rows of one shape, ordered by when we learnt it. `pos` orders what happened
 * in the same instant. A segment's receipt is stored with the carrier's time only, which may count in whole minutes:
 * it is put after the sending of its segment. The money of an end stands after it, with the entry of its batch; that of
 * a replacement likewise, negative when it was paid.
 */
const EVENTS = `
  with e (pos, at, event, state, carrier, upstream_id, status, segment, attempt, fault, cause, err, done_at, detail) as (
    select 1, l.at, 'leased', null::int, l.carrier, null::text, null::int, k.part & 255, k.part >> 8, null::int,
      null::text, null::int, null::timestamptz, null::text
      from lease l, unnest(l.message_ids, l.parts) as k (id, part) where l.message_ids && array[$1::bigint] and k.id = $1
    union all
    select 0, at, 'replaced', null, null, null, null, null, null, null, null, null, null,
      format('version %s of %s segments, valid until %s', version, segments,
        to_char(valid_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) from replacement where id = $1
    union all
    select 0, since, 'held', null, null, null, null, null, null, null, null, null, null, 'rule ' || rule
      from moderation where id = $1
    union all
    select 1, decided_at, decision || 'ByModerator', null, null, null, null, null, null, null, null, null, null,
      decided_by || ': ' || decision_reason from moderation where id = $1 and decision is not null
    union all
    select 0, v.at, 'moved', null, v.to_carrier, null, null, null, v.attempt, null, null, null, null,
      format('from %s, requeue %s', (select c.name from carrier c where c.id = v.from_carrier), v.request)
      from carrier_move v where v.id = $1
    union all
    select 2, at, case status when 0 then 'sent' else 'refusedByCarrier' end, case status when 0 then 1 end, carrier,
      upstream_id, status, segment, attempt, null, null, null, null, null from dispatch where id = $1
    union all
    select 3, since, 'unknownOutcome', null, carrier, null, null, segment, attempt, null, null, null, null, null
      from unknown_outcome where id = $1
    union all
    select 4, resolved_at, 'unknownOutcomeResolved', null, carrier, null, null, segment, attempt, null, null, null,
      null, resolution from unknown_outcome where id = $1 and resolved_at is not null
    union all
    select 5, received_at, 'receiptParked', null, carrier, null, null, null, null, null, null, null, null, reason
      from parked_receipt where matched = $1
    union all
    select 6, matched_at, 'receiptMatched', null, carrier, null, null, null, null, null, null, null, null, null
      from parked_receipt where matched = $1 and matched_at is not null
    union all
    select 7, greatest(s.done_at, (select max(at) from dispatch where id = $1 and segment = s.segment)),
      'segmentReceipt', s.state, null, null, null, s.segment, s.attempt, s.fault, null, s.err, s.done_at, null
      from segment_receipt s where s.id = $1
    union all
    select 7, at, 'givenUp', state, carrier, null, null, segment, attempt, fault, null, err, done_at, null
      from failover where id = $1
    union all
    select 8, settled_at, 'delivered', state, carrier, null, null, null, null, null, null, null, done_at, null
      from outcome where id = $1 and state = 2
    union all
    select 9, settled_at, 'settled', state, carrier, null, null, null, null, fault, cause, err, done_at, null
      from outcome where id = $1
    union all
    select 11, at, 'returned', null, null, null, status, null, null, null, null, null, null, null
      from returned where id = $1
    union all
    select 12, at, 'receiptNoted', state, carrier, null, null, null, null, null, kind, err, null, detail
      from receipt_note where message = $1
    union all
    select 13, at, 'converted', null, null, null, null, null, null, null, null, null, null, null
      from conversion where id = $1
    union all
    select 0, at, event, null, null, null, null, null, null, null, null, null, null,
      concat_ws(': ', 'rule ' || nullif(rule, ''), reason) from policy_note where id = $1
  ), money (pos, at, event, money, entry, detail) as (
    select 10, o.settled_at, m.event, m.money, (select l.id from ledger_entry l
        where l.batch = o.batch and l.account = o.account and l.side = 1 and l.kind = m.kind), null
      from outcome o, lateral (values ('refunded', 'refund', o.refund), ('chargedAtEnd', 'charge', -o.charge),
        ('released', 'release', o.release)) as m (event, kind, money)
      where o.id = $1 and m.money <> 0
    union all
    select 13, c.at, 'corrected', c.amount, c.entry, (select l.reason from ledger_entry l where l.id = c.entry) from correction c where c.message = $1 and c.amount <> 0
    union all
    select 14, r.at, 'refunded', r.amount, r.entry, (select l.reason from ledger_entry l where l.id = r.entry)
      from message_refund r where r.message = $1 and r.amount <> 0
    union all
    select 1, r.at, case (select m.charge_on from message m where m.id = r.id) when 0 then 'charged' else 'reserved' end,
      -r.difference, r.entry, null from replacement r where r.id = $1 and r.difference <> 0
  )
  select pos, at, event, state, c.name as carrier, upstream_id, status, segment, attempt, fault, cause, err, done_at,
    null as money, null as entry, detail from e left join carrier c on c.id = e.carrier
  union all
  select pos, at, event, null, null, null, null, null, null, null, null, null, null, money::text, entry::text, detail
    from money
  order by at, pos, segment, attempt`;

interface EventRow {
  at: Date;
  event: TimelineEventKind;
  state: number | null;
  carrier: string | null;
  upstream_id: string | null;
  status: number | null;
  segment: number | null;
  attempt: number | null;
  fault: number | null;
  cause: string | null;
  err: number | null;
  done_at: Date | null;
  money: string | null;
  entry: string | null;
  detail: string | null;
}

function eventOf(row: EventRow): TimelineEvent {
  return {
    at: row.at,
    event: row.event,
    state: row.state === null ? undefined : messageStateName(row.state),
    carrier: row.carrier ?? undefined,
    queuedFor: undefined,
    upstreamId: row.upstream_id ?? undefined,
    status: row.status ?? undefined,
    segment: row.segment ?? undefined,
    attempt: row.attempt ?? undefined,
    fault: row.fault === null ? undefined : faultClassName(row.fault),
    cause: row.cause ?? undefined,
    origin: undefined,
    err: row.err ?? undefined,
    doneAt: row.done_at ?? undefined,
    money: row.money === null ? undefined : credits(BigInt(row.money)),
    entry: row.entry === null ? undefined : BigInt(row.entry),
    detail: row.detail ?? undefined,
  };
}

/**
 * Says of each end who says so. A segment that its carrier refused, or that has no receipt because its carrier sends
 * none, ended by our word; and so did the receipt that the customer got.
 */
function withOrigins(events: readonly TimelineEvent[]): TimelineEvent[] {
  const cause = events.find(({ event }) => event === 'settled')?.cause as EndCause | undefined;
  const ofMessage = cause === undefined ? undefined : endOrigin(cause);
  const refused = new Set(
    events.filter(({ event }) => event === 'refusedByCarrier').map(segmentKey),
  );
  return events.map((event) => {
    if (event.event === 'settled' || event.event === 'returned')
      return { ...event, origin: ofMessage };
    if (event.event !== 'segmentReceipt') return event;
    const isOurs = refused.has(segmentKey(event)) || cause === 'carrierAccepted';
    return { ...event, origin: isOurs ? ('gateway' as const) : ('carrier' as const) };
  });
}

function segmentKey({ segment, attempt }: TimelineEvent): string {
  return `${segment} ${attempt}`;
}
