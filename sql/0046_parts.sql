-- Parts of long messages that wait for each other, so that the whole is judged before any of it is sent.

-- A waiting part is accepted, and has its place in the table scheduled at a time that never comes (held_until). Here is
-- what it waits with: the parts of one message, of whatever node, until they are judged as a whole. The row goes with
-- the decision; the parts are then due, ended, or held for a moderator.
create table part_set (
  account int not null,
  key bytea not null,                -- keyed hash of sender, destination, reference and number of parts
  total smallint not null,
  until timestamptz not null,        -- then what is there is judged as it is
  epoch int not null,                -- the node that decides: the one that took the last of them
  ids bigint[] not null,             -- message.id, as they came; a part that came again is here again
  parts smallint[] not null,
  release_ats timestamptz[] not null, -- their own times to be sent; null: at once
  primary key (account, key)
);
create index on part_set (epoch, until);

-- accept_held for a batch in which some message is a part that waits (part_keys: null, it is none). Verdict 5: accepted,
-- and with it all parts of its message are here. (accept_held as sql/0049_usage_groups.sql makes it.)
create function accept_parts(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], groups int[], release_ats timestamptz[], submit_keys bytea[], known_untils timestamptz[],
  rules text[], reasons text[], violates boolean[],
  part_keys bytea[], part_numbers smallint[], part_totals smallint[], part_untils timestamptz[]
) returns bytea
language plpgsql as $$
declare
  told bytea;
  one record;
  whole_ boolean;
  completed boolean := false;
begin
  told := accept_held(p_epoch, p_batch, ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices,
    tariffs, policies, terms, charge_ons, registered, valid_untils, hashes, keys, blobs, groups,
    array(select case when t.key is null or t.rule is not null then t.at else held_until() end
      from unnest(release_ats, part_keys, rules) with ordinality as t (at, key, rule, nth) order by t.nth),
    submit_keys, known_untils, rules, reasons, violates);
  -- In the order of the keys, so that two nodes with parts of the same messages do not wait for each other.
  for one in
    select t.account, t.key, max(t.total) as total, min(t.until) as until, max(t.nth)::int as last,
      array_agg(t.id order by t.nth) as ids, array_agg(t.part order by t.nth) as parts,
      array_agg(t.at order by t.nth) as release_ats
    from unnest(accounts, part_keys, part_totals, part_untils, ids, part_numbers, release_ats) with ordinality
      as t (account, key, total, until, id, part, at, nth)
    where t.key is not null and get_byte(told, (t.nth - 1)::int) = 0
    group by t.account, t.key order by t.account, t.key
  loop
    insert into part_set as s (account, key, total, until, epoch, ids, parts, release_ats)
      values (one.account, one.key, one.total, one.until, p_epoch, one.ids, one.parts, one.release_ats)
      on conflict (account, key) do update set ids = s.ids || excluded.ids, parts = s.parts || excluded.parts,
        release_ats = s.release_ats || excluded.release_ats, epoch = excluded.epoch
      returning (select count(distinct p) from unnest(s.parts) as p) >= s.total into whole_;
    if whole_ then
      told := set_byte(told, one.last - 1, 5);
      completed := true;
    end if;
  end loop;
  if completed then
    update batch set verdicts = told where id = p_batch;
  end if;
  return told;
end $$;

-- Locks the sets of these keys whose parts are all among those that were judged (judged_nths: of which key; judged), in
-- the order that accept_parts takes them in. A part that came since then is judged with the others by the next look.
-- p_as_stored: they were judged as they are stored; else a set of which something was replaced is left to be.
create function judged_sets(accounts int[], keys bytea[], judged_nths int[], judged bigint[], p_as_stored boolean)
returns setof part_set
language sql as $$
  select s.* from part_set s
    join (select t.account, t.key, array_agg(j.id) as ids
      from unnest(accounts, keys) with ordinality as t (account, key, nth)
        join unnest(judged_nths, judged) as j (nth, id) on j.nth = t.nth
      group by t.account, t.key) a on a.account = s.account and a.key = s.key
    where s.ids <@ a.ids
      and (p_as_stored or not exists (select from replacement r where r.id = any (s.ids)))
    order by s.account, s.key for update of s
$$;

-- The parts of these messages may go, or have ended: due at once or at their own time, in order. Answers those that are
-- due now and this node's to send, and the keys of what was left.
create function release_parts(
  p_epoch int, accounts int[], keys bytea[], judged_nths int[], judged bigint[], p_as_stored boolean,
  out due bigint[], out left_ int[]
)
language plpgsql as $$
declare
  sets part_set[];
begin
  select array_agg(s) into sets from judged_sets(accounts, keys, judged_nths, judged, p_as_stored) s;
  delete from part_set s using unnest(sets) g where s.account = g.account and s.key = g.key;
  with moved as (
    -- One microsecond after the other: what is read in the order of time is sent in the order of the parts.
    update scheduled s set at = greatest(now(), t.at) + t.part * interval '1 us'
      from unnest(sets) g, unnest(g.ids, g.parts, g.release_ats) as t (id, part, at)
      where s.id = t.id and s.at = held_until()
        and not exists (select from moderation m where m.id = s.id and m.is_open)
      returning s.id, s.at, s.epoch, g.account, g.key)
  select array_agg(m.id order by m.account, m.key, m.at, m.id) into due
    from moved m where m.epoch = p_epoch and m.at < now() + interval '1 ms';
  select array_agg(t.nth) into left_ from unnest(accounts, keys) with ordinality as t (account, key, nth)
    where exists (select from part_set s where s.account = t.account and s.key = t.key);
end $$;

-- The message that these are parts of waits for a moderator, as one that came as a whole would: each part with the rule.
-- False: a part came since it was judged.
create function hold_parts(p_account int, p_key bytea, judged bigint[], p_rule text, p_reason text, p_violates boolean)
returns boolean
language plpgsql as $$
declare
  s part_set;
begin
  select * into s from judged_sets(array[p_account], array[p_key], array_fill(1, array[cardinality(judged)]), judged, true);
  if not found then
    return not exists (select from part_set x where x.account = p_account and x.key = p_key);
  end if;
  delete from part_set x where x.account = p_account and x.key = p_key;
  if p_violates and not exists (select from violation v where v.account = p_account and v.message = any (s.ids)) then
    insert into violation (account, rule, message) values (p_account, p_rule, s.ids[cardinality(s.ids)]);
  end if;
  insert into moderation (id, account, rule, reason, release_at)
    select t.id, p_account, p_rule, p_reason, t.at from unnest(s.ids, s.release_ats) as t (id, at)
    where not exists (select from outcome o where o.id = t.id)
    on conflict do nothing;
  -- What has ended needs no place in the queue.
  update scheduled x set at = now() where x.id = any (s.ids) and x.at = held_until()
    and not exists (select from moderation m where m.id = x.id and m.is_open);
  return true;
end $$;
