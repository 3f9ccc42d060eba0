-- Submits that need more than a charge and a row: sent at a time of their own, or known again when repeated. And the
-- short message_ids of 3.3 binds.

-- Accepted messages whose time has not come, or has come and of which something is left to send. The row is the
-- message's place in the queue: its node reads it when `at` is due, and it goes when nothing is left.
create table scheduled (
  id bigint primary key,
  at timestamptz not null,
  epoch int not null                 -- the node that is to send it
);
create index on scheduled (epoch, at);

-- What an account's `dedupe` knows a repeated submit_sm by: the first message of each key.
create table submit_key (
  account int not null,
  key bytea not null,                -- hash of the fields that are compared
  id bigint not null,
  until timestamptz not null,
  primary key (account, key)
);
create index on submit_key (until);

-- accept_messages for a batch in which some message has a time of its own or a key. Verdict 4: a repetition of an
-- earlier message, not stored and not charged.
create function accept_special(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], release_ats timestamptz[], submit_keys bytea[], known_untils timestamptz[]
) returns bytea
language plpgsql as $$
declare
  first_ids bigint[];
  kept int[];
  accepted bytea;
  told bytea := decode(repeat('04', cardinality(ids)), 'hex');
  k int;
begin
  perform enter_epoch(p_epoch);
  -- In the order of the keys, so that two nodes with the same ones do not wait for each other.
  with mine as (
    select distinct on (t.account, t.key) t.account, t.key, t.id, t.until
    from unnest(accounts, submit_keys, ids, known_untils) with ordinality as t (account, key, id, until, nth)
    where t.key is not null order by t.account, t.key, t.nth
  ), taken as (
    insert into submit_key as s (account, key, id, until)
      select m.account, m.key, m.id, m.until from mine m order by m.account, m.key
      on conflict (account, key) do update set id = excluded.id, until = excluded.until where s.until <= now()
      returning s.id
  )
  select coalesce(array_agg(id), '{}') into first_ids from taken;
  select coalesce(array_agg(t.nth::int order by t.nth), '{}') into kept
    from unnest(ids, submit_keys) with ordinality as t (id, key, nth)
    where t.key is null or t.id = any (first_ids);

  if cardinality(kept) = 0 then
    insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'a', told);
    return told;
  end if;
  accepted := accept_messages(p_epoch, p_batch,
    array(select ids[n] from unnest(kept) as n), array(select accounts[n] from unnest(kept) as n),
    array(select binds[n] from unnest(kept) as n), array(select customer_ids[n] from unnest(kept) as n),
    array(select carriers[n] from unnest(kept) as n), array(select lanes[n] from unnest(kept) as n),
    array(select segments_[n] from unnest(kept) as n), array(select unit_prices[n] from unnest(kept) as n),
    array(select tariffs[n] from unnest(kept) as n), array(select policies[n] from unnest(kept) as n),
    array(select terms[n] from unnest(kept) as n), array(select charge_ons[n] from unnest(kept) as n),
    array(select registered[n] from unnest(kept) as n), array(select valid_untils[n] from unnest(kept) as n),
    array(select hashes[n] from unnest(kept) as n), array(select keys[n] from unnest(kept) as n),
    array(select blobs[n] from unnest(kept) as n));
  for k in 1..cardinality(kept) loop
    told := set_byte(told, kept[k] - 1, get_byte(accepted, k - 1));
  end loop;
  update batch set verdicts = told where id = p_batch;

  insert into scheduled (id, at, epoch)
    select t.id, t.at, p_epoch from unnest(ids, release_ats) with ordinality as t (id, at, nth)
    where t.at is not null and get_byte(told, (t.nth - 1)::int) = 0;
  -- What was refused may be submitted again.
  delete from submit_key s using unnest(ids, accounts, submit_keys) with ordinality as t (id, account, key, nth)
    where s.account = t.account and s.key = t.key and s.id = t.id
      and get_byte(told, (t.nth - 1)::int) in (1, 2, 3);
  return told;
end $$;

-- What is left to send of messages, as queued_messages says it of an epoch's.
create function queue_state(ids bigint[]) returns table (
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz,
  next_attempt int, answered_segments smallint[], answered_statuses int[], unknown_segments smallint[])
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
    select m.id, m.account, m.carrier, m.lane, m.segments, m.valid_until,
      greatest(a.attempt, (select max(u.attempt) from unknown_outcome u where u.id = m.id), 0) + 1, a.segments, a.statuses,
      (select array_agg(u.segment) from unknown_outcome u where u.id = m.id and u.resolved_at is null)
    from unnest(ids) as i (id)
    cross join lateral (select * from message x where x.id = i.id
      and (select o.id from outcome o where o.id = x.id) is null offset 0) m
    left join lateral (select array_agg(d.segment order by d.attempt) as segments,
        array_agg(d.status order by d.attempt) as statuses, max(d.attempt)::int as attempt,
        count(distinct d.segment) filter (where d.status = 0) as accepted
      from dispatch d where d.id = m.id) a on true
    where coalesce(a.accepted, 0) < m.segments
    order by m.id;
end $$;

-- As before, without scheduled messages: their rows are their queue.
create or replace function queued_messages(p_epoch int, p_after bigint, p_upto bigint) returns table (
  id bigint, account int, carrier int, lane smallint, segments smallint, valid_until timestamptz,
  next_attempt int, answered_segments smallint[], answered_statuses int[], unknown_segments smallint[])
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

-- A block of message_ids of 8 hexadecimal digits for an account's 3.3 binds: its first number. None in it is that of
-- a message still stored, which is longer than any message is unfinished.
create function reserve_aliases(p_account int, p_count int) returns bigint
language plpgsql as $$
declare
  next_ bigint;
  first_ bigint;
begin
  for tries in 1..1000 loop
    update account set alias_next = (alias_next + p_count) % 4294967296 where id = p_account
      returning alias_next into next_;
    if not found then
      raise exception 'no account %', p_account;
    end if;
    first_ := (next_ - p_count + 4294967296) % 4294967296;
    if not exists (select from message m where m.account = p_account and length(m.customer_id) = 8
        and m.customer_id >= lpad(upper(to_hex(first_)), 8, '0')
        and m.customer_id <= lpad(upper(to_hex(first_ + p_count - 1)), 8, '0')) then
      return first_;
    end if;
  end loop;
  raise exception 'account % has no free message_id of 8 digits near %', p_account, first_ using errcode = 'SG006';
end $$;
