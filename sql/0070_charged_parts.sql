-- The parts of a message that is refused at a charge have ended: as end_parts (sql/0060_said_texts.sql), but what they cost
-- stays counted under `spend`, whose rules are named so.
create function end_charged_parts(
  p_epoch int, p_account int, p_key bytea, judged bigint[], out due bigint[], out left_ int[]
)
language plpgsql as $$
begin
  update part_set s
    set taken = coalesce((select jsonb_agg(c.x) from jsonb_array_elements(s.taken) as c (x)
      where not starts_with(c.x ->> 0, 'spend ')), '[]')
    where s.account = p_account and s.key = p_key;
  select e.due, e.left_ into due, left_ from end_parts(p_epoch, p_account, p_key, judged) e;
end $$;
