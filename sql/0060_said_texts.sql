-- What rules remember of texts, over all nodes and restarts; parts of long messages that meet from two nodes, and what
-- was counted of parts that are refused with the whole.

-- Texts that an account said to a recipient, by the rules that look for their repetition (`duplicates`): the first of
-- each, from its accept until the rule's time is over.
create table said_text (
  account int not null,
  key bytea not null,                -- keyed hash of rule, sender, recipient and text
  id bigint not null,                -- message.id of the first
  until timestamptz not null,        -- by this clock, whatever the nodes' say
  primary key (account, key)
);
create index on said_text (until);

-- Says texts: of each the message that said it first (0: one that was stored just now), and whether that is this one. In the order of the arrays. Locks in
-- the order of the keys: two nodes cannot wait for each other, and of two that say the same at once one is first.
create function say_texts(p_accounts int[], p_keys bytea[], p_ids bigint[], p_seconds int[])
returns table (nth int, first_id bigint, is_new boolean)
language plpgsql as $$
begin
  return query
    with mine as materialized (
      select distinct on (t.account, t.key) t.account, t.key, t.id, t.seconds
      from unnest(p_accounts, p_keys, p_ids, p_seconds) with ordinality as t (account, key, id, seconds, n)
      order by t.account, t.key, t.n
    ), said as (
      insert into said_text as s (account, key, id, until)
        select m.account, m.key, m.id, clock_timestamp() + m.seconds * interval '1 second'
        from mine m order by m.account, m.key
        on conflict (account, key) do update set id = excluded.id, until = excluded.until
          where s.until <= clock_timestamp()
        returning s.account, s.key, s.id
    )
    select t.n::int, case when s.id is not null then s.id else coalesce((select x.id from said_text x
        where x.account = t.account and x.key = t.key), 0) end, s.id is not distinct from t.id
    from unnest(p_accounts, p_keys, p_ids) with ordinality as t (account, key, id, n)
      left join said s on s.account = t.account and s.key = t.key
    order by t.n;
end $$;

-- The elements of an array at these places, in their order.
create function pick(a anyarray, places int[]) returns anyarray
language sql immutable as $$
  select array(select a[n] from unnest(places) with ordinality as t (n, nth) order by t.nth)
$$;

-- What quotas counted of the parts that wait: [rule, key in hex, amount, until] of each. It is given back if the whole is
-- refused, by whichever node refuses it.
alter table part_set add column taken jsonb not null default '[]';

drop function accept_parts(int, bigint, bigint[], int[], int[], text[], int[], smallint[], smallint[], bigint[], int[],
  int[], int[], smallint[], smallint[], timestamptz[], bytea[], int[], bytea[], int[], timestamptz[], bytea[],
  timestamptz[], text[], text[], boolean[], bytea[], smallint[], smallint[], timestamptz[]);

-- As before (sql/0046_parts.sql), and: what was counted of each part (part_counts), and verdict 7: not stored, for with
-- it all parts are here and its node has not seen them all (part_asks): it is to be judged with them first.
create function accept_parts(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], groups int[], release_ats timestamptz[], submit_keys bytea[], known_untils timestamptz[],
  rules text[], reasons text[], violates boolean[],
  part_keys bytea[], part_numbers smallint[], part_totals smallint[], part_untils timestamptz[],
  part_counts jsonb[], part_asks boolean[]
) returns bytea
language plpgsql as $$
declare
  told bytea;
  accepted bytea;
  one record;
  bucket int;
  whole_ boolean;
  completed boolean := false;
  asked int[];
  kept int[];
begin
  if true = any (part_asks) then
    perform enter_epoch(p_epoch);
    -- Parts of one message that two nodes store at the same moment are stored one after the other.
    for bucket in select distinct get_byte(t.key, 0) * 4 + get_byte(t.key, 1) % 4 from unnest(part_keys) as t (key)
      where t.key is not null order by 1
    loop
      perform pg_advisory_xact_lock(7315, bucket);
    end loop;
    select array_agg(g.last) into asked
    from (select t.account, t.key, max(t.total) as total, array_agg(t.part) as parts,
        (max(t.nth) filter (where t.asks))::int as last
      from unnest(accounts, part_keys, part_totals, part_numbers, part_asks) with ordinality
        as t (account, key, total, part, asks, nth)
      where t.key is not null group by t.account, t.key) g
      join part_set s on s.account = g.account and s.key = g.key
    where g.last is not null and (select count(distinct p) from unnest(s.parts || g.parts) as p) >= g.total;
    if asked is not null then
      told := decode(repeat('07', cardinality(ids)), 'hex');
      kept := array(select n from generate_series(1, cardinality(ids)) as n where n <> all (asked) order by n);
      if cardinality(kept) = 0 then
        insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'a', told);
        return told;
      end if;
      accepted := accept_parts(p_epoch, p_batch, pick(ids, kept), pick(accounts, kept), pick(binds, kept),
        pick(customer_ids, kept), pick(carriers, kept), pick(lanes, kept), pick(segments_, kept), pick(unit_prices, kept),
        pick(tariffs, kept), pick(policies, kept), pick(terms, kept), pick(charge_ons, kept), pick(registered, kept),
        pick(valid_untils, kept), pick(hashes, kept), pick(keys, kept), pick(blobs, kept), pick(groups, kept),
        pick(release_ats, kept), pick(submit_keys, kept), pick(known_untils, kept), pick(rules, kept),
        pick(reasons, kept), pick(violates, kept), pick(part_keys, kept), pick(part_numbers, kept),
        pick(part_totals, kept), pick(part_untils, kept), pick(part_counts, kept),
        array_fill(false, array[cardinality(kept)]));
      for k in 1..cardinality(kept) loop
        told := set_byte(told, kept[k] - 1, get_byte(accepted, k - 1));
      end loop;
      update batch set verdicts = told where id = p_batch;
      return told;
    end if;
  end if;

  told := accept_held(p_epoch, p_batch, ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices,
    tariffs, policies, terms, charge_ons, registered, valid_untils, hashes, keys, blobs, groups,
    array(select case when t.key is null or t.rule is not null then t.at else held_until() end
      from unnest(release_ats, part_keys, rules) with ordinality as t (at, key, rule, nth) order by t.nth),
    submit_keys, known_untils, rules, reasons, violates);
  -- In the order of the keys, so that two nodes with parts of the same messages do not wait for each other.
  for one in
    select t.account, t.key, max(t.total) as total, min(t.until) as until, max(t.nth)::int as last,
      array_agg(t.id order by t.nth) as ids, array_agg(t.part order by t.nth) as parts,
      array_agg(t.at order by t.nth) as release_ats,
      (select coalesce(jsonb_agg(c.one), '[]') from unnest(array_agg(t.counts)) as s (counts),
        jsonb_array_elements(s.counts) as c (one)) as taken
    from unnest(accounts, part_keys, part_totals, part_untils, ids, part_numbers, release_ats, part_counts)
      with ordinality as t (account, key, total, until, id, part, at, counts, nth)
    where t.key is not null and get_byte(told, (t.nth - 1)::int) = 0
    group by t.account, t.key order by t.account, t.key
  loop
    insert into part_set as s (account, key, total, until, epoch, ids, parts, release_ats, taken)
      values (one.account, one.key, one.total, one.until, p_epoch, one.ids, one.parts, one.release_ats, one.taken)
      on conflict (account, key) do update set ids = s.ids || excluded.ids, parts = s.parts || excluded.parts,
        release_ats = s.release_ats || excluded.release_ats, epoch = excluded.epoch, taken = s.taken || excluded.taken
      returning (select count(distinct p) from unnest(s.parts) as p) >= s.total into whole_;
    if whole_ then
      told := set_byte(told, one.last - 1, 5);
      completed := true;
    end if;
    if exists (select from unnest(rules, part_keys) as t (rule, key) where t.rule is not null and t.key = one.key) then
      perform join_held(one.account, one.key);
    end if;
  end loop;
  if completed then
    update batch set verdicts = told where id = p_batch;
  end if;
  return told;
end $$;

-- The parts of a refused message have ended: as release_parts, and what quotas counted of them is theirs no longer.
create function end_parts(
  p_epoch int, p_account int, p_key bytea, judged bigint[], out due bigint[], out left_ int[]
)
language plpgsql as $$
declare
  one record;
begin
  for one in
    select c.x ->> 0 as rule, decode(c.x ->> 1, 'hex') as key, sum((c.x ->> 2)::bigint)::bigint as amount,
      (c.x ->> 3)::timestamptz as until
    from judged_sets(array[p_account], array[p_key], array_fill(1, array[cardinality(judged)]), judged, true) s,
      jsonb_array_elements(s.taken) as c (x)
    group by 1, 2, 4 order by 1, 2
  loop
    update quota q set taken = greatest(0, q.taken - one.amount)
      where q.account = p_account and q.rule = one.rule and q.key = one.key and q.until = one.until;
  end loop;
  select r.due, r.left_ into due, left_ from release_parts(p_epoch, array[p_account], array[p_key],
    array_fill(1, array[cardinality(judged)]), judged, true) r;
end $$;

-- accept_parts for a batch in which some message says a text that rules look for. Of each such rule: the message's place
-- (said_nths), its bit among the rules of the message (1, 2, 4, 8), and what it does where the text was said before:
-- 0 tells it, 1 refuses the message (verdict 6), 2 holds it. The bits of rules that found something stand in the upper
-- half of the verdict. What is not accepted was not said.
create function accept_said(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], groups int[], release_ats timestamptz[], submit_keys bytea[], known_untils timestamptz[],
  rules text[], reasons text[], violates boolean[],
  part_keys bytea[], part_numbers smallint[], part_totals smallint[], part_untils timestamptz[],
  part_counts jsonb[], part_asks boolean[],
  said_nths int[], said_bits int[], said_keys bytea[], said_seconds int[], said_effects int[],
  said_rules text[], said_reasons text[], said_violates boolean[]
) returns bytea
language plpgsql as $$
declare
  found_ int[];                      -- places among said_nths
  said_accounts int[] := pick(accounts, said_nths);
  said_ids bigint[] := pick(ids, said_nths);
  told bytea;
  accepted bytea;
  kept int[];
  f int;
begin
  perform enter_epoch(p_epoch);
  select coalesce(array_agg(s.nth order by s.nth) filter (where not s.is_new), '{}') into found_
    from say_texts(said_accounts, said_keys, said_ids, said_seconds) s;
  foreach f in array found_ loop
    if said_effects[f] = 2 and rules[said_nths[f]] is null and part_keys[said_nths[f]] is null then
      rules[said_nths[f]] := said_rules[f];
      reasons[said_nths[f]] := said_reasons[f];
      violates[said_nths[f]] := said_violates[f];
    end if;
  end loop;
  kept := array(select n from generate_series(1, cardinality(ids)) as n
    where not exists (select from unnest(found_) as g (f) where said_nths[g.f] = n and said_effects[g.f] = 1) order by n);
  if cardinality(kept) = cardinality(ids) then
    told := accept_parts(p_epoch, p_batch, ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices,
      tariffs, policies, terms, charge_ons, registered, valid_untils, hashes, keys, blobs, groups, release_ats,
      submit_keys, known_untils, rules, reasons, violates, part_keys, part_numbers, part_totals, part_untils,
      part_counts, part_asks);
  else
    told := decode(repeat('06', cardinality(ids)), 'hex');
    if cardinality(kept) = 0 then
      insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'a', told);
    else
      accepted := accept_parts(p_epoch, p_batch, pick(ids, kept), pick(accounts, kept), pick(binds, kept),
        pick(customer_ids, kept), pick(carriers, kept), pick(lanes, kept), pick(segments_, kept), pick(unit_prices, kept),
        pick(tariffs, kept), pick(policies, kept), pick(terms, kept), pick(charge_ons, kept), pick(registered, kept),
        pick(valid_untils, kept), pick(hashes, kept), pick(keys, kept), pick(blobs, kept), pick(groups, kept),
        pick(release_ats, kept), pick(submit_keys, kept), pick(known_untils, kept), pick(rules, kept),
        pick(reasons, kept), pick(violates, kept), pick(part_keys, kept), pick(part_numbers, kept),
        pick(part_totals, kept), pick(part_untils, kept), pick(part_counts, kept), pick(part_asks, kept));
      for k in 1..cardinality(kept) loop
        told := set_byte(told, kept[k] - 1, get_byte(accepted, k - 1));
      end loop;
    end if;
  end if;

  -- Who repeats, in one batch, what is not accepted itself is not accepted for the same reason.
  with refused as (
    select t.id, get_byte(told, (t.nth - 1)::int) as verdict from unnest(ids) with ordinality as t (id, nth)
    where get_byte(told, (t.nth - 1)::int) not in (0, 5)
  ), unsaid as (
    delete from said_text x using unnest(said_accounts, said_keys, said_ids) as s (account, key, id), refused r
      where x.account = s.account and x.key = s.key and x.id = s.id and r.id = s.id
      returning x.account, x.key, x.id
  )
  select coalesce(array_agg(s.nth::int * 256 + r.verdict), '{}') into kept
    from unsaid u join refused r on r.id = u.id
      join unnest(said_accounts, said_keys, said_nths, said_effects) as s (account, key, nth, effect)
        on s.account = u.account and s.key = u.key
    where s.effect = 1 and r.verdict in (1, 2, 3) and get_byte(told, s.nth - 1) = 6;
  foreach f in array found_ loop
    told := set_byte(told, said_nths[f] - 1, get_byte(told, said_nths[f] - 1) | (said_bits[f] << 4));
  end loop;
  foreach f in array kept loop
    told := set_byte(told, f / 256 - 1, f % 256);
  end loop;
  if cardinality(found_) > 0 then
    update batch set verdicts = told where id = p_batch;
  end if;
  return told;
end $$;
