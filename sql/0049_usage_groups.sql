-- What a message is counted by is told at accept: its traffic_group, so that usage is counted by adding up rows. Before,
-- each content was opened once more for it.

-- 0: accepted before its group was known (the first of a kind, or before this version): it is found out from the content
-- and stands in message_group.
alter table message add column grp int not null default 0;

drop function accept_held(int, bigint, bigint[], int[], int[], text[], int[], smallint[], smallint[], bigint[], int[], int[], int[],
  smallint[], smallint[], timestamptz[], bytea[], int[], bytea[],
  timestamptz[], bytea[], timestamptz[], text[], text[], boolean[]);
drop function accept_special(int, bigint, bigint[], int[], int[], text[], int[], smallint[], smallint[], bigint[], int[], int[], int[],
  smallint[], smallint[], timestamptz[], bytea[], int[], bytea[],
  timestamptz[], bytea[], timestamptz[]);
drop function accept_messages(int, bigint, bigint[], int[], int[], text[], int[], smallint[], smallint[], bigint[], int[], int[], int[],
  smallint[], smallint[], timestamptz[], bytea[], int[], bytea[]);

-- As before, with the group of each message.
create function accept_messages(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], groups int[]
) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  verdicts bytea := decode(repeat('00', cardinality(ids)), 'hex');
  unpaid int[];
  lots int[];
  poor int;
  low bigint;
  high bigint;
begin
  perform enter_epoch(p_epoch);
  -- Jobs rely on this: the walk for due messages, that no message older than this appears later; the cut of a
  -- partition, that none lies further ahead.
  select min(i), max(i) into low, high from (select unnest(ids) as i) t;
  if low < first_id_at(unix_ms(now()) - 20000) or high > first_id_at(unix_ms(now()) + 10000) then
    raise exception 'message ids are % ms off the clock of the database',
      ((low >> 22) + 1735689600000) - unix_ms(now()) using errcode = 'SG004';
  end if;

  -- The locks first, in account order whatever the plan of the UPDATE; it then sees what the last holder left.
  perform from balance b where b.account = any (accounts) and b.side = 0 order by b.account for no key update;
  with need as (
    select t.account, coalesce(sum(t.price) filter (where t.charge_on = 0), 0)::bigint as charge,
      coalesce(sum(t.price) filter (where t.charge_on <> 0), 0)::bigint as reserve,
      count(*) filter (where t.charge_on = 0)::int as charged, count(*) filter (where t.charge_on <> 0)::int as held,
      sum(t.segments) filter (where t.charge_on = 0)::int as charged_segments,
      sum(t.segments) filter (where t.charge_on <> 0)::int as held_segments
    from (select u.account, u.segments, u.charge_on, u.unit_price * u.segments as price
      from (select unnest(accounts) as account, unnest(unit_prices) as unit_price, unnest(segments_) as segments,
        unnest(charge_ons) as charge_on) u) t
    group by t.account
  ), paid as (
    update balance as s set credits = s.credits - n.charge, reserved = s.reserved + n.reserve,
        version = s.version + (n.charged > 0)::int + (n.held > 0)::int
      from need n
      -- Said twice, so that a plan that begins with balance reads no more of it than this.
      where s.account = n.account and s.account = any (accounts) and s.side = 0 and s.open and s.own_lot is null
        and (s.expires_at is null or s.expires_at > now() or n.charge + n.reserve = 0)
        and s.credits - s.reserved - n.charge - n.reserve
          + (select o.credits - o.reserved from balance o where o.account = n.account and o.side = 1)
          >= -s.credit_line
      returning s.account, s.version, s.credits, s.reserved, n.charge, n.charged, n.charged_segments, n.reserve,
        n.held, n.held_segments
  ), entered as (
    insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
        messages, segments, batch)
      select p.account, 0, p.version - (p.held > 0)::int, 'charge', -p.charge, 0, p.credits, p.reserved - p.reserve,
        p.charged, p.charged_segments, p_batch from paid p where p.charged > 0
      union all
      select p.account, 0, p.version, 'reserve', 0, p.reserve, p.credits, p.reserved, p.held, p.held_segments,
        p_batch from paid p where p.held > 0
  )
  select array_agg(n.account order by n.account) into unpaid from need n
    where n.account not in (select p.account from paid p);
  if unpaid is not null then
    foreach poor in array unpaid loop
      if (select b.own_lot from balance b where b.account = poor and b.side = 0) is null then
        verdicts := pay_one_by_one(poor, p_batch, verdicts, accounts, unit_prices, segments_, charge_ons);
      else
        lots := coalesce(lots, array_fill(null::int, array[cardinality(ids)]));
        select p.verdicts, p.lots into verdicts, lots from pay_by_lots(poor, p_batch, ids, accounts, unit_prices,
          segments_, charge_ons, verdicts, lots) p;
      end if;
    end loop;
  end if;

  -- unnest() in the select list steps through the arrays in parallel and costs half of unnest() in FROM, which
  -- copies every row into a tuplestore.
  if unpaid is not null then
    insert into message (id, batch, unit_price, valid_until, account, bind, epoch, carrier, tariff_version,
        policy_version, terms_version, lane, segments, charge_on, registered_delivery, destination_hash, customer_id, lot,
        grp)
      select t.id, p_batch, t.unit_price, t.valid_until, t.account, t.bind, p_epoch, t.carrier, t.tariff, t.policy,
        t.terms, t.lane, t.segments, t.charge_on, t.registered, t.hash, t.customer_id, t.lot, t.grp
      from unnest(ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices, tariffs, policies,
          terms, charge_ons, registered, valid_untils, hashes, lots, groups)
        with ordinality as t (id, account, bind, customer_id, carrier, lane, segments, unit_price, tariff, policy,
          terms, charge_on, registered, valid_until, hash, lot, grp, nth)
      where get_byte(verdicts, (t.nth - 1)::int) = 0;
    insert into content (id, key, blob)
      select t.id, t.key, t.blob from unnest(ids, keys, blobs) with ordinality as t (id, key, blob, nth)
      where get_byte(verdicts, (t.nth - 1)::int) = 0;
  else
    insert into message (id, batch, unit_price, valid_until, account, bind, epoch, carrier, tariff_version,
        policy_version, terms_version, lane, segments, charge_on, registered_delivery, destination_hash, customer_id,
        grp)
      select unnest(ids), p_batch, unnest(unit_prices), unnest(valid_untils), unnest(accounts), unnest(binds), p_epoch,
        unnest(carriers), unnest(tariffs), unnest(policies), unnest(terms), unnest(lanes), unnest(segments_),
        unnest(charge_ons), unnest(registered), unnest(hashes), unnest(customer_ids),
        unnest(groups);
    insert into content (id, key, blob) select unnest(ids), unnest(keys), unnest(blobs);
  end if;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'a', verdicts);
  return verdicts;
end $$;

create function accept_special(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], groups int[], release_ats timestamptz[], submit_keys bytea[], known_untils timestamptz[]
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
    array(select blobs[n] from unnest(kept) as n), array(select groups[n] from unnest(kept) as n));
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

create function accept_held(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], groups int[], release_ats timestamptz[], submit_keys bytea[], known_untils timestamptz[],
  rules text[], reasons text[], violates boolean[]
) returns bytea
language plpgsql as $$
declare
  told bytea;
begin
  told := accept_special(p_epoch, p_batch, ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices,
    tariffs, policies, terms, charge_ons, registered, valid_untils, hashes, keys, blobs, groups,
    array(select case when t.rule is null then t.at else held_until() end
      from unnest(release_ats, rules) with ordinality as t (at, rule, nth) order by t.nth),
    submit_keys, known_untils);
  with held as (
    insert into moderation (id, account, rule, reason, release_at)
      select t.id, t.account, t.rule, t.reason, t.at
      from unnest(ids, accounts, rules, reasons, release_ats) with ordinality as t (id, account, rule, reason, at, nth)
      where t.rule is not null and get_byte(told, (t.nth - 1)::int) = 0
      returning id)
  insert into violation (account, rule, message)
    select t.account, t.rule, t.id from unnest(ids, accounts, rules, violates) as t (id, account, rule, violates)
      join held h on h.id = t.id where t.violates;
  return told;
end $$;
