-- Refunds after a message's end: requests of customers, and outages that the operator declares.
--
-- message_refund is what was given back so, once a message, by a request or by an outage, whichever came first. Its
-- money is one posting `refund` through post_refund, beside what the end of the message and a late word moved.

-- Times at which carriers, or the numbers under a prefix, could not be reached. A withdrawn one counts no more; what was
-- refunded for it stays.
create table outage (
  id int generated always as identity primary key,
  from_at timestamptz not null,
  until_at timestamptz,              -- null: it lasts
  carrier int references carrier,    -- null: of any
  prefix text,                       -- digits that numbers begin with; null: of all
  reason text not null,
  actor text not null,
  at timestamptz not null default now(),
  withdrawn_at timestamptz,
  withdrawn_by text,
  -- How far automatic refunds went: ends settled before `looked_until`, and of the page there ids up to `looked_id`.
  looked_until timestamptz not null,
  looked_id bigint not null default 0,
  looked_all boolean not null default false
);
create index on outage (id) where withdrawn_at is null;

create table refund_request (
  id bigint generated always as identity primary key,
  account int not null references account,
  reference text not null,
  state text not null default 'open',  -- open investigating approved refused paid
  reason text not null,                -- the customer's
  digest bytea not null,               -- of the message ids asked for: the same reference must be the same request
  actor text not null,
  at timestamptz not null default now(),
  decision text,                       -- the reason of the decision
  decided_by text,                     -- 'terms': there was nothing to decide
  decided_at timestamptz,
  due_at timestamptz,                  -- payable by
  payment_reference text,
  paid_by text,
  paid_at timestamptz,
  unique (account, reference)
);
create index on refund_request (state, due_at);

create table refund_item (
  request bigint not null references refund_request,
  message bigint not null,
  asked text not null,                 -- the id as it was asked for
  finding text not null,               -- domain/refund-claim.ts
  amount bigint not null,              -- payable by what is known now; once paid, what was
  evidence jsonb not null,             -- states, faults, times; no number, no text
  contested boolean not null,          -- false: refused as it came
  primary key (request, message)
);
-- A message is contested once, and the decision on it is final.
create unique index on refund_item (message) where contested;

-- Ids that no message of the account has.
create table refund_unknown (
  request bigint not null references refund_request,
  asked text not null,
  primary key (request, asked)
);

create table message_refund (
  message bigint primary key,
  account int not null references account,
  request bigint references refund_request,
  outage int references outage,
  amount bigint not null,              -- 0: there was nothing left to give back
  entry bigint,                        -- ledger_entry.id
  at timestamptz not null default now()
);
create index on message_refund (request) where request is not null;
create index on message_refund (outage) where outage is not null;

-- A decision and what it is about are final.
create function refund_request_is_final() returns trigger
language plpgsql as $$
begin
  if tg_op = 'DELETE' or new.account <> old.account or new.reference <> old.reference or new.reason <> old.reason
      or new.digest <> old.digest or new.at <> old.at
      or (old.decided_at is not null and (new.decision, new.decided_by, new.decided_at, new.due_at)
        is distinct from (old.decision, old.decided_by, old.decided_at, old.due_at))
      or (old.state in ('refused', 'paid') and new.state <> old.state)
      or (old.state = 'approved' and new.state not in ('approved', 'paid')) then
    raise exception 'refund request %: its decision is final', old.id using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger refund_request_is_final before update or delete on refund_request
  for each row execute function refund_request_is_final();

-- What a message cost as it stands: unit price x segments of the version in force.
create function price_of(p_message bigint) returns bigint
language sql stable as $$
  select m.unit_price * coalesce((select r.segments from replacement r where r.id = m.id order by r.version desc limit 1),
    m.segments) from message m where m.id = p_message
$$;

-- What of it was given back: at its end, by a late word, by a request or an outage.
create function given_back(p_message bigint) returns bigint
language sql stable as $$
  select (coalesce((select o.refund + o.release from outcome o where o.id = p_message), 0)
    + coalesce((select c.amount from correction c where c.message = p_message), 0)
    + coalesce((select r.amount from message_refund r where r.message = p_message), 0))::bigint
$$;

-- When the credit that paid for a message was bought: the newest purchase among its lots; of one balance, which a top-up
-- renews, the newest top-up before it. Null: none is known.
create function purchase_of(p_account int, p_message bigint, p_lot int) returns timestamptz
language sql stable as $$
  select coalesce(
    (select max(coalesce(t.at, l.at)) from lot l left join top_up t on t.account = l.account and t.reference = l.reference
      where not l.own and (l.id = p_lot or (p_lot = 0 and l.id in
        (select u.lot from lot_use u where u.message = p_message group by u.lot having sum(u.amount) > 0)))),
    (select max(t.at) from top_up t left join ledger_entry e on e.id = t.entry and p_lot is not null
      left join lot l on l.id = e.lot
      where t.account = p_account and (l.id is null or l.own)
        and t.at <= to_timestamp(((p_message >> 22) + 1735689600000 + 1) / 1000.0)))
$$;

-- Gives back up to p_amount of a message that has ended, once. Under the lock of the account's balance, so that of a
-- request, an outage and a late word each sees what the one before gave. Null: it was given back so before.
create function refund_message(p_account int, p_message bigint, p_amount bigint, p_request bigint, p_outage int,
  p_reference text, p_actor text, p_reason text) returns bigint
language plpgsql as $$
declare
  amount_ bigint;
  before_ bigint;
  entry_ bigint;
begin
  perform from balance b where b.account = p_account and b.side = 0 for no key update;
  if exists (select from message_refund r where r.message = p_message) then
    return null;
  end if;
  before_ := given_back(p_message);
  amount_ := greatest(least(p_amount, price_of(p_message) - before_), 0);
  if amount_ > 0 then
    select e.entry into strict entry_ from post_refund(p_account, p_message, 'refund', amount_, before_, p_reference, p_actor,
      p_reason, case when p_request is null then 'outage' else 'request' end) e;
  end if;
  insert into message_refund (message, account, request, outage, amount, entry)
    values (p_message, p_account, p_request, p_outage, amount_, entry_);
  return amount_;
end $$;

-- As before; what was given back on request or for an outage is not given back again by a late word.
create or replace function post_correction(p_epoch int, p_message bigint, p_account int, p_carrier int, p_state smallint,
  p_fault smallint, p_err int, p_done_at timestamptz, p_amount bigint, p_reason text) returns boolean
language plpgsql as $$
declare
  before_ bigint;
  amount_ bigint;
begin
  perform enter_epoch(p_epoch);
  perform from balance b where b.account = p_account and b.side = 0 for no key update;
  before_ := given_back(p_message);
  amount_ := case when p_amount > 0 then greatest(least(p_amount, coalesce(price_of(p_message) - before_, p_amount)), 0)
    else p_amount end;
  insert into correction (message, account, carrier, state, fault, err, done_at, amount)
    values (p_message, p_account, p_carrier, p_state, p_fault, p_err, p_done_at, amount_) on conflict do nothing;
  if not found then
    return false;
  end if;
  if amount_ <> 0 then
    update correction set entry = (select e.entry
        from post_refund(p_account, p_message, 'correction', amount_, before_, null, null, p_reason, 'lateReceipt') e)
      where message = p_message;
  end if;
  return true;
end $$;

-- Everything that a claim on messages is judged by, from the timeline: no number, no text. `tries`: carrier and time of
-- each submit_sm; `segment_ends`: of each that ended on its own. A late word is the end of a message.
create function claim_facts(ids bigint[]) returns table (id bigint, account int, segments smallint, unit_price bigint,
  charge_on smallint, carrier int, state smallint, fault smallint, cause text, settled_at timestamptz, given_back bigint,
  was_refunded boolean, purchased_at timestamptz, tries json, segment_ends json)
language sql stable set plan_cache_mode = force_generic_plan as $$
  select m.id, m.account, coalesce((select r.segments from replacement r where r.id = m.id order by r.version desc limit 1),
      m.segments), m.unit_price, m.charge_on, m.carrier, coalesce(c.state, o.state), coalesce(c.fault, o.fault), o.cause,
    o.settled_at, given_back(m.id),
    exists (select from message_refund r where r.message = m.id), purchase_of(m.account, m.id, m.lot),
    (select json_agg(json_build_array(d.carrier, unix_ms(d.at))) from (
        select d.carrier, d.at from dispatch d where d.id = m.id
        union all select u.carrier, u.since from unknown_outcome u where u.id = m.id) d),
    (select json_agg(json_build_array(s.segment, s.state, s.fault)) from segment_receipt s where s.id = m.id)
  from unnest(ids) as i (id)
  cross join lateral (select * from message x where x.id = i.id offset 0) m
  left join lateral (select * from outcome x where x.id = i.id offset 0) o on true
  left join correction c on c.message = i.id
$$;

-- Whether nobody may still write into what was settled before this moment.
create function settled_horizon() returns timestamptz
language sql volatile as $$
  select least(now(), min(a.xact_start)) from pg_stat_activity a
  where a.datname = current_database() and a.xact_start is not null and a.pid <> pg_backend_pid()
    and a.backend_type = 'client backend'
$$;

-- What the operator relies on for a penalty: a carrier's notice, a case file. Never a number or a text.
create table penalty_evidence (
  entry bigint primary key,            -- ledger_entry.id
  carrier text,
  carrier_reference text,
  evidence text,
  at timestamptz not null default now()
);
