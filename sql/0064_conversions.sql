-- What customers say of their one-time passwords: the code of this message was entered.

-- Messages that were confirmed, each once; kept as long as traffic is looked back at.
create table conversion (
  id bigint primary key,             -- of the message
  at timestamptz not null default clock_timestamp()
);

-- ...and how many of those of a time they are, by the first digits of numbers.
alter table traffic_slot add column converted bigint not null default 0;
