import type { Queryable } from './snapshot.ts';
import { groupOf } from './usage-count.ts';

/** What moved money of messages after their end, by what the messages are of. Money in micro-credits. */
export interface LateRow {
  /** YYYY-MM-DD */
  readonly day: string;
  readonly account: string;
  readonly class: string;
  readonly sender: string;
  readonly prefix: string;
  readonly network: string;
  /** That the message ended at; null: no carrier had it. */
  readonly carrier: string | null;
  readonly charged: bigint;
  readonly refunded: bigint;
}

/** Days (UTC) from the first to before the last; undefined: of any account, any carrier. */
export interface LateQuery {
  readonly from: string;
  readonly to: string;
  readonly accountId: number | undefined;
  readonly carrierId?: number | undefined;
}

/**
 * Refunds on request and for outages, and corrections by a late word, of some days: few beside the messages, so they are
 * added up when a report is asked for, with the day of their entry. A correction that takes money is a charge. Of a message
 * that is not counted yet, or that retention has dropped, only the account is known.
 */
export async function readLate(db: Queryable, query: LateQuery): Promise<readonly LateRow[]> {
  const { rows } = await db.query<RawLate>(LATE, [
    query.from,
    query.to,
    query.accountId ?? null,
    query.carrierId ?? null,
  ]);
  return rows.map((row) => ({
    ...row,
    charged: BigInt(row.charged),
    refunded: BigInt(row.refunded),
  }));
}

interface RawLate extends Omit<LateRow, 'charged' | 'refunded'> {
  readonly charged: string;
  readonly refunded: string;
}

const LATE = `
  with late as (
    select message, account, amount, at from message_refund
      where amount <> 0 and at >= $1::date::timestamp at time zone 'UTC' and at < $2::date::timestamp at time zone 'UTC'
    union all
    select message, account, amount, at from correction
      where amount <> 0 and at >= $1::date::timestamp at time zone 'UTC' and at < $2::date::timestamp at time zone 'UTC')
  select to_char(l.at at time zone 'UTC', 'YYYY-MM-DD') as day, coalesce(a.name, '?') as account,
    coalesce(g.class, '') as class, coalesce(g.sender, '') as sender, coalesce(g.prefix, '') as prefix,
    coalesce(g.network, '') as network, c.name as carrier, sum(greatest(-l.amount, 0))::text as charged,
    sum(greatest(l.amount, 0))::text as refunded
  from late l
    left join lateral (select ${groupOf('x')} as grp from message x where x.id = l.message offset 0) m on true
    left join lateral (select x.carrier from outcome x where x.id = l.message offset 0) o on true
    left join traffic_group g on g.id = m.grp
    left join account a on a.id = l.account left join carrier c on c.id = o.carrier
  where ($3::int is null or l.account = $3) and ($4::int is null or o.carrier = $4)
  group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2, 3, 4, 5, 6, 7`;
