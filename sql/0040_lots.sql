-- Credit as lots, its expiry, purchase refunds, warnings (docs/adr/0008-credit-as-lots.md).
--
-- An account has lots from its first top-up under terms with topUpExtendsBalance: false. Then each of its entries names a
-- lot, and a lot's credits and reserved are the sums of its entries, side by side as in balance. What the account had
-- before is its own lot, which also takes what no other lot can: it alone may go below zero (credit line, penalty).
-- Who locks: whatever writes side 0 of a lot holds side 0 of the account's balance, and the same for side 1. start_lots
-- and close_spent_lots hold both, side 0 first; nothing that holds side 1 waits for side 0.

create table lot (
  id int generated always as identity primary key,
  account int not null references account,
  own boolean not null default false,  -- what came before lots, and what the account owes
  reference text not null,             -- of the top-up, or of the posting that made it
  credits bigint not null,             -- that it was made with
  expires_at timestamptz,              -- null: never
  expired_for timestamptz,             -- the expires_at at which its credit was taken: what is there now came back later
  open boolean not null default true,  -- false: there is nothing in it; own is always open
  at timestamptz not null default now()
) with (fillfactor = 50);
create unique index on lot (account) where own;
create index on lot (account) where open;
create index on lot (account, reference);
create index on lot (expires_at) where expires_at is not null;

create table lot_side (
  lot int not null references lot,
  side smallint not null,
  credits bigint not null default 0,
  reserved bigint not null default 0,
  primary key (lot, side)
) with (fillfactor = 50);              -- room for HOT updates

-- Of messages that used several lots, or were replaced at another price: what of each, in the order taken. The amounts of
-- later rows may be negative (given back by a replacement).
create table lot_use (
  message bigint not null,
  nth smallint not null,
  lot int not null,
  amount bigint not null,
  batch bigint not null,               -- message.batch, or that of the replacement
  primary key (message, nth)
);

-- 0: see lot_use; null: the account had no lots, or it cost nothing. No value, no octets.
alter table message add column lot int;
alter table ledger_entry add column lot int;
-- A posting that took from several lots is several entries with one reference; those after the first name it here.
alter table ledger_entry add column posting bigint;
drop index ledger_entry_account_reference_idx;
create unique index ledger_entry_account_reference_idx on ledger_entry (account, reference)
  where reference is not null and posting is null;
alter table balance add column own_lot int;               -- both sides; null: no lots
alter table balance add column expired_for timestamptz;   -- side 0, as in lot, of an account without lots

-- ------------------------------------------------------------------- reading

-- The terms of an account as data; {} where it has none.
create function terms_of(p_account int) returns jsonb
language sql stable as $$
  select coalesce((select r.spec from account a join resource r on r.kind = 'terms' and r.name = a.spec ->> 'terms'
    where a.id = p_account), '{}')
$$;

-- Until when credit lasts that comes now.
create function credit_end(p_account int) returns timestamptz
language sql stable as $$
  select case when (d.days)::int > 0 then now() + d.days * interval '1 day' end
  from (select coalesce((terms_of(p_account) ->> 'creditValidDays')::int, 0) as days) d
$$;

-- The open lots in the order in which they are spent: first to expire first, the account's own last of those that end
-- at no or the same time. left_ is what is neither spent nor reserved; one statement, so all of one moment.
create function open_lots(p_account int) returns table (lot int, own boolean, expires_at timestamptz, left_ bigint)
language sql stable as $$
  select l.id, l.own, l.expires_at, s.left_
  from lot l cross join lateral (select sum(x.credits - x.reserved)::bigint as left_ from lot_side x where x.lot = l.id) s
  where l.account = p_account and l.open order by l.expires_at nulls last, l.own, l.id
$$;

-- When the first credit of an account with lots expires; without any the last one that did. null: never.
create function first_expiry(p_account int) returns timestamptz
language sql stable as $$
  select case when exists (select from open_lots(p_account) o where o.left_ > 0)
    then (select min(o.expires_at) from open_lots(p_account) o where o.left_ > 0)
    else (select max(l.expires_at) from lot l where l.account = p_account) end
$$;

-- What a message used of each lot as ranges of its price, in the order taken: what it keeps is the beginning, what it
-- gets back the end. p_lot and p_price as of the message's row, p_own the account's own lot.
create function lot_parts(p_id bigint, p_lot int, p_price bigint, p_own int)
returns table (lot int, low bigint, high bigint)
language sql stable as $$
  select u.lot, (sum(u.amount) over w - u.amount)::bigint, (sum(u.amount) over w)::bigint
  from (select x.lot, sum(x.amount) as amount, min(x.nth) as nth from lot_use x where x.message = p_id
    group by x.lot having sum(x.amount) > 0) u
  window w as (order by u.nth rows unbounded preceding)
  union all
  select coalesce(p_lot, p_own), 0, p_price where not exists (select from lot_use x where x.message = p_id)
$$;

-- How much of the range [a, b) lies in [c, d).
create function overlap(a bigint, b bigint, c bigint, d bigint) returns bigint
language sql immutable as $$
  select greatest(least(b, d) - greatest(a, c), 0)
$$;

-- What stands under a reference of an account: one posting, whatever lots it took from.
create function find_posting(p_account int, p_reference text) returns table (entry bigint, kind text, amount bigint,
  credits_after bigint, reserved_after bigint, at timestamptz)
language sql stable as $$
  select min(e.id), min(e.kind), sum(e.amount)::bigint, (array_agg(e.credits_after order by e.id desc))[1],
    (array_agg(e.reserved_after order by e.id desc))[1], min(e.at)
  from ledger_entry e where e.account = p_account and e.reference = p_reference having count(*) > 0
$$;

-- ------------------------------------------------------------------- posting

-- One entry of a lot (p_lot null: of an account without lots), with the balance and the lot that follow from it. The
-- caller holds that side of the account's balance.
create function post_lot(p_account int, p_side int, p_lot int, p_kind text, p_amount bigint, p_reserved_delta bigint,
  p_messages int default 0, p_segments int default 0, p_batch bigint default null, p_cause text default null,
  p_reference text default null, p_actor text default null, p_reason text default null, p_posting bigint default null)
returns ledger_entry
language plpgsql as $$
declare
  b balance;
  e ledger_entry;
begin
  update balance as s set credits = s.credits + p_amount, reserved = s.reserved + p_reserved_delta,
      version = s.version + 1
    where s.account = p_account and s.side = p_side returning * into b;
  if p_lot is not null then
    update lot_side as s set credits = s.credits + p_amount, reserved = s.reserved + p_reserved_delta
      where s.lot = p_lot and s.side = p_side;
    if p_amount > p_reserved_delta then
      update lot as l set open = true where l.id = p_lot and not l.open;
    end if;
  end if;
  insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
      messages, segments, batch, cause, reference, actor, reason, lot, posting)
    values (p_account, p_side, b.version, p_kind, p_amount, p_reserved_delta, b.credits, b.reserved, p_messages,
      p_segments, p_batch, p_cause, p_reference, p_actor, p_reason, p_lot, p_posting)
    returning * into e;
  return e;
end $$;

-- Debt (the own lot below zero) is paid from the other lots, first to expire first, even where its time is over: an entry
-- out of the one and an entry into the other, which together change nothing. Side 0 is locked.
create function cover_debt(p_account int) returns void
language plpgsql as $$
declare
  debt bigint;
  own_ int;
  one record;
begin
  select o.lot, -o.left_ into own_, debt from open_lots(p_account) o where o.own;
  if debt is null or debt <= 0 then
    return;
  end if;
  for one in select o.lot, least(o.left_, debt) as most from open_lots(p_account) o
      where not o.own and o.left_ > 0 loop
    exit when debt <= 0;
    one.most := least(one.most, debt);
    perform post_lot(p_account, 0, one.lot, 'adjustment', -one.most, 0, p_cause => 'debtCovered', p_actor => 'system',
      p_reason => 'credit covers what was owed');
    perform post_lot(p_account, 0, own_, 'adjustment', one.most, 0, p_cause => 'debtCovered', p_actor => 'system',
      p_reason => 'credit covers what was owed');
    debt := debt - one.most;
  end loop;
end $$;

-- What is left of one lot, or of the balance of an account without lots (p_lot null), when its time is over. What was
-- there then becomes `expiry`. What came back after it goes by terms.refundIntoExpired: forfeited, or the whole gets a
-- new date and an entry of 0 says so. Side 0 is locked.
create function expire_part(p_account int, p_lot int, p_own boolean, p_left bigint, p_expires_at timestamptz,
  p_expired_for timestamptz) returns void
language plpgsql as $$
declare
  rule jsonb := coalesce(terms_of(p_account) -> 'refundIntoExpired', '"forfeit"');
  returned bigint := p_left;
  until timestamptz;
begin
  if p_expired_for is distinct from p_expires_at then
    select least(p_left, coalesce(sum(e.amount - e.reserved_delta), 0)) into returned from ledger_entry e
      where e.account = p_account and e.at >= p_expires_at and e.amount > e.reserved_delta
        and e.kind in ('refund', 'release', 'correction', 'charge', 'reserve')
        and (p_lot is null or e.lot = p_lot or (p_own and e.lot is null));
  end if;
  if p_left > returned then
    perform post_lot(p_account, 0, p_lot, 'expiry', returned - p_left, 0, p_cause => 'creditExpired',
      p_actor => 'system', p_reason => 'expired at ' || to_char(p_expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
  end if;
  if returned > 0 and rule = '"forfeit"' then
    perform post_lot(p_account, 0, p_lot, 'forfeit', -returned, 0, p_cause => 'refundIntoExpired',
      p_actor => 'system', p_reason => 'came back to expired credit');
  elsif returned > 0 then
    until := case jsonb_typeof(rule) when 'object' then now() + (rule ->> 'extendDays')::int * interval '1 day'
      else credit_end(p_account) end;
    perform post_lot(p_account, 0, p_lot, 'adjustment', 0, 0, p_cause => 'refundIntoExpired', p_actor => 'system',
      p_reason => coalesce('valid until ' || to_char(until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'valid for ever'));
    update lot set expires_at = until where id = p_lot;
    update balance set expires_at = until where account = p_account and side = 0 and p_lot is null;
    return;
  end if;
  update lot set expired_for = p_expires_at where id = p_lot;
  update balance set expired_for = p_expires_at where account = p_account and side = 0 and p_lot is null;
end $$;

-- Takes from an account what has expired; any number of times. What is reserved stays until its messages end.
create function expire_credit(p_account int) returns void
language plpgsql as $$
declare
  b balance;
  one record;
begin
  select * into b from balance s where s.account = p_account and s.side = 0 for no key update;
  if b.own_lot is null then
    if b.expires_at <= now() and available(p_account) > 0 then
      perform expire_part(p_account, null, true, available(p_account), b.expires_at, b.expired_for);
    end if;
    return;
  end if;
  if not exists (select from open_lots(p_account) o where o.expires_at <= now() and o.left_ > 0) then
    return;
  end if;
  perform cover_debt(p_account);
  for one in select l.id, l.own, l.expires_at, l.expired_for, o.left_ from open_lots(p_account) o
      join lot l on l.id = o.lot where o.expires_at <= now() and o.left_ > 0 loop
    perform expire_part(p_account, one.id, one.own, one.left_, one.expires_at, one.expired_for);
  end loop;
end $$;

-- Accounts with expired credit that is neither spent nor reserved; of lots only those that expired after p_since.
create function expired_accounts(p_since timestamptz, p_limit int) returns setof int
language sql stable as $$
  select b.account from balance b where b.side = 0 and b.expires_at <= now() and available(b.account) > 0
  union
  select l.account from lot l where l.expires_at <= now() and l.expires_at > p_since
    and (select sum(s.credits - s.reserved) from lot_side s where s.lot = l.id) > 0
  limit p_limit
$$;

-- Closes the lots of an account in which nothing is left: the walk over its open lots stays short. Credit that comes back
-- to one opens it again.
create function close_spent_lots(p_account int) returns void
language plpgsql as $$
begin
  perform from balance b where b.account = p_account order by b.side for no key update;
  update lot as l set open = false where l.account = p_account and l.open and not l.own
    and (select sum(s.credits) = 0 and sum(s.reserved) = 0 from lot_side s where s.lot = l.id);
end $$;

-- Accounts for close_spent_lots.
create function accounts_with_spent_lots(p_limit int) returns setof int
language sql stable as $$
  select distinct l.account from lot l where l.open and not l.own
    and (select sum(s.credits) = 0 and sum(s.reserved) = 0 from lot_side s where s.lot = l.id) limit p_limit
$$;

-- What an account may spend now, its credit line in it; null: its credit is expired. Side 0 is locked.
create function spendable(p_account int) returns bigint
language plpgsql as $$
declare
  b balance;
  left_ bigint;
begin
  perform expire_credit(p_account);
  select * into b from balance s where s.account = p_account and s.side = 0;
  if b.own_lot is null then
    return case when b.expires_at is null or b.expires_at > now() or b.credit_line > 0
      then available(p_account) + b.credit_line end;
  end if;
  select sum(case when o.expires_at <= now() then least(o.left_, 0) else o.left_ end)::bigint into left_
    from open_lots(p_account) o;
  return case when left_ > 0 or b.credit_line > 0 or has_valid_lot(p_account) then left_ + b.credit_line end;
end $$;

-- Whether some lot of the account is not expired, spent or not; without one its credit is expired.
create function has_valid_lot(p_account int) returns boolean
language sql stable as $$
  select exists (select from lot l where l.account = p_account and not l.own
    and (l.expires_at is null or l.expires_at > now()))
$$;

-- The first top-up under terms with lots: what the account has becomes its own lot, with the expiry that it has. No entry:
-- entries without a lot are the own lot's.
create function start_lots(p_account int) returns int
language plpgsql as $$
declare
  b balance;
  own_ int;
begin
  select * into b from balance s where s.account = p_account and s.side = 0 for no key update;
  if b.own_lot is not null then
    return b.own_lot;
  end if;
  perform from balance s where s.account = p_account and s.side = 1 for no key update;
  insert into lot (account, own, reference, credits, expires_at, expired_for)
    values (p_account, true, 'balance', greatest(available(p_account), 0), b.expires_at, b.expired_for)
    returning id into own_;
  insert into lot_side (lot, side, credits, reserved)
    select own_, s.side, s.credits, s.reserved from balance s where s.account = p_account;
  update balance set own_lot = own_, expires_at = null, expired_for = null where account = p_account;
  return own_;
end $$;

-- A new lot with its entry. Side 0 is locked.
create function add_lot(p_account int, p_kind text, p_amount bigint, p_until timestamptz, p_reference text, p_actor text,
  p_reason text, p_cause text) returns ledger_entry
language plpgsql as $$
declare
  new_ int;
  e ledger_entry;
begin
  insert into lot (account, reference, credits, expires_at)
    values (p_account, coalesce(p_reference, p_kind), p_amount, p_until) returning id into new_;
  insert into lot_side (lot, side) values (new_, 0), (new_, 1);
  e := post_lot(p_account, 0, new_, p_kind, p_amount, 0, p_cause => p_cause, p_reference => p_reference,
    p_actor => p_actor, p_reason => p_reason);
  return e;
end $$;

-- A top-up of an account with lots. p_extends: its expiry becomes that of all credit that is still valid. The entry of a
-- reference that stands already is found by the caller, who holds side 0.
create function top_up_lot(p_account int, p_amount bigint, p_until timestamptz, p_extends boolean, p_reference text,
  p_actor text) returns ledger_entry
language plpgsql as $$
declare
  e ledger_entry;
begin
  perform start_lots(p_account);
  perform expire_credit(p_account);
  if p_extends then
    update lot as l set expires_at = case when p_until is not null then greatest(l.expires_at, p_until) end
      where l.account = p_account and l.open and l.expires_at > now();
  end if;
  e := add_lot(p_account, 'top_up', p_amount, p_until, p_reference, p_actor, null, null);
  perform cover_debt(p_account);
  return e;
end $$;

-- post_entry of an account with lots. Less credit: from the lots in order, what they cannot give from the own lot (which
-- goes below zero); p_amount null: all that is valid. More credit: to the lot that expires last, or to a new one. Returns
-- the first entry, with the amount of all.
create function post_to_lots(p_account int, p_own int, p_kind text, p_amount bigint, p_reserved_delta bigint,
  p_reference text, p_actor text, p_reason text, p_cause text) returns ledger_entry
language plpgsql as $$
declare
  one record;
  target int;
  taken bigint;
  rest bigint := case when p_amount is null then 9223372036854775807 else -p_amount end;
  first_ ledger_entry;
  e ledger_entry;
begin
  if p_amount >= 0 and (p_amount = 0 or p_reserved_delta <> 0) then
    return post_lot(p_account, 0, p_own, p_kind, p_amount, p_reserved_delta, p_cause => p_cause,
      p_reference => p_reference, p_actor => p_actor, p_reason => p_reason);
  end if;
  if p_amount > 0 then
    select o.lot into target from open_lots(p_account) o where not o.own
      and (o.expires_at is null or o.expires_at > now()) order by o.expires_at desc nulls first, o.lot desc limit 1;
    if target is null then
      e := add_lot(p_account, p_kind, p_amount, credit_end(p_account), p_reference, p_actor, p_reason, p_cause);
    else
      e := post_lot(p_account, 0, target, p_kind, p_amount, 0, p_cause => p_cause, p_reference => p_reference,
        p_actor => p_actor, p_reason => p_reason);
    end if;
    perform cover_debt(p_account);
    return e;
  end if;
  perform cover_debt(p_account);
  for one in select * from open_lots(p_account) o where o.left_ > 0 and (o.expires_at is null or o.expires_at > now()) loop
    exit when rest = 0;
    taken := least(one.left_, rest);
    e := post_lot(p_account, 0, one.lot, p_kind, -taken, case when first_.id is null then p_reserved_delta else 0 end,
      p_cause => p_cause, p_reference => p_reference, p_actor => p_actor, p_reason => p_reason, p_posting => first_.id);
    if first_.id is null then
      first_ := e;
    end if;
    rest := rest - taken;
  end loop;
  taken := case when p_amount is null then 0 else rest end;
  if taken > 0 or first_.id is null then
    e := post_lot(p_account, 0, p_own, p_kind, -taken, case when first_.id is null then p_reserved_delta else 0 end,
      p_cause => p_cause, p_reference => p_reference, p_actor => p_actor, p_reason => p_reason, p_posting => first_.id);
    if first_.id is null then
      first_ := e;
    end if;
  end if;
  first_.amount := coalesce(p_amount, rest - 9223372036854775807);
  return first_;
end $$;

-- As before, by lots where the account has them. A posting that stands is told with the sum of its entries. An adjustment
-- upwards of expired credit is new credit: it is valid as long as a top-up's.
create or replace function post_entry(
  p_account int, p_kind text, p_amount bigint, p_reserved_delta bigint default 0, p_reference text default null,
  p_actor text default null, p_reason text default null, p_cause text default null, p_guarded boolean default false
) returns table (entry bigint, kind text, amount bigint, credits_after bigint, reserved_after bigint,
  at timestamptz, existing boolean)
language plpgsql as $$
declare
  b balance;
  e ledger_entry;
  amount_ bigint := p_amount;
begin
  if p_kind not in ('charge', 'refund', 'reserve', 'release', 'top_up', 'expiry', 'penalty', 'forfeit', 'correction',
      'adjustment', 'purchase_refund') then
    raise exception 'there is no entry of kind %', p_kind using errcode = 'check_violation';
  end if;
  -- The row lock comes first, so that of two calls with one reference the second sees the first's entry.
  select * into b from balance where balance.account = p_account and side = 0 for no key update;
  if not found then
    raise exception 'account % has no balance', p_account using errcode = 'no_data_found';
  end if;
  if p_reference is not null then
    return query select f.entry, f.kind, f.amount, f.credits_after, f.reserved_after, f.at, true
      from find_posting(p_account, p_reference) f;
    if found then
      return;
    end if;
  end if;
  if p_kind not in ('expiry', 'refund', 'release') then
    perform expire_credit(p_account);
    select * into b from balance where balance.account = p_account and side = 0;
  end if;
  if p_guarded and coalesce(spendable(p_account), 0) + coalesce(amount_, 0) - p_reserved_delta < 0 then
    return;
  end if;
  if b.own_lot is not null then
    e := post_to_lots(p_account, b.own_lot, p_kind, amount_, p_reserved_delta, p_reference, p_actor, p_reason, p_cause);
  else
    if p_kind = 'adjustment' and amount_ > 0 and b.expires_at <= now() then
      update balance set expires_at = credit_end(p_account) where balance.account = p_account and side = 0;
    end if;
    amount_ := coalesce(amount_, -greatest(available(p_account), 0));
    e := post_lot(p_account, 0, null, p_kind, amount_, p_reserved_delta, p_cause => p_cause,
      p_reference => p_reference, p_actor => p_actor, p_reason => p_reason);
  end if;
  if p_reference is not null then
    return query select f.entry, f.kind, f.amount, f.credits_after, f.reserved_after, f.at, false
      from find_posting(p_account, p_reference) f;
  else
    return query select e.id, e.kind, e.amount, e.credits_after, e.reserved_after, e.at, false;
  end if;
end $$;

-- Gives back p_amount of what a message paid, beside what it got back before (p_before, its outcome's and that of earlier
-- calls): each part to the lot that it came from, the last taken first. Posts once a reference, as post_entry does.
create function post_refund(p_account int, p_message bigint, p_kind text, p_amount bigint, p_before bigint,
  p_reference text, p_actor text, p_reason text, p_cause text)
returns table (entry bigint, kind text, amount bigint, at timestamptz, existing boolean)
language plpgsql as $$
declare
  b balance;
  first_ ledger_entry;
  e ledger_entry;
  m record;
  total bigint;
  one record;
begin
  select * into b from balance where balance.account = p_account and side = 0 for no key update;
  if b.own_lot is null or p_amount <= 0 then
    return query select p.entry, p.kind, p.amount, p.at, p.existing from post_entry(p_account, p_kind, p_amount,
      p_reference => p_reference, p_actor => p_actor, p_reason => p_reason, p_cause => p_cause) p;
    return;
  end if;
  if p_reference is not null then
    return query select f.entry, f.kind, f.amount, f.at, true from find_posting(p_account, p_reference) f;
    if found then
      return;
    end if;
  end if;
  select x.lot, x.unit_price * x.segments as price into m from message x where x.id = p_message and x.account = p_account;
  if not found then
    -- Retention has dropped the message: as any other credit.
    return query select p.entry, p.kind, p.amount, p.at, p.existing from post_entry(p_account, p_kind, p_amount,
      p_reference => p_reference, p_actor => p_actor, p_reason => p_reason, p_cause => p_cause) p;
    return;
  end if;
  select max(l.high) into total from lot_parts(p_message, m.lot, m.price, b.own_lot) l;
  if p_before + p_amount > total then
    raise exception 'message % cannot get back % of % after %', p_message, p_amount, total, p_before
      using errcode = 'check_violation';
  end if;
  for one in select l.lot, overlap(l.low, l.high, total - p_before - p_amount, total - p_before) as amount
      from lot_parts(p_message, m.lot, m.price, b.own_lot) l order by l.low desc loop
    continue when one.amount = 0;
    e := post_lot(p_account, 0, one.lot, p_kind, one.amount, 0, p_messages => (first_.id is null)::int, p_cause => p_cause,
      p_reference => p_reference, p_actor => p_actor, p_reason => p_reason, p_posting => first_.id);
    if first_.id is null then
      first_ := e;
    end if;
  end loop;
  return query select first_.id, p_kind, p_amount, first_.at, false;
end $$;

-- ------------------------------------------------------------------- the lanes: accept

-- Pays for the messages of one account with lots: in order, exactly those that what is left can pay, each from the lots
-- in their order. Its balance row is locked. Returns the batch's verdicts and the messages' lots with this account's in.
-- A message is counted in the entry of the first lot that it used.
create function pay_by_lots(p_account int, p_batch bigint, ids bigint[], accounts int[], unit_prices bigint[],
  segments_ smallint[], charge_ons smallint[], inout verdicts bytea, inout lots int[])
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  b balance;
  one record;
  lot_ids int[]; lefts bigint[]; n int; own_ int; total bigint; late boolean;
  i int := 1;
  k int;
  parts int;
  verdict int;
  left_ bigint; price bigint; rest bigint; taken bigint;
  is_expired boolean;
  -- By lot, the charges in 1 .. n, the reservations behind them.
  amounts bigint[]; counts int[]; segs int[];
  at_ int;
begin
  select * into b from balance s where s.account = p_account and s.side = 0;
  for again in 1 .. 2 loop
    select array_agg(o.lot order by o.expires_at nulls last, o.own, o.lot),
        array_agg(case when o.expires_at <= now() then 0 else greatest(o.left_, 0) end
          order by o.expires_at nulls last, o.own, o.lot),
        sum(case when o.expires_at <= now() then least(o.left_, 0) else o.left_ end),
        bool_or(o.expires_at <= now() and o.left_ > 0)
      into lot_ids, lefts, total, late from open_lots(p_account) o;
    exit when not late;
    perform expire_credit(p_account);
  end loop;
  n := cardinality(lot_ids);
  own_ := array_position(lot_ids, b.own_lot);
  left_ := total + b.credit_line;
  amounts := array_fill(0::bigint, array[2 * n]);
  counts := array_fill(0, array[2 * n]);
  segs := counts;
  for one in
    select t.nth::int, t.id, t.unit_price, t.segments, t.charge_on
    from unnest(ids, accounts, unit_prices, segments_, charge_ons)
      with ordinality as t (id, account, unit_price, segments, charge_on, nth)
    where t.account = p_account order by t.nth
  loop
    price := one.unit_price * one.segments;
    if not b.open then
      verdict := 3;
    elsif price > 0 and price > left_ then
      is_expired := coalesce(is_expired, total <= 0 and b.credit_line = 0 and not has_valid_lot(p_account));
      verdict := case when is_expired then 2 else 1 end;
    else
      verdict := 0;
    end if;
    if verdict > 0 then
      verdicts := set_byte(verdicts, one.nth - 1, verdict);
      continue;
    end if;
    left_ := left_ - price;
    at_ := case one.charge_on when 0 then 0 else n end;
    rest := price;
    parts := 0;
    k := own_;
    loop
      while i <= n and lefts[i] = 0 loop
        i := i + 1;
      end loop;
      taken := rest;
      if rest > 0 and i <= n then
        taken := least(rest, lefts[i]);
        lefts[i] := lefts[i] - taken;
        k := i;
      else
        k := own_;
      end if;
      amounts[at_ + k] := amounts[at_ + k] + taken;
      if parts = 0 then
        counts[at_ + k] := counts[at_ + k] + 1;
        segs[at_ + k] := segs[at_ + k] + one.segments;
        lots[one.nth] := case when price > 0 then lot_ids[k] end;
      elsif parts = 1 then
        insert into lot_use (message, nth, lot, amount, batch)
          values (one.id, 1, lots[one.nth], price - rest, p_batch), (one.id, 2, lot_ids[k], taken, p_batch);
        lots[one.nth] := 0;
      else
        insert into lot_use (message, nth, lot, amount, batch) values (one.id, parts + 1, lot_ids[k], taken, p_batch);
      end if;
      parts := parts + 1;
      rest := rest - taken;
      exit when rest = 0;
    end loop;
  end loop;
  for k in 1 .. 2 * n loop
    continue when counts[k] = 0 and amounts[k] = 0;
    if k <= n then
      perform post_lot(p_account, 0, lot_ids[k], 'charge', -amounts[k], 0, counts[k], segs[k], p_batch);
    else
      perform post_lot(p_account, 0, lot_ids[k - n], 'reserve', 0, amounts[k], counts[k], segs[k], p_batch);
    end if;
  end loop;
end $$;

-- As before; what has expired is taken from the books first, and a credit line goes on without it.
create or replace function pay_one_by_one(p_account int, p_batch bigint, verdicts bytea, accounts int[], unit_prices bigint[],
  segments_ smallint[], charge_ons smallint[]) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  b balance;
  one record;
  left_ bigint;
  price bigint;
  verdict int;
  charge bigint := 0; charged int := 0; charged_segments int := 0;
  reserve bigint := 0; held int := 0; held_segments int := 0;
begin
  select * into b from balance s where s.account = p_account and s.side = 0;
  if found then
    if b.expires_at <= now() then
      perform expire_credit(p_account);
      select * into b from balance s where s.account = p_account and s.side = 0;
    end if;
    left_ := available(p_account) + b.credit_line;
  end if;
  for one in
    select t.nth, t.unit_price, t.segments, t.charge_on
    from unnest(accounts, unit_prices, segments_, charge_ons)
      with ordinality as t (account, unit_price, segments, charge_on, nth)
    where t.account = p_account order by t.nth
  loop
    price := one.unit_price * one.segments;
    verdict := case when b.account is null or not b.open then 3
      when price > 0 and b.expires_at <= now() and b.credit_line = 0 then 2
      when price > 0 and price > left_ then 1
      else 0 end;
    if verdict > 0 then
      verdicts := set_byte(verdicts, (one.nth - 1)::int, verdict);
      continue;
    end if;
    left_ := left_ - price;
    if one.charge_on = 0 then
      charge := charge + price; charged := charged + 1; charged_segments := charged_segments + one.segments;
    else
      reserve := reserve + price; held := held + 1; held_segments := held_segments + one.segments;
    end if;
  end loop;
  if charged + held > 0 then
    update balance as s set credits = s.credits - charge, reserved = s.reserved + reserve,
        version = s.version + (charged > 0)::int + (held > 0)::int
      where s.account = p_account and s.side = 0 returning * into b;
    perform accept_entries(p_account, p_batch, b.version, b.credits, b.reserved, charge, charged, charged_segments,
      reserve, held, held_segments);
  end if;
  return verdicts;
end $$;

-- As before, but an account with lots never pays in the one UPDATE: pay_by_lots says which lots each message used.
create or replace function accept_messages(
  p_epoch int, p_batch bigint, ids bigint[], accounts int[], binds int[], customer_ids text[], carriers int[],
  lanes smallint[], segments_ smallint[], unit_prices bigint[], tariffs int[], policies int[], terms int[],
  charge_ons smallint[], registered smallint[], valid_untils timestamptz[], hashes bytea[], keys int[],
  blobs bytea[]
) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  verdicts bytea := decode(repeat('00', cardinality(ids)), 'hex');
  unpaid int[];
  lots int[];
  poor int;
  low bigint;
  high bigint;
begin
  perform enter_epoch(p_epoch);
  -- Jobs rely on this: the walk for due messages, that no message older than this appears later; the cut of a
  -- partition, that none lies further ahead.
  select min(i), max(i) into low, high from (select unnest(ids) as i) t;
  if low < first_id_at(unix_ms(now()) - 20000) or high > first_id_at(unix_ms(now()) + 10000) then
    raise exception 'message ids are % ms off the clock of the database',
      ((low >> 22) + 1735689600000) - unix_ms(now()) using errcode = 'SG004';
  end if;

  -- The locks first, in account order whatever the plan of the UPDATE; it then sees what the last holder left.
  perform from balance b where b.account = any (accounts) and b.side = 0 order by b.account for no key update;
  with need as (
    select t.account, coalesce(sum(t.price) filter (where t.charge_on = 0), 0)::bigint as charge,
      coalesce(sum(t.price) filter (where t.charge_on <> 0), 0)::bigint as reserve,
      count(*) filter (where t.charge_on = 0)::int as charged, count(*) filter (where t.charge_on <> 0)::int as held,
      sum(t.segments) filter (where t.charge_on = 0)::int as charged_segments,
      sum(t.segments) filter (where t.charge_on <> 0)::int as held_segments
    from (select u.account, u.segments, u.charge_on, u.unit_price * u.segments as price
      from (select unnest(accounts) as account, unnest(unit_prices) as unit_price, unnest(segments_) as segments,
        unnest(charge_ons) as charge_on) u) t
    group by t.account
  ), paid as (
    update balance as s set credits = s.credits - n.charge, reserved = s.reserved + n.reserve,
        version = s.version + (n.charged > 0)::int + (n.held > 0)::int
      from need n
      -- Said twice, so that a plan that begins with balance reads no more of it than this.
      where s.account = n.account and s.account = any (accounts) and s.side = 0 and s.open and s.own_lot is null
        and (s.expires_at is null or s.expires_at > now() or n.charge + n.reserve = 0)
        and s.credits - s.reserved - n.charge - n.reserve
          + (select o.credits - o.reserved from balance o where o.account = n.account and o.side = 1)
          >= -s.credit_line
      returning s.account, s.version, s.credits, s.reserved, n.charge, n.charged, n.charged_segments, n.reserve,
        n.held, n.held_segments
  ), entered as (
    insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
        messages, segments, batch)
      select p.account, 0, p.version - (p.held > 0)::int, 'charge', -p.charge, 0, p.credits, p.reserved - p.reserve,
        p.charged, p.charged_segments, p_batch from paid p where p.charged > 0
      union all
      select p.account, 0, p.version, 'reserve', 0, p.reserve, p.credits, p.reserved, p.held, p.held_segments,
        p_batch from paid p where p.held > 0
  )
  select array_agg(n.account order by n.account) into unpaid from need n
    where n.account not in (select p.account from paid p);
  if unpaid is not null then
    foreach poor in array unpaid loop
      if (select b.own_lot from balance b where b.account = poor and b.side = 0) is null then
        verdicts := pay_one_by_one(poor, p_batch, verdicts, accounts, unit_prices, segments_, charge_ons);
      else
        lots := coalesce(lots, array_fill(null::int, array[cardinality(ids)]));
        select p.verdicts, p.lots into verdicts, lots from pay_by_lots(poor, p_batch, ids, accounts, unit_prices,
          segments_, charge_ons, verdicts, lots) p;
      end if;
    end loop;
  end if;

  -- unnest() in the select list steps through the arrays in parallel and costs half of unnest() in FROM, which
  -- copies every row into a tuplestore.
  if unpaid is not null then
    insert into message (id, batch, unit_price, valid_until, account, bind, epoch, carrier, tariff_version,
        policy_version, terms_version, lane, segments, charge_on, registered_delivery, destination_hash, customer_id, lot)
      select t.id, p_batch, t.unit_price, t.valid_until, t.account, t.bind, p_epoch, t.carrier, t.tariff, t.policy,
        t.terms, t.lane, t.segments, t.charge_on, t.registered, t.hash, t.customer_id, t.lot
      from unnest(ids, accounts, binds, customer_ids, carriers, lanes, segments_, unit_prices, tariffs, policies,
          terms, charge_ons, registered, valid_untils, hashes, lots)
        with ordinality as t (id, account, bind, customer_id, carrier, lane, segments, unit_price, tariff, policy,
          terms, charge_on, registered, valid_until, hash, lot, nth)
      where get_byte(verdicts, (t.nth - 1)::int) = 0;
    insert into content (id, key, blob)
      select t.id, t.key, t.blob from unnest(ids, keys, blobs) with ordinality as t (id, key, blob, nth)
      where get_byte(verdicts, (t.nth - 1)::int) = 0;
  else
    insert into message (id, batch, unit_price, valid_until, account, bind, epoch, carrier, tariff_version,
        policy_version, terms_version, lane, segments, charge_on, registered_delivery, destination_hash, customer_id)
      select unnest(ids), p_batch, unnest(unit_prices), unnest(valid_untils), unnest(accounts), unnest(binds), p_epoch,
        unnest(carriers), unnest(tariffs), unnest(policies), unnest(terms), unnest(lanes), unnest(segments_),
        unnest(charge_ons), unnest(registered), unnest(hashes), unnest(customer_ids);
    insert into content (id, key, blob) select unnest(ids), unnest(keys), unnest(blobs);
  end if;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'a', verdicts);
  return verdicts;
end $$;

-- ------------------------------------------------------------------- the lanes: settle

-- What the outcomes of a batch give back to one account with lots, each part to the lot that the message used: of its
-- price the beginning is kept or charged, the end is refunded or released. An entry each per kind and lot, in the order
-- refund, charge, release; a message is counted where its part begins.
create function post_lot_outcomes(p_batch bigint, verdicts bytea, by_verdict boolean, p_account int, ids bigint[],
  accounts int[], refunds bigint[], charges bigint[], releases bigint[], causes text[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  own_ int;
  one record;
begin
  select b.own_lot into own_ from balance b where b.account = p_account and b.side = 1;
  for one in
    with ended as (
      select t.id, t.refund, t.charge, t.release, t.cause, m.lot, m.unit_price * m.segments as price
      from unnest(ids, accounts, refunds, charges, releases, causes)
          with ordinality as t (id, account, refund, charge, release, cause, nth)
        cross join lateral (select * from message x where x.id = t.id offset 0) m
      where t.account = p_account and (t.refund <> 0 or t.charge <> 0 or t.release <> 0)
        and (not by_verdict or get_byte(verdicts, (t.nth - 1)::int) = 1)
    ), part as (
      select e.*, p.lot as of_lot, p.low, p.high, max(p.high) over (partition by e.id) as total
      from ended e cross join lateral lot_parts(e.id, nullif(e.lot, 0), e.price, own_) p
    ), moved as (
      select k.place, k.kind, p.of_lot, p.cause, overlap(p.low, p.high, k.low, k.high) as amount,
        (k.low >= p.low and k.low < p.high and k.high > k.low)::int as counted
      from part p cross join lateral (values (1, 'refund', p.total - p.refund, p.total), (2, 'charge', 0, p.charge),
        (3, 'release', p.total - p.release, p.total)) as k (place, kind, low, high)
    )
    select m.kind, m.of_lot, sum(m.amount)::bigint as amount, sum(m.counted)::int as counted,
      case when min(m.cause) = max(m.cause) then min(m.cause) end as cause
    from moved m where m.amount > 0 group by m.place, m.kind, m.of_lot order by m.place, m.of_lot
  loop
    perform post_lot(p_account, 1, one.of_lot, one.kind,
      case one.kind when 'refund' then one.amount when 'charge' then -one.amount else 0 end,
      case one.kind when 'refund' then 0 else -one.amount end, one.counted, 0, p_batch, one.cause);
  end loop;
end $$;


-- As before; accounts with lots go their own way, and the others pay nothing for it.
drop function post_outcomes(bigint, bytea, boolean, int[], bigint[], bigint[], bigint[], text[]);
create function post_outcomes(p_batch bigint, verdicts bytea, by_verdict boolean, ids bigint[], accounts int[], refunds bigint[],
  charges bigint[], releases bigint[], causes text[]) returns void
language plpgsql set plan_cache_mode = force_generic_plan set enable_nestloop = on
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  moved int[];
  lotted int[];
  one int;
begin
  select array_agg(distinct t.account) into moved
    from (select unnest(accounts) as account, unnest(refunds) as refund, unnest(charges) as charge,
      unnest(releases) as release) t
    where t.refund <> 0 or t.charge <> 0 or t.release <> 0;
  if moved is null then
    return;
  end if;
  select array_agg(x.account) into lotted from (select b.account, b.own_lot from balance b
      where b.account = any (moved) and b.side = 1 order by b.account for no key update) x
    where x.own_lot is not null;
  if lotted is not null then
    foreach one in array lotted loop
      perform post_lot_outcomes(p_batch, verdicts, by_verdict, one, ids, accounts, refunds, charges, releases, causes);
    end loop;
    select array_agg(t.account) into moved from unnest(moved) as t (account) where t.account <> all (lotted);
    if moved is null then
      return;
    end if;
  end if;
  with total as (
    select t.account, case when min(t.cause) = max(t.cause) then min(t.cause) end as cause,
      sum(t.refund)::bigint as refund, count(*) filter (where t.refund <> 0)::int as refunded,
      sum(t.charge)::bigint as charge, count(*) filter (where t.charge <> 0)::int as charged,
      sum(t.release)::bigint as release, count(*) filter (where t.release <> 0)::int as released
    from (select unnest(accounts) as account, unnest(refunds) as refund, unnest(charges) as charge,
      unnest(releases) as release, unnest(causes) as cause, generate_subscripts(accounts, 1) as nth) t
    where (t.refund <> 0 or t.charge <> 0 or t.release <> 0)
      and (not by_verdict or get_byte(verdicts, t.nth - 1) = 1)
    group by t.account
  ), done as (
    update balance as s set credits = s.credits + t.refund - t.charge, reserved = s.reserved - t.charge - t.release,
        version = s.version + (t.refund <> 0)::int + (t.charge <> 0)::int + (t.release <> 0)::int
      from total t where s.account = t.account and s.account = any (moved) and s.side = 1
      returning s.account, s.version, s.credits, s.reserved, t.cause, t.refund, t.refunded, t.charge, t.charged,
        t.release, t.released
  )
  -- What each entry leaves is counted back from the end.
  insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
      messages, batch, cause)
    select d.account, 1, d.version - (d.charge <> 0)::int - (d.release <> 0)::int, 'refund', d.refund, 0,
      d.credits + d.charge, d.reserved + d.charge + d.release, d.refunded, p_batch, d.cause
      from done d where d.refund <> 0
    union all
    select d.account, 1, d.version - (d.release <> 0)::int, 'charge', -d.charge, -d.charge, d.credits,
      d.reserved + d.release, d.charged, p_batch, d.cause from done d where d.charge <> 0
    union all
    select d.account, 1, d.version, 'release', 0, -d.release, d.credits, d.reserved, d.released, p_batch, d.cause
      from done d where d.release <> 0;
end $$;

-- As before; post_outcomes is told which messages they are.
create or replace function insert_outcomes(
  p_epoch int, p_batch bigint, kind_ "char", ids bigint[], accounts int[], carriers int[], states smallint[],
  faults smallint[], errs int[], refunds bigint[], charges bigint[], releases bigint[], done_ats timestamptz[],
  causes text[], skip bytea
) returns bytea
-- The joins below are of arrays: a nested loop over them would be quadratic.
language plpgsql set plan_cache_mode = force_generic_plan set enable_nestloop = off set enable_hashjoin = on as $$
declare
  n int := cardinality(ids);
  inserted bigint[];
  verdicts bytea;
begin
  -- Nearly always all are new. ON CONFLICT would double the cost of the insert, so it is only for when they are not.
  if skip is null then
    begin
      insert into outcome (id, batch, refund, charge, release, done_at, settled_at, account, epoch, carrier, err,
          state, fault, cause)
        select unnest(ids), p_batch, unnest(refunds), unnest(charges), unnest(releases), unnest(done_ats), now(),
          unnest(accounts), p_epoch, nullif(unnest(carriers), 0), unnest(errs), unnest(states), unnest(faults),
          unnest(causes);
      verdicts := decode(repeat('01', n), 'hex');
    exception when unique_violation then
      null;
    end;
  end if;
  if verdicts is null then
    with ins as (
      insert into outcome (id, batch, refund, charge, release, done_at, settled_at, account, epoch, carrier, err,
          state, fault, cause)
        select t.id, p_batch, t.refund, t.charge, t.release, t.done_at, now(), t.account, p_epoch,
          nullif(t.carrier, 0), t.err, t.state, t.fault, t.cause
        from unnest(ids, accounts, carriers, states, faults, errs, refunds, charges, releases, done_ats, causes)
          with ordinality as t (id, account, carrier, state, fault, err, refund, charge, release, done_at, cause, nth)
        where skip is null or get_byte(skip, (t.nth - 1)::int) = 0
        on conflict do nothing
        returning id)
    select coalesce(array_agg(id), '{}') into inserted from ins;
    -- Of two rows for one message in a batch the first made the state.
    select coalesce(decode(string_agg(case
        when skip is not null and get_byte(skip, (t.nth - 1)::int) = 2 then '02'
        when i.id is not null and t.first then '01' else '00' end, '' order by t.nth), 'hex'), '')
      into verdicts
      from (select u.id, u.nth, row_number() over (partition by u.id order by u.nth) = 1 as first
        from unnest(ids) with ordinality as u (id, nth)) t
      left join unnest(inserted) as i (id) on i.id = t.id;
  end if;
  perform post_outcomes(p_batch, verdicts, inserted is not null, ids, accounts, refunds, charges, releases, causes);
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, kind_, verdicts);
  return verdicts;
end $$;

-- ------------------------------------------------------------------- the lanes: replace

-- The difference that a replacement pays from the lots in their order, or gives back to those that the message used, the
-- last taken first. Its balance row is locked, and it can be paid. Returns the (first) entry.
create function replace_by_lots(p_account int, p_message bigint, p_lot int, p_price bigint, p_difference bigint,
  p_segments int, p_charge_on int, p_batch bigint) returns bigint
language plpgsql as $$
declare
  own_ int;
  one record;
  rest bigint := p_difference;
  taken bigint;
  next_ int;
  first_ bigint;
  e ledger_entry;
begin
  select b.own_lot into own_ from balance b where b.account = p_account and b.side = 0;
  select max(u.nth) + 1 into next_ from lot_use u where u.message = p_message;
  if next_ is null then
    insert into lot_use (message, nth, lot, amount, batch)
      select p_message, 1, p_lot, p_price, m.batch from message m where m.id = p_message;
    next_ := 2;
  end if;
  for one in
    select o.lot, o.left_ as most, o.place from (select x.*, row_number() over () as place from open_lots(p_account) x) o
      where p_difference > 0 and o.left_ > 0 and (o.expires_at is null or o.expires_at > now())
    union all
    select own_, 9223372036854775807, 1000000 where p_difference > 0
    union all
    select l.lot, l.high - l.low, -l.low from lot_parts(p_message, p_lot, p_price, own_) l where p_difference < 0
    order by place
  loop
    exit when rest = 0;
    taken := sign(rest) * least(abs(rest), one.most);
    rest := rest - taken;
    insert into lot_use (message, nth, lot, amount, batch) values (p_message, next_, one.lot, taken, p_batch);
    next_ := next_ + 1;
    e := post_lot(p_account, 0, one.lot, case p_charge_on when 0 then 'charge' else 'reserve' end,
      case p_charge_on when 0 then -taken else 0 end, case p_charge_on when 0 then 0 else taken end,
      (first_ is null)::int, case when first_ is null then p_segments else 0 end, p_batch, 'replaced',
      p_posting => first_);
    first_ := coalesce(first_, e.id);
  end loop;
  return first_;
end $$;

-- As before, by lots where the account has them.
create or replace function replace_messages(
  p_epoch int, p_batch bigint, ids bigint[], versions smallint[], accounts int[], segments_ smallint[], policies int[],
  registered smallint[], valid_untils timestamptz[], keys int[], blobs bytea[], release_ats timestamptz[]
) returns bytea
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  verdicts bytea := decode(repeat('04', cardinality(ids)), 'hex');
  held bigint[];
  one record;
  b balance;
  entry_ bigint;
  last_version int; last_segments int; last_valid timestamptz;
  difference_ bigint;
  left_ bigint;
  release_ timestamptz;
begin
  perform enter_epoch(p_epoch);
  perform pg_advisory_xact_lock(7303, 0);
  held := coalesce(held_messages(ids), '{}');
  perform from balance s where s.account = any (accounts) and s.side = 0 order by s.account for no key update;
  for one in
    select t.*, m.unit_price, m.segments as first_segments, m.valid_until as first_valid, m.charge_on, m.lot
    from unnest(ids, versions, accounts, segments_, policies, registered, valid_untils, keys, blobs, release_ats)
      with ordinality as t (id, version, account, segments, policy, registered, valid_until, key, blob, release_at, nth)
    cross join lateral (select * from message x where x.id = t.id and x.account = t.account and x.carrier <> 0 offset 0) m
    where t.id <> all (held) and (select o.id from outcome o where o.id = t.id) is null
    order by t.nth
  loop
    select r.version, r.segments, r.valid_until into last_version, last_segments, last_valid
      from replacement r where r.id = one.id order by r.version desc limit 1;
    continue when coalesce(last_valid, one.first_valid) <= now();
    difference_ := one.unit_price * (one.segments - coalesce(last_segments, one.first_segments));
    left_ := case when difference_ > 0 then spendable(one.account) end;
    select * into b from balance s where s.account = one.account and s.side = 0;
    verdicts := set_byte(verdicts, (one.nth - 1)::int, case
      when one.version <> coalesce(last_version, 0) + 1 then 5
      when not b.open then 3
      when difference_ > 0 and left_ is null then 2
      when difference_ > 0 and difference_ > left_ then 1
      else 0 end);
    continue when get_byte(verdicts, (one.nth - 1)::int) > 0;
    entry_ := null;
    if difference_ <> 0 and b.own_lot is not null then
      entry_ := replace_by_lots(one.account, one.id, coalesce(one.lot, b.own_lot),
        one.unit_price * coalesce(last_segments, one.first_segments), difference_,
        one.segments - coalesce(last_segments, one.first_segments), one.charge_on, p_batch);
    elsif difference_ <> 0 then
      update balance as s set version = s.version + 1,
          credits = s.credits - case one.charge_on when 0 then difference_ else 0 end,
          reserved = s.reserved + case one.charge_on when 0 then 0 else difference_ end
        where s.account = one.account and s.side = 0 returning * into b;
      insert into ledger_entry (account, side, version, kind, amount, reserved_delta, credits_after, reserved_after,
          messages, segments, batch, cause)
        values (one.account, 0, b.version, case one.charge_on when 0 then 'charge' else 'reserve' end,
          case one.charge_on when 0 then -difference_ else 0 end, case one.charge_on when 0 then 0 else difference_ end,
          b.credits, b.reserved, 1, one.segments - coalesce(last_segments, one.first_segments), p_batch, 'replaced')
        returning id into entry_;
    end if;
    -- A message that has its place in the table scheduled keeps it, whatever its time is now.
    select s.at into release_ from scheduled s where s.id = one.id;
    if one.release_at is not null and (one.release_at > now() or release_ is not null) then
      release_ := greatest(one.release_at, now());
      insert into scheduled (id, at, epoch) values (one.id, release_, p_epoch)
        on conflict (id) do update set at = excluded.at;
    end if;
    insert into replacement (id, batch, difference, entry, valid_until, release_at, account, policy_version, key, version,
        segments, registered_delivery, blob)
      values (one.id, p_batch, difference_, entry_, one.valid_until, release_, one.account, one.policy, one.key,
        one.version, one.segments, one.registered, one.blob);
    -- The janitor's walk may have passed it, or know only the validity it had.
    insert into due (at, id) values (one.valid_until, one.id) on conflict do nothing;
  end loop;
  insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'x', verdicts);
  return verdicts;
end $$;

-- As before; what comes back goes to the lots that the message used. Before the word it got back what its outcome says.
create or replace function post_correction(p_epoch int, p_message bigint, p_account int, p_carrier int, p_state smallint,
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
        from post_refund(p_account, p_message, 'correction', p_amount,
          coalesce((select o.refund + o.release from outcome o where o.id = p_message), 0), null, null, p_reason,
          'lateReceipt') e)
      where message = p_message;
  end if;
  return true;
end $$;

-- ------------------------------------------------------------------- purchase refunds

create table purchase_refund (
  entry bigint primary key,            -- ledger_entry.id
  account int not null references account,
  top_up bigint not null references top_up,
  amount bigint not null,              -- paid back, above 0
  at timestamptz not null default now()
);
create index on purchase_refund (top_up);

-- What of a top-up is unspent and was not paid back. With lots it is what its lot has. Without, credit is spent in the order
-- in which it came: what came after the top-up is still there whole.
create function purchase_left(p_account int, p_top_up bigint) returns bigint
language plpgsql stable as $$
declare
  t top_up;
  refunded bigint;
  left_ bigint;
  later bigint;
begin
  select * into strict t from top_up where id = p_top_up and account = p_account;
  select coalesce(sum(amount), 0) into refunded from purchase_refund where top_up = t.id;
  select sum(case when l.expires_at <= now() then 0 else s.credits - s.reserved end) into left_
    from ledger_entry e join lot l on l.id = e.lot and not l.own join lot_side s on s.lot = l.id where e.id = t.entry;
  if left_ is null then
    -- A top-up of before lots is part of the account's own lot.
    select sum(s.credits - s.reserved) into left_ from balance b join lot_side s on s.lot = b.own_lot
      where b.account = p_account and b.side = 0;
    left_ := coalesce(left_, available(p_account));
    select coalesce(sum(e.amount), 0) into later from ledger_entry e left join lot l on l.id = e.lot
      where e.account = p_account and e.id > t.entry and e.amount > 0
        and e.kind in ('top_up', 'adjustment', 'correction') and (l.id is null or l.own);
    select later - coalesce(sum(r.amount), 0) into later from purchase_refund r join top_up x on x.id = r.top_up
      join ledger_entry e on e.id = x.entry and e.lot is null where r.account = p_account and x.entry > t.entry;
    left_ := left_ - later;
  end if;
  return greatest(least(left_, t.credits - refunded), 0);
end $$;

-- ------------------------------------------------------------------- warnings and webhooks

-- What customers' systems are told. A row is an event of one cause, sent until it is taken or given up.
create table webhook_event (
  id bigint generated always as identity primary key,
  account int not null references account,
  event text not null,                 -- credit.expiring credit.expired credit.low
  cause text not null,                 -- such as "expiring lot 7 2027-01-01T00:00:00Z 30": an event happens once
  body jsonb not null,                 -- without content, numbers or secrets
  at timestamptz not null default now(),
  next_try_at timestamptz,             -- null: delivered, given up, or the account has no webhook
  tries smallint not null default 0,
  status int,                          -- of the last answer; null: none came
  unique (account, cause)
);
create index on webhook_event (next_try_at) where next_try_at is not null;

-- Accounts that were told that their credit is low, until it is not.
create table low_credit (
  account int primary key references account,
  at timestamptz not null default now()
);
