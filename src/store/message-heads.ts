import type { Pool } from 'pg';
import {
  firstIdAt,
  MESSAGE_ID_EPOCH_MS,
  type MessageId,
  messageId,
  messageIdMs,
  messageIdNode,
} from '../domain/ids.ts';
import {
  type EndCause,
  type EndOrigin,
  endOrigin,
  type FaultClass,
  faultClassName,
  type MessageState,
  messageStateName,
} from '../domain/message-state.ts';
import { type Credits, credits } from '../domain/money.ts';
import { type Queryable, readSnapshot } from './snapshot.ts';

/** A message as it was accepted, or last replaced. Neither number nor text: those are sealed in `content`. */
export interface MessageHead {
  readonly id: MessageId;
  /** What the customer calls it: byte for byte the message_id of submit_sm_resp. */
  readonly customerId: string;
  readonly account: string;
  /** Undefined when the bind was removed since. */
  readonly systemId: string | undefined;
  /** The last one that took any of it, else the last one that it was sent to; undefined: it never left. */
  readonly carrier: string | undefined;
  /** Of what never left: whose queue it is in, or was in when it ended. Undefined: of none, as what is refused and charged. */
  readonly queuedFor: string | undefined;
  readonly state: MessageState;
  /** Whose fault its end is, what brought it and who says so; undefined while it is on its way. */
  readonly end:
    | { readonly fault: FaultClass; readonly cause: EndCause; readonly origin: EndOrigin }
    | undefined;
  readonly acceptedAt: Date;
  readonly validUntil: Date;
  readonly segments: number;
  readonly unitPrice: Credits;
  readonly price: Credits;
  readonly chargedOn: 'submit' | 'delivered';
  /** What it was accepted under, or last replaced: names, and what each said then (resource-versions.ts). */
  readonly tariff: string | undefined;
  readonly tariffVersion: number;
  /** Undefined, and version 0: the built-in one. */
  readonly policy: string | undefined;
  readonly policyVersion: number;
  readonly terms: string | undefined;
  readonly termsVersion: number;
  readonly node: number;
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
       where m.id = $1::bigint and ($3::text is null or a.name = $3)
     union
     select f.id::text from account a, lateral (
         select m.id from message m where m.account = a.id and m.customer_id = $2 order by m.id desc limit 10) f
       where $3::text is null or a.name = $3
     limit 10`,
    [internal, name, account ?? null],
  );
  return rows.map((row) => messageId(BigInt(row.id)));
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

/** Reads heads of messages: to be followed by a condition on `m`. Subqueries, not joins: each is one look-up by key. */
export const HEADS = `select m.id::text, coalesce(m.customer_id, m.id::text) as customer_id, a.name as account, b.system_id,
    c.name as routed, (select x.name from carrier x where x.id = s.carrier) as carrier,
    case when s.carrier is null then coalesce((select x.name from carrier_move y join carrier x on x.id = y.to_carrier
      where y.id = m.id order by y.nth desc limit 1), c.name) end as queued_for, coalesce(v.valid_until, m.valid_until) as valid_until, coalesce(v.segments, m.segments) as segments,
    m.segments as first_segments, m.unit_price::text, m.charge_on, m.tariff_version,
    coalesce(v.policy_version, m.policy_version) as policy_version, m.terms_version,
    (select x.name from resource_version x where x.version = m.tariff_version) as tariff,
    (select x.name from resource_version x where x.version = coalesce(v.policy_version, m.policy_version)) as policy,
    (select x.name from resource_version x where x.version = m.terms_version) as terms,
    (select json_build_array(o.state, o.fault, o.cause) from outcome o where o.id = m.id) as ended,
    exists (select from dispatch d where d.id = m.id and d.status = 0 and stands(d.id, d.segment, d.attempt)) as sent,
    (select e.id::text from ledger_entry e where e.batch = m.batch and e.account = m.account and e.side = 0
       and e.kind = case m.charge_on when 0 then 'charge' else 'reserve' end) as entry
  from message m join account a on a.id = m.account left join bind b on b.id = m.bind
    left join carrier c on c.id = m.carrier
    left join lateral (select r.segments, r.valid_until, r.policy_version from replacement r where r.id = m.id
      order by r.version desc limit 1) v on true
    cross join lateral (select coalesce((select d.carrier from dispatch d where d.id = m.id
        order by d.status = 0 desc, d.at desc, d.attempt desc limit 1),
      (select u.carrier from unknown_outcome u where u.id = m.id order by u.since desc limit 1)) as carrier) s`;

/** A row of HEADS. `routed`: at accept, `entry`: the ledger entry of its charge or reserve at accept, `first_segments` what that paid. */
export interface HeadRow {
  id: string;
  customer_id: string;
  account: string;
  system_id: string | null;
  routed: string | null;
  carrier: string | null;
  queued_for: string | null;
  valid_until: Date;
  segments: number;
  first_segments: number;
  unit_price: string;
  charge_on: number;
  tariff: string | null;
  tariff_version: number;
  policy: string | null;
  policy_version: number;
  terms: string | null;
  terms_version: number;
  ended: [state: number, fault: number, cause: EndCause] | null;
  sent: boolean;
  entry: string | null;
}

/** A head out of its row. */
export function headOf(row: HeadRow): MessageHead {
  const id = messageId(BigInt(row.id));
  const unitPrice = BigInt(row.unit_price);
  return {
    id,
    customerId: row.customer_id,
    account: row.account,
    systemId: row.system_id ?? undefined,
    carrier: row.carrier ?? undefined,
    queuedFor: row.queued_for ?? undefined,
    state: row.ended === null ? stateOnTheWay(row) : (messageStateName(row.ended[0]) ?? 'UNKNOWN'),
    end: row.ended === null ? undefined : endOf(row.ended),
    acceptedAt: new Date(messageIdMs(id)),
    validUntil: row.valid_until,
    segments: row.segments,
    unitPrice: credits(unitPrice),
    price: credits(unitPrice * BigInt(row.segments)),
    chargedOn: row.charge_on === 0 ? 'submit' : 'delivered',
    tariff: row.tariff ?? undefined,
    tariffVersion: row.tariff_version,
    policy: row.policy ?? undefined,
    policyVersion: row.policy_version,
    terms: row.terms ?? undefined,
    termsVersion: row.terms_version,
    node: messageIdNode(id),
  };
}

function stateOnTheWay({ sent }: HeadRow): MessageState {
  return sent ? 'ENROUTE' : 'ACCEPTD';
}

function endOf([, fault, cause]: NonNullable<HeadRow['ended']>): MessageHead['end'] {
  return { fault: faultClassName(fault), cause, origin: endOrigin(cause) };
}

/** The lowest id of a time; a time outside of what ids can say is brought to its nearest end. */
function idAt(time: Date): MessageId {
  const last = MESSAGE_ID_EPOCH_MS + 2 ** MESSAGE_ID_MS_BITS - 1;
  return firstIdAt(Math.min(Math.max(time.getTime(), MESSAGE_ID_EPOCH_MS), last));
}

/** 41 bits of milliseconds (domain/ids.ts). */
const MESSAGE_ID_MS_BITS = 41;
