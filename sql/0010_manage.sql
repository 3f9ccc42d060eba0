-- query_sm, cancel_sm, replace_sm: how a customer's message is found, and its later versions.

-- A message that was replaced before its lease (SMPP 3.4 §4.10, §5.2.18). The row of `message` and its content stay as
-- version 0; of the rows here the highest version is in force. Unit price, tariff and terms are the message's own.
-- Not partitioned, as segment_receipt is not: there are few, and retention deletes them by range of the id.
create table replacement (
  id bigint not null,
  at timestamptz not null default now(),
  batch bigint not null,
  difference bigint not null,        -- paid (above 0) or given back: unit price x the segments more than before
  entry bigint,                      -- ledger_entry.id; null: nothing to pay
  valid_until timestamptz not null,
  release_at timestamptz,            -- not null: its place is the table scheduled, not a queue, from here on
  account int not null,
  policy_version int not null,
  key int not null,                  -- content_key.id
  version smallint not null,         -- from 1
  segments smallint not null,
  registered_delivery smallint not null,
  blob bytea not null,               -- the whole submit_sm as it is now, sealed under (id, version)
  primary key (id, version)
);
-- An entry pays for one version.
create unique index on replacement (entry) where entry is not null;
alter table replacement alter column blob set storage external;
-- batch.kind 'x': replacements.

-- Those of a set of messages that a carrier has or may have: a key in a lease without stored answer, an open unknown
-- outcome, an accepted dispatch. A key of a lease that has its answer stored, or was unknown and is resolved, holds its
-- message no longer. To be asked under the advisory lock 7303, exclusively: then no lease is being taken.
create function held_messages(ids bigint[]) returns bigint[]
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
    where (select d.id from dispatch d where d.id = t.id and d.status = 0 limit 1) is not null
      or (select u.id from unknown_outcome u where u.id = t.id and u.resolved_at is null limit 1) is not null;
  return held;
end $$;

-- Of these messages those that were replaced since the version at hand (versions null: 0, as accepted).
create function replaced_since(ids bigint[], versions int[]) returns bigint[]
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  -- Nearly always none was ever replaced: one walk of the primary key, which is nearly empty, says so.
  if not exists (select from replacement r
      where r.id >= (select min(i) from unnest(ids) as t (i)) and r.id <= (select max(i) from unnest(ids) as t (i))) then
    return null;
  end if;
  return (select array_agg(distinct t.i)
    from unnest(ids, coalesce(versions, array_fill(0, array[cardinality(ids)]))) as t (i, v)
    where (select max(r.version) from replacement r where r.id = t.i) > t.v);
end $$;

-- As before, and a message that was replaced since the caller's copy was made is left out as well: its text and price
-- are no longer those. versions null: all copies are as accepted.
drop function take_lease(int, bigint, int, bigint[], int[]);
create function take_lease(p_epoch int, p_lease bigint, p_carrier int, ids bigint[], parts_ int[], versions int[],
  out refused bigint[], out replaced bigint[])
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  low bigint;
  high bigint;
  out_ bigint[];
begin
  perform enter_epoch(p_epoch);
  perform pg_advisory_xact_lock_shared(7303, 0);
  select min(i), max(i) into low, high from (select unnest(ids) as i) t;
  -- The range lets the executor leave out other partitions; inside it is one walk of the primary key.
  select array_agg(o.id) into refused from outcome o where o.id >= low and o.id <= high and o.id = any (ids);
  replaced := replaced_since(ids, versions);
  if refused is null and replaced is null then
    insert into lease (id, epoch, carrier, message_ids, parts) values (p_lease, p_epoch, p_carrier, ids, parts_)
      on conflict do nothing;
    return;
  end if;
  out_ := coalesce(refused, '{}') || coalesce(replaced, '{}');
  insert into lease (id, epoch, carrier, message_ids, parts)
    select p_lease, p_epoch, p_carrier, array_agg(t.i), array_agg(t.p)
    from unnest(ids, parts_) as t (i, p) where t.i <> all (out_) having count(*) > 0
    on conflict do nothing;
end $$;

-- As before; verdict 2 as well for a message that was replaced since the caller's copy, whose money is no longer right.
drop function end_unsent(int, bigint, bigint[], int[], int[], smallint[], smallint[], int[], bigint[], bigint[], bigint[],
  timestamptz[], text[]);
create function end_unsent(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], carriers int[], states smallint[],
  faults smallint[], errs int[], refunds bigint[], charges bigint[], releases bigint[], done_ats timestamptz[],
  causes text[], versions int[]
) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  kept bigint[];
  skip bytea;
begin
  perform enter_epoch(p_epoch);
  perform pg_advisory_xact_lock(7303, 0);
  kept := coalesce(held_messages(ids), '{}') || coalesce(replaced_since(ids, versions), '{}');
  if cardinality(kept) > 0 then
    select decode(string_agg(case when t.id = any (kept) then '02' else '00' end, '' order by t.nth), 'hex')
      into skip from unnest(ids) with ordinality as t (id, nth);
  end if;
  return insert_outcomes(p_epoch, p_batch, 'u', ids, accounts, carriers, states, faults, errs, refunds, charges,
    releases, done_ats, causes, skip);
end $$;

-- Replaces messages that no carrier can have, each by the version after the one the caller had. Verdicts: 0 replaced,
-- 1 insufficient credit, 2 credit expired, 3 account not active, 4 ended or with a carrier, 5 replaced meanwhile: read it
-- again. The difference is paid from, or given back to, side 0 of the balance, an entry each: `charge` where the message
-- is charged at submit, else `reserve`; either may be negative, so that a message's charges sum to the price of its last
-- version and are no refunds. release_ats: null: its time stays; a past one: at once.
create function replace_messages(
  p_epoch int, p_batch bigint, ids bigint[], versions smallint[], accounts int[], segments_ smallint[], policies int[],
  registered smallint[], valid_untils timestamptz[], keys int[], blobs bytea[], release_ats timestamptz[]
) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  verdicts bytea := decode(repeat('04', cardinality(ids)), 'hex');
  held bigint[];
  one record;
  b balance;
  entry_ bigint;
  last_version int; last_segments int; last_valid timestamptz;
  difference_ bigint;
  release_ timestamptz;
begin
  perform enter_epoch(p_epoch);
  perform pg_advisory_xact_lock(7303, 0);
  held := coalesce(held_messages(ids), '{}');
  perform from balance s where s.account = any (accounts) and s.side = 0 order by s.account for no key update;
  for one in
    select t.*, m.unit_price, m.segments as first_segments, m.valid_until as first_valid, m.charge_on
    from unnest(ids, versions, accounts, segments_, policies, registered, valid_untils, keys, blobs, release_ats)
      with ordinality as t (id, version, account, segments, policy, registered, valid_until, key, blob, release_at, nth)
    cross join lateral (select * from message x where x.id = t.id and x.account = t.account and x.carrier <> 0 offset 0) m
    where t.id <> all (held) and (select o.id from outcome o where o.id = t.id) is null
    order by t.nth
  loop
    select r.version, r.segments, r.valid_until into last_version, last_segments, last_valid
      from replacement r where r.id = one.id order by r.version desc limit 1;
    continue when coalesce(last_valid, one.first_valid) <= now();
    difference_ := one.unit_price * (one.segments - coalesce(last_segments, one.first_segments));
    select * into b from balance s where s.account = one.account and s.side = 0;
    verdicts := set_byte(verdicts, (one.nth - 1)::int, case
      when one.version <> coalesce(last_version, 0) + 1 then 5
      when not b.open then 3
      when difference_ > 0 and b.expires_at <= now() then 2
      when difference_ > 0 and difference_ > available(one.account) + b.credit_line then 1
      else 0 end);
    continue when get_byte(verdicts, (one.nth - 1)::int) > 0;
    entry_ := null;
    if difference_ <> 0 then
      update balance as s set version = s.version + 1,
          credits = s.credits - case one.charge_on when 0 then difference_ else 0 end,
          reserved = s.reserved + case one.charge_on when 0 then 0 else difference_ end
        where s.account = one.account and s.side = 0 returning * into b;
      insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
          messages, segments, batch, cause)
        values (one.account, 0, b.version, case one.charge_on when 0 then 'charge' else 'reserve' end,
          case one.charge_on when 0 then -difference_ else 0 end, case one.charge_on when 0 then 0 else difference_ end,
          b.credits, b.reserved, 1, one.segments - coalesce(last_segments, one.first_segments), p_batch, 'replaced')
        returning id into entry_;
    end if;
    -- A message that has its place in the table scheduled keeps it, whatever its time is now.
    select s.at into release_ from scheduled s where s.id = one.id;
    if one.release_at is not null and (one.release_at > now() or release_ is not null) then
      release_ := greatest(one.release_at, now());
      insert into scheduled (id, at, epoch) values (one.id, release_, p_epoch)
        on conflict (id) do update set at = excluded.at;
    end if;
    insert into replacement (id, batch, difference, entry, valid_until, release_at, account, policy_version, key, version,
        segments, registered_delivery, blob)
      values (one.id, p_batch, difference_, entry_, one.valid_until, release_, one.account, one.policy, one.key,
        one.version, one.segments, one.registered, one.blob);
    -- The janitor's walk may have passed it, or know only the validity it had.
    insert into due (at, id) values (one.valid_until, one.id) on conflict do nothing;
  end loop;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'x', verdicts);
  return verdicts;
end $$;

-- ------------------------------------------------------------------- reading: the version in force

drop function load_messages(bigint[]);
create function load_messages(ids bigint[]) returns table (
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz, version smallint,
  release_at timestamptz)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return query select m.id, m.account, m.bind, m.customer_id, m.carrier, m.lane, coalesce(r.segments, m.segments),
      m.unit_price, m.tariff_version, coalesce(r.policy_version, m.policy_version), m.terms_version, m.charge_on,
      coalesce(r.registered_delivery, m.registered_delivery), coalesce(r.valid_until, m.valid_until),
      m.destination_hash, coalesce(r.key, c.key), coalesce(r.blob, c.blob), o.state, o.fault, o.err, o.done_at,
      coalesce(r.version, 0::smallint), r.release_at
    from unnest(ids) as t (id)
      cross join lateral (select * from message x where x.id = t.id offset 0) m
      left join lateral (select x.key, x.blob from content x where x.id = t.id offset 0) c on true
      left join lateral (select x.state, x.fault, x.err, x.done_at from outcome x where x.id = t.id offset 0) o
        on true
      left join lateral (select * from replacement x where x.id = t.id order by x.version desc limit 1) r on true;
end $$;

drop function find_dispatch(int, int, text[]);
create function find_dispatch(p_number int, p_carrier int, upstream_ids text[]) returns table (
  upstream_id text, segment smallint, attempt smallint, sent_at timestamptz,
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz, version smallint,
  release_at timestamptz)
language plpgsql set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return query execute format('select d.upstream_id, d.segment, d.attempt, d.at, m.id, m.account, m.bind,
      m.customer_id, d.carrier, m.lane, coalesce(r.segments, m.segments), m.unit_price, m.tariff_version,
      coalesce(r.policy_version, m.policy_version), m.terms_version, m.charge_on,
      coalesce(r.registered_delivery, m.registered_delivery), coalesce(r.valid_until, m.valid_until),
      m.destination_hash, coalesce(r.key, c.key), coalesce(r.blob, c.blob), o.state, o.fault, o.err, o.done_at,
      coalesce(r.version, 0::smallint), r.release_at
    from unnest($2) as t (upstream_id)
      cross join lateral (select * from dispatch_%1$s x
        where x.carrier = $1 and x.upstream_id = t.upstream_id and x.status = 0 offset 0) d
      cross join lateral (select * from message_%1$s x where x.id = d.id offset 0) m
      left join lateral (select x.key, x.blob from content_%1$s x where x.id = d.id offset 0) c on true
      left join lateral (select x.state, x.fault, x.err, x.done_at from outcome_%1$s x where x.id = d.id offset 0) o
        on true
      left join lateral (select * from replacement x where x.id = d.id order by x.version desc limit 1) r on true
    order by d.at desc', p_number) using p_carrier, upstream_ids;
end $$;

-- ------------------------------------------------------------------ finding a customer's messages

-- Messages by the message_id that an account was given, for many lookups at once: names[n] in accounts[n], of the number
-- with this hash where hashes[n] is not null. numbers[n]:
-- the name as an internal id, or null where it is none; a message of that id, or those that share its name (submit_multi)
-- and were accepted within a minute of it, are then the only ones looked for: one partition or two. Another name (an alias)
-- is looked for by index in the newest partition first, and in older ones only until one has it.
create function find_named(accounts int[], names text[], numbers bigint[], hashes bytea[], p_most int)
returns table (nth int, id bigint)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  minute constant bigint := 60000::bigint << 22;
  part int;
begin
  for n in 1 .. cardinality(names) loop
    if numbers[n] is not null then
      return query select n, x.id from message x
        where x.id = numbers[n] and x.account = accounts[n] and x.customer_id is null
          and (hashes[n] is null or x.destination_hash = hashes[n]);
      return query select n, x.id from message x
        where x.account = accounts[n] and x.customer_id = names[n]
          and x.id >= greatest(numbers[n], minute) - minute
          and x.id <= least(numbers[n], 9223372036854775807 - minute) + minute
          and (hashes[n] is null or x.destination_hash = hashes[n])
        limit p_most;
    else
      for part in select r.number from id_range r order by r.number desc loop
        return query execute format('select $1, x.id from message_%1$s x where x.account = $2 and x.customer_id = $3
          and x.id > (select max(y.id) from message_%1$s y where y.account = $2 and y.customer_id = $3) - $4
            and ($6 is null or x.destination_hash = $6) limit $5', part)
          using n, accounts[n], names[n], minute, p_most, hashes[n];
        exit when found;
      end loop;
    end if;
  end loop;
end $$;

-- Unfinished messages to a number that no carrier has accepted, for many lookups at once: hashes[n] of accounts[n] below
-- befores[n], the newest p_most of each. Only ids that some node may still have to send are looked at (over the lowest
-- queue_floor), and scheduled ones: in one walk for all lookups where a partition is young, by the index on the number
-- where it is closed.
create function find_queued(accounts int[], hashes bytea[], befores bigint[], p_most int) returns table (nth int, id bigint)
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
          and (select d.id from dispatch_%1$s d where d.id = x.id and d.status = 0 limit 1) is null) f
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
