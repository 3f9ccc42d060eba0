-- Numbers that are not in the network that their prefix says: ported ones. Nodes hold all of it in memory.

create sequence number_network_change;

-- Rows stay when a number is removed, so that nodes learn of it.
create table number_network (
  number_hash bytea primary key,     -- keyed HMAC-SHA-256, first 16 octets
  network text,                      -- MCC and MNC; null: removed
  change bigint not null             -- rises with each commit: what nodes have not read yet lies above
);
create unique index on number_network (change);

-- How many of them are not removed: counting them each time would read them all.
create table number_network_total (
  total bigint not null
);
insert into number_network_total values (0);

-- Sets the networks of numbers, null removes; returns how many changed, -1 when there would be more than p_most. One
-- transaction at a time (lock class 7312), so that `change` rises with the commits. Of several for one number the last
-- counts.
create function set_number_networks(hashes bytea[], networks text[], p_most bigint) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  changed int;
  before_ bigint;
  after_ bigint;
begin
  perform pg_advisory_xact_lock(7312, 0);
  select count(n.network) into before_ from (select distinct h from unnest(hashes) as t (h)) t
    join number_network n on n.number_hash = t.h;
  insert into number_network as n (number_hash, network, change)
    select t.hash, t.network, nextval('number_network_change')
    from (select distinct on (u.hash) u.* from unnest(hashes, networks) with ordinality as u (hash, network, nth)
      order by u.hash, u.nth desc) t
    where t.network is not null or exists (select from number_network x where x.number_hash = t.hash)
    on conflict (number_hash) do update set network = excluded.network, change = excluded.change
      where n.network is distinct from excluded.network;
  get diagnostics changed = row_count;
  if changed = 0 then
    return 0;
  end if;
  select count(n.network) into after_ from (select distinct h from unnest(hashes) as t (h)) t
    join number_network n on n.number_hash = t.h;
  update number_network_total set total = total + after_ - before_;
  if (select total from number_network_total) > p_most then
    return -1;
  end if;
  perform pg_notify('smppgate_number_networks', '');
  return changed;
end $$;

-- Requests to route anew what is queued: every node does it with its own queues.
create table requeue_request (
  id bigint generated always as identity primary key,
  carrier text,                      -- by name; null: all
  config_version bigint not null,    -- by the routes of this version or a later one
  at timestamptz not null default now()
);
