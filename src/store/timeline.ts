import type { Pool } from 'pg';
import {
  firstIdAt,
  MESSAGE_ID_EPOCH_MS,
  type MessageId,
  messageId,
  messageIdMs,
  messageIdNode,
} from '../domain/ids.ts';
import { faultClassName, type MessageState, messageStateName } from '../domain/message-state.ts';
import { type Credits, credits } from '../domain/money.ts';
import { type Queryable, readSnapshot } from './snapshot.ts';

/** A message as it was accepted. Neither number nor text: those are sealed in `content`. */
export interface MessageHead {
  readonly id: MessageId;
  /** What the customer calls it: byte for byte the message_id of submit_sm_resp. */
  readonly customerId: string;
  readonly account: string;
  /** Undefined when the bind was removed since. */
  readonly systemId: string | undefined;
  /** As routed at accept; undefined when the carrier was removed since. */
  readonly carrier: string | undefined;
  readonly state: MessageState;
  readonly acceptedAt: Date;
  readonly validUntil: Date;
  readonly segments: number;
  readonly unitPrice: Credits;
  readonly price: Credits;
  readonly chargedOn: 'submit' | 'delivered';
  readonly tariffVersion: number;
  readonly policyVersion: number;
  readonly termsVersion: number;
  readonly node: number;
}

/** What happened to a message, in words that do not change: the `event` of a timeline's line. */
export type TimelineEventKind =
  | 'accepted'
  | 'charged'
  | 'reserved'
  | 'leased'
  | 'sent'
  | 'refusedByCarrier'
  | 'unknownOutcome'
  | 'unknownOutcomeResolved'
  | 'receiptParked'
  | 'receiptMatched'
  | 'segmentReceipt'
  | 'final'
  | 'refunded'
  | 'chargedAtEnd'
  | 'released'
  | 'returned'
  | 'receiptNoted';

/** One line of a timeline. Fields that the event has nothing to say about are undefined. */
export interface TimelineEvent {
  readonly at: Date;
  readonly event: TimelineEventKind;
  readonly state: MessageState | undefined;
  readonly carrier: string | undefined;
  readonly upstreamId: string | undefined;
  /** command_status: of the carrier's submit_sm_resp, or of the customer's deliver_sm_resp. */
  readonly status: number | undefined;
  readonly segment: number | undefined;
  readonly attempt: number | undefined;
  readonly fault: string | undefined;
  readonly cause: string | undefined;
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

/**
 * The ids of the messages that a person calls `name`: the internal id in decimal, or a customer's own id (in the one
 * account when it is given). Two accounts may use the same id; at most 10 are returned.
 */
export async function findMessages(
  db: Queryable,
  name: string,
  account: string | undefined,
): Promise<MessageId[]> {
  const internal = /^[0-9]{1,19}$/.test(name) && BigInt(name) < 2n ** 63n ? name : null;
  const { rows } = await db.query<{ id: string }>(
    `select m.id::text from message m join account a on a.id = m.account
       where m.id = $1::bigint and m.customer_id is null and ($3::text is null or a.name = $3)
     union
     select f.id::text from account a, lateral (
         select m.id from message m where m.account = a.id and m.customer_id = $2 order by m.id desc limit 10) f
       where $3::text is null or a.name = $3
     limit 10`,
    [internal, name, account ?? null],
  );
  if (rows.length === 0 && internal !== null) return findInternal(db, internal, account);
  return rows.map((row) => messageId(BigInt(row.id)));
}

/** The timeline of a message, undefined when there is none. One snapshot: its parts agree with each other. */
export async function readTimeline(pool: Pool, id: MessageId): Promise<Timeline | undefined> {
  return readSnapshot(pool, async (client) => {
    const { rows } = await client.query<HeadRow>(`${HEADS} where m.id = $1`, [id.toString()]);
    const head = rows[0];
    if (head === undefined) return undefined;
    const events = await client.query<EventRow>(EVENTS, [id.toString()]);
    const message = headOf(head);
    return { message, events: [...acceptanceOf(message, head), ...events.rows.map(eventOf)] };
  });
}

/** Which messages are asked for; newest first. */
export interface MessageQuery {
  readonly account: string | undefined;
  /** Keyed hashes of the number, as message.destination_hash: one under each key that is at hand. */
  readonly destinationHashes: readonly Buffer[] | undefined;
  readonly from: Date;
  readonly until: Date;
  /** Only ids below it: the last id of the page before. */
  readonly before: MessageId | undefined;
  /** 1 to 1000. */
  readonly limit: number;
}

/**
 * Messages by account, number and time of accept, newest first. Walks the ids of the time asked for.
 * @throws DatabaseError 57014 when the walk takes over LIST_MS: ask for a shorter time
 */
export async function listMessages(pool: Pool, query: MessageQuery): Promise<MessageHead[]> {
  const below = idAt(query.until);
  return readSnapshot(pool, async (client) => {
    await client.query(`set local statement_timeout = ${LIST_MS}`);
    const { rows } = await client.query<HeadRow>(
      `${HEADS} where m.id >= $1 and m.id < $2
         and ($3::text is null or m.account = (select id from account where name = $3))
         and ($4::bytea[] is null or m.destination_hash = any ($4))
       order by m.id desc limit $5`,
      [
        idAt(query.from).toString(),
        (query.before !== undefined && query.before < below ? query.before : below).toString(),
        query.account ?? null,
        query.destinationHashes ?? null,
        query.limit,
      ],
    );
    return rows.map(headOf);
  });
}

/** A list may walk for this long: some millions of messages. An operator's question must not slow the traffic. */
const LIST_MS = 20_000;

/** Open unknown outcomes by carrier name. */
export async function countUnknownOutcomes(db: Queryable): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ name: string; open: number }>(
    `select c.name, count(u.id)::int as open from carrier c
       left join unknown_outcome u on u.carrier = c.id and u.resolved_at is null group by c.id`,
  );
  return new Map(rows.map((row) => [row.name, row.open]));
}

/** The lowest id of a time; a time outside of what ids can say is brought to its nearest end. */
function idAt(time: Date): MessageId {
  const last = MESSAGE_ID_EPOCH_MS + 2 ** MESSAGE_ID_MS_BITS - 1;
  return firstIdAt(Math.min(Math.max(time.getTime(), MESSAGE_ID_EPOCH_MS), last));
}

/** 41 bits of milliseconds (domain/ids.ts). */
const MESSAGE_ID_MS_BITS = 41;

/** A message with a customer's alias is found by its internal id as well. */
async function findInternal(
  db: Queryable,
  id: string,
  account: string | undefined,
): Promise<MessageId[]> {
  const { rows } = await db.query<{ id: string }>(
    `select m.id::text from message m join account a on a.id = m.account
       where m.id = $1::bigint and ($2::text is null or a.name = $2)`,
    [id, account ?? null],
  );
  return rows.map((row) => messageId(BigInt(row.id)));
}

const HEADS = `select m.id::text, coalesce(m.customer_id, m.id::text) as customer_id, a.name as account, b.system_id,
    c.name as carrier, m.valid_until, m.segments, m.unit_price::text, m.charge_on, m.tariff_version, m.policy_version,
    m.terms_version, (select o.state from outcome o where o.id = m.id) as state,
    exists (select from dispatch d where d.id = m.id and d.status = 0) as sent,
    (select e.id::text from ledger_entry e where e.batch = m.batch and e.account = m.account and e.side = 0
       and e.kind = case m.charge_on when 0 then 'charge' else 'reserve' end) as entry
  from message m join account a on a.id = m.account left join bind b on b.id = m.bind
    left join carrier c on c.id = m.carrier`;

interface HeadRow {
  id: string;
  customer_id: string;
  account: string;
  system_id: string | null;
  carrier: string | null;
  valid_until: Date;
  segments: number;
  unit_price: string;
  charge_on: number;
  tariff_version: number;
  policy_version: number;
  terms_version: number;
  state: number | null;
  sent: boolean;
  entry: string | null;
}

function headOf(row: HeadRow): MessageHead {
  const id = messageId(BigInt(row.id));
  const unitPrice = BigInt(row.unit_price);
  return {
    id,
    customerId: row.customer_id,
    account: row.account,
    systemId: row.system_id ?? undefined,
    carrier: row.carrier ?? undefined,
    state:
      row.state === null
        ? row.sent
          ? 'ENROUTE'
          : 'ACCEPTD'
        : (messageStateName(row.state) ?? 'UNKNOWN'),
    acceptedAt: new Date(messageIdMs(id)),
    validUntil: row.valid_until,
    segments: row.segments,
    unitPrice: credits(unitPrice),
    price: credits(unitPrice * BigInt(row.segments)),
    chargedOn: row.charge_on === 0 ? 'submit' : 'delivered',
    tariffVersion: row.tariff_version,
    policyVersion: row.policy_version,
    termsVersion: row.terms_version,
    node: messageIdNode(id),
  };
}

function acceptanceOf(message: MessageHead, row: HeadRow): TimelineEvent[] {
  const accepted: TimelineEvent = {
    ...NOTHING,
    at: message.acceptedAt,
    event: 'accepted',
    state: 'ACCEPTD',
    carrier: message.carrier,
  };
  return [
    accepted,
    {
      ...NOTHING,
      at: message.acceptedAt,
      event: message.chargedOn === 'submit' ? 'charged' : 'reserved',
      money: credits(-message.price),
      entry: row.entry === null ? undefined : BigInt(row.entry),
    },
  ];
}

const NOTHING = {
  state: undefined,
  carrier: undefined,
  upstreamId: undefined,
  status: undefined,
  segment: undefined,
  attempt: undefined,
  fault: undefined,
  cause: undefined,
  err: undefined,
  doneAt: undefined,
  money: undefined,
  entry: undefined,
  detail: undefined,
} as const;

/*
 * What each table says of one message, as rows of one shape, ordered by when we learnt it. `pos` orders what happened
 * in the same instant. A segment's receipt is stored with the carrier's time only, which may count in whole minutes:
 * it is put after the sending of its segment. The money of an end stands after it, with the entry of its batch.
 */
const EVENTS = `
  with e (pos, at, event, state, carrier, upstream_id, status, segment, attempt, fault, cause, err, done_at, detail) as (
    select 1, l.at, 'leased', null::int, l.carrier, null::text, null::int, k.part & 255, k.part >> 8, null::int,
      null::text, null::int, null::timestamptz, null::text
      from lease l, unnest(l.message_ids, l.parts) as k (id, part) where l.message_ids && array[$1::bigint] and k.id = $1
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
    select 8, settled_at, 'final', state, carrier, null, null, null, null, fault, cause, err, done_at, null
      from outcome where id = $1
    union all
    select 10, at, 'returned', null, null, null, status, null, null, null, null, null, null, null
      from returned where id = $1
    union all
    select 11, at, 'receiptNoted', state, carrier, null, null, null, null, null, kind, err, null, detail
      from receipt_note where message = $1
  ), money (pos, at, event, money, entry) as (
    select 9, o.settled_at, m.event, m.money, (select l.id from ledger_entry l
        where l.batch = o.batch and l.account = o.account and l.side = 1 and l.kind = m.kind)
      from outcome o, lateral (values ('refunded', 'refund', o.refund), ('chargedAtEnd', 'charge', -o.charge),
        ('released', 'release', o.release)) as m (event, kind, money)
      where o.id = $1 and m.money <> 0
  )
  select pos, at, event, state, c.name as carrier, upstream_id, status, segment, attempt, fault, cause, err, done_at,
    null as money, null as entry, detail from e left join carrier c on c.id = e.carrier
  union all
  select pos, at, event, null, null, null, null, null, null, null, null, null, null, money::text, entry::text, null
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
    upstreamId: row.upstream_id ?? undefined,
    status: row.status ?? undefined,
    segment: row.segment ?? undefined,
    attempt: row.attempt ?? undefined,
    fault: row.fault === null ? undefined : faultClassName(row.fault),
    cause: row.cause ?? undefined,
    err: row.err ?? undefined,
    doneAt: row.done_at ?? undefined,
    money: row.money === null ? undefined : credits(BigInt(row.money)),
    entry: row.entry === null ? undefined : BigInt(row.entry),
    detail: row.detail ?? undefined,
  };
}
