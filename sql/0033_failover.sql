-- Attempts that were given up although the carrier had accepted them: its receipt named an end after which the next
-- carrier is to be tried (a carrier's `faults`: next). Such an attempt counts as refused from here on. What a carrier
-- refused in its submit_sm_resp stands in `dispatch` and needs no row.

-- Not partitioned, as segment_receipt is not: there are few. state, fault and err: how the segment ends if no carrier
-- is left. The message's place is the table `scheduled` from the same commit on, until nothing of it is left to send.
create table failover (
  id bigint not null,
  at timestamptz not null default now(),
  done_at timestamptz not null,      -- as the carrier says
  carrier int not null,
  err int not null,
  segment smallint not null,
  attempt smallint not null,
  state smallint not null,
  fault smallint not null,
  primary key (id, segment, attempt)
);
-- batch.kind 'f'.

-- Gives attempts up. Verdicts: 1 given up, 0 it was already, 2 its message or its segment has ended: nothing done.
create function give_up(p_epoch int, p_batch bigint, ids bigint[], segments_ smallint[], attempts smallint[],
  carriers int[], states smallint[], faults smallint[], errs int[], done_ats timestamptz[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  verdicts bytea := decode(repeat('02', cardinality(ids)), 'hex');
  one record;
begin
  perform enter_epoch(p_epoch);
  -- Row by row: there are few, and of two of one key in a batch the first counts.
  for one in
    select t.* from unnest(ids, segments_, attempts, carriers, states, faults, errs, done_ats)
      with ordinality as t (id, segment, attempt, carrier, state, fault, err, done_at, nth)
    where (select o.id from outcome o where o.id = t.id) is null
      and (select s.id from segment_receipt s where s.id = t.id and s.segment = t.segment limit 1) is null
    order by t.nth
  loop
    insert into failover (id, segment, attempt, carrier, state, fault, err, done_at)
      values (one.id, one.segment, one.attempt, one.carrier, one.state, one.fault, one.err, one.done_at)
      on conflict do nothing;
    verdicts := set_byte(verdicts, (one.nth - 1)::int, found::int);
    -- One that has its place already keeps it: its node has it under way.
    insert into scheduled (id, at, epoch) select one.id, now(), p_epoch where found on conflict do nothing;
  end loop;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'f', verdicts);
  return verdicts;
end $$;

-- Whether an accepted attempt still counts: it was not given up since.
create function stands(p_id bigint, p_segment smallint, p_attempt smallint) returns boolean
language sql stable as $$
  select not exists (select from failover f where f.id = p_id and f.segment = p_segment and f.attempt = p_attempt)
$$;

-- Every attempt of messages that was answered, given up, or is (was) unknown; of a key both unknown and answered only
-- the answer. status null: never answered. Leased ones that wait for their answer are not among them.
create function attempts_of(ids bigint[]) returns table (
  id bigint, segment smallint, attempt int, carrier int, status int, is_unknown boolean, given_up boolean,
  state smallint, fault smallint, err int, done_at timestamptz)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
    select d.id, d.segment, d.attempt::int, d.carrier, d.status, false, f.id is not null, f.state, f.fault, f.err, f.done_at
    from unnest(ids) as i (id)
    cross join lateral (select * from dispatch x where x.id = i.id offset 0) d
    left join lateral (select * from failover x where x.id = d.id and x.segment = d.segment and x.attempt = d.attempt
      offset 0) f on true
    union all
    -- An orphan receipt gave it up, and its answer is not stored yet.
    select f.id, f.segment, f.attempt::int, f.carrier, 0, false, true, f.state, f.fault, f.err, f.done_at
    from unnest(ids) as i (id)
    cross join lateral (select * from failover x where x.id = i.id offset 0) f
    where (select d.id from dispatch d where d.id = f.id and d.segment = f.segment and d.attempt = f.attempt) is null
    union all
    select u.id, u.segment, u.attempt, u.carrier, null, u.resolved_at is null, false, null, null, null, null
    from unnest(ids) as i (id)
    cross join lateral (select * from unknown_outcome x where x.id = i.id offset 0) u
    where (select d.id from dispatch d where d.id = u.id and d.segment = u.segment and d.attempt = u.attempt) is null
      and stands(u.id, u.segment, u.attempt::smallint);
end $$;

-- As before (sql/0020_replaced_queue.sql), with every attempt of it: what of it is missing, where it was tried last and
-- how that ended is for the reader to say (src/store/recovery.ts).
drop function queued_messages(int, bigint, bigint);
drop function queue_state(bigint[]);
create function queue_state(ids bigint[]) returns table (
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz, attempts jsonb)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
    select m.id, m.account, m.carrier, m.lane, coalesce(r.segments, m.segments), coalesce(r.valid_until, m.valid_until),
      case when a.tried then (select jsonb_agg(jsonb_build_object('segment', t.segment, 'attempt', t.attempt, 'carrier',
          t.carrier, 'status', t.status, 'unknown', t.is_unknown, 'givenUp', t.given_up, 'state', t.state, 'fault',
          t.fault, 'err', t.err, 'doneAtMs', unix_ms(t.done_at)) order by t.attempt)
        from attempts_of(array[m.id]) t) end
    from unnest(ids) as i (id)
    cross join lateral (select * from message x where x.id = i.id
      and (select o.id from outcome o where o.id = x.id) is null offset 0) m
    left join lateral (select x.segments, x.valid_until from replacement x
      where x.id = m.id order by x.version desc limit 1) r on true
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
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz, attempts jsonb)
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

-- As before (sql/0010_manage.sql); an attempt that was given up holds its message no longer.
create or replace function held_messages(ids bigint[]) returns bigint[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  held bigint[];
begin
  select array_agg(k.id) into held from (
    select l.id, l.part from lease, unnest(message_ids, parts) as l (id, part) where message_ids && ids) k
    where (select d.id from dispatch d where d.id = k.id and d.segment = k.part & 255
      and d.attempt = k.part >> 8) is null
    and (select u.id from unknown_outcome u where u.id = k.id and u.segment = k.part & 255
      and u.attempt = k.part >> 8 and u.resolved_at is not null) is null;
  select coalesce(held, '{}') || coalesce(array_agg(t.id), '{}') into held from unnest(ids) as t (id)
    where (select d.id from dispatch d where d.id = t.id and d.status = 0
        and stands(d.id, d.segment, d.attempt) limit 1) is not null
      or (select u.id from unknown_outcome u where u.id = t.id and u.resolved_at is null limit 1) is not null;
  return held;
end $$;

-- As before (sql/0006_reading.sql); who accepted a message is who did not give it up.
create or replace function take_due(p_now timestamptz, p_limit int) returns table (
  at timestamptz, id bigint, account int, carrier int, segments smallint, unit_price bigint, charge_on smallint,
  terms_version int, valid_until timestamptz, accepted_by int, unknown boolean)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  gone due;
begin
  for gone in
    select w.at, w.id from (select x.at, x.id from due x where x.at <= p_now order by x.at, x.id limit p_limit) w
    where (select o.id from outcome o where o.id = w.id) is not null
  loop
    delete from due d where d.at = gone.at and d.id = gone.id;
  end loop;
  return query
    select w.at, w.id, m.account, m.carrier, m.segments, m.unit_price, m.charge_on, m.terms_version, m.valid_until,
      (select d.carrier from dispatch d where d.id = w.id and d.status = 0
        and stands(d.id, d.segment, d.attempt) order by d.attempt desc limit 1),
      (select u.id from unknown_outcome u where u.id = w.id and u.resolved_at is null limit 1) is not null
    from (select x.at, x.id from due x where x.at <= p_now order by x.at, x.id limit p_limit) w
      cross join lateral (select * from message x where x.id = w.id offset 0) m
    where (select o.id from outcome o where o.id = w.id) is null
    order by w.at, w.id;
end $$;

-- As before (sql/0005_epochs.sql). What was given back unsent by one carrier and leased by another under the same key
-- stands in two leases for a while: the later one says who may have it.
create or replace function leases_to_unknown(p_dead int, p_by int, p_leases int) returns int
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
  insert into unknown_outcome as n (id, segment, attempt, carrier, epoch, since)
    select distinct on (k.id, k.part) k.id, k.part & 255, k.part >> 8, l.carrier, p_by, date_trunc('milliseconds', l.at)
    from lease l, unnest(l.message_ids, l.parts) as k (id, part)
    where l.id = any (taken)
      and (select d.id from dispatch d where d.id = k.id and d.segment = k.part & 255
        and d.attempt = k.part >> 8) is null
      and (select o.id from outcome o where o.id = k.id) is null
    order by k.id, k.part, l.at desc, l.id desc
    on conflict (id, segment, attempt) do update set carrier = excluded.carrier, since = excluded.since
      where n.resolved_at is null and n.since < excluded.since and n.carrier <> excluded.carrier;
  delete from lease where id = any (taken);
  return cardinality(taken);
end $$;

-- As before (sql/0010_manage.sql), with those whose every accepted attempt was given up.
create or replace function find_queued(accounts int[], hashes bytea[], befores bigint[], p_most int) returns table (nth int, id bigint)
language plpgsql set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off as $$
declare
  floor_ bigint;
  scheduled_ bigint;
  part record;
begin
  select min(e.queue_floor) into floor_ from node_epoch e where not e.recovered;
  select min(s.id) into scheduled_ from scheduled s;
  for part in select r.number, r.from_id, to_regclass(format('message_%s_destination', r.number)) is not null as indexed
      from id_range r where r.to_id is null or r.to_id > least(floor_, scheduled_) order by r.number desc loop
    -- OFFSET 0: the looks at outcome and dispatch are for what was found, not for what is walked over.
    return query execute format('select f.nth, f.id from (
        select x.nth::int, x.id, row_number() over (partition by x.nth order by x.id desc) as place from (%2$s offset 0) x
        where (select o.id from outcome_%1$s o where o.id = x.id) is null
          and (select d.id from dispatch_%1$s d where d.id = x.id and d.status = 0
            and stands(d.id, d.segment, d.attempt) limit 1) is null) f
      where f.place <= $5'
      , part.number, format(case when part.indexed then
        'select t.nth, y.id from unnest($1, $2, $3) with ordinality as t (account, hash, before, nth)
          cross join lateral (select m.id, m.account from message_%1$s m where m.destination_hash = t.hash offset 0) y
          where y.account = t.account and y.id < t.before
            and (y.id >= $4 or (select s.id from scheduled s where s.id = y.id) is not null)'
      else
        'select t.nth, y.id from (
            select m.id, m.account, m.destination_hash from message_%1$s m where m.id >= $4
            union all
            select m.id, m.account, m.destination_hash from scheduled s
              cross join lateral (select * from message_%1$s x where x.id = s.id offset 0) m
              where s.id >= $6 and s.id < $4 offset 0) y
          join unnest($1, $2, $3) with ordinality as t (account, hash, before, nth)
            on t.hash = y.destination_hash and t.account = y.account where y.id < t.before'
      end, part.number)) using accounts, hashes, befores, floor_, p_most, part.from_id;
  end loop;
end $$;
