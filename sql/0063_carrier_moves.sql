-- Where an operator had queued messages taken (POST /v1/routes/requeue): whoever adopts their node queues them there.

create table carrier_move (
  id bigint not null,                -- of the message
  nth bigint generated always as identity,
  attempt smallint not null,         -- which is made there; what was tried later says more than this row
  from_carrier int not null,
  to_carrier int not null,
  request bigint not null,           -- requeue_request.id
  at timestamptz not null default clock_timestamp(),
  primary key (id, nth)
);

-- As before (sql/0033_failover.sql), with where it was moved last, and before which attempt; null: it was not.
drop function queued_messages(int, bigint, bigint);
drop function queue_state(bigint[]);
create function queue_state(ids bigint[]) returns table (
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz, attempts jsonb,
  moved_to int, moved_before smallint)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  moves boolean := exists (select from carrier_move);
begin
  return query
    select m.id, m.account, m.carrier, m.lane, coalesce(r.segments, m.segments), coalesce(r.valid_until, m.valid_until),
      case when a.tried then (select jsonb_agg(jsonb_build_object('segment', t.segment, 'attempt', t.attempt, 'carrier',
          t.carrier, 'status', t.status, 'unknown', t.is_unknown, 'givenUp', t.given_up, 'state', t.state, 'fault',
          t.fault, 'err', t.err, 'doneAtMs', unix_ms(t.done_at)) order by t.attempt)
        from attempts_of(array[m.id]) t) end,
      v.to_carrier, v.attempt
    from unnest(ids) as i (id)
    cross join lateral (select * from message x where x.id = i.id
      and (select o.id from outcome o where o.id = x.id) is null offset 0) m
    left join lateral (select x.segments, x.valid_until from replacement x
      where x.id = m.id order by x.version desc limit 1) r on true
    left join lateral (select x.to_carrier, x.attempt from carrier_move x
      where moves and x.id = m.id order by x.nth desc limit 1) v on true
    -- Nearly none was tried; of those that were, nearly all are with a carrier and need no second look.
    cross join lateral (select
        count(distinct d.segment) filter (where d.status = 0 and stands(d.id, d.segment, d.attempt)) as accepted,
        count(d.id) > 0 or exists (select from unknown_outcome u where u.id = m.id)
          or exists (select from failover f where f.id = m.id) as tried
      from dispatch d where d.id = m.id) a
    where a.accepted < coalesce(r.segments, m.segments)
    order by m.id;
end $$;

create function queued_messages(p_epoch int, p_after bigint, p_upto bigint) returns table (
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz, attempts jsonb,
  moved_to int, moved_before smallint)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query select q.* from queue_state(array(
    select x.id from message x
      where x.id > p_after and x.id <= p_upto and x.epoch = p_epoch
        and (select o.id from outcome o where o.id = x.id) is null
        and (select s.id from scheduled s where s.id = x.id) is null
      order by x.id)) q order by q.id;
end $$;
