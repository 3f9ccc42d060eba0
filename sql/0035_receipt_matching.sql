-- Matching: all candidates of a receipt, bounded; why an end came; when a segment ended by our clock; corrections.

-- What a message's end was for (outcome.cause) comes with it: the carrier's own word is final, ours can be corrected.
drop function load_messages(bigint[]);
create function load_messages(ids bigint[]) returns table (
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz, version smallint,
  release_at timestamptz, cause text)
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return query select m.id, m.account, m.bind, m.customer_id, m.carrier, m.lane, coalesce(r.segments, m.segments),
      m.unit_price, m.tariff_version, coalesce(r.policy_version, m.policy_version), m.terms_version, m.charge_on,
      coalesce(r.registered_delivery, m.registered_delivery), coalesce(r.valid_until, m.valid_until),
      m.destination_hash, coalesce(r.key, c.key), coalesce(r.blob, c.blob), o.state, o.fault, o.err, o.done_at,
      coalesce(r.version, 0::smallint), r.release_at, o.cause
    from unnest(ids) as t (id)
      cross join lateral (select * from message x where x.id = t.id offset 0) m
      left join lateral (select x.key, x.blob from content x where x.id = t.id offset 0) c on true
      left join lateral (select x.state, x.fault, x.err, x.done_at, x.cause from outcome x where x.id = t.id offset 0) o
        on true
      left join lateral (select * from replacement x where x.id = t.id order by x.version desc limit 1) r on true;
end $$;

-- As before, but at most p_same dispatches of one id of one partition are looked at, and the p_newest newest of them
-- given: a carrier that gives every message the same id must cost no more than that.
drop function find_dispatch(int, int, text[]);
create function find_dispatch(p_number int, p_carrier int, upstream_ids text[], p_same int, p_newest int)
returns table (
  upstream_id text, segment smallint, attempt smallint, sent_at timestamptz,
  id bigint, account int, bind int, customer_id text, carrier int, lane smallint, segments smallint,
  unit_price bigint, tariff_version int, policy_version int, terms_version int, charge_on smallint,
  registered_delivery smallint, valid_until timestamptz, destination_hash bytea, key int, blob bytea,
  state smallint, fault smallint, err int, done_at timestamptz, version smallint,
  release_at timestamptz, cause text)
language plpgsql set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return query execute format('select d.upstream_id, d.segment, d.attempt, d.at, m.id, m.account, m.bind,
      m.customer_id, d.carrier, m.lane, coalesce(r.segments, m.segments), m.unit_price, m.tariff_version,
      coalesce(r.policy_version, m.policy_version), m.terms_version, m.charge_on,
      coalesce(r.registered_delivery, m.registered_delivery), coalesce(r.valid_until, m.valid_until),
      m.destination_hash, coalesce(r.key, c.key), coalesce(r.blob, c.blob), o.state, o.fault, o.err, o.done_at,
      coalesce(r.version, 0::smallint), r.release_at, o.cause
    from unnest($2) as t (upstream_id)
      cross join lateral (select * from (select * from dispatch_%1$s x
          where x.carrier = $1 and x.upstream_id = t.upstream_id and x.status = 0 limit $3) y
        order by y.at desc limit $4) d
      cross join lateral (select * from message_%1$s x where x.id = d.id offset 0) m
      left join lateral (select x.key, x.blob from content_%1$s x where x.id = d.id offset 0) c on true
      left join lateral (select x.state, x.fault, x.err, x.done_at, x.cause from outcome_%1$s x where x.id = d.id
        offset 0) o on true
      left join lateral (select * from replacement x where x.id = d.id order by x.version desc limit 1) r on true
    order by d.at desc', p_number) using p_carrier, upstream_ids, p_same, p_newest;
end $$;

-- done_at is the carrier's clock; how long a message has waited for its other segments is counted by ours.
alter table segment_receipt add column at timestamptz not null default now();

-- The carrier's word that came after a message had ended without it (no receipt, or an outcome given up): the first
-- such word counts, once a message. The outcome stays as it is; the money follows the word.
create table correction (
  message bigint primary key,
  account int not null,
  carrier int,
  state smallint not null,
  fault smallint not null,
  err int not null,
  done_at timestamptz not null,      -- as the carrier says
  amount bigint not null,            -- added to the account's credits; 0: the word changes no money
  entry bigint,                      -- ledger_entry.id; null when amount is 0
  at timestamptz not null default now()
);
create index on correction (account, at);

-- Posts a correction. False: the message had one, nothing changed.
create function post_correction(p_epoch int, p_message bigint, p_account int, p_carrier int, p_state smallint,
  p_fault smallint, p_err int, p_done_at timestamptz, p_amount bigint, p_reason text) returns boolean
language plpgsql as $$
begin
  perform enter_epoch(p_epoch);
  insert into correction (message, account, carrier, state, fault, err, done_at, amount)
    values (p_message, p_account, p_carrier, p_state, p_fault, p_err, p_done_at, p_amount) on conflict do nothing;
  if not found then
    return false;
  end if;
  if p_amount <> 0 then
    update correction set entry = (select e.entry
        from post_entry(p_account, 'correction', p_amount, p_cause => 'lateReceipt', p_reason => p_reason) e)
      where message = p_message;
  end if;
  return true;
end $$;

-- Parks receipts: receipt N has the keys whose owners[] is N (from 1), each of the carrier beside it: carriers of one
-- SMSC account share their receipts. Returns their ids in order.
drop function park_receipts(int[], bytea[], timestamptz[], bytea[], text[], timestamptz, int[], text[]);
create function park_receipts(carriers int[], hashes bytea[], received_ats timestamptz[], fields_ bytea[],
  reasons text[], p_next_try timestamptz, owners int[], key_carriers int[], keys_ text[]) returns bigint[]
language plpgsql as $$
declare
  parked_ids bigint[];
begin
  select array_agg(nextval(pg_get_serial_sequence('parked_receipt', 'id')) order by n) into parked_ids
    from generate_subscripts(carriers, 1) as g (n);
  insert into parked_receipt (id, carrier, destination_hash, received_at, fields, reason, next_try_at)
    overriding system value
    select t.id, t.carrier, t.hash, t.received_at, t.fields, t.reason, p_next_try
    from unnest(parked_ids, carriers, hashes, received_ats, fields_, reasons)
      as t (id, carrier, hash, received_at, fields, reason);
  insert into parked_key (carrier, upstream_id, parked)
    select k.carrier, k.key, parked_ids[k.owner]
    from unnest(owners, key_carriers, keys_) as k (owner, carrier, key) on conflict do nothing;
  return parked_ids;
end $$;
