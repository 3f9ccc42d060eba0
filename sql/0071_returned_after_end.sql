-- What came back to a terminated account since its credit was forfeited: receipts of what it had on its way, what it had
-- queued, late words of carriers. Not what persons gave it since. null: nothing was forfeited at its end.
create function returned_after_end(p_account int) returns bigint
language sql stable as $$
  select least(available(p_account), available(p_account) - coalesce((select sum(e.amount) from ledger_entry e
    where e.account = p_account and e.side = 0 and e.version > f.version
      and (e.kind in ('top_up', 'adjustment', 'penalty', 'purchase_refund', 'expiry')
        or (e.kind = 'refund' and e.reference is not null))), 0))::bigint
  from (select min(e.version) as version from ledger_entry e join account a on a.id = e.account
    where a.id = p_account and a.status = 'terminated' and e.at >= a.status_at and e.side = 0 and e.kind = 'forfeit'
      and e.cause is distinct from 'refundIntoExpired') f
  where f.version is not null
$$;
