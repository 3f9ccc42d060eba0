-- Texts that replacements say (sql/0060_said_texts.sql), and texts said under another crypto.key.

-- What a message said is found by the message that is replaced.
create index on said_text (id);

-- As before, and: a text with 0 seconds is only looked for, not said. So is what was said before crypto.key was rotated,
-- which has another hash: it is new where nobody else said it.
create or replace function say_texts(p_accounts int[], p_keys bytea[], p_ids bigint[], p_seconds int[])
returns table (nth int, first_id bigint, is_new boolean)
language plpgsql as $$
begin
  return query
    with mine as materialized (
      select distinct on (t.account, t.key) t.account, t.key, t.id, t.seconds
      from unnest(p_accounts, p_keys, p_ids, p_seconds) with ordinality as t (account, key, id, seconds, n)
      where t.seconds > 0
      order by t.account, t.key, t.n
    ), said as (
      insert into said_text as s (account, key, id, until)
        select m.account, m.key, m.id, clock_timestamp() + m.seconds * interval '1 second'
        from mine m order by m.account, m.key
        on conflict (account, key) do update set id = excluded.id, until = excluded.until
          where s.until <= clock_timestamp()
        returning s.account, s.key, s.id
    )
    select t.n::int,
      case when t.seconds = 0 then coalesce((select x.id from said_text x
          where x.account = t.account and x.key = t.key and x.until > clock_timestamp()), t.id)
        when s.id is not null then s.id
        else coalesce((select x.id from said_text x where x.account = t.account and x.key = t.key), 0) end,
      case when t.seconds = 0 then not exists (select from said_text x
          where x.account = t.account and x.key = t.key and x.until > clock_timestamp() and x.id <> t.id)
        else s.id is not distinct from t.id end
    from unnest(p_accounts, p_keys, p_ids, p_seconds) with ordinality as t (account, key, id, seconds, n)
      left join said s on t.seconds > 0 and s.account = t.account and s.key = t.key
    order by t.n;
end $$;

-- replace_moderated for a batch in which some message says a text that rules look for, or said one. Of each such rule as
-- in accept_said: verdict 6 refuses the replacement, and the bits of rules that found something stand in the upper half.
-- What is replaced takes the place of what the message said: its own text is no repetition, and is said from now on; its
-- former text is said no longer. What is not replaced said nothing.
create function replace_said(
  p_epoch int, p_batch bigint, ids bigint[], versions smallint[], accounts int[], segments_ smallint[], policies int[],
  registered smallint[], valid_untils timestamptz[], keys int[], blobs bytea[], release_ats timestamptz[],
  rules text[], reasons text[], violates boolean[],
  said_nths int[], said_bits int[], said_keys bytea[], said_seconds int[], said_effects int[],
  said_rules text[], said_reasons text[], said_violates boolean[]
) returns bytea
language plpgsql as $$
declare
  said_accounts int[] := pick(accounts, said_nths);
  said_ids bigint[] := pick(ids, said_nths);
  former_accounts int[];
  former_keys bytea[];
  former_ids bigint[];
  found_ int[];                      -- places among said_nths
  new_ int[];
  kept int[];
  told bytea;
  replaced bytea;
  f int;
begin
  perform enter_epoch(p_epoch);
  -- Two replacements of one message, at two nodes: the second sees what the first said.
  perform pg_advisory_xact_lock(7316, 0);
  select coalesce(array_agg(x.account), '{}'), coalesce(array_agg(x.key), '{}'), coalesce(array_agg(x.id), '{}')
    into former_accounts, former_keys, former_ids
    from said_text x where x.id = any (ids) and x.until > clock_timestamp();
  if cardinality(said_nths) = 0 and cardinality(former_ids) = 0 then
    return replace_moderated(p_epoch, p_batch, ids, versions, accounts, segments_, policies, registered, valid_untils,
      keys, blobs, release_ats, rules, reasons, violates);
  end if;
  -- With the former ones, which are theirs already: all rows are locked in one order, as by accept_said, and before a balance.
  select coalesce(array_agg(s.nth) filter (where s.first_id <> said_ids[s.nth]), '{}'),
      coalesce(array_agg(s.nth) filter (where s.is_new and said_seconds[s.nth] > 0), '{}')
    into found_, new_
    from say_texts(said_accounts || former_accounts, said_keys || former_keys, said_ids || former_ids,
      said_seconds || array_fill(1, array[cardinality(former_ids)])) s
    where s.nth <= cardinality(said_nths);
  foreach f in array found_ loop
    if said_effects[f] = 2 and rules[said_nths[f]] is null then
      rules[said_nths[f]] := said_rules[f];
      reasons[said_nths[f]] := said_reasons[f];
      violates[said_nths[f]] := said_violates[f];
    end if;
  end loop;
  kept := array(select n from generate_series(1, cardinality(ids)) as n
    where not exists (select from unnest(found_) as g (f) where said_nths[g.f] = n and said_effects[g.f] = 1) order by n);
  told := decode(repeat('06', cardinality(ids)), 'hex');
  if cardinality(kept) = 0 then
    insert into batch (id, epoch, kind, verdicts) values (p_batch, p_epoch, 'x', told);
  else
    replaced := replace_moderated(p_epoch, p_batch, pick(ids, kept), pick(versions, kept), pick(accounts, kept),
      pick(segments_, kept), pick(policies, kept), pick(registered, kept), pick(valid_untils, kept), pick(keys, kept),
      pick(blobs, kept), pick(release_ats, kept), pick(rules, kept), pick(reasons, kept), pick(violates, kept));
    for k in 1..cardinality(kept) loop
      told := set_byte(told, kept[k] - 1, get_byte(replaced, k - 1));
    end loop;
  end if;

  delete from said_text x using unnest(new_) as g (f)
    where get_byte(told, said_nths[g.f] - 1) <> 0
      and x.account = said_accounts[g.f] and x.key = said_keys[g.f] and x.id = said_ids[g.f];
  delete from said_text x using unnest(ids, accounts) with ordinality as t (id, account, nth)
    where x.id = t.id and x.account = t.account and get_byte(told, (t.nth - 1)::int) = 0
      and not exists (select from unnest(said_nths, said_keys) as s (nth, key) where s.nth = t.nth and s.key = x.key);
  insert into said_text as x (account, key, id, until)
    select distinct on (s.account, s.key) s.account, s.key, s.id, clock_timestamp() + s.seconds * interval '1 second'
    from unnest(said_accounts, said_keys, said_ids, said_seconds, said_nths) as s (account, key, id, seconds, nth)
    where s.seconds > 0 and get_byte(told, s.nth - 1) = 0
    order by s.account, s.key
    on conflict (account, key) do update set until = excluded.until where x.id = excluded.id;
  foreach f in array found_ loop
    told := set_byte(told, said_nths[f] - 1, get_byte(told, said_nths[f] - 1) | (said_bits[f] << 4));
  end loop;
  update batch set verdicts = told where id = p_batch;
  return told;
end $$;

-- As in sql/0062_consent_evidence.sql; what was given before is looked up only of those that were not new.
create or replace function set_consents(accounts int[], scopes int[], hashes bytea[], sealeds bytea[], givens boolean[],
  versions text[], sources text[], ats timestamptz[], evidences smallint[] default null) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  changed int;
  added int;
begin
  perform pg_advisory_xact_lock(7313, 0);
  with given_ as (
    select distinct on (u.hash, u.account, u.scope) u.account, u.scope, u.hash, u.sealed, u.given, u.version, u.source,
        u.at, case when not u.given then 0 else coalesce(u.evidence,
          case when u.version <> '' then 1 else 0 end + case when u.source <> '' then 2 else 0 end + 4) end as evidence
      from unnest(accounts, scopes, hashes, sealeds, givens, versions, sources, ats, evidences)
        with ordinality as u (account, scope, hash, sealed, given, version, source, at, evidence, nth)
      order by u.hash, u.account, u.scope, u.nth desc
  ), written as (
    insert into consent as c (account, scope, number_hash, sealed, given, text_version, source, at, evidence, change)
      select t.account, t.scope, t.hash, case when t.given then t.sealed end, t.given, t.version, t.source, t.at,
        t.evidence, nextval('consent_change')
      from given_ t
      where t.given or exists (select from consent x
        where x.account = t.account and x.number_hash = t.hash and x.scope = t.scope and x.given)
      on conflict (account, number_hash, scope) do update set sealed = excluded.sealed, given = excluded.given,
          text_version = excluded.text_version, source = excluded.source, at = excluded.at,
          evidence = excluded.evidence, change = excluded.change
        where (c.given, c.text_version, c.source, c.at, c.evidence)
          is distinct from (excluded.given, excluded.text_version, excluded.source, excluded.at, excluded.evidence)
      returning account, number_hash, scope, given, xmax = 0 as is_new -- a row that was there has the lock of its update
  )
  -- The statement sees the rows as they were before it.
  select count(*), count(*) filter (where w.given and not coalesce(b.given, false)) - count(*) filter (where not w.given)
    into changed, added
    from written w left join lateral (select x.given from consent x
      where not w.is_new and x.account = w.account and x.number_hash = w.number_hash and x.scope = w.scope) b on true;
  if changed > 0 then
    update recipient_total set total = total + added where list = 'consents';
    perform pg_notify('smppgate_consents', '');
  end if;
  return changed;
end $$;
