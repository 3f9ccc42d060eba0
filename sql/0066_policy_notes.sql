-- What rules did about a message that was accepted: a line of its timeline each. What holds it stands in `moderation`.
create table policy_note (
  id bigint not null,                -- message.id
  nth smallint not null,             -- in the order of the rules
  at timestamptz not null default clock_timestamp(),
  event text not null check (event in ('flagged', 'monitored', 'rewritten', 'deferred', 'refusedByPolicy')),
  rule text not null,                -- '': refused, but not by a rule
  reason text,
  primary key (id, nth)
);

-- Around a function that accepts a batch, in its transaction: notes are those of the messages that it stored.
-- p_places: of each note its message's place in ids, from 1.
create function accept_noted(
  told bytea, ids bigint[], p_places int[], p_nths int[], p_events text[], p_rules text[], p_reasons text[]
) returns bytea
language plpgsql as $$
begin
  insert into policy_note (id, nth, event, rule, reason)
    select ids[t.place], t.nth, t.event, t.rule, t.reason
    from unnest(p_places, p_nths, p_events, p_rules, p_reasons) as t (place, nth, event, rule, reason)
    -- Accepted, or accepted and its long message is whole (sql/0060_said_texts.sql).
    where get_byte(told, t.place - 1) & 15 in (0, 5)
    on conflict do nothing;
  return told;
end $$;
