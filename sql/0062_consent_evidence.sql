-- What a consent came with, so that rules which ask for evidence judge by it whenever they came into force.

-- Bits: 1 textVersion, 2 source, 4 at, 8 evidence (src/domain/rules/consent.ts).
alter table consent add column evidence smallint not null default 0;

-- Consents given before: whether the time was told or taken from the clock is not known, so it counts as told. What is
-- sealed is {"number":"..."} of at most 15 digits, 28 octets and 32 of the seal; more than that has evidence.
update consent set evidence =
    case when text_version <> '' then 1 else 0 end + case when source <> '' then 2 else 0 end + 4
    + case when octet_length(sealed) > 60 then 8 else 0 end
  where given;

drop function set_consents(int[], int[], bytea[], bytea[], boolean[], text[], text[], timestamptz[]);

-- Sets or withdraws consents; returns how many changed. One transaction at a time (lock class 7313). Without evidences
-- (a node of an older version): by the columns that there are.
create function set_consents(accounts int[], scopes int[], hashes bytea[], sealeds bytea[], givens boolean[],
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
  ), before as (
    select t.account, t.scope, t.hash from given_ t join consent c
      on c.account = t.account and c.number_hash = t.hash and c.scope = t.scope and c.given
      where t.given and (c.text_version, c.source, c.at, c.evidence)
        is distinct from (t.version, t.source, t.at, t.evidence::smallint)
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
      returning given
  )
  -- Those that were given before and are written as given are no more than they were.
  select count(*), count(*) filter (where w.given) - (select count(*) from before)
      - count(*) filter (where not w.given)
    into changed, added from written w;
  if changed > 0 then
    update recipient_total set total = total + added where list = 'consents';
    perform pg_notify('smppgate_consents', '');
  end if;
  return changed;
end $$;
