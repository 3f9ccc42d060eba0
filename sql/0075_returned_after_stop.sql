-- What came back to a stopped account since its credit was forfeited: to a terminated one as in
-- sql/0071_returned_after_end.sql, and to a suspended one, until it is resumed, where the suspension itself forfeited.
-- Not what persons gave it since. null: nothing was forfeited.
create function returned_after_stop(p_account int) returns bigint
language sql stable as $$
  select least(available(p_account), available(p_account) - coalesce((select sum(e.amount) from ledger_entry e
    where e.account = p_account and e.side = 0 and e.version > f.version
      and (e.kind in ('top_up', 'adjustment', 'penalty', 'purchase_refund', 'expiry')
        or (e.kind = 'refund' and e.reference is not null))), 0))::bigint
  from (select min(e.version) as version from ledger_entry e join account a on a.id = e.account
    where a.id = p_account and e.at >= a.status_at and e.side = 0 and e.kind = 'forfeit'
      and e.cause is distinct from 'refundIntoExpired'
      and (a.status = 'terminated' or a.status = 'suspended'
        and e.reference = e.cause || ':' || (extract(epoch from a.status_at) * 1000)::int8)) f
  where f.version is not null
$$;

drop function returned_after_end(int);
