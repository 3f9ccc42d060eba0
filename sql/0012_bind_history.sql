-- Who was bound, from where, as what, and why it ended. Nodes write it behind the traffic, in batches; the janitor
-- keeps it for a stated time.

-- One row a session, written when it is bound and again when it ended.
create table bind_session (
  epoch int not null references node_epoch,
  session bigint not null,           -- counts within the node's process
  side smallint not null check (side between 0 and 1),   -- 0 customer, 1 carrier
  peer text not null,                -- system_id, or the carrier's name
  account int references account,    -- of a customer
  address text not null,
  port int not null,
  bound_as text not null,            -- transmitter receiver transceiver
  version smallint not null,         -- interface_version as negotiated
  tls boolean not null,
  bound_at timestamptz not null,
  ended_at timestamptz,              -- null: lives, or its node has not told yet
  reason text,
  detail text,
  submits bigint,                    -- it carried, known at its end
  receipts bigint,
  primary key (epoch, session)
);
create index on bind_session (bound_at);
create index on bind_session (peer, bound_at);
create index on bind_session (ended_at);
create index on bind_session (epoch) where ended_at is null;

-- What is told by the minute only, so that nobody can fill the table: binds that were refused, and those of a peer
-- that binds again and again (reason 'bound').
create table bind_count (
  minute timestamptz not null,
  side smallint not null check (side between 0 and 1),
  peer text not null,                -- '-': no system_id of ours
  address text not null,             -- '*': more addresses in one minute than are told apart
  reason text not null,              -- of the last one
  count int not null,
  primary key (minute, side, peer, address)
);
create index on bind_count (peer, minute);
