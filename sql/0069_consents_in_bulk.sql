-- Consents by the ten thousand, of one account, in the order of the index.

-- Accounts are never deleted, and asking for the account of each of five million rows costs as much as writing them.
alter table consent drop constraint consent_account_fkey;

-- Gives consents of an account or withdraws them; returns how many changed. One transaction at a time (lock class 7313).
-- Of several for one number and scope the last counts.
create function set_consents_of(p_account int, p_given boolean, scopes int[], hashes bytea[], sealeds bytea[],
  versions text[], sources text[], ats timestamptz[], evidences smallint[]) returns int
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  changed int;
  added int;
begin
  perform pg_advisory_xact_lock(7313, 0);
  if not exists (select from account where id = p_account) then
    raise foreign_key_violation using message = 'consents of an account that is not there';
  end if;
  if p_given then
    insert into consent (account, scope, number_hash, sealed, given, text_version, source, at, evidence, change)
      select p_account, t.scope, t.hash, t.sealed, true, t.version, t.source, t.at, t.evidence, nextval('consent_change')
      from (select distinct on (u.hash, u.scope) u.*
        from unnest(scopes, hashes, sealeds, versions, sources, ats, evidences)
          with ordinality as u (scope, hash, sealed, version, source, at, evidence, nth)
        order by u.hash, u.scope, u.nth desc) t
      on conflict do nothing;
    get diagnostics added = row_count;
    changed := added;
    -- Those that stood there before, in whatever state; `b` has them as they were.
    if added < cardinality(hashes) then
      with written as (
        update consent c set sealed = t.sealed, given = true, text_version = t.version, source = t.source, at = t.at,
            evidence = t.evidence, change = nextval('consent_change')
          from (select distinct on (u.hash, u.scope) u.*
              from unnest(scopes, hashes, sealeds, versions, sources, ats, evidences)
                with ordinality as u (scope, hash, sealed, version, source, at, evidence, nth)
              order by u.hash, u.scope, u.nth desc) t
            join consent b on b.account = p_account and b.number_hash = t.hash and b.scope = t.scope
          where c.account = p_account and c.number_hash = t.hash and c.scope = t.scope
            and (c.given, c.text_version, c.source, c.at, c.evidence)
              is distinct from (true, t.version, t.source, t.at, t.evidence)
          returning b.given
      )
      select changed + count(*), added + count(*) filter (where not given) into changed, added from written;
    end if;
  else
    with written as (
      update consent c set sealed = null, given = false, text_version = t.version, source = t.source, at = t.at,
          evidence = 0, change = nextval('consent_change')
        from (select distinct on (u.hash, u.scope) u.* from unnest(scopes, hashes, versions, sources, ats)
            with ordinality as u (scope, hash, version, source, at, nth)
          order by u.hash, u.scope, u.nth desc) t
        where c.account = p_account and c.number_hash = t.hash and c.scope = t.scope and c.given
        returning 1
    )
    select count(*), -count(*) into changed, added from written;
  end if;
  if changed > 0 then
    update recipient_total set total = total + added where list = 'consents';
    perform pg_notify('smppgate_consents', '');
  end if;
  return changed;
end $$;
