-- Node epochs, their adoption, and what an adopter reads. See src/store/epoch.ts for the states.

-- Does some session hold the life lock of this epoch?
create function epoch_lock_held(p_epoch int) returns boolean
language sql volatile as $$
  select exists (select from pg_locks where locktype = 'advisory' and granted and classid = 7301
    and objid = p_epoch::oid and objsubid = 2
    and database = (select oid from pg_database where datname = current_database()))
$$;

-- A new epoch under the free node number that was in use longest ago. A number is free when its last epoch closed or
-- was adopted: an epoch that is merely silent may come back and issue ids. Ids start above every limit of the number.
create function take_epoch(p_name text, p_id_limit_ms bigint, p_valid interval,
  out epoch int, out number smallint, out id_floor_ms bigint, out db_now timestamptz)
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7304, 1);
  select n.n, coalesce(f.limit_ms + 1, 0) into number, id_floor_ms
    from generate_series(0, 1023) as n (n)
    left join (select e.number, max(e.id_limit_ms) as limit_ms, bool_or(e.adopted_by is null and not e.closed) as used
      from node_epoch e group by e.number) f on f.number = n.n
    where not coalesce(f.used, false)
    order by f.limit_ms nulls first, n.n limit 1;
  if number is null then
    raise exception 'all 1024 node numbers are in use' using errcode = 'SG005';
  end if;
  db_now := clock_timestamp();
  insert into node_epoch as e (number, name, valid_until, id_limit_ms, queue_floor, outbox_checkpoint)
    values (number, p_name, db_now + p_valid, greatest(p_id_limit_ms, id_floor_ms),
      first_id_at(greatest(id_floor_ms, unix_ms(db_now) - 20000)), db_now)
    returning e.epoch into epoch;
  perform pg_advisory_lock(7301, epoch);
end $$;

-- The heartbeat. SG001 when the epoch was adopted (or closed).
create function renew_epoch(p_epoch int, p_valid interval, p_id_limit_ms bigint, p_queue_floor bigint,
  p_checkpoint timestamptz) returns timestamptz
language plpgsql as $$
declare
  db_now timestamptz := clock_timestamp();
begin
  perform enter_epoch(p_epoch);
  update node_epoch set valid_until = db_now + p_valid, id_limit_ms = greatest(id_limit_ms, p_id_limit_ms),
      queue_floor = p_queue_floor, outbox_checkpoint = p_checkpoint
    where epoch = p_epoch and not closed;
  if not found then
    raise exception 'epoch % is closed', p_epoch using errcode = 'SG001';
  end if;
  return db_now;
end $$;

create function dead_epochs() returns setof int
language sql volatile as $$
  select epoch from node_epoch
    where adopted_by is null and (closed or valid_until < clock_timestamp()) and not epoch_lock_held(epoch)
    order by epoch
$$;

-- Adopts a dead epoch; false when it is not dead (any more). What it had adopted itself comes along: where its own
-- floor and checkpoint spoke for such an epoch they are written down there, and one of which nothing can be left
-- stays behind.
create function adopt_epoch(p_dead int, p_by int) returns boolean
language plpgsql as $$
declare
  d node_epoch;
begin
  perform enter_epoch(p_by);
  perform pg_advisory_xact_lock(7302, p_dead);
  select * into d from node_epoch where epoch = p_dead for update;
  if d.epoch is null or d.adopted_by is not null or not (d.closed or d.valid_until < clock_timestamp())
    or p_dead = p_by or epoch_lock_held(p_dead) then
    return false;
  end if;
  update node_epoch set adopted_by = p_by, adopted_at = clock_timestamp() where epoch = p_dead;
  update node_epoch set adopted_by = p_by, recovered = false,
      queue_floor = case when recovered then d.queue_floor else queue_floor end,
      outbox_checkpoint = case when recovered then d.outbox_checkpoint else outbox_checkpoint end
    where adopted_by = p_dead
      and not (recovered and d.queue_floor > first_id_at(id_limit_ms + 1) and d.outbox_checkpoint > adopted_at);
  -- Their wait begins anew: it is counted from when the adopter's carrier is bound.
  update unknown_outcome set epoch = p_by, deadline = null where epoch = p_dead and resolved_at is null;
  return true;
end $$;

-- Everything of p_dead is in the hands of p_by: from now on p_by's floor and checkpoint, which are set in the same
-- transaction, speak for it too.
create function finish_recovery(p_dead int, p_by int, p_queue_floor bigint, p_checkpoint timestamptz) returns void
language plpgsql as $$
begin
  perform enter_epoch(p_by);
  update node_epoch set queue_floor = p_queue_floor, outbox_checkpoint = p_checkpoint where epoch = p_by;
  update node_epoch set recovered = true where epoch = p_dead and adopted_by = p_by;
end $$;

-- Turns up to p_leases leases of an adopted epoch into unknown outcomes: their keys without a stored answer whose
-- messages have no outcome. Returns the number of leases gone; 0: none is left. One transaction a call, so that it
-- can die anywhere.
create function leases_to_unknown(p_dead int, p_by int, p_leases int) returns int
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  taken bigint[];
begin
  perform enter_epoch(p_by);
  select array_agg(l.id) into taken from (
    select id from lease where epoch = p_dead order by id limit p_leases for update) l;
  if taken is null then
    return 0;
  end if;
  insert into unknown_outcome (id, segment, attempt, carrier, epoch, since)
    select k.id, k.part & 255, k.part >> 8, l.carrier, p_by, date_trunc('milliseconds', l.at)
    from lease l, unnest(l.message_ids, l.parts) as k (id, part)
    where l.id = any (taken)
      and (select d.id from dispatch d where d.id = k.id and d.segment = k.part & 255
        and d.attempt = k.part >> 8) is null
      and (select o.id from outcome o where o.id = k.id) is null
    on conflict do nothing;
  delete from lease where id = any (taken);
  return cardinality(taken);
end $$;

-- Keys of a living node whose session ended before the answer. Again is harmless.
create function record_unknown(p_epoch int, p_carrier int, ids bigint[], segments_ int[], attempts int[])
returns void
language plpgsql as $$
begin
  perform enter_epoch(p_epoch);
  insert into unknown_outcome (id, segment, attempt, carrier, epoch)
    select t.id, t.segment, t.attempt, p_carrier, p_epoch
    from unnest(ids, segments_, attempts) as t (id, segment, attempt)
    on conflict do nothing;
end $$;

-- What an adopter queues: messages of an epoch in an id range without outcome, not yet wholly with a carrier. The
-- arrays are the answers stored for it and the segments whose outcome is unknown: those are not to be queued.
create function queued_messages(p_epoch int, p_after bigint, p_upto bigint) returns table (
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz,
  next_attempt int, answered_segments smallint[], answered_statuses int[], unknown_segments smallint[])
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
    select m.id, m.account, m.carrier, m.lane, m.segments, m.valid_until,
      greatest(a.attempt, (select max(u.attempt) from unknown_outcome u where u.id = m.id), 0) + 1, a.segments, a.statuses,
      (select array_agg(u.segment) from unknown_outcome u where u.id = m.id and u.resolved_at is null)
    from (select * from message x
      where x.id > p_after and x.id <= p_upto and x.epoch = p_epoch
        and (select o.id from outcome o where o.id = x.id) is null
      order by x.id offset 0) m
    left join lateral (select array_agg(d.segment order by d.attempt) as segments,
        array_agg(d.status order by d.attempt) as statuses, max(d.attempt)::int as attempt,
        count(distinct d.segment) filter (where d.status = 0) as accepted
      from dispatch d where d.id = m.id) a on true
    where coalesce(a.accepted, 0) < m.segments
    order by m.id;
end $$;
