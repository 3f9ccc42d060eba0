-- The whole schema. Functions follow in 0002 to 0006.
--
-- Money is bigint micro-credits. Message ids are 64-bit: milliseconds since 2025 << 22 | node << 12 | sequence.
-- The five append-only tables (message, content, dispatch, outcome, returned) are partitioned by ranges of that
-- id and cut together, so that one number names one range in all five (see 0002_partitions.sql).

-- ---------------------------------------------------------------- resources

-- Every version number comes from this one sequence, so that a version alone names its row in resource_version:
-- message.tariff_version says which prices were in force without saying the tariff's name.
create sequence resource_version_number as int;

create table resource (
  id int generated always as identity primary key,
  kind text not null,                -- tariff terms class policy route account carrier ...
  name text not null,
  version int not null,
  spec jsonb not null,
  changed_at timestamptz not null default now(),
  unique (kind, name)
);

create table resource_version (
  version int primary key,
  kind text not null,
  name text not null,
  spec jsonb,                        -- null: removed by this version
  actor text,
  at timestamptz not null default now()
);
create index on resource_version (kind, name, version);

-- One row. The version rises with each change of resources; config_changed() tells every node.
create table config_version (
  only_row boolean primary key default true check (only_row),
  version bigint not null default 0,
  changed_at timestamptz not null default now()
);
insert into config_version default values;

create table account (
  id int generated always as identity primary key,
  name text not null unique,
  version int not null default 0,
  spec jsonb not null,
  status text not null default 'active' check (status in ('active', 'suspended', 'terminated')),
  status_reason text,
  status_at timestamptz,
  demo boolean not null default false,
  alias_next bigint not null default 0,   -- next 32-bit message alias of a 3.3 bind
  created_at timestamptz not null default now()
);

create table bind (
  id int generated always as identity primary key,
  account int not null references account,
  system_id text not null unique check (octet_length(system_id) between 1 and 15),
  password_hash text not null,
  spec jsonb not null
);
create index on bind (account);

create table carrier (
  id int generated always as identity primary key,
  name text not null unique,
  version int not null default 0,
  spec jsonb not null,               -- the password inside is sealed
  paused boolean not null default false,
  demo boolean not null default false
);

create table content_key (
  id int generated always as identity primary key,
  account int not null,
  day date not null,
  master text not null,              -- name of the master key that wraps it
  wrapped bytea,                     -- null: destroyed, and the content of that account and day with it
  created_at timestamptz not null default now(),
  destroyed_at timestamptz
);
-- After a day's key was destroyed the rest of that day gets a new one.
create unique index on content_key (account, day) where wrapped is not null;

-- -------------------------------------------------------------------- nodes

create table node_epoch (
  epoch int generated always as identity primary key,
  number smallint not null check (number between 0 and 1023),   -- the 10 node bits of an id
  name text not null,                -- a label for people, never a key
  started_at timestamptz not null default now(),
  valid_until timestamptz not null,
  closed boolean not null default false,
  adopted_by int references node_epoch,
  adopted_at timestamptz,
  recovered boolean not null default false,   -- the adopter's floor and checkpoint speak for it from here on
  id_limit_ms bigint not null,       -- unix ms: no id above it was ever issued by this epoch
  queue_floor bigint not null default 0,      -- each message of it below this id is sent and answered, or ended
  outbox_checkpoint timestamptz not null default now()   -- each outcome it settled before this is returned
);
create index on node_epoch (number);
create index on node_epoch (adopted_by);

-- Progress of jobs that only one node at a time does.
create table job (
  name text primary key,
  value bigint not null,
  at timestamptz not null default now()
);

-- ------------------------------------------------------------ batches, money

-- One row per committed batch of a lane: after a connection lost in COMMIT the outcome is read back here.
-- A tombstone has verdicts null: the batch of this id can never commit.
create table batch (
  id bigint primary key,
  epoch int not null,
  kind "char" not null,              -- a accept, s sent, o settle, u end unsent, r returned, g segment receipts, n notes,
                                     -- d deferred receipts, t tombstone
  verdicts bytea,
  at timestamptz not null default now()
);

-- Two rows an account, so that receipts never wait for submits: accept and the operators' postings lock side 0,
-- settle locks side 1, both in account order.
-- No CHECK here and on ledger_entry: PostgreSQL parses it anew in each statement, 20 us that every batch would pay per
-- account. Only the functions of 0003 write these tables.
create table balance (
  account int not null references account,
  side smallint not null,
  credits bigint not null default 0,
  reserved bigint not null default 0,
  version bigint not null default 0,
  -- side 0 only:
  credit_line bigint not null default 0,      -- how far below zero available may go, at least 0
  open boolean not null default true,         -- account.status = 'active', kept by a trigger
  expires_at timestamptz,                     -- null: credit never expires
  primary key (account, side)
) with (fillfactor = 50);                     -- room for HOT updates

create table ledger_entry (
  id bigint generated always as identity primary key,
  account int not null,
  side smallint not null,
  version bigint not null,
  kind text not null,                -- charge refund reserve release top_up expiry penalty forfeit correction
                                     -- adjustment purchase_refund
  amount bigint not null,            -- added to credits of this side
  reserved_delta bigint not null default 0,
  credits_after bigint not null,     -- of this side
  reserved_after bigint not null,
  messages int not null default 0,
  segments int not null default 0,
  batch bigint,                      -- message.batch (charge and reserve at accept) or outcome.batch
  cause text,
  reference text,
  actor text,
  reason text,
  at timestamptz not null default now(),
  unique (account, side, version)
);
-- A reference posts once per account.
create unique index on ledger_entry (account, reference) where reference is not null;
create index on ledger_entry (account, at);
create index on ledger_entry (batch) where batch is not null;

create table top_up (
  id bigint generated always as identity primary key,
  account int not null references account,
  reference text not null,
  credits bigint not null check (credits > 0),
  entry bigint not null,             -- ledger_entry.id
  expires_at timestamptz,
  actor text,
  at timestamptz not null default now(),
  unique (account, reference)
);

-- ---------------------------------------------------------------- messages

create table message (
  id bigint not null,
  batch bigint not null,
  unit_price bigint not null,
  valid_until timestamptz not null,
  account int not null,
  bind int not null,
  epoch int not null,
  carrier int not null,              -- as routed at accept; dispatch says where it went
  tariff_version int not null,
  policy_version int not null,
  terms_version int not null,
  lane smallint not null,            -- 0 fast 1 normal 2 bulk
  segments smallint not null,
  charge_on smallint not null,       -- 0 submit 1 delivered
  registered_delivery smallint not null,
  destination_hash bytea not null,   -- keyed HMAC-SHA-256, first 16 octets
  customer_id text collate "C",      -- null: the id in decimal
  primary key (id)
) partition by range (id);
create index on message (account, customer_id) where customer_id is not null;

create table content (
  id bigint not null,
  key int not null,                  -- content_key.id
  blob bytea not null,               -- AES-256-GCM: ciphertext and 16 octets of tag
  primary key (id)
) partition by range (id);
-- Ciphertext does not compress; do not try.
alter table content alter column blob set storage external;

create table dispatch (
  id bigint not null,
  at timestamptz not null,
  carrier int not null,
  status int not null,               -- command_status of submit_sm_resp; 0: the carrier has it
  segment smallint not null,
  attempt smallint not null,
  upstream_id text collate "C",
  primary key (id, segment, attempt)
) partition by range (id);
create index on dispatch (carrier, upstream_id) where upstream_id is not null;

create table outcome (
  id bigint not null,
  batch bigint not null,
  refund bigint not null,
  charge bigint not null,
  release bigint not null,
  done_at timestamptz not null,      -- as the carrier says
  settled_at timestamptz not null,   -- the database's clock
  account int not null,
  epoch int not null,                -- whose outbox returns it
  carrier int,
  err int not null,
  state smallint not null,
  fault smallint not null,
  cause text not null collate "C",
  primary key (id)
) partition by range (id);
-- Recovery of an outbox reads what was settled since a checkpoint.
create index on outcome using brin (settled_at) with (pages_per_range = 32);

create table returned (
  id bigint not null,
  at timestamptz not null,
  status int not null,               -- command_status of the customer's deliver_sm_resp
  primary key (id)
) partition by range (id);

-- The id ranges of the partitions: number N is message_N, content_N, ... to_id null: the current one.
create table id_range (
  number int primary key,
  from_id bigint not null,
  to_id bigint,
  opened_at timestamptz not null default now(),
  closed_at timestamptz
);

-- ------------------------------------------------------- what is under way

-- Keys that may have gone to a carrier and whose answers are not all stored. A key is (message, segment, attempt).
create table lease (
  id bigint primary key,             -- named by the node
  epoch int not null,
  carrier int not null,
  message_ids bigint[] not null,
  parts int[] not null,              -- attempt * 256 + segment
  at timestamptz not null default now()
) with (
  toast_tuple_target = 8160,         -- 500 keys stay in one page, out of TOAST
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000
);
alter table lease alter column message_ids set storage external;
alter table lease alter column parts set storage external;
create index on lease (epoch);

-- submit_sm without an answer. Open while resolved_at is null.
create table unknown_outcome (
  id bigint not null,
  segment smallint not null,
  attempt int not null,
  carrier int not null,
  epoch int not null,                -- the node that is to resolve it
  since timestamptz not null default date_trunc('milliseconds', now()),
  deadline timestamptz,              -- null: the carrier is not bound again yet
  resolved_at timestamptz,
  resolution text,                   -- answered receipt resent expired ended
  primary key (id, segment, attempt)
);
create index on unknown_outcome (carrier, since) where resolved_at is null;
create index on unknown_outcome (epoch, deadline) where resolved_at is null;

create table segment_receipt (
  id bigint not null,
  segment smallint not null,
  attempt smallint not null,
  state smallint not null,
  fault smallint not null,
  err int not null,
  done_at timestamptz not null,
  primary key (id, segment)
);

-- Receipts that fit no dispatch (yet). Kept until retention, matched or not.
create table parked_receipt (
  id bigint generated always as identity primary key,
  carrier int not null,
  destination_hash bytea,
  received_at timestamptz not null,
  fields bytea not null,             -- sealed
  reason text not null,
  tries int not null default 0,
  next_try_at timestamptz,           -- null: no longer swept
  matched bigint,                    -- the message
  matched_at timestamptz
);
create index on parked_receipt (next_try_at) where matched is null and next_try_at is not null;
create index on parked_receipt (received_at);
-- Each id, in each base, under which the message could stand.
create table parked_key (
  carrier int not null,
  upstream_id text not null collate "C",
  parked bigint not null references parked_receipt on delete cascade,
  primary key (carrier, upstream_id, parked)
);
create index on parked_key (parked);

-- Receipts after the final state: repeated or contradictory ones, and late orphans.
create table receipt_note (
  id bigint generated always as identity primary key,
  message bigint not null,
  carrier int,
  kind text not null,                -- repeated contradictory late
  state smallint,
  err int,
  detail text,
  at timestamptz not null default now()
);
create index on receipt_note (message);

-- When an unfinished message is next looked at: its validity, later its validity and the carrier's grace.
create table due (
  at timestamptz not null,
  id bigint not null,
  primary key (at, id)
) with (autovacuum_vacuum_scale_factor = 0.05);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text,
  detail jsonb,
  previous bytea,                    -- hash of the row before
  hash bytea not null
);
create index on audit (subject, at);
