-- Messages that waited, and that rules defer when they were to go: their place is the table `scheduled` from here on, at
-- the first time at which they may, and their timeline says so. In order, a microsecond after each other. A time that is
-- later by now (replaced, held for a moderator) stays, and what was noted is not noted again. Nobody ends, cancels,
-- replaces or leases them meanwhile.
create function defer_messages(p_epoch int, ids bigint[], ats timestamptz[], rules text[], reasons text[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
begin
  perform enter_epoch(p_epoch);
  perform pg_advisory_xact_lock(7303, 0);
  insert into scheduled (id, at, epoch)
    select t.id, t.at + t.nth * interval '1 us', p_epoch from unnest(ids, ats) with ordinality as t (id, at, nth)
    on conflict (id) do update set at = greatest(scheduled.at, excluded.at);
  insert into policy_note (id, nth, event, rule, reason)
    select t.id, coalesce((select max(n.nth) + 1 from policy_note n where n.id = t.id), 0), 'deferred', t.rule, t.reason
    from unnest(ids, rules, reasons) as t (id, rule, reason)
    where not exists (select from policy_note n where n.id = t.id and n.event = 'deferred' and n.rule = t.rule
      and n.reason is not distinct from t.reason)
    on conflict do nothing;
end $$;
