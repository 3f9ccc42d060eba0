-- Reads by key, pinned to index lookups: plans made while the tables were empty must not turn quadratic.

create function load_messages(ids bigint[]) returns table (
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query select m.id, m.account, m.bind, m.customer_id, m.carrier, m.lane, m.segments, m.unit_price, m.tariff_version,
    m.policy_version, m.terms_version, m.charge_on, m.registered_delivery, m.valid_until, m.destination_hash,
    c.key, c.blob, o.state, o.fault, o.err, o.done_at
  from unnest(ids) as t (id) join message m on m.id = t.id
    left join content c on c.id = t.id left join outcome o on o.id = t.id;
end $$;

-- Accepted dispatches of a carrier under these upstream ids, in one partition only: through the parent each lookup
-- would probe them all.
create function find_dispatch(p_number int, p_carrier int, upstream_ids text[]) returns table (
  upstream_id text, segment smallint, attempt smallint, sent_at timestamptz,
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz)
language plpgsql set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
begin
  return query execute format('select d.upstream_id, d.segment, d.attempt, d.at, m.id, m.account, m.bind,
      m.customer_id, d.carrier, m.lane, m.segments, m.unit_price, m.tariff_version, m.policy_version,
      m.terms_version, m.charge_on, m.registered_delivery, m.valid_until, m.destination_hash, c.key, c.blob,
      o.state, o.fault, o.err, o.done_at
    from unnest($2) as t (upstream_id)
      join dispatch_%1$s d on d.carrier = $1 and d.upstream_id = t.upstream_id and d.status = 0
      join message_%1$s m on m.id = d.id
      left join content_%1$s c on c.id = d.id left join outcome_%1$s o on o.id = d.id
    order by d.at desc', p_number) using p_carrier, upstream_ids;
end $$;

-- The janitor's walk: visits up to p_window messages over the job's cursor and below p_until once, and notes in due
-- those without outcome whose validity (from the id's time) is in [p_validity_min, p_validity_max).
create function walk_due(p_job text, p_until bigint, p_window int, p_validity_min interval, p_validity_max interval,
  p_running interval, out visited boolean, out noted int)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off as $$
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
      where m.id > after and m.id <= upto
        and m.valid_until - to_timestamp(((m.id >> 22) + 1735689600000) / 1000.0) >= p_validity_min
        and m.valid_until - to_timestamp(((m.id >> 22) + 1735689600000) / 1000.0) < p_validity_max
        and not exists (select from outcome o where o.id = m.id)
      on conflict do nothing;
    get diagnostics noted = row_count;
    update job set value = upto, at = now() where name = p_job;
  end if;
end $$;

-- What is due: rows whose message has its outcome are deleted, the others returned.
create function take_due(p_now timestamptz, p_limit int) returns table (
  at timestamptz, id bigint, account int, carrier int, segments smallint, unit_price bigint, charge_on smallint,
  terms_version int, valid_until timestamptz, accepted_by int, unknown boolean)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  delete from due d using (select w.at, w.id from due w where w.at <= p_now order by w.at, w.id limit p_limit) w
    where d.at = w.at and d.id = w.id and exists (select from outcome o where o.id = w.id);
  return query
    select w.at, w.id, m.account, m.carrier, m.segments, m.unit_price, m.charge_on, m.terms_version, m.valid_until,
      (select d.carrier from dispatch d where d.id = w.id and d.status = 0 order by d.attempt desc limit 1),
      exists (select from unknown_outcome u where u.id = w.id and u.resolved_at is null)
    from (select d.at, d.id from due d where d.at <= p_now order by d.at, d.id limit p_limit) w
      join message m on m.id = w.id
    where not exists (select from outcome o where o.id = w.id)
    order by w.at, w.id;
end $$;
