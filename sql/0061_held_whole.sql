-- A long message that is held is one entry for the moderator, whatever it was cut into; and recipients that rules remember
-- over nodes and restarts.

-- Each part still has its row, and ends or is replaced by itself; those of one message share an entry, whose id is that
-- of the part that came first.
alter table moderation
  add column entry bigint,           -- null: its own id
  add column part smallint;          -- of its message; null: it is a whole one
create index on moderation (coalesce(entry, id));
create index on moderation (coalesce(entry, id)) where is_open;

-- Parts that a rule held as they came, whatever the others say, are one entry with each other.
create function join_held(p_account int, p_key bytea) returns void
language sql as $$
  update moderation m set entry = t.first, part = t.part
    from (select u.id, u.part, min(u.id) over () as first
      from part_set s, unnest(s.ids, s.parts) as u (id, part)
      where s.account = p_account and s.key = p_key) t
    where m.id = t.id and m.is_open and m.decision is null and m.entry is distinct from t.first
$$;

-- As in sql/0046_parts.sql, as one entry.
create or replace function hold_parts(p_account int, p_key bytea, judged bigint[], p_rule text, p_reason text, p_violates boolean)
returns boolean
language plpgsql as $$
declare
  s part_set;
  first_ bigint;
begin
  select * into s from judged_sets(array[p_account], array[p_key], array_fill(1, array[cardinality(judged)]), judged, true);
  if not found then
    return not exists (select from part_set x where x.account = p_account and x.key = p_key);
  end if;
  delete from part_set x where x.account = p_account and x.key = p_key;
  if p_violates and not exists (select from violation v where v.account = p_account and v.message = any (s.ids)) then
    insert into violation (account, rule, message) values (p_account, p_rule, s.ids[cardinality(s.ids)]);
  end if;
  select min(t.id) into first_ from unnest(s.ids) as t (id);
  -- A part that another rule held when it came joins them.
  insert into moderation as m (id, account, rule, reason, release_at, entry, part)
    select t.id, p_account, p_rule, p_reason, t.at, first_, t.part
    from unnest(s.ids, s.parts, s.release_ats) as t (id, part, at)
    where not exists (select from outcome o where o.id = t.id)
    on conflict (id) do update set entry = excluded.entry, part = excluded.part where m.is_open and m.decision is null;
  -- What has ended needs no place in the queue.
  update scheduled x set at = now() where x.id = any (s.ids) and x.at = held_until()
    and not exists (select from moderation m where m.id = x.id and m.is_open);
  return true;
end $$;

-- As in sql/0044_moderation.sql, for all parts of the message that p_id is or is a part of: those that have not ended. The
-- version is the sum of theirs.
create or replace function decide_held(p_id bigint, p_version int, p_decision text, p_by text, p_reason text) returns text
language plpgsql as $$
declare
  m moderation;
  open_ bigint[];
  version_ int;
begin
  perform pg_advisory_xact_lock(7303, 0);
  select * into m from moderation x where x.id = p_id;
  if not found then
    return 'unknown';
  end if;
  perform from moderation x where coalesce(x.entry, x.id) = coalesce(m.entry, m.id) order by x.id for update;
  select array_agg(x.id) filter (where x.is_open and x.decision is null
      and not exists (select from outcome o where o.id = x.id)), sum(x.version)
    into open_, version_ from moderation x where coalesce(x.entry, x.id) = coalesce(m.entry, m.id);
  if open_ is null then
    return coalesce((select x.decision from moderation x where coalesce(x.entry, x.id) = coalesce(m.entry, m.id)
      and x.decision is not null order by x.decided_at desc, x.id = p_id desc limit 1), 'ended');
  elsif p_version is not null and p_version <> version_ then
    return 'replaced';
  end if;
  update moderation set decision = p_decision, decided_at = now(), decided_by = p_by, decision_reason = p_reason,
    is_open = p_decision = 'refused' where id = any (open_);
  if p_decision = 'released' then
    -- One microsecond after the other: what is read in the order of time is sent in the order of the parts.
    update scheduled s set at = greatest(now(), x.release_at) + coalesce(x.part, 0) * interval '1 us'
      from moderation x where x.id = any (open_) and s.id = x.id;
  end if;
  return 'decided';
end $$;

-- The last recipients of accounts whose rules look at them (`recipientPattern`), by node, some seconds after it judged
-- them. Sealed: numbers stand nowhere in clear. Gone after a day.
create table recent_recipients (
  id bigint generated always as identity primary key,
  account int not null,
  rule text not null,
  epoch int not null,                -- the node that judged them
  at timestamptz not null default clock_timestamp(),
  amount smallint not null,          -- of numbers
  numbers bytea not null             -- 8 octets each, in their order
);
create index on recent_recipients (account, rule, id);
create index on recent_recipients (at);
