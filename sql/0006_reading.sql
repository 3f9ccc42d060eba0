-- Reads by key. Plans made while tables were empty, or from no statistics, must not turn quadratic, so every step from
-- one table to the next is a LATERAL subquery with OFFSET 0 or a scalar subquery: PostgreSQL can neither reorder nor
-- hash those, and looks each key up in the index. (A plain join here once took 165 s for 500 ids of 800,000.)

create function load_messages(ids bigint[]) returns table (
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return query select m.id, m.account, m.bind, m.customer_id, m.carrier, m.lane, m.segments, m.unit_price,
      m.tariff_version, m.policy_version, m.terms_version, m.charge_on, m.registered_delivery, m.valid_until,
      m.destination_hash, c.key, c.blob, o.state, o.fault, o.err, o.done_at
    from unnest(ids) as t (id)
      cross join lateral (select * from message x where x.id = t.id offset 0) m
      left join lateral (select x.key, x.blob from content x where x.id = t.id offset 0) c on true
      left join lateral (select x.state, x.fault, x.err, x.done_at from outcome x where x.id = t.id offset 0) o
        on true;
end $$;

-- Accepted dispatches of a carrier under these upstream ids, in one partition only: through the parent each lookup
-- would probe them all.
create function find_dispatch(p_number int, p_carrier int, upstream_ids text[]) returns table (
  upstream_id text, segment smallint, attempt smallint, sent_at timestamptz,
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz)
language plpgsql set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return query execute format('select d.upstream_id, d.segment, d.attempt, d.at, m.id, m.account, m.bind,
      m.customer_id, d.carrier, m.lane, m.segments, m.unit_price, m.tariff_version, m.policy_version,
      m.terms_version, m.charge_on, m.registered_delivery, m.valid_until, m.destination_hash, c.key, c.blob,
      o.state, o.fault, o.err, o.done_at
    from unnest($2) as t (upstream_id)
      cross join lateral (select * from dispatch_%1$s x
        where x.carrier = $1 and x.upstream_id = t.upstream_id and x.status = 0 offset 0) d
      cross join lateral (select * from message_%1$s x where x.id = d.id offset 0) m
      left join lateral (select x.key, x.blob from content_%1$s x where x.id = d.id offset 0) c on true
      left join lateral (select x.state, x.fault, x.err, x.done_at from outcome_%1$s x where x.id = d.id offset 0) o
        on true
    order by d.at desc', p_number) using p_carrier, upstream_ids;
end $$;

-- The highest message id of the next p_window ids over p_after (null: there is none below p_until).
create function message_window(p_after bigint, p_until bigint, p_window int) returns bigint
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return (select max(w.id)
    from (select id from message where id > p_after and id < p_until order by id limit p_window) w);
end $$;

-- The janitor's walk: visits up to p_window messages over the job's cursor and below p_until, and notes in due those
-- without outcome whose validity ends before p_valid_before.
create function walk_due(p_job text, p_until bigint, p_window int, p_valid_before timestamptz, p_running interval,
  out visited boolean, out noted int)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  after bigint;
  upto bigint;
begin
  insert into job (name, value) values (p_job, -1) on conflict do nothing;
  select value into strict after from job where name = p_job for update;
  noted := 0;
  -- A message of this age can still come only from a transaction that has been under way for long: accept refuses
  -- ids that are over 20 s old when it begins. Then wait.
  if exists (select from pg_stat_activity where backend_xid is not null and xact_start < now() - p_running
      and pid <> pg_backend_pid() and datname = current_database()) then
    visited := false;
    return;
  end if;
  upto := message_window(after, p_until, p_window);
  visited := upto is not null;
  if visited then
    insert into due (at, id)
      select m.valid_until, m.id from message m
      where m.id > after and m.id <= upto and m.valid_until < p_valid_before
        and (select o.id from outcome o where o.id = m.id) is null
      on conflict do nothing;
    get diagnostics noted = row_count;
    update job set value = upto, at = now() where name = p_job;
  end if;
end $$;

-- What is due: rows whose message has its outcome are deleted, the others returned.
create function take_due(p_now timestamptz, p_limit int) returns table (
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
      (select d.carrier from dispatch d where d.id = w.id and d.status = 0 order by d.attempt desc limit 1),
      (select u.id from unknown_outcome u where u.id = w.id and u.resolved_at is null limit 1) is not null
    from (select x.at, x.id from due x where x.at <= p_now order by x.at, x.id limit p_limit) w
      cross join lateral (select * from message x where x.id = w.id offset 0) m
    where (select o.id from outcome o where o.id = w.id) is null
    order by w.at, w.id;
end $$;
