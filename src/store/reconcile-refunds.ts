// The comparisons of reconcile.ts that are about refunds after a message's end. Rows are differences.

/** Each refund on request or for an outage has its entry with its amount, and each such entry its message. */
export const MESSAGE_REFUNDS = `
  select a.name as account, coalesce('message ' || r.message, 'entry ' || e.id) as place, 'refund' as what,
    r.amount::text as expected, e.amount::text as found
  from (select * from message_refund where amount <> 0 or entry is not null) r
    full join (select coalesce(posting, id) as id, account, sum(amount) as amount, sum(reserved_delta) as reserved_delta
      from ledger_entry where kind = 'refund' and cause in ('request', 'outage') group by 1, 2) e on e.id = r.entry
    left join account a on a.id = coalesce(r.account, e.account)
  where r.amount is distinct from e.amount or r.account is distinct from e.account or e.reserved_delta <> 0
  order by a.id, e.id`;

/** With it a message got back no more than its price, all in all; what retention dropped cannot be compared. */
export const MESSAGE_REFUNDS_WITHIN_PRICE = `
  select a.name as account, 'message ' || r.message as place, 'given back at most' as what,
    price_of(r.message)::text as expected, given_back(r.message)::text as found
  from message_refund r join account a on a.id = r.account
  where r.amount < 0 or given_back(r.message) > price_of(r.message) order by r.message`;
