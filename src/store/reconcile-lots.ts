import { MESSAGE_ID_EPOCH_MS } from '../domain/ids.ts';

// The comparisons of reconcile.ts that are about lots and purchases. Rows are differences; $1 as there.

/** Each side of a lot is the sum of the lot's entries; those without a lot are the account's own lot's. */
export const LOTS_ARE_SUMS = `
  select a.name as account, 'lot ' || l.id || ' (' || l.reference || '), side ' || s.side as place, v.what,
    v.expected::text, v.found::text
  from lot l join lot_side s on s.lot = l.id join account a on a.id = l.account
    left join (select coalesce(e.lot, b.own_lot) as lot, e.side, sum(e.amount) as credits, sum(e.reserved_delta) as reserved
      from ledger_entry e join balance b on b.account = e.account and b.side = 0 and b.own_lot is not null
      group by 1, 2) e on e.lot = l.id and e.side = s.side,
    lateral (values ('credits', coalesce(e.credits, 0), s.credits), ('reserved', coalesce(e.reserved, 0), s.reserved))
      as v (what, expected, found)
  where v.expected <> v.found order by l.account, l.id, s.side`;

/**
 * What a batch's entries took from, or gave back to, each lot is what its messages say of that lot: of a price the
 * beginning was kept or charged, the end refunded or released.
 */
export const LOTS_MATCH_MESSAGES = `
  select a.name as account, 'batch ' || coalesce(e.batch, m.batch) || ', lot ' || coalesce(e.lot, m.lot) as place,
    coalesce(e.kind, m.kind) as what, m.total::text as expected, e.total::text as found
  from (select e.account, e.batch, coalesce(e.lot, b.own_lot) as lot, e.kind,
        sum(case e.kind when 'refund' then e.amount when 'reserve' then e.reserved_delta when 'charge' then -e.amount
          else -e.reserved_delta end) as total
      from ledger_entry e join balance b on b.account = e.account and b.side = 0 and b.own_lot is not null
      where e.batch is not null and e.at >= $1 group by 1, 2, 3, 4) e
    full join (select u.account, u.batch, u.lot, u.kind, sum(u.amount) as total, min(u.id) as first_id from (
        select m.id, m.account, m.batch, coalesce(m.lot, b.own_lot) as lot, m.unit_price * m.segments as amount,
            case m.charge_on when 0 then 'charge' else 'reserve' end as kind
          from message m join balance b on b.account = m.account and b.side = 0 and b.own_lot is not null
          where not exists (select from lot_use x where x.message = m.id)
        union all
        select m.id, m.account, x.batch, x.lot, x.amount, case m.charge_on when 0 then 'charge' else 'reserve' end
          from lot_use x join message m on m.id = x.message
        union all
        select o.id, o.account, o.batch, p.lot, overlap(p.low, p.high, k.low, k.high), k.kind
          from outcome o join message m on m.id = o.id
            join balance b on b.account = o.account and b.side = 0 and b.own_lot is not null
            cross join lateral (select l.*, max(l.high) over () as total
              from lot_parts(m.id, nullif(m.lot, 0), m.unit_price * m.segments, b.own_lot) l) p
            cross join lateral (values ('refund', p.total - o.refund, p.total), ('charge', 0, o.charge),
              ('release', p.total - o.release, p.total)) as k (kind, low, high)
          where o.refund > 0 or o.charge > 0 or o.release > 0) u
      group by 1, 2, 3, 4 having sum(u.amount) <> 0) m
      on m.account = e.account and m.batch = e.batch and m.lot = e.lot and m.kind = e.kind
    left join account a on a.id = coalesce(e.account, m.account)
  where coalesce(m.total, 0) <> coalesce(e.total, 0)
    and (e.batch is not null or to_timestamp(((m.first_id >> 22) + ${MESSAGE_ID_EPOCH_MS}) / 1000.0) >= $1)`;

/** Each purchase refund has its entry with its amount, each such entry its purchase, and none is more than the top-up. */
export const PURCHASE_REFUNDS = `
  select a.name as account, 'purchase refund ' || coalesce(e.reference, r.entry::text) as place, v.what,
    v.expected::text, v.found::text
  from (select * from ledger_entry where kind = 'purchase_refund') e full join purchase_refund r on r.entry = e.id
    left join top_up t on t.id = r.top_up left join account a on a.id = coalesce(e.account, r.account),
    lateral (values ('amount', r.amount, -e.amount), ('at most', least(t.credits, (select sum(x.amount)
      from purchase_refund x where x.top_up = t.id)), (select sum(x.amount) from purchase_refund x where x.top_up = t.id)))
      as v (what, expected, found)
  where v.expected is distinct from v.found`;
