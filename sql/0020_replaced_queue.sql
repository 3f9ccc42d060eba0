-- As before; segments and validity are those of the version in force (sql/0010_manage.sql).
create or replace function queue_state(ids bigint[]) returns table (
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz,
  next_attempt int, answered_segments smallint[], answered_statuses int[], unknown_segments smallint[])
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
    select m.id, m.account, m.carrier, m.lane, coalesce(r.segments, m.segments), coalesce(r.valid_until, m.valid_until),
      greatest(a.attempt, (select max(u.attempt) from unknown_outcome u where u.id = m.id), 0) + 1, a.segments, a.statuses,
      (select array_agg(u.segment) from unknown_outcome u where u.id = m.id and u.resolved_at is null)
    from unnest(ids) as i (id)
    cross join lateral (select * from message x where x.id = i.id
      and (select o.id from outcome o where o.id = x.id) is null offset 0) m
    left join lateral (select x.segments, x.valid_until from replacement x
      where x.id = m.id order by x.version desc limit 1) r on true
    left join lateral (select array_agg(d.segment order by d.attempt) as segments,
        array_agg(d.status order by d.attempt) as statuses, max(d.attempt)::int as attempt,
        count(distinct d.segment) filter (where d.status = 0) as accepted
      from dispatch d where d.id = m.id) a on true
    where coalesce(a.accepted, 0) < coalesce(r.segments, m.segments)
    order by m.id;
end $$;
