-- How accounts end, what happens to those that lie unused, and what is unusual of their traffic.

-- ------------------------------------------------------------------ their end

-- A terminated account is closed by the one node that leads, so that nothing is left undone by a node that dies: what it
-- has queued ends, then its content is destroyed where its terms say so.
alter table account
  add column closing_at timestamptz,                         -- when it was terminated; null: nothing is left to do
  add column erase_content boolean not null default false;   -- destroy the keys of its content, those made later too
update account set closing_at = status_at where status = 'terminated';

-- ---------------------------------------------------------------- unused ones

-- Accounts that were told that they lie unused, until they are used.
create table dormancy (
  account int primary key references account,
  since timestamptz not null,        -- unused since
  noticed_at timestamptz not null default now()
);

-- When an account was last used, as far as it matters: counted messages (whole days), charges and reservations, its
-- last resume, or when it was made. Looked at only where the ledger alone does not say that it is in use.
create function last_used(p_account int) returns timestamptz
language sql stable as $$
  select greatest(a.created_at, a.resumed_at,
      (select max(e.at) from ledger_entry e where e.account = a.id and e.kind in ('charge', 'reserve')),
      (select max(u.day) + 1 from traffic_group g join usage_day u on u.grp = g.id
         where g.account = a.id and u.messages > 0)::timestamptz - interval '1 microsecond')
  from account a where a.id = p_account
$$;

-- ------------------------------------------------------------- unusual traffic

-- What accounts whose rules watch it sent, by the first digits of numbers and five minutes of accept: how much, and how
-- much of that was delivered by now. The counts of all nodes; a killed node loses its last seconds.
create table traffic_slot (
  account int not null,
  slot timestamptz not null,
  class text not null,
  prefix text not null,              -- '*': more prefixes than are told apart
  accepted bigint not null,
  delivered bigint not null,
  primary key (account, slot, class, prefix)
) with (fillfactor = 70);
create index on traffic_slot (slot);

-- What a rule found unusual. It stands until it was usual for as long as the rule says.
create table traffic_alert (
  account int not null,
  rule text not null,                -- kind and name of the rule
  prefix text not null,
  since timestamptz not null default now(),
  last_seen timestamptz not null default now(),
  detail jsonb not null,             -- what was found against what is usual
  primary key (account, rule, prefix)
);
