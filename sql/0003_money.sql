-- Money: postings, accept and settle.
--
-- available = sum(credits) - sum(reserved) over both sides of an account. Accept and operators change side 0 under
-- its row lock; settle changes side 1 under its own. What settle does never lowers available (a refund adds
-- credits; a charge takes the same amount from credits and reserved; a release takes from reserved), so accept may
-- read side 1 without a lock: an old value of it is only ever too small, never too large.

create function balance_rows() returns trigger
language plpgsql as $$
begin
  insert into balance (account, side, open) values (new.id, 0, new.status = 'active'), (new.id, 1, true);
  return null;
end $$;
create trigger balance_rows after insert on account for each row execute function balance_rows();

-- The status stands in the balance row as well: accept, which locks that row, then sees a suspension exactly.
create function balance_open() returns trigger
language plpgsql as $$
begin
  update balance set open = (new.status = 'active') where account = new.id and side = 0;
  return null;
end $$;
create trigger balance_open after update of status on account
  for each row execute function balance_open();

create function ledger_is_immutable() returns trigger
language plpgsql as $$
begin
  raise exception 'ledger entries are never changed: post a correction' using errcode = 'SG003';
end $$;
create trigger ledger_is_immutable before update or delete or truncate on ledger_entry
  for each statement execute function ledger_is_immutable();

create function available(p_account int) returns bigint
language sql stable as $$
  select coalesce(sum(credits - reserved), 0)::bigint from balance where account = p_account
$$;

-- One posting by an operator or a job (top-up, penalty, expiry, ...) on side 0. p_amount null takes all that is
-- available. With a reference it posts once: the second call returns the first entry with existing = true, and the
-- caller compares. p_guarded refuses (no row) what would take available below the limit.
create function post_entry(
  p_account int, p_kind text, p_amount bigint, p_reserved_delta bigint default 0, p_reference text default null,
  p_actor text default null, p_reason text default null, p_cause text default null, p_guarded boolean default false
) returns table (entry bigint, kind text, amount bigint, credits_after bigint, reserved_after bigint,
  at timestamptz, existing boolean)
language plpgsql as $$
declare
  b balance;
  amount_ bigint := p_amount;
begin
  if p_kind not in ('charge', 'refund', 'reserve', 'release', 'top_up', 'expiry', 'penalty', 'forfeit', 'correction',
      'adjustment', 'purchase_refund') then
    raise exception 'there is no entry of kind %', p_kind using errcode = 'check_violation';
  end if;
  -- The row lock comes first, so that of two calls with one reference the second sees the first's entry.
  select * into b from balance where balance.account = p_account and side = 0 for no key update;
  if not found then
    raise exception 'account % has no balance', p_account using errcode = 'no_data_found';
  end if;
  if p_reference is not null then
    return query select e.id, e.kind, e.amount, e.credits_after, e.reserved_after, e.at, true
      from ledger_entry e where e.account = p_account and e.reference = p_reference;
    if found then
      return;
    end if;
  end if;
  amount_ := coalesce(amount_, -greatest(available(p_account), 0));
  if p_guarded and available(p_account) + amount_ - p_reserved_delta < -b.credit_line then
    return;
  end if;
  update balance set credits = credits + amount_, reserved = reserved + p_reserved_delta, version = version + 1
    where balance.account = p_account and side = 0 returning * into b;
  return query insert into ledger_entry as e (account, side, version, kind, amount, reserved_delta, credits_after,
      reserved_after, cause, reference, actor, reason)
    values (p_account, 0, b.version, p_kind, amount_, p_reserved_delta, b.credits, b.reserved, p_cause, p_reference,
      p_actor, p_reason)
    returning e.id, e.kind, e.amount, e.credits_after, e.reserved_after, e.at, false;
end $$;

-- The lowest message id of a unix millisecond (2025-01-01T00:00:00Z is 1735689600000).
create function first_id_at(p_ms bigint) returns bigint
language sql immutable as $$
  select greatest(p_ms - 1735689600000, 0) << 22
$$;

create function unix_ms(p_at timestamptz) returns bigint
language sql immutable as $$
  select floor(extract(epoch from p_at) * 1000)::bigint
$$;

-- First statement of every lane function: the shared lock lets the adopter of this epoch wait for what is under
-- way, and after it has marked the epoch nothing more is written for it.
create function enter_epoch(p_epoch int) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(7302, p_epoch);
  perform from node_epoch where epoch = p_epoch and adopted_by is null;
  if not found then
    raise exception 'epoch % is adopted', p_epoch using errcode = 'SG001';
  end if;
end $$;

-- Pays for messages of one account of which not all can be paid: in order, exactly those that what is left can pay.
-- Its balance row is locked. Returns the batch's verdicts with this account's filled in.
create function pay_one_by_one(p_account int, p_batch bigint, verdicts bytea, accounts int[], unit_prices bigint[],
  segments_ smallint[], charge_ons smallint[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  b balance;
  one record;
  left_ bigint;
  price bigint;
  verdict int;
  charge bigint := 0; charged int := 0; charged_segments int := 0;
  reserve bigint := 0; held int := 0; held_segments int := 0;
begin
  select * into b from balance s where s.account = p_account and s.side = 0;
  if found then
    left_ := available(p_account) + b.credit_line;
  end if;
  for one in
    select t.nth, t.unit_price, t.segments, t.charge_on
    from unnest(accounts, unit_prices, segments_, charge_ons)
      with ordinality as t (account, unit_price, segments, charge_on, nth)
    where t.account = p_account order by t.nth
  loop
    price := one.unit_price * one.segments;
    verdict := case when b.account is null or not b.open then 3
      when price > 0 and b.expires_at <= now() then 2
      when price > 0 and price > left_ then 1
      else 0 end;
    if verdict > 0 then
      verdicts := set_byte(verdicts, (one.nth - 1)::int, verdict);
      continue;
    end if;
    left_ := left_ - price;
    if one.charge_on = 0 then
      charge := charge + price; charged := charged + 1; charged_segments := charged_segments + one.segments;
    else
      reserve := reserve + price; held := held + 1; held_segments := held_segments + one.segments;
    end if;
  end loop;
  if charged + held > 0 then
    update balance as s set credits = s.credits - charge, reserved = s.reserved + reserve,
        version = s.version + (charged > 0)::int + (held > 0)::int
      where s.account = p_account and s.side = 0 returning * into b;
    perform accept_entries(p_account, p_batch, b.version, b.credits, b.reserved, charge, charged, charged_segments,
      reserve, held, held_segments);
  end if;
  return verdicts;
end $$;

-- The entries of one account's part of an accepted batch: the charge, then the reservation.
create function accept_entries(p_account int, p_batch bigint, p_version bigint, p_credits bigint, p_reserved bigint,
  charge bigint, charged int, charged_segments int, reserve bigint, held int, held_segments int) returns void
language plpgsql as $$
begin
  if charged > 0 then
    insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
        messages, segments, batch)
      values (p_account, 0, p_version - (held > 0)::int, 'charge', -charge, 0, p_credits, p_reserved - reserve,
        charged, charged_segments, p_batch);
  end if;
  if held > 0 then
    insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
        messages, segments, batch)
      values (p_account, 0, p_version, 'reserve', 0, reserve, p_credits, p_reserved, held, held_segments, p_batch);
  end if;
end $$;

-- Charges (or reserves for) and stores a batch of messages. Verdicts, one octet each: 0 accepted, 1 insufficient
-- credit, 2 credit expired, 3 suspended. All accounts of the batch pay in one conditional UPDATE; only one that cannot
-- pay for all of its messages goes through them in order.
create function accept_messages(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[]
) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  verdicts bytea := decode(repeat('00', cardinality(ids)), 'hex');
  unpaid int[];
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
      where s.account = n.account and s.account = any (accounts) and s.side = 0 and s.open
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
      verdicts := pay_one_by_one(poor, p_batch, verdicts, accounts, unit_prices, segments_, charge_ons);
    end loop;
  end if;

  -- unnest() in the select list steps through the arrays in parallel and costs half of unnest() in FROM, which
  -- copies every row into a tuplestore.
  if unpaid is not null then
    insert into message (id, batch, unit_price, valid_until, account, bind, epoch, carrier, tariff_version,
        policy_version, terms_version, lane, segments, charge_on, registered_delivery, destination_hash, customer_id)
      select t.id, p_batch, t.unit_price, t.valid_until, t.account, t.bind, p_epoch, t.carrier, t.tariff, t.policy,
        t.terms, t.lane, t.segments, t.charge_on, t.registered, t.hash, t.customer_id
      from unnest(ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices, tariffs, policies,
          terms, charge_ons, registered, valid_untils, hashes)
        with ordinality as t (id, account, bind, customer_id, carrier, lane, segments, unit_price, tariff, policy,
          terms, charge_on, registered, valid_until, hash, nth)
      where get_byte(verdicts, (t.nth - 1)::int) = 0;
    insert into content (id, key, blob)
      select t.id, t.key, t.blob from unnest(ids, keys, blobs) with ordinality as t (id, key, blob, nth)
      where get_byte(verdicts, (t.nth - 1)::int) = 0;
  else
    insert into message (id, batch, unit_price, valid_until, account, bind, epoch, carrier, tariff_version,
        policy_version, terms_version, lane, segments, charge_on, registered_delivery, destination_hash, customer_id)
      select unnest(ids), p_batch, unnest(unit_prices), unnest(valid_untils), unnest(accounts), unnest(binds), p_epoch,
        unnest(carriers), unnest(tariffs), unnest(policies), unnest(terms), unnest(lanes), unnest(segments_),
        unnest(charge_ons), unnest(registered), unnest(hashes), unnest(customer_ids);
    insert into content (id, key, blob) select unnest(ids), unnest(keys), unnest(blobs);
  end if;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'a', verdicts);
  return verdicts;
end $$;

-- Posts to side 1 what the outcomes of a batch give back: refund, charge and release, an entry each per account, in
-- that order. by_verdict: only rows with verdict 1 count.
create function post_outcomes(p_batch bigint, verdicts bytea, by_verdict boolean, accounts int[], refunds bigint[],
  charges bigint[], releases bigint[], causes text[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_nestloop = on
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  moved int[];
begin
  select array_agg(distinct t.account) into moved
    from (select unnest(accounts) as account, unnest(refunds) as refund, unnest(charges) as charge,
      unnest(releases) as release) t
    where t.refund <> 0 or t.charge <> 0 or t.release <> 0;
  if moved is null then
    return;
  end if;
  perform from balance b where b.account = any (moved) and b.side = 1 order by b.account for no key update;
  with total as (
    select t.account, case when min(t.cause) = max(t.cause) then min(t.cause) end as cause,
      sum(t.refund)::bigint as refund, count(*) filter (where t.refund <> 0)::int as refunded,
      sum(t.charge)::bigint as charge, count(*) filter (where t.charge <> 0)::int as charged,
      sum(t.release)::bigint as release, count(*) filter (where t.release <> 0)::int as released
    from (select unnest(accounts) as account, unnest(refunds) as refund, unnest(charges) as charge,
      unnest(releases) as release, unnest(causes) as cause, generate_subscripts(accounts, 1) as nth) t
    where (t.refund <> 0 or t.charge <> 0 or t.release <> 0)
      and (not by_verdict or get_byte(verdicts, t.nth - 1) = 1)
    group by t.account
  ), done as (
    update balance as s set credits = s.credits + t.refund - t.charge, reserved = s.reserved - t.charge - t.release,
        version = s.version + (t.refund <> 0)::int + (t.charge <> 0)::int + (t.release <> 0)::int
      from total t where s.account = t.account and s.account = any (moved) and s.side = 1
      returning s.account, s.version, s.credits, s.reserved, t.cause, t.refund, t.refunded, t.charge, t.charged,
        t.release, t.released
  )
  -- What each entry leaves is counted back from the end.
  insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
      messages, batch, cause)
    select d.account, 1, d.version - (d.charge <> 0)::int - (d.release <> 0)::int, 'refund', d.refund, 0,
      d.credits + d.charge, d.reserved + d.charge + d.release, d.refunded, p_batch, d.cause
      from done d where d.refund <> 0
    union all
    select d.account, 1, d.version - (d.release <> 0)::int, 'charge', -d.charge, -d.charge, d.credits,
      d.reserved + d.release, d.charged, p_batch, d.cause from done d where d.charge <> 0
    union all
    select d.account, 1, d.version, 'release', 0, -d.release, d.credits, d.reserved, d.released, p_batch, d.cause
      from done d where d.release <> 0;
end $$;

-- Gives messages their final state. What moves money is only what this function really inserted: a message that
-- has an outcome already gets verdict 0 and nothing else. kind_ is 'o' (settle) or 'u' (end unsent); p_epoch's outbox
-- returns the receipts. skip: one octet a row, 2 = leave it alone (its verdict stays 2).
create function insert_outcomes(
  p_epoch int, p_batch bigint, kind_ "char", ids bigint[], accounts int[], carriers int[], states smallint[],
  faults smallint[], errs int[], refunds bigint[], charges bigint[], releases bigint[], done_ats timestamptz[],
  causes text[], skip bytea
) returns bytea
-- The joins below are of arrays: a nested loop over them would be quadratic.
language plpgsql set plan_cache_mode = force_generic_plan set enable_nestloop = off set enable_hashjoin = on as $$
declare
  n int := cardinality(ids);
  inserted bigint[];
  verdicts bytea;
begin
  -- Nearly always all are new. ON CONFLICT would double the cost of the insert, so it is only for when they are not.
  if skip is null then
    begin
      insert into outcome (id, batch, refund, charge, release, done_at, settled_at, account, epoch, carrier, err,
          state, fault, cause)
        select unnest(ids), p_batch, unnest(refunds), unnest(charges), unnest(releases), unnest(done_ats), now(),
          unnest(accounts), p_epoch, nullif(unnest(carriers), 0), unnest(errs), unnest(states), unnest(faults),
          unnest(causes);
      verdicts := decode(repeat('01', n), 'hex');
    exception when unique_violation then
      null;
    end;
  end if;
  if verdicts is null then
    with ins as (
      insert into outcome (id, batch, refund, charge, release, done_at, settled_at, account, epoch, carrier, err,
          state, fault, cause)
        select t.id, p_batch, t.refund, t.charge, t.release, t.done_at, now(), t.account, p_epoch,
          nullif(t.carrier, 0), t.err, t.state, t.fault, t.cause
        from unnest(ids, accounts, carriers, states, faults, errs, refunds, charges, releases, done_ats, causes)
          with ordinality as t (id, account, carrier, state, fault, err, refund, charge, release, done_at, cause, nth)
        where skip is null or get_byte(skip, (t.nth - 1)::int) = 0
        on conflict do nothing
        returning id)
    select coalesce(array_agg(id), '{}') into inserted from ins;
    -- Of two rows for one message in a batch the first made the state.
    select coalesce(decode(string_agg(case
        when skip is not null and get_byte(skip, (t.nth - 1)::int) = 2 then '02'
        when i.id is not null and t.first then '01' else '00' end, '' order by t.nth), 'hex'), '')
      into verdicts
      from (select u.id, u.nth, row_number() over (partition by u.id order by u.nth) = 1 as first
        from unnest(ids) with ordinality as u (id, nth)) t
      left join unnest(inserted) as i (id) on i.id = t.id;
  end if;
  perform post_outcomes(p_batch, verdicts, inserted is not null, accounts, refunds, charges, releases, causes);
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, kind_, verdicts);
  return verdicts;
end $$;

create function settle_messages(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], carriers int[], states smallint[],
  faults smallint[], errs int[], refunds bigint[], charges bigint[], releases bigint[], done_ats timestamptz[],
  causes text[]
) returns bytea
language plpgsql as $$
begin
  perform enter_epoch(p_epoch);
  return insert_outcomes(p_epoch, p_batch, 'o', ids, accounts, carriers, states, faults, errs, refunds, charges,
    releases, done_ats, causes, null);
end $$;
