-- Leases, the carrier's answers, ends without a send, receipts returned.
-- Advisory lock classes: 7301 an epoch is alive (session), 7302 work of an epoch, 7303 leases of messages, 7304 jobs.

-- Leases keys to be sent. Those whose message has its outcome are left out and returned. Volatile plpgsql takes a
-- new snapshot for each statement, so the look at outcome sees every end committed before the lock was granted, and
-- an end that comes later waits for this transaction and then sees the lease.
-- The caller names the lease, so that a call whose COMMIT is in doubt can be made again.
create function take_lease(p_epoch int, p_lease bigint, p_carrier int, ids bigint[], parts_ int[]) returns bigint[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  low bigint;
  high bigint;
  refused bigint[];
  kept_ids bigint[];
  kept_parts int[];
begin
  perform enter_epoch(p_epoch);
  perform pg_advisory_xact_lock_shared(7303, 0);
  select min(i), max(i) into low, high from (select unnest(ids) as i) t;
  -- The range lets the executor leave out other partitions; inside it is one walk of the primary key.
  select array_agg(o.id) into refused from outcome o where o.id >= low and o.id <= high and o.id = any (ids);
  if refused is null then
    insert into lease (id, epoch, carrier, message_ids, parts) values (p_lease, p_epoch, p_carrier, ids, parts_)
      on conflict do nothing;
    return '{}';
  else
    select array_agg(t.i), array_agg(t.p) into kept_ids, kept_parts
      from unnest(ids, parts_) as t (i, p) where not t.i = any (refused);
    if kept_ids is not null then
      insert into lease (id, epoch, carrier, message_ids, parts)
        values (p_lease, p_epoch, p_carrier, kept_ids, kept_parts) on conflict do nothing;
    end if;
    return refused;
  end if;
end $$;

-- Ends leases all of whose keys are accounted for.
create function drop_leases(p_epoch int, leases bigint[]) returns void
language plpgsql as $$
begin
  perform enter_epoch(p_epoch);
  delete from lease where id = any (leases) and epoch = p_epoch;
end $$;

-- Stores what carriers answered, and deletes the leases all of whose keys have stored answers with this batch.
create function write_sent(p_epoch int, p_batch bigint, ids bigint[], segments_ smallint[], attempts smallint[],
  carriers int[], upstream_ids text[], statuses int[], ats timestamptz[], done_leases bigint[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  perform enter_epoch(p_epoch);
  begin
    insert into dispatch (id, at, carrier, status, segment, attempt, upstream_id)
      select unnest(ids), unnest(ats), unnest(carriers), unnest(statuses), unnest(segments_), unnest(attempts),
        unnest(upstream_ids);
  exception when unique_violation then
    -- An answer stored twice must not stop the lane; the dearer statement is only for this case.
    insert into dispatch (id, at, carrier, status, segment, attempt, upstream_id)
      select t.id, t.at, t.carrier, t.status, t.segment, t.attempt, t.upstream_id
      from unnest(ids, segments_, attempts, carriers, upstream_ids, statuses, ats)
        as t (id, segment, attempt, carrier, upstream_id, status, at)
      on conflict do nothing;
  end;
  if cardinality(done_leases) > 0 then
    delete from lease where id = any (done_leases) and epoch = p_epoch;
  end if;
  insert into batch (id, epoch, kind) values (p_batch, p_epoch, 's');
  return '';
end $$;

-- Ends messages that no carrier can have: expired, cancelled, suspended. Verdict 2: the carrier has it or may have
-- it (an unanswered key in a lease, an open unknown outcome, an accepted dispatch), nothing done.
create function end_unsent(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], carriers int[], states smallint[],
  faults smallint[], errs int[], refunds bigint[], charges bigint[], releases bigint[], done_ats timestamptz[],
  causes text[]
) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  held bigint[];
  skip bytea;
begin
  perform enter_epoch(p_epoch);
  perform pg_advisory_xact_lock(7303, 0);
  -- A key of a lease that has its answer stored, or was unknown and is resolved, holds its message no longer.
  select array_agg(k.id) into held from (
    select l.id, l.part from lease, unnest(message_ids, parts) as l (id, part) where message_ids && ids) k
    where (select d.id from dispatch d where d.id = k.id and d.segment = k.part & 255
      and d.attempt = k.part >> 8) is null
    and (select u.id from unknown_outcome u where u.id = k.id and u.segment = k.part & 255
      and u.attempt = k.part >> 8 and u.resolved_at is not null) is null;
  select coalesce(held, '{}') || coalesce(array_agg(t.id), '{}') into held from unnest(ids) as t (id)
    where (select d.id from dispatch d where d.id = t.id and d.status = 0 limit 1) is not null
      or (select u.id from unknown_outcome u where u.id = t.id and u.resolved_at is null limit 1) is not null;
  if cardinality(held) > 0 then
    select decode(string_agg(case when t.id = any (held) then '02' else '00' end, '' order by t.nth), 'hex')
      into skip from unnest(ids) with ordinality as t (id, nth);
  end if;
  return insert_outcomes(p_epoch, p_batch, 'u', ids, accounts, carriers, states, faults, errs, refunds, charges,
    releases, done_ats, causes, skip);
end $$;

-- Stores what customers answered to their receipts. Idempotent.
create function write_returned(p_batch bigint, ids bigint[], statuses int[], ats timestamptz[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  begin
    insert into returned (id, at, status) select unnest(ids), unnest(ats), unnest(statuses);
  exception when unique_violation then
    insert into returned (id, at, status)
      select t.id, t.at, t.status from unnest(ids, statuses, ats) as t (id, status, at)
      on conflict do nothing;
  end;
  insert into batch (id, epoch, kind) values (p_batch, 0, 'r');
  return '';
end $$;

-- Receipts of single segments of longer messages. Verdict 1: stored, 0: this segment had its final state.
create function write_segment_receipts(p_epoch int, p_batch bigint, ids bigint[], segments_ smallint[],
  attempts smallint[], states smallint[], faults smallint[], errs int[], done_ats timestamptz[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_nestloop = off as $$
declare
  inserted int[];
  verdicts bytea;
begin
  perform enter_epoch(p_epoch);
  with ins as (
    insert into segment_receipt (id, segment, attempt, state, fault, err, done_at)
      select t.id, t.segment, t.attempt, t.state, t.fault, t.err, t.done_at
      from unnest(ids, segments_, attempts, states, faults, errs, done_ats)
        as t (id, segment, attempt, state, fault, err, done_at)
      on conflict do nothing returning id, segment)
  select decode(string_agg(case when i.id is not null and t.first then '01' else '00' end, '' order by t.nth), 'hex')
    into verdicts
    from (select u.id, u.segment, u.nth, row_number() over (partition by u.id, u.segment order by u.nth) = 1 as first
      from unnest(ids, segments_) with ordinality as u (id, segment, nth)) t
    left join ins i on i.id = t.id and i.segment = t.segment;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'g', verdicts);
  return verdicts;
end $$;

-- Reads back a batch whose COMMIT is in doubt, by a tombstone of the same id: the insert waits for a transaction
-- that is still under way; a conflict means it committed, and its verdicts are returned; an insert means that it
-- certainly never will (committed = false).
create function read_back_batch(p_batch bigint, p_epoch int, out committed boolean, out verdicts bytea)
language plpgsql as $$
declare
  found_kind "char";
begin
  insert into batch (id, epoch, kind) values (p_batch, p_epoch, 't') on conflict do nothing;
  select b.kind, b.verdicts into strict found_kind, verdicts from batch b where b.id = p_batch;
  committed := found_kind <> 't';
end $$;
