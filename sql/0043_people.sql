-- Who may be written to, by whom: opt-outs with a scope, consents, suspended destinations, registered senders. Nodes
-- hold all four in memory and read on whenever one of them changes: rows stay when they are removed, and `change` rises
-- with each commit.

-- What of an account's messages an entry of a list is about: one sender's, one class's, or both; '' is any. Nodes know
-- a scope by its number.
create table recipient_scope (
  id int generated always as identity primary key,
  sender text not null,              -- in lower case
  class text not null,
  unique (sender, class)
);
insert into recipient_scope (id, sender, class) overriding system value values (0, '', '');

-- The numbers of scopes, made where they are new; -1 where there would be more than p_most.
create function recipient_scopes(senders text[], classes text[], p_most int) returns int[]
language plpgsql as $$
begin
  insert into recipient_scope (sender, class)
    select distinct t.sender, t.class from unnest(senders, classes) as t (sender, class)
      where not exists (select from recipient_scope s where s.sender = t.sender and s.class = t.class)
        and (select count(*) from recipient_scope) < p_most
    on conflict do nothing;
  return (select array_agg(coalesce(s.id, -1) order by t.nth)
    from unnest(senders, classes) with ordinality as t (sender, class, nth)
    left join recipient_scope s on s.sender = t.sender and s.class = t.class);
end $$;

-- ------------------------------------------------------------------------------------------------- opt-outs

-- Account 0: of all accounts.
alter table opt_out drop constraint opt_out_account_fkey;
alter table opt_out add column scope int not null default 0;
alter table opt_out drop constraint opt_out_pkey;
alter table opt_out add primary key (account, number_hash, scope);

-- How many entries count: reading all of a list each time would take seconds.
create table recipient_total (
  list text primary key,
  total bigint not null
);
insert into recipient_total
  select 'optOuts', count(*) from opt_out where opted_out;
insert into recipient_total values ('consents', 0);

-- Sets numbers of accounts out or in, in a scope each; returns how many changed. One transaction at a time (lock class
-- 7311). Of several for one number the last counts.
create function set_scoped_opt_outs(accounts int[], scopes int[], hashes bytea[], numbers bytea[], outs boolean[],
  p_source text) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  changed int;
  added int;
begin
  perform pg_advisory_xact_lock(7311, 0);
  with written as (
    insert into opt_out as o (account, scope, number_hash, number, opted_out, source, change)
      select t.account, t.scope, t.hash, case when t.out then t.number end, t.out, p_source, nextval('opt_out_change')
      from (select distinct on (u.hash, u.account, u.scope) u.* from unnest(accounts, scopes, hashes, numbers, outs)
          with ordinality as u (account, scope, hash, number, out, nth)
        order by u.hash, u.account, u.scope, u.nth desc) t
      where t.out or exists (select from opt_out x
        where x.account = t.account and x.number_hash = t.hash and x.scope = t.scope)
      on conflict (account, number_hash, scope) do update set number = excluded.number,
          opted_out = excluded.opted_out, source = excluded.source, at = now(), change = excluded.change
        where o.opted_out <> excluded.opted_out
      returning opted_out
  )
  select count(*), count(*) filter (where opted_out) - count(*) filter (where not opted_out)
    into changed, added from written;
  if changed > 0 then
    update recipient_total set total = total + added where list = 'optOuts';
    perform pg_notify('smppgate_opt_outs', '');
  end if;
  return changed;
end $$;

-- What subscribers' messages ask for is about all messages of their account.
create or replace function set_opt_outs(accounts int[], hashes bytea[], numbers bytea[], outs boolean[], p_source text)
returns int
language sql as $$
  select set_scoped_opt_outs(accounts, array_fill(0, array[cardinality(accounts)]), hashes, numbers, outs, p_source)
$$;

-- ------------------------------------------------------------------------------------------------- consents

create sequence consent_change;

-- A number that allowed messages of an account.
create table consent (
  account int not null references account,
  scope int not null,                -- of a class, or 0
  number_hash bytea not null,
  sealed bytea,                      -- the number and the evidence; null when it was withdrawn
  given boolean not null,
  text_version text not null,        -- of what was agreed to
  source text not null,              -- where: a form, a shop, an import
  at timestamptz not null,           -- when it was given, or withdrawn
  change bigint not null,
  primary key (account, number_hash, scope)
);
create unique index on consent (change);

-- Sets or withdraws consents; returns how many changed. One transaction at a time (lock class 7313).
create function set_consents(accounts int[], scopes int[], hashes bytea[], sealeds bytea[], givens boolean[],
  versions text[], sources text[], ats timestamptz[]) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  changed int;
  added int;
begin
  perform pg_advisory_xact_lock(7313, 0);
  with given_ as (
    select distinct on (u.hash, u.account, u.scope) u.*
      from unnest(accounts, scopes, hashes, sealeds, givens, versions, sources, ats)
        with ordinality as u (account, scope, hash, sealed, given, version, source, at, nth)
      order by u.hash, u.account, u.scope, u.nth desc
  ), written as (
    insert into consent as c (account, scope, number_hash, sealed, given, text_version, source, at, change)
      select t.account, t.scope, t.hash, case when t.given then t.sealed end, t.given, t.version, t.source, t.at,
        nextval('consent_change')
      from given_ t
      where t.given or exists (select from consent x
        where x.account = t.account and x.number_hash = t.hash and x.scope = t.scope and x.given)
      on conflict (account, number_hash, scope) do update set sealed = excluded.sealed, given = excluded.given,
          text_version = excluded.text_version, source = excluded.source, at = excluded.at, change = excluded.change
        where (c.given, c.text_version, c.source, c.at)
          is distinct from (excluded.given, excluded.text_version, excluded.source, excluded.at)
      returning given
  )
  -- Those that were given before and are written as given are no more than they were.
  select count(*), count(*) filter (where w.given) - (select count(*) from given_ t join consent c
        on c.account = t.account and c.number_hash = t.hash and c.scope = t.scope and c.given
        where t.given and (c.text_version, c.source, c.at) is distinct from (t.version, t.source, t.at))
      - count(*) filter (where not w.given)
    into changed, added from written w;
  if changed > 0 then
    update recipient_total set total = total + added where list = 'consents';
    perform pg_notify('smppgate_consents', '');
  end if;
  return changed;
end $$;

-- ------------------------------------------------------------------------------------ suspended destinations

-- Orders that nothing goes to some destinations, for all accounts; removed ones are in the audit.
create table destination_suspension (
  what text primary key,             -- "prefix 92", "country PK", "network 41001"
  reason text not null,
  order_reference text,
  from_at timestamptz,
  until_at timestamptz,
  actor text not null,
  at timestamptz not null default now()
);

-- -------------------------------------------------------------------------------------------------- senders

create sequence sender_change;

-- What is registered of senders; '' is any.
create table sender_registration (
  account int not null,              -- 0: for all accounts
  sender text not null,              -- in lower case
  class text not null,
  country text not null,             -- ISO 3166-1 alpha-2
  operator text not null,            -- MCC and MNC, or MCC
  shown text not null,               -- the sender as it was given
  status text not null,              -- pending | approved | blocked | removed
  from_at timestamptz,
  until_at timestamptz,
  note text,
  at timestamptz not null default now(),
  change bigint not null,
  primary key (account, sender, class, country, operator)
);
create unique index on sender_registration (change);
