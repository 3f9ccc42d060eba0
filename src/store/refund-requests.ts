import type { ClientBase, Pool } from 'pg';
import type { AccountId, MessageId } from '../domain/ids.ts';
import { messageId } from '../domain/ids.ts';
import { type Credits, credits, ZERO } from '../domain/money.ts';
import { writeAudit } from './audit.ts';
import { inTransaction } from './pool.ts';
import { GIVEN_OTHERWISE, type RefundItem, writeItems } from './refund-items.ts';
import type { Queryable } from './snapshot.ts';

/** Where a request stands. `approved`: to be paid by its due date. refused and paid are the end. */
export type RefundState = 'open' | 'investigating' | 'approved' | 'refused' | 'paid';

/** A request as it stands, without its messages. */
export interface RefundRequest {
  readonly id: bigint;
  readonly accountId: AccountId;
  readonly account: string;
  readonly reference: string;
  readonly state: RefundState;
  /** The customer's. */
  readonly reason: string;
  readonly actor: string;
  readonly at: Date;
  /** Final once it is there; by `terms`: there was nothing to decide. */
  readonly decision:
    | { readonly reason: string; readonly by: string; readonly at: Date }
    | undefined;
  readonly dueAt: Date | undefined;
  readonly payment:
    | { readonly reference: string; readonly by: string; readonly at: Date }
    | undefined;
  readonly messages: number;
  /** Asked for, but no message of the account. */
  readonly unknown: number;
  /** Payable, or paid. */
  readonly amount: Credits;
}

/** A request that is to be stored, judged already. */
export interface NewRefundRequest {
  readonly account: AccountId;
  readonly accountName: string;
  readonly reference: string;
  readonly reason: string;
  readonly actor: string;
  /** Of the ids asked for. */
  readonly digest: Buffer;
  readonly items: readonly RefundItem[];
  readonly unknown: readonly string[];
}

/** Items written in one statement. */
const ITEMS_PAGE = 5_000;
/** Messages paid in one transaction: it holds the account's balance, which submits wait for (some 0.1 ms each). */
export const PAY_PAGE = 200;

/** Takes the turn of an account's requests until the end of the transaction: of two that meet one sees the other's items. */
export async function lockRequests(client: ClientBase, account: AccountId): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1, $2)', [REQUEST_LOCK_CLASS, account]);
}

/** The request that an account has under a reference, and the digest of what it asked for. */
export async function findByReference(
  db: Queryable,
  account: AccountId,
  reference: string,
): Promise<{ id: bigint; digest: Buffer } | undefined> {
  const { rows } = await db.query<{ id: string; digest: Buffer }>(
    'select id::text, digest from refund_request where account = $1 and reference = $2',
    [account, reference],
  );
  return rows[0] && { id: BigInt(rows[0].id), digest: rows[0].digest };
}

/** The messages among these that another request contests or contested. */
export async function contestedElsewhere(
  db: Queryable,
  ids: readonly MessageId[],
): Promise<ReadonlyMap<MessageId, bigint>> {
  const { rows } = await db.query<{ message: string; request: string }>(
    'select message::text, request::text from refund_item where contested and message = any ($1)',
    [ids],
  );
  return new Map(rows.map((row) => [messageId(BigInt(row.message)), BigInt(row.request)]));
}

/** Stores a request. One without a message to look into is refused as it comes, for `refusal`. */
export async function insertRequest(
  client: ClientBase,
  wanted: NewRefundRequest,
  refusal: string | undefined,
): Promise<bigint> {
  const { account, reference, reason, actor, digest } = wanted;
  const { rows } = await client.query<{ id: string }>(
    `insert into refund_request (account, reference, reason, actor, digest, state, decision, decided_by, decided_at)
       values ($1, $2, $3, $4, $5, case when $6::text is null then 'open' else 'refused' end, $6,
         case when $6 is not null then 'terms' end, case when $6 is not null then now() end) returning id::text`,
    [account, reference, reason, actor, digest, refusal ?? null],
  );
  const id = BigInt(rows[0]?.id ?? 0);
  for (let at = 0; at < wanted.items.length; at += ITEMS_PAGE)
    await writeItems(client, id, wanted.items.slice(at, at + ITEMS_PAGE));
  await client.query(
    'insert into refund_unknown (request, asked) select $1, u from unnest($2::text[]) as u on conflict do nothing',
    [id, wanted.unknown],
  );
  await writeAudit(client, {
    actor,
    action: 'refundRequest.make',
    subject: wanted.accountName,
    detail: { request: id.toString(), reference, messages: wanted.items.length, refusal },
  });
  return id;
}

/** Which requests are asked for; oldest first. */
export interface RefundQuery {
  readonly account: string | undefined;
  readonly state: RefundState | undefined;
  /** Only approved ones that are to be paid before this. */
  readonly dueBefore: Date | undefined;
  /** Only after this id. */
  readonly after: bigint;
  readonly limit: number;
}

/** Requests, by id. */
export async function listRequests(db: Queryable, query: RefundQuery): Promise<RefundRequest[]> {
  const { rows } = await db.query<RequestRow>(
    `${REQUESTS} where r.id > $1 and ($2::text is null or a.name = $2) and ($3::text is null or r.state = $3)
       and ($4::timestamptz is null or (r.state = 'approved' and r.due_at < $4)) order by r.id limit $5`,
    [query.after, query.account ?? null, query.state ?? null, query.dueBefore ?? null, query.limit],
  );
  return rows.map(requestOf);
}

/** One request; `forDecision` holds it until the end of the transaction. */
export async function findRequest(
  db: Queryable,
  id: bigint,
  forDecision = false,
): Promise<RefundRequest | undefined> {
  const { rows } = await db.query<RequestRow>(
    `${REQUESTS} where r.id = $1${forDecision ? ' for update of r' : ''}`,
    [id],
  );
  return rows[0] && requestOf(rows[0]);
}

/** Moves a request on; the caller holds it (findRequest forDecision) and has looked at its state. */
export async function decideRequest(
  client: ClientBase,
  request: RefundRequest,
  decision: {
    readonly state: 'investigating' | 'approved' | 'refused';
    readonly reason: string;
    readonly actor: string;
    readonly dueAt: Date | undefined;
  },
): Promise<void> {
  const { state, reason, actor, dueAt } = decision;
  if (state === 'investigating')
    await client.query('update refund_request set state = $2 where id = $1', [request.id, state]);
  else
    await client.query(
      `update refund_request set state = $2, decision = $3, decided_by = $4, decided_at = now(), due_at = $5 where id = $1`,
      [request.id, state, reason, actor, dueAt ?? null],
    );
  await writeAudit(client, {
    actor,
    action: `refundRequest.${state}`,
    subject: request.account,
    detail: { request: request.id.toString(), reason, dueAt: dueAt ?? null },
  });
}

/** What a page of a payment did. */
export interface PaidPage {
  readonly paid: Credits;
  readonly done: boolean;
}

/**
 * Pays up to 200 messages of an approved request, one transaction, and says whether it is paid with that. Each message is
 * a posting of its own; what was given back since the approval is not given back again. Undefined: it is not approved.
 */
export async function payPage(
  pool: Pool,
  id: bigint,
  payment: { readonly reference: string; readonly actor: string },
): Promise<PaidPage | undefined> {
  return inTransaction(pool, async (client) => {
    const request = await findRequest(client, id, true);
    if (request?.state !== 'approved') return undefined;
    const { rows } = await client.query<{ message: string; amount: string | null }>(
      `select i.message::text, refund_message($2, i.message, i.amount, $1, null, $3 || ' ' || i.message, $4, $5)::text as amount
       from (select message, amount from refund_item x where x.request = $1 and x.contested and x.finding = 'refundable'
         and not exists (select from message_refund r where r.message = x.message) order by message limit $6) i`,
      [
        id,
        request.accountId,
        `refund-request ${id}`,
        payment.actor,
        `refund request ${request.reference}: ${request.decision?.reason ?? ''}`.slice(0, 500),
        PAY_PAGE,
      ],
    );
    const paid = rows.reduce((sum, row) => sum + BigInt(row.amount ?? 0), 0n);
    const done = rows.length < PAY_PAGE;
    if (done) await closePayment(client, request, payment);
    return { paid: credits(paid), done };
  });
}

async function closePayment(
  client: ClientBase,
  request: RefundRequest,
  payment: { readonly reference: string; readonly actor: string },
): Promise<void> {
  // What was given back by something else since the approval was not paid by this request.
  await client.query(
    `update refund_item i set amount = coalesce((select r.amount from message_refund r
         where r.message = i.message and r.request = i.request), 0) where i.request = $1`,
    [request.id],
  );
  await client.query(
    `update refund_request set state = 'paid', payment_reference = $2, paid_by = $3, paid_at = now() where id = $1`,
    [request.id, payment.reference, payment.actor],
  );
  await writeAudit(client, {
    actor: payment.actor,
    action: 'refundRequest.paid',
    subject: request.account,
    detail: { request: request.id.toString(), reference: payment.reference },
  });
}

/** Approved requests, those that are to be paid first before the others. */
export async function listDue(db: Queryable, limit: number): Promise<RefundRequest[]> {
  const { rows } = await db.query<RequestRow>(
    `${REQUESTS} where r.state = 'approved' order by r.due_at, r.id limit $1`,
    [limit],
  );
  return rows.map(requestOf);
}

/** Requests by state, and what there is to pay. */
export interface RequestCounts {
  readonly byState: ReadonlyMap<RefundState, number>;
  /** Approved ones past their due date. */
  readonly overdue: number;
  /** Until the first due date of an approved one, below 0 past it; undefined: there is none. */
  readonly dueInSeconds: number | undefined;
}

/** Requests by state, and what there is to pay. */
export async function countRequests(db: Queryable): Promise<RequestCounts> {
  const { rows } = await db.query<{
    state: RefundState;
    requests: number;
    overdue: number;
    due: number | null;
  }>(
    `select s.state, count(r.id)::int as requests,
       (count(r.id) filter (where r.state = 'approved' and r.due_at < now()))::int as overdue,
       extract(epoch from min(r.due_at) filter (where r.state = 'approved') - now())::float8 as due
     from unnest(array['open', 'investigating', 'approved', 'refused', 'paid']) as s (state)
       left join refund_request r on r.state = s.state group by s.state`,
  );
  return {
    byState: new Map(rows.map((row) => [row.state, row.requests])),
    overdue: rows.reduce((sum, row) => sum + row.overdue, 0),
    dueInSeconds: rows.find(({ due }) => due !== null)?.due ?? undefined,
  };
}

/** Advisory lock class; 7301 to 7305 are in use elsewhere. */
const REQUEST_LOCK_CLASS = 7345;

const REQUESTS = `select r.id::text, r.account as account_id, a.name as account, r.reference, r.state, r.reason, r.actor, r.at,
    r.decision, r.decided_by, r.decided_at, r.due_at, r.payment_reference, r.paid_by, r.paid_at,
    (select count(*)::int from refund_item i where i.request = r.id) as messages,
    (select count(*)::int from refund_unknown u where u.request = r.id) as unknown,
    (select coalesce(sum(i.amount), 0)::text from refund_item i where i.request = r.id and i.contested
       and (r.state in ('refused', 'paid')
         or not exists (select from message_refund g where g.message = i.message and ${GIVEN_OTHERWISE}))) as amount
  from refund_request r join account a on a.id = r.account`;

interface RequestRow {
  readonly id: string;
  readonly account_id: AccountId;
  readonly account: string;
  readonly reference: string;
  readonly state: RefundState;
  readonly reason: string;
  readonly actor: string;
  readonly at: Date;
  readonly decision: string | null;
  readonly decided_by: string | null;
  readonly decided_at: Date | null;
  readonly due_at: Date | null;
  readonly payment_reference: string | null;
  readonly paid_by: string | null;
  readonly paid_at: Date | null;
  readonly messages: number;
  readonly unknown: number;
  readonly amount: string;
}

function requestOf(row: RequestRow): RefundRequest {
  const { decision, decided_by: by, decided_at: at } = row;
  const { payment_reference: paymentReference, paid_by: paidBy, paid_at: paidAt } = row;
  const isPaid = paymentReference !== null && paidBy !== null && paidAt !== null;
  return {
    id: BigInt(row.id),
    accountId: row.account_id,
    account: row.account,
    reference: row.reference,
    state: row.state,
    reason: row.reason,
    actor: row.actor,
    at: row.at,
    decision:
      decision === null || by === null || at === null ? undefined : { reason: decision, by, at },
    dueAt: row.due_at ?? undefined,
    payment: isPaid ? { reference: paymentReference, by: paidBy, at: paidAt } : undefined,
    messages: row.messages,
    unknown: row.unknown,
    amount: row.state === 'refused' ? ZERO : credits(BigInt(row.amount)),
  };
}
