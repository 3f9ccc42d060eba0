import type { ClientBase } from 'pg';
import type { MessageId } from '../domain/ids.ts';
import { messageId } from '../domain/ids.ts';
import { type Credits, credits, formatCredits } from '../domain/money.ts';
import type { ClaimFinding } from '../domain/refund-claim.ts';
import type { Queryable } from './snapshot.ts';

/*
 * The messages of a refund request.
 */

/** One message of a request, with what it was judged by. */
export interface RefundItem {
  readonly message: MessageId;
  /** The id as it was asked for. */
  readonly asked: string;
  readonly finding: ClaimFinding;
  readonly amount: Credits;
  readonly evidence: object;
  /** False: refused as it came. */
  readonly contested: boolean;
}

/** Of a message_refund `g` of the message of an item `i`: it was not this request that gave the money back. */
export const GIVEN_OTHERWISE = '(g.request is distinct from i.request or g.amount = 0)';

/** Writes what is found of messages now, over what was found before. */
export async function writeItems(
  client: ClientBase,
  request: bigint,
  items: readonly RefundItem[],
): Promise<void> {
  await client.query(
    `insert into refund_item (request, message, asked, finding, amount, evidence, contested)
       select $1, u.* from unnest($2::int8[], $3::text[], $4::text[], $5::int8[], $6::jsonb[], $7::bool[]) as u
       on conflict (request, message) do update
         set finding = excluded.finding, amount = excluded.amount, evidence = excluded.evidence`,
    [
      request,
      items.map((item) => item.message),
      items.map((item) => item.asked),
      items.map((item) => item.finding),
      items.map((item) => item.amount),
      items.map((item) => JSON.stringify(item.evidence)),
      items.map((item) => item.contested),
    ],
  );
}

/**
 * Messages of a request after one of them, by id. One that was refundable and got its money back by something else since
 * (an outage that was declared, a late word) is `alreadyRefunded`, and its evidence says by what; on a request that was
 * refused it stays as it was decided on.
 */
export async function readItems(
  db: Queryable,
  request: bigint,
  page: { readonly after: bigint; readonly limit: number; readonly contested?: boolean },
): Promise<RefundItem[]> {
  const { rows } = await db.query<ItemRow>(
    `select i.message::text, i.asked, case when g.message is null then i.finding else 'alreadyRefunded' end as finding,
       case when g.message is null then i.amount else 0 end::text as amount, i.evidence, i.contested,
       case when g.message is not null then given_back(g.message) end::text as given,
       nullif(g.request, i.request)::text as by_request, g.outage as by_outage, g.at as given_at
     from refund_item i join refund_request r on r.id = i.request
       left join message_refund g on g.message = i.message and ${GIVEN_OTHERWISE}
         and i.finding in ('refundable', 'alreadyRefunded') and r.state <> 'refused'
     where i.request = $1 and i.message > $2 and ($4::bool is null or i.contested = $4) order by i.message limit $3`,
    [request, page.after, page.limit, page.contested ?? null],
  );
  return rows.map(itemOf);
}

/** Ids that were asked for and are no message of the account, 1,000 at the most. */
export async function readUnknown(db: Queryable, request: bigint): Promise<string[]> {
  const { rows } = await db.query<{ asked: string }>(
    'select asked from refund_unknown where request = $1 order by asked limit 1000',
    [request],
  );
  return rows.map((row) => row.asked);
}

interface ItemRow {
  readonly message: string;
  readonly asked: string;
  readonly finding: ClaimFinding;
  readonly amount: string;
  readonly evidence: object;
  readonly contested: boolean;
  /** All that was given back of it; null: nothing but by this request. */
  readonly given: string | null;
  readonly by_request: string | null;
  readonly by_outage: number | null;
  readonly given_at: Date | null;
}

function itemOf(row: ItemRow): RefundItem {
  const { asked, finding, contested, given, by_request: request, by_outage: outage } = row;
  const at = row.given_at?.toISOString();
  const since = given !== null && {
    givenBack: formatCredits(credits(BigInt(given))),
    ...(outage !== null && { refunded: { at, outage } }),
    ...(request !== null && { refunded: { at, request } }),
  };
  return {
    message: messageId(BigInt(row.message)),
    asked,
    finding,
    amount: credits(BigInt(row.amount)),
    evidence: { ...row.evidence, ...since },
    contested,
  };
}
