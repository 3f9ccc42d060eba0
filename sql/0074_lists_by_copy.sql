-- Entries of a list that are all new come by COPY: a third less of the database's CPU for each than set_consents_of or
-- set_opt_outs_of, which stay for those of which some are there.
alter table consent alter change set default nextval('consent_change');
alter table opt_out alter change set default nextval('opt_out_change');

-- Waits for its turn to change a list (lock classes 7313 and 7311, as these functions), and says whether none of some
-- numbers is on it, in whatever state.
create function list_lacks(p_list text, p_account int, hashes bytea[], scopes int[]) returns boolean
language plpgsql set plan_cache_mode = force_custom_plan set enable_seqscan = off as $$
begin
  if p_list = 'consents' then
    perform pg_advisory_xact_lock(7313, 0);
    if not exists (select from account where id = p_account) then
      raise foreign_key_violation using message = 'consents of an account that is not there';
    end if;
    return not exists (select from consent
      where account = p_account and number_hash = any (hashes) and scope = any (scopes));
  end if;
  perform pg_advisory_xact_lock(7311, 0);
  return not exists (select from opt_out
    where account = p_account and number_hash = any (hashes) and scope = any (scopes));
end $$;

-- After the COPY, in its transaction.
create function list_grew(p_list text, added int) returns void language plpgsql as $$
begin
  update recipient_total set total = total + added where list = p_list;
  perform pg_notify(case p_list when 'consents' then 'smppgate_consents' else 'smppgate_opt_outs' end, '');
end $$;
