-- Lists of millions: a number that is not there yet is looked for and then inserted as it is. `on conflict` announces
-- each row before it writes it (nodeModifyTable.c, speculative insertion), which costs as much again as the row.
-- What the planner believes of a list that grows by the million within a minute is wrong, so nothing is left to it:
-- each number is looked for by itself (a scalar or `offset 0` subquery is never made a join), and rows by their ctid.

-- No plan needs their statistics: a list that is loaded is not looked through again for each million.
alter table consent set (autovacuum_analyze_threshold = 5000000, autovacuum_vacuum_insert_threshold = 5000000);
alter table opt_out set (autovacuum_analyze_threshold = 5000000, autovacuum_vacuum_insert_threshold = 5000000);

drop function set_consents_of(int, boolean, int[], bytea[], bytea[], text[], text[], timestamptz[], smallint[]);

-- Gives consents of an account or withdraws them; returns how many changed. No two are for one number and scope; of
-- each its number, when, and the place of its origin among the last four, which many have in common. One transaction at a
-- time (lock class 7313): nobody else inserts meanwhile.
create function set_consents_of(p_account int, p_given boolean, hashes bytea[], sealeds bytea[], ats timestamptz[],
  origins int[], scopes int[], versions text[], sources text[], evidences smallint[]) returns int
language plpgsql set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_hashjoin = off
  set enable_mergejoin = off as $$
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
      select p_account, scopes[t.o], t.hash, t.sealed, true, versions[t.o], sources[t.o], t.at, evidences[t.o],
        nextval('consent_change')
      from unnest(hashes, sealeds, ats, origins) as t (hash, sealed, at, o)
      where (select true from consent c
        where c.account = p_account and c.number_hash = t.hash and c.scope = scopes[t.o]) is null;
    get diagnostics added = row_count;
    changed := added;
    -- Those that stood there before, in whatever state.
    if added < cardinality(hashes) then
      with written as (
        update consent c set sealed = t.sealed, given = true, text_version = versions[t.o], source = sources[t.o],
            at = t.at, evidence = evidences[t.o], change = nextval('consent_change')
          from unnest(hashes, sealeds, ats, origins) as t (hash, sealed, at, o)
            cross join lateral (select x.ctid, x.given from consent x
              where x.account = p_account and x.number_hash = t.hash and x.scope = scopes[t.o] offset 0) b
          where c.ctid = b.ctid and (c.given, c.text_version, c.source, c.at, c.evidence)
              is distinct from (true, versions[t.o], sources[t.o], t.at, evidences[t.o])
          returning b.given
      )
      select changed + count(*), added + count(*) filter (where not given) into changed, added from written;
    end if;
  else
    update consent c set sealed = null, given = false, text_version = versions[t.o], source = sources[t.o], at = t.at,
        evidence = 0, change = nextval('consent_change')
      from unnest(hashes, ats, origins) as t (hash, at, o)
        cross join lateral (select x.ctid from consent x
          where x.account = p_account and x.number_hash = t.hash and x.scope = scopes[t.o] and x.given offset 0) b
      where c.ctid = b.ctid;
    get diagnostics changed = row_count;
    added := -changed;
  end if;
  if changed > 0 then
    update recipient_total set total = total + added where list = 'consents';
    perform pg_notify('smppgate_consents', '');
  end if;
  return changed;
end $$;

-- As in sql/0065_opt_outs_at_once.sql, in the same way (lock class 7311). No two are the same number.
create or replace function set_opt_outs_of(p_account int, p_scope int, hashes bytea[], numbers bytea[], p_out boolean)
returns int
language plpgsql set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_hashjoin = off
  set enable_mergejoin = off as $$
declare
  changed int;
  again int;
begin
  perform pg_advisory_xact_lock(7311, 0);
  if p_out then
    insert into opt_out (account, scope, number_hash, number, opted_out, source, change)
      select p_account, p_scope, t.hash, t.number, true, 'operator', nextval('opt_out_change')
      from unnest(hashes, numbers) as t (hash, number)
      where (select true from opt_out o
        where o.account = p_account and o.number_hash = t.hash and o.scope = p_scope) is null;
    get diagnostics changed = row_count;
    if changed < cardinality(hashes) then
      update opt_out o set number = t.number, opted_out = true, source = 'operator', at = now(),
          change = nextval('opt_out_change')
        from unnest(hashes, numbers) as t (hash, number)
          cross join lateral (select x.ctid from opt_out x where x.account = p_account and x.number_hash = t.hash
            and x.scope = p_scope and not x.opted_out offset 0) b
        where o.ctid = b.ctid;
      get diagnostics again = row_count;
      changed := changed + again;
    end if;
  else
    update opt_out o set number = null, opted_out = false, source = 'operator', at = now(),
        change = nextval('opt_out_change')
      where o.account = p_account and o.scope = p_scope and o.number_hash = any (hashes) and o.opted_out;
    get diagnostics changed = row_count;
  end if;
  if changed > 0 then
    update recipient_total set total = total + case when p_out then changed else -changed end where list = 'optOuts';
    perform pg_notify('smppgate_opt_outs', '');
  end if;
  return changed;
end $$;

-- Replaced by set_consents_of.
drop function set_consents(int[], int[], bytea[], bytea[], boolean[], text[], text[], timestamptz[], smallint[]);
