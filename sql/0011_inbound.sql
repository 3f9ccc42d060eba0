-- What comes from carriers for customers beside final receipts, the one waiting list of all that customers have not
-- taken yet, and the numbers that want no messages. The list takes the place of receipt_waiting.

-- Mobile-originated messages and intermediate notifications.
create table inbound (
  id bigint not null,                -- of a mobile-originated message its own; of a notification the message's
  kind smallint not null,            -- 1 mobile-originated, 16 + message_state: a notification, once a state
  account int not null,
  carrier int not null,
  received_at timestamptz not null,
  key int,                           -- content_key.id
  blob bytea,                        -- the sealed deliver_sm; null once it is returned or expired
  err int not null default 0,        -- of a notification
  status int,                        -- command_status of deliver_sm_resp; -1: expired; null: not returned yet
  returned_at timestamptz,
  primary key (id, kind)
);
alter table inbound alter column blob set storage external;

-- What waits: nobody of theirs is bound, they are slower than their receipts, or they said "later". Final receipts
-- that a node holds in memory for a customer who is reading are not here (its outbox checkpoint covers them); the other
-- kinds are here from their first commit until they are returned.
create table outbox_waiting (
  account int not null,
  ord bigint not null,               -- unix microseconds when it was first to be returned: the order for one recipient
  id bigint not null,                -- the message, or the row of inbound
  kind smallint not null,            -- 0 final receipt, else as inbound.kind
  recipient bigint not null,         -- the first 8 octets of the keyed hash of the number it is about
  tries smallint not null default 0,
  epoch int,                         -- the node that is returning it; null: any may take it
  due_at timestamptz not null,       -- not before
  primary key (account, ord, id, kind)
-- Claims change no index (a dead node's are found by walking the list, seldom), and have room in their page.
) with (autovacuum_vacuum_scale_factor = 0.05, fillfactor = 70);
create index on outbox_waiting (account, recipient, ord);

create function recipient_key(p_hash bytea) returns bigint
language sql immutable as $$
  select ('x' || encode(substring(p_hash from 1 for 8), 'hex'))::bit(64)::bigint
$$;

insert into outbox_waiting (account, ord, id, kind, recipient, due_at)
  select w.account, (extract(epoch from coalesce(o.settled_at, now())) * 1000000)::bigint, w.id, 0,
    coalesce(recipient_key(m.destination_hash), 0), w.due_at
  from receipt_waiting w left join outcome o on o.id = w.id left join message m on m.id = w.id;
drop function defer_receipts, take_waiting, release_waiting, accounts_waiting;
drop table receipt_waiting;

-- Puts deliveries on the list, or back on it.
create function defer_deliveries(p_epoch int, p_batch bigint, accounts int[], ords bigint[], ids bigint[],
  kinds smallint[], recipients bigint[], tries_ smallint[], due_ats timestamptz[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  perform enter_epoch(p_epoch);
  insert into outbox_waiting as w (account, ord, id, kind, recipient, tries, due_at)
    select distinct on (t.account, t.ord, t.id, t.kind) t.account, t.ord, t.id, t.kind, t.recipient, t.tries, t.due_at
    from unnest(accounts, ords, ids, kinds, recipients, tries_, due_ats)
      as t (account, ord, id, kind, recipient, tries, due_at)
    on conflict (account, ord, id, kind) do update
      set epoch = null, due_at = excluded.due_at, tries = excluded.tries;
  insert into batch (id, epoch, kind) values (p_batch, p_epoch, 'd');
  return '';
end $$;

-- Claims the oldest deliveries of an account for one node, none from before p_from. One whose elder of the same
-- recipient is not to be had now is put off until the elder is due. What was returned meanwhile leaves the list, and so
-- do notifications of messages whose final receipt was returned: nobody wants to hear that they are on their way.
create function take_deliveries(p_epoch int, p_account int, p_from bigint, p_limit int)
returns table (ord bigint, id bigint, kind smallint, recipient bigint, tries smallint)
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  ords bigint[];
  ids bigint[];
  kinds smallint[];
  recipients bigint[];
  tries_ smallint[];
  elders timestamptz[];
  states int[];                      -- 0 to be taken, 1 off the list, 2 put off
begin
  perform enter_epoch(p_epoch);
  select array_agg(x.ord order by x.ord, x.id, x.kind), array_agg(x.id order by x.ord, x.id, x.kind),
      array_agg(x.kind order by x.ord, x.id, x.kind), array_agg(x.recipient order by x.ord, x.id, x.kind),
      array_agg(x.tries order by x.ord, x.id, x.kind)
    into ords, ids, kinds, recipients, tries_
    from (select * from outbox_waiting w
      where w.account = p_account and w.ord >= p_from and w.epoch is null and w.due_at <= now()
      order by w.ord, w.id, w.kind limit p_limit for update skip locked) x;
  if ords is null then
    return;
  end if;
  select array_agg(e.due order by t.nth), array_agg(case
      when (t.kind <> 1 and (select r.id from returned r where r.id = t.id) is not null)
        or (t.kind <> 0 and (select i.id from inbound i
          where i.id = t.id and i.kind = t.kind and i.returned_at is null) is null) then 1
      when e.due is not null then 2 else 0 end order by t.nth)
    into elders, states
    from unnest(ords, ids, kinds, recipients) with ordinality as t (ord, id, kind, recipient, nth)
    cross join lateral (select max(greatest(w.due_at, now() + case when w.epoch is null then interval '0'
        else interval '1 s' end)) as due from outbox_waiting w
      where w.account = p_account and w.recipient = t.recipient and w.ord < t.ord and w.ord >= p_from
        -- Another node's, not due, or just being claimed by another node.
        and (w.epoch <> p_epoch or (w.epoch is null and (w.due_at > now() or w.id <> all (ids))))) e;
  if 1 = any (states) then
    delete from outbox_waiting w using unnest(ords, ids, kinds, states) as t (ord, id, kind, state)
      where t.state = 1 and w.account = p_account and w.ord = t.ord and w.id = t.id and w.kind = t.kind;
  end if;
  if 2 = any (states) then
    update outbox_waiting w set due_at = t.due
      from unnest(ords, ids, kinds, states, elders) as t (ord, id, kind, state, due)
      where t.state = 2 and w.account = p_account and w.ord = t.ord and w.id = t.id and w.kind = t.kind;
  end if;
  update outbox_waiting w set epoch = p_epoch from unnest(ords, ids, kinds, states) as t (ord, id, kind, state)
    where t.state = 0 and w.account = p_account and w.ord = t.ord and w.id = t.id and w.kind = t.kind;
  return query select t.ord, t.id, t.kind, t.recipient, t.tries
    from unnest(ords, ids, kinds, recipients, tries_, states) as t (ord, id, kind, recipient, tries, state)
    where t.state = 0 order by t.ord, t.id, t.kind;
end $$;

-- One octet a recipient: 0 when nothing older than `ords` waits for it, 2 when only what this node has claimed, else 1.
create function recipients_waiting(p_epoch int, p_account int, recipients bigint[], ords bigint[]) returns bytea
language plpgsql stable set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return (select coalesce(decode(string_agg(case
      when x.claimed is null then '00' when x.claimed then '02' else '01' end, '' order by t.nth), 'hex'), '')
    from unnest(recipients, ords) with ordinality as t (recipient, ord, nth)
    cross join lateral (select bool_and(coalesce(w.epoch = p_epoch, false)) as claimed from outbox_waiting w
      where w.account = p_account and w.recipient = t.recipient and w.ord < t.ord) x);
end $$;

-- Which of these accounts have anything on the list that this node has not claimed, and whether it could now.
create function accounts_waiting(p_epoch int, accounts int[]) returns table (account int, due boolean)
language sql stable as $$
  select t.a, exists (select from outbox_waiting w where w.account = t.a and w.epoch is null and w.due_at <= now())
  from unnest(accounts) as t (a) where exists (select from outbox_waiting w
    where w.account = t.a and w.epoch is distinct from p_epoch)
$$;

-- A dead node's claims are free again.
create function release_waiting(p_dead int) returns void
language sql as $$
  update outbox_waiting set epoch = null where epoch = p_dead
$$;

-- Strikes deliveries off the list that are returned; of the kinds of inbound this also stores the answer.
create function strike_off(accounts int[], ords bigint[], ids bigint[], kinds smallint[], statuses int[],
  ats timestamptz[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
begin
  update inbound i set status = t.status, returned_at = t.at, blob = null
    from unnest(ids, kinds, statuses, ats) as t (id, kind, status, at)
    where t.kind <> 0 and i.id = t.id and i.kind = t.kind;
  delete from outbox_waiting w using unnest(accounts, ords, ids, kinds) as t (account, ord, id, kind)
    where w.account = t.account and w.ord = t.ord and w.id = t.id and w.kind = t.kind;
end $$;

-- Takes up to p_limit deliveries of an account off the list that are older than it keeps them; how many of each kind.
create function expire_deliveries(p_account int, p_before bigint, p_limit int)
returns table (kind smallint, expired bigint)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query with old as (
      select w.account, w.ord, w.id, w.kind from outbox_waiting w
        where w.account = p_account and w.ord < p_before and w.epoch is null
        order by w.ord limit p_limit for update skip locked
    ), gone as (
      delete from outbox_waiting w using old o
        where w.account = o.account and w.ord = o.ord and w.id = o.id and w.kind = o.kind
        returning w.id, w.kind
    ), ended as (
      update inbound i set status = -1, returned_at = now(), blob = null from gone g
        where g.kind <> 0 and i.id = g.id and i.kind = g.kind
    )
    select g.kind, count(*) from gone g group by g.kind;
end $$;

-- ------------------------------------------------------------------------------------------------- opt-outs

create sequence opt_out_change;

-- A number that wants no messages of an account. Rows stay when a number opts in again, so that nodes learn of it.
create table opt_out (
  account int not null references account,
  number_hash bytea not null,        -- keyed HMAC-SHA-256, first 16 octets
  number bytea,                      -- the number itself, sealed, for export; null when it opted in again
  opted_out boolean not null,
  source text not null,              -- message | operator
  at timestamptz not null default now(),
  change bigint not null,            -- rises with each commit: what nodes have not read yet lies above
  primary key (account, number_hash)
);
create unique index on opt_out (change);

-- Sets numbers of accounts out or in; returns how many changed. One transaction at a time (lock class 7311), so that `change` rises with
-- the commits. Of several for one number the last counts.
create function set_opt_outs(accounts int[], hashes bytea[], numbers bytea[], outs boolean[], p_source text)
returns int
language plpgsql as $$
declare
  changed int;
begin
  perform pg_advisory_xact_lock(7311, 0);
  insert into opt_out as o (account, number_hash, number, opted_out, source, change)
    select t.account, t.hash, case when t.out then t.number end, t.out, p_source, nextval('opt_out_change')
    from (select distinct on (u.account, u.hash) u.* from unnest(accounts, hashes, numbers, outs)
        with ordinality as u (account, hash, number, out, nth)
      order by u.account, u.hash, u.nth desc) t
    where t.out or exists (select from opt_out x where x.account = t.account and x.number_hash = t.hash)
    on conflict (account, number_hash) do update set number = excluded.number, opted_out = excluded.opted_out,
        source = excluded.source, at = now(), change = excluded.change
      where o.opted_out <> excluded.opted_out;
  get diagnostics changed = row_count;
  if changed > 0 then
    perform pg_notify('smppgate_opt_outs', '');
  end if;
  return changed;
end $$;

-- Stores what carriers sent for customers, on the waiting list as well: claimed by this node where claims is 1. Verdict
-- 1: stored, 0: a notification of this state was stored before. outs: 0 nothing, 1 the sender opts out, 2 in again.
create function write_inbound(p_epoch int, p_batch bigint, ids bigint[], kinds smallint[], accounts int[],
  carriers int[], ords bigint[], recipients bigint[], keys int[], blobs bytea[], errs int[], claims smallint[],
  outs smallint[], hashes bytea[], numbers bytea[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  verdicts bytea;
begin
  perform enter_epoch(p_epoch);
  with given as (
    select t.*, row_number() over (partition by t.id, t.kind order by t.nth) = 1 as first
    from unnest(ids, kinds, accounts, carriers, ords, recipients, keys, blobs, errs, claims) with ordinality
      as t (id, kind, account, carrier, ord, recipient, key, blob, err, claim, nth)
  ), ins as (
    insert into inbound (id, kind, account, carrier, received_at, key, blob, err)
      select g.id, g.kind, g.account, g.carrier, to_timestamp(g.ord / 1000000.0::float8), nullif(g.key, 0),
        case when g.key <> 0 then g.blob end, g.err
      from given g where g.first on conflict do nothing returning id, kind
  ), listed as (
    insert into outbox_waiting (account, ord, id, kind, recipient, epoch, due_at)
      select g.account, g.ord, g.id, g.kind, g.recipient, case when g.claim = 1 then p_epoch end, now()
      from given g join ins i on i.id = g.id and i.kind = g.kind where g.first
  )
  select decode(string_agg(case when i.id is not null and g.first then '01' else '00' end, '' order by g.nth), 'hex')
    into verdicts from given g left join ins i on i.id = g.id and i.kind = g.kind;
  if 0 <> any (outs) then
    perform set_opt_outs(array_agg(t.account order by t.nth), array_agg(t.hash order by t.nth),
      array_agg(t.number order by t.nth), array_agg(t.out = 1 order by t.nth), 'message')
      from unnest(accounts, hashes, numbers, outs) with ordinality as t (account, hash, number, out, nth)
      where t.out <> 0;
  end if;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'i', verdicts);
  return verdicts;
end $$;
