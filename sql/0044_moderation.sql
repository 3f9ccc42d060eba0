-- Messages that a rule holds for a moderator, and violations of rules.

-- A held message is accepted, and has its place in the table scheduled at a time that never comes (held_until). It is
-- taken from there by its release, or ends: refused, cancelled, expired, stopped with its account. The row stays for
-- who asks later what was decided.
create table moderation (
  id bigint primary key,             -- message.id
  account int not null,
  rule text not null,                -- that held it, the last one
  reason text,
  since timestamptz not null default now(),
  release_at timestamptz,            -- its own time to be sent; null: at once
  version smallint not null default 0,  -- of its content: a moderator decides about what he saw
  decision text check (decision in ('released', 'refused')),
  decided_at timestamptz,
  decided_by text,
  decision_reason text,
  is_open boolean not null default true -- it waits, or is refused and has not ended yet
);
create index on moderation (account, id) where is_open;
create index on moderation (id) where is_open;

-- What counts against an account: refused or held by a rule that says so.
create table violation (
  id bigint generated always as identity primary key,
  account int not null,
  rule text not null,
  at timestamptz not null default clock_timestamp(),
  message bigint                     -- of one that was held; null: refused, and never stored
);
create index on violation (account, at);

-- It was stopped for good reason at once: its sessions end. Another suspension leaves them for receipts.
alter table account
  add column binds_dropped boolean not null default false,
  add column resumed_at timestamptz; -- violations before it no longer count

create function held_until() returns timestamptz
language sql immutable parallel safe return timestamptz '9999-12-31 00:00:00+00';

-- accept_special for a batch in which some message is held (rules: by which, null: it is not).
create function accept_held(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[], release_ats timestamptz[], submit_keys bytea[], known_untils timestamptz[],
  rules text[], reasons text[], violates boolean[]
) returns bytea
language plpgsql as $$
declare
  told bytea;
begin
  told := accept_special(p_epoch, p_batch, ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices,
    tariffs, policies, terms, charge_ons, registered, valid_untils, hashes, keys, blobs,
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

-- replace_messages, and what it means for those who are held: they stay so whatever their time is now, and a new text
-- that a rule holds waits as a new message would. A replaced one is no longer what a moderator saw.
create function replace_moderated(
  p_epoch int, p_batch bigint, ids bigint[], versions smallint[], accounts int[], segments_ smallint[], policies int[],
  registered smallint[], valid_untils timestamptz[], keys int[], blobs bytea[], release_ats timestamptz[],
  rules text[], reasons text[], violates boolean[]
) returns bytea
language plpgsql as $$
declare
  told bytea;
begin
  told := replace_messages(p_epoch, p_batch, ids, versions, accounts, segments_, policies, registered, valid_untils, keys,
    blobs, array(select case when t.rule is null then t.at else held_until() end
      from unnest(release_ats, rules) with ordinality as t (at, rule, nth) order by t.nth));
  update moderation m set version = t.version, release_at = coalesce(t.at, m.release_at)
    from unnest(ids, versions, release_ats) with ordinality as t (id, version, at, nth)
    where m.id = t.id and m.is_open and get_byte(told, (t.nth - 1)::int) = 0;
  insert into moderation as m (id, account, rule, reason, release_at, version)
    select t.id, t.account, t.rule, t.reason, t.at, t.version
    from unnest(ids, accounts, rules, reasons, release_ats, versions) with ordinality
      as t (id, account, rule, reason, at, version, nth)
    where t.rule is not null and get_byte(told, (t.nth - 1)::int) = 0
    on conflict (id) do update set rule = excluded.rule, reason = excluded.reason, version = excluded.version,
        since = case when m.is_open then m.since else now() end, is_open = true, decision = null, decided_at = null,
        decided_by = null, decision_reason = null
      where m.decision is distinct from 'refused';
  insert into violation (account, rule, message)
    select t.account, t.rule, t.id
    from unnest(ids, accounts, rules, violates) with ordinality as t (id, account, rule, violates, nth)
    where t.violates and t.rule is not null and get_byte(told, (t.nth - 1)::int) = 0;
  update scheduled s set at = held_until() from moderation m
    where s.id = any (ids) and m.id = s.id and m.is_open and s.at <> held_until();
  return told;
end $$;

-- A moderator's word on a message. Under the lock that ends, cancels and replacements take (sql/0010_manage.sql): of two
-- that meet the first counts. Answers `decided`, or why not: `unknown`, `ended`, `released`, `refused`, `replaced`.
create function decide_held(p_id bigint, p_version int, p_decision text, p_by text, p_reason text) returns text
language plpgsql as $$
declare
  m moderation;
begin
  perform pg_advisory_xact_lock(7303, 0);
  select * into m from moderation x where x.id = p_id for update;
  if not found then
    return 'unknown';
  elsif m.decision is not null then
    return m.decision;
  elsif not m.is_open or exists (select from outcome o where o.id = p_id) then
    return 'ended';
  elsif p_version is not null and p_version <> m.version then
    return 'replaced';
  end if;
  update moderation set decision = p_decision, decided_at = now(), decided_by = p_by, decision_reason = p_reason,
    is_open = p_decision = 'refused' where id = p_id;
  if p_decision = 'released' then
    update scheduled set at = greatest(now(), m.release_at) where id = p_id;
  end if;
  return 'decided';
end $$;

-- Held messages that have ended wait no longer, and need no place in the queue.
create function close_held(p_limit int) returns int
language plpgsql as $$
declare
  closed bigint[];
begin
  with ended as (
    select m.id from moderation m where m.is_open and exists (select from outcome o where o.id = m.id)
      order by m.id limit p_limit for update skip locked)
  , done as (update moderation m set is_open = false from ended e where m.id = e.id returning m.id)
  select array_agg(id) into closed from done;
  delete from scheduled where id = any (closed);
  return coalesce(cardinality(closed), 0);
end $$;
