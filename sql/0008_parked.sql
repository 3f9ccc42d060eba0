-- Receipts that fit no stored dispatch, and receipts that change nothing.

-- Parks receipts: receipt N has the keys whose owners[] is N (from 1). Returns their ids in order.
create function park_receipts(carriers int[], hashes bytea[], received_ats timestamptz[], fields_ bytea[],
  reasons text[], p_next_try timestamptz, owners int[], upstream_ids text[]) returns bigint[]
language plpgsql as $$
declare
  parked_ids bigint[];
begin
  select array_agg(nextval(pg_get_serial_sequence('parked_receipt', 'id')) order by n) into parked_ids
    from generate_subscripts(carriers, 1) as g (n);
  insert into parked_receipt (id, carrier, destination_hash, received_at, fields, reason, next_try_at)
    overriding system value
    select t.id, t.carrier, t.hash, t.received_at, t.fields, t.reason, p_next_try
    from unnest(parked_ids, carriers, hashes, received_ats, fields_, reasons)
      as t (id, carrier, hash, received_at, fields, reason);
  insert into parked_key (carrier, upstream_id, parked)
    select carriers[k.owner], k.upstream_id, parked_ids[k.owner]
    from unnest(owners, upstream_ids) as k (owner, upstream_id) on conflict do nothing;
  return parked_ids;
end $$;

-- Parked receipts, not matched yet, that stand under one of these ids. Called after the commit of each batch of
-- answers, so the usual case, nothing parked at all, must cost nothing.
create function parked_for(p_carrier int, upstream_ids text[]) returns setof parked_receipt
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  if not exists (select from parked_receipt where matched is null and next_try_at is not null) then
    return;
  end if;
  return query select distinct p.* from unnest(upstream_ids) as t (upstream_id)
    cross join lateral (select * from parked_key x
      where x.carrier = p_carrier and x.upstream_id = t.upstream_id offset 0) k
    cross join lateral (select * from parked_receipt x where x.id = k.parked and x.matched is null offset 0) p;
end $$;

-- The sweep: parked receipts whose next try is due, each time with twice the wait (1 s to 10 min), until the last
-- one p_give_up after receipt. Two nodes do not get the same.
create function take_parked_due(p_now timestamptz, p_limit int, p_give_up interval) returns setof parked_receipt
language plpgsql as $$
begin
  return query with due as (
      select p.id from parked_receipt p where p.matched is null and p.next_try_at <= p_now
        order by p.next_try_at limit p_limit for update skip locked)
    update parked_receipt p set tries = p.tries + 1,
        next_try_at = case when p.received_at + p_give_up <= p_now then null
          else p_now + least(interval '1 second' * 2 ^ least(p.tries, 10), interval '10 minutes') end
      from due where p.id = due.id returning p.*;
end $$;

create function write_notes(p_epoch int, p_batch bigint, messages bigint[], carriers int[], kinds text[],
  states int[], errs int[], details text[]) returns bytea
language plpgsql as $$
begin
  perform enter_epoch(p_epoch);
  insert into receipt_note (message, carrier, kind, state, err, detail)
    select t.message, nullif(t.carrier, 0), t.kind, t.state, t.err, t.detail
    from unnest(messages, carriers, kinds, states, errs, details) as t (message, carrier, kind, state, err, detail);
  insert into batch (id, epoch, kind) values (p_batch, p_epoch, 'n');
  return '';
end $$;
