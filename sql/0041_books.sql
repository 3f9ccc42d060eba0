-- The books behind the traffic: the ledger's chain of hashes, and what was sent by day, country, class, sender and
-- carrier. One node writes all of it in the background (src/ops/books); no lane touches these tables.

-- ------------------------------------------------------------------- chain

-- The hash of an entry and of all before it, on its side of its account, in the order of versions. Entries without a
-- row here are not chained yet.
create table ledger_chain (
  account int not null,
  side smallint not null,
  version bigint not null,
  entry bigint not null,             -- ledger_entry.id
  hash bytea not null,               -- SHA-256
  primary key (account, side, version)
);
create trigger ledger_is_immutable before update or delete or truncate on ledger_chain
  for each statement execute function ledger_is_immutable();

-- SHA-256 over the hash before (32 octets; of the first entry none) and the entry as compact JSON: PostgreSQL's text of
-- the row as jsonb without its nulls, time in UTC. A column that comes later and is null in old entries leaves their
-- hashes as they are.
create function entry_hash(p_previous bytea, e ledger_entry) returns bytea
language sql stable set timezone = 'UTC' as $$
  select sha256(p_previous || convert_to(jsonb_strip_nulls(to_jsonb(e))::text, 'UTF8'))
$$;

-- Chains up to p_limit entries; returns how many. Versions of a side become visible in their order, for each is written
-- under the lock of its balance: what is chained once never gets one before it.
create function chain_entries(p_limit int) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  head record;
  e ledger_entry;
  hash_ bytea;
  left_ int := p_limit;
begin
  for head in
    select b.account, b.side, coalesce(c.version, 0) as version, coalesce(c.hash, '\x') as hash
    from balance b left join lateral (select l.version, l.hash from ledger_chain l
      where l.account = b.account and l.side = b.side order by l.version desc limit 1) c on true
    where b.version > coalesce(c.version, 0) order by b.account, b.side
  loop
    exit when left_ = 0;
    hash_ := head.hash;
    for e in select x.* from ledger_entry x
      where x.account = head.account and x.side = head.side and x.version > head.version order by x.version limit left_
    loop
      hash_ := entry_hash(hash_, e);
      insert into ledger_chain (account, side, version, entry, hash)
        values (e.account, e.side, e.version, e.id, hash_);
      left_ := left_ - 1;
    end loop;
  end loop;
  return p_limit - left_;
end $$;

-- Entries that are not chained yet.
create function chain_lag() returns bigint
language sql stable as $$
  select coalesce(sum(b.version - coalesce((select l.version from ledger_chain l
    where l.account = b.account and l.side = b.side order by l.version desc limit 1), 0)), 0)::bigint from balance b
$$;

-- Where the scheduled check stands, and what it found. One row.
create table books_check (
  only_row boolean primary key default true check (only_row),
  checked_until timestamptz not null default '-infinity',   -- batches before it were compared
  chain_account int not null default 0,                      -- the walk over the chain goes on behind this link
  chain_side smallint not null default 0,
  chain_version bigint not null default 0,
  found jsonb not null default '[]',                         -- differences that no whole reconciliation has cleared
  at timestamptz                                             -- null: never
);
insert into books_check default values;
create index on ledger_entry using brin (at) with (pages_per_range = 16);

-- ------------------------------------------------------------------- usage

-- What messages are told apart by where they are counted. '-': not known (their content was gone before they were
-- counted), '*': more of an account than are told apart.
create table traffic_group (
  id int generated always as identity primary key,
  account int not null,
  class text not null,
  sender text not null,              -- '': none; of a number the last four digits are hidden
  prefix text not null,              -- the longest that a route or tariff has, at least the country code
  network text not null,             -- MCC and MNC; '': nobody knows
  unique (account, class, sender, prefix, network)
);

-- The group of each counted message, for what comes of it later. Goes with the partitions of its message.
create table message_group (
  id bigint primary key,
  grp int not null
);

-- Money by the day (UTC) of its ledger entry, so that the sums are those of the ledger. Amounts as in the ledger: charged
-- is what charge entries took, refunded what refund entries gave, reserved and released what such entries moved.
create table usage_day (
  day date not null,
  grp int not null,
  messages bigint not null,
  segments bigint not null,
  charged bigint not null,
  refunded bigint not null,
  reserved bigint not null,
  released bigint not null,
  primary key (grp, day)
);
create index on usage_day (day);

-- Ends of messages, by the day on which they were settled and the carrier that had them (0: none). income: what was paid
-- and not given back. The times are from accept to the carrier's submit_sm_resp, of messages that have one.
create table delivery_day (
  day date not null,
  grp int not null,
  carrier int not null,
  state smallint not null,
  fault smallint not null,
  messages bigint not null,
  segments bigint not null,
  income bigint not null,
  timed bigint not null,
  sum_ms bigint not null,
  max_ms bigint not null,
  within_1s bigint not null,
  within_10s bigint not null,
  within_60s bigint not null,
  primary key (grp, day, carrier, state, fault)
);
create index on delivery_day (day);

-- Segments that carriers took of messages ended that day, whoever ended them, at the cost in force when they were counted.
create table carrier_day (
  day date not null,
  grp int not null,
  carrier int not null,
  segments bigint not null,
  uncosted bigint not null,          -- of these: the carrier has no cost for the number
  cost bigint not null,
  primary key (grp, day, carrier)
);
create index on carrier_day (day);

-- How far is counted: messages up to an id, ends and replacements up to a time (unix microseconds).
insert into job (name, value) values ('books-messages', -1);
insert into job (name, value)
  select 'books-ends', (extract(epoch from coalesce(least((select min(settled_at) from outcome),
    (select min(at) from replacement)), now())) * 1000000)::bigint - 1;

-- Until when everything written is visible: no transaction that may still write began before it. What has not written
-- within 30 s of its begin is a reader (the lanes' statements begin with their write).
create function books_horizon() returns timestamptz
language sql volatile as $$
  select least(now() - interval '1 second', (select min(xact_start) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
      and (backend_xid is not null or xact_start > now() - interval '30 seconds')))
$$;

-- Lines of carriers' invoices while they are compared. Unlogged: they are sent again if the server dies.
create unlogged table invoice_line (
  run bigint not null,
  line bigint not null,
  upstream_id text not null collate "C",
  segments int,
  price bigint,                      -- of the line, micro-credits
  at timestamptz,
  loaded_at timestamptz not null default now()
);
create index on invoice_line (run, upstream_id);
create sequence invoice_run;

-- Replacements of a time and answers of carriers of a day: both tables grow in the order of time.
create index on replacement using brin (at) with (pages_per_range = 16);
create index on dispatch using brin (at) with (pages_per_range = 128);
