-- Opt-outs by the ten thousand. Of one account and scope, in the order of the index: a list of millions goes in page by
-- page of it, and nothing is looked at twice.

-- Sets an operator's numbers out or in; returns how many changed. One transaction at a time (lock class 7311).
create function set_opt_outs_of(p_account int, p_scope int, hashes bytea[], numbers bytea[], p_out boolean) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  changed int;
begin
  perform pg_advisory_xact_lock(7311, 0);
  if p_out then
    insert into opt_out as o (account, scope, number_hash, number, opted_out, source, change)
      select p_account, p_scope, t.hash, t.number, true, 'operator', nextval('opt_out_change')
      from (select distinct on (u.hash) u.hash, u.number from unnest(hashes, numbers) as u (hash, number)
        order by u.hash) t
      on conflict (account, number_hash, scope) do update set number = excluded.number, opted_out = true,
          source = 'operator', at = now(), change = excluded.change
        where not o.opted_out;
  else
    update opt_out o set number = null, opted_out = false, source = 'operator', at = now(),
        change = nextval('opt_out_change')
      where o.account = p_account and o.scope = p_scope and o.number_hash = any (hashes) and o.opted_out;
  end if;
  get diagnostics changed = row_count;
  if changed > 0 then
    update recipient_total set total = total + case when p_out then changed else -changed end where list = 'optOuts';
    perform pg_notify('smppgate_opt_outs', '');
  end if;
  return changed;
end $$;
