-- What rules let through of something in a time, over all nodes: caps of messages and of spending.

-- A node takes of it before it passes messages and gives back what it did not use, so that no cap is ever exceeded,
-- however many nodes there are and whoever dies. What a node took and died with is lost until the time is over.
create table quota (
  account int not null,
  rule text not null,                -- name of the rule, what it counts, for how long: another rule counts anew
  key bytea not null,                -- keyed hash of a number, prefix, sender ...: numbers stand nowhere in clear
  taken bigint not null,             -- messages, or micro-credits
  until timestamptz not null,        -- by this clock, whatever the nodes' say; then it begins anew
  primary key (account, rule, key)
) with (fillfactor = 70);
create index on quota (until);

-- Takes of each as much of what is wanted as its limit leaves; a negative number gives back, to the same time (p_untils)
-- only. Answers in the order of the arrays. Locks in the order of the keys: two nodes cannot wait for each other.
create function take_quota(
  p_accounts int[], p_rules text[], p_keys bytea[], p_limits bigint[], p_seconds int[], p_wanted bigint[],
  p_untils timestamptz[]
) returns table (nth int, given bigint, until_ text, left_ms float8)
language plpgsql as $$
declare
  want record;
  q quota;
begin
  for want in
    select t.n::int as n, t.account, t.rule, t.key, t.most, t.seconds, t.wanted, t.until
    from unnest(p_accounts, p_rules, p_keys, p_limits, p_seconds, p_wanted, p_untils)
      with ordinality as t (account, rule, key, most, seconds, wanted, until, n)
    order by t.account, t.rule, t.key
  loop
    nth := want.n;
    if want.wanted < 0 then
      update quota x set taken = greatest(0, x.taken + want.wanted)
        where x.account = want.account and x.rule = want.rule and x.key = want.key and x.until = want.until;
      given := want.wanted;
      until_ := null;
      left_ms := 0;
      return next;
      continue;
    end if;
    insert into quota (account, rule, key, taken, until)
      values (want.account, want.rule, want.key, 0, clock_timestamp() + want.seconds * interval '1 second')
      on conflict do nothing;
    select * into strict q from quota x
      where x.account = want.account and x.rule = want.rule and x.key = want.key for update;
    if q.until <= clock_timestamp() then
      q.taken := 0;
      q.until := clock_timestamp() + want.seconds * interval '1 second';
    end if;
    given := greatest(0, least(want.wanted, want.most - q.taken));
    update quota x set taken = q.taken + given, until = q.until
      where x.account = want.account and x.rule = want.rule and x.key = want.key;
    until_ := q.until::text;
    left_ms := extract(epoch from q.until - clock_timestamp()) * 1000;
    return next;
  end loop;
end $$;
