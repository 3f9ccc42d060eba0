-- Receipts that customers have not taken yet: nobody of theirs is bound, or they are slower than their receipts.
-- What a node holds in memory for a customer who is reading is not here; its outbox checkpoint covers that.

create table receipt_waiting (
  account int not null,
  id bigint not null,                -- the message; its outcome says what the receipt says
  epoch int,                         -- the node that is returning it; null: any may take it
  due_at timestamptz not null,       -- not before
  primary key (account, id)
) with (autovacuum_vacuum_scale_factor = 0.05);
create index on receipt_waiting (epoch) where epoch is not null;

-- Puts receipts on the list, or back on it.
create function defer_receipts(p_epoch int, p_batch bigint, ids bigint[], accounts int[], due_ats timestamptz[])
returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  perform enter_epoch(p_epoch);
  insert into receipt_waiting as w (account, id, due_at)
    select distinct on (t.account, t.id) t.account, t.id, t.due_at
    from unnest(ids, accounts, due_ats) as t (id, account, due_at)
    on conflict (account, id) do update set epoch = null, due_at = excluded.due_at;
  insert into batch (id, epoch, kind) values (p_batch, p_epoch, 'd');
  return '';
end $$;

-- Claims the oldest receipts of an account that wait, for one node. What was returned meanwhile leaves the list.
create function take_waiting(p_epoch int, p_account int, p_limit int) returns bigint[]
language plpgsql set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  picked bigint[];
  done bigint[];
begin
  perform enter_epoch(p_epoch);
  select array_agg(w.id order by w.id) into picked from (
    select id from receipt_waiting where account = p_account and epoch is null and due_at <= now()
      order by id limit p_limit for update skip locked) w;
  if picked is null then
    return '{}';
  end if;
  select array_agg(t.id) into done from unnest(picked) as t (id)
    where (select r.id from returned r where r.id = t.id) is not null;
  if done is not null then
    delete from receipt_waiting where account = p_account and id = any (done);
  end if;
  update receipt_waiting set epoch = p_epoch where account = p_account and id = any (picked);
  return (select coalesce(array_agg(i order by i), '{}') from unnest(picked) as t (i)
    where done is null or i <> all (done));
end $$;

-- Which of these accounts have receipts that a node could take now.
create function accounts_waiting(accounts int[]) returns int[]
language sql stable as $$
  select coalesce(array_agg(a), '{}') from unnest(accounts) as t (a)
  where exists (select from receipt_waiting w where w.account = a and w.epoch is null and w.due_at <= now())
$$;

-- A dead node's claims are free again.
create function release_waiting(p_dead int) returns void
language sql as $$
  update receipt_waiting set epoch = null where epoch = p_dead
$$;
