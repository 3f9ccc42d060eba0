-- Partitions of message, content, dispatch, outcome and returned, always cut and dropped together.

-- Creates partition p_number of all five for ids from p_from on (p_from null: from the beginning).
create function create_partitions(p_number int, p_from bigint) returns void
language plpgsql as $$
declare
  low text := coalesce(p_from::text, 'minvalue');
  parent text;
begin
  foreach parent in array array['message', 'content', 'dispatch', 'outcome', 'returned'] loop
    -- Append-only: nothing to vacuum but the freeze, which close_partitions() brings forward. Statistics change
    -- no plan of ours (they are pinned), so autovacuum need not follow every tenth of growth.
    execute format(
      'create table %I partition of %I for values from (%s) to (maxvalue) with (fillfactor = 100, '
      'autovacuum_vacuum_insert_threshold = 2000000, autovacuum_analyze_threshold = 500000)',
      parent || '_' || p_number, parent, low);
  end loop;
  insert into id_range (number, from_id) values (p_number, coalesce(p_from, -9223372036854775808));
end $$;

select create_partitions(1, null);

-- Step 1 of a cut, a transaction of its own: the current partitions take no id at or over p_cut any more, which
-- must lie far enough ahead that the swap comes first. Returns the partition's number.
create function begin_cut(p_cut bigint) returns int
language plpgsql as $$
declare
  r id_range;
  parent text;
begin
  select * into strict r from id_range where to_id is null;
  foreach parent in array array['message', 'content', 'dispatch', 'outcome', 'returned'] loop
    execute format('alter table %I add constraint id_range_cut check (id >= %s and id < %s) not valid',
      parent || '_' || r.number, r.from_id, p_cut);
  end loop;
  return r.number;
end $$;

-- Step 2: proves the constraint by a scan that blocks no writer, so that step 3 need not scan under its lock.
create function validate_cut(p_number int) returns void
language plpgsql as $$
declare
  parent text;
begin
  foreach parent in array array['message', 'content', 'dispatch', 'outcome', 'returned'] loop
    execute format('alter table %I validate constraint id_range_cut', parent || '_' || p_number);
  end loop;
end $$;

-- Step 3: the swap. Takes the parents' locks in the order in which the lanes take them, and holds them for
-- some milliseconds. The caller sets lock_timeout and tries again.
create function finish_cut(p_number int, p_cut bigint) returns void
language plpgsql as $$
declare
  r id_range;
  parent text;
begin
  lock table message, content, dispatch, outcome, returned in access exclusive mode;
  select * into strict r from id_range where number = p_number and to_id is null for update;
  foreach parent in array array['message', 'content', 'dispatch', 'outcome', 'returned'] loop
    execute format('alter table %I detach partition %I', parent, parent || '_' || p_number);
    execute format('alter table %I attach partition %I for values from (%s) to (%s)', parent,
      parent || '_' || p_number,
      case when r.from_id = -9223372036854775808 then 'minvalue' else r.from_id::text end, p_cut);
    execute format('alter table %I drop constraint id_range_cut', parent || '_' || p_number);
  end loop;
  update id_range set to_id = p_cut, closed_at = now() where number = p_number;
  perform create_partitions(p_number + 1, p_cut);
end $$;

-- Gives up a cut that did not reach its swap (or that a leader left behind when it died).
create function abandon_cut() returns void
language plpgsql as $$
declare
  r id_range;
  parent text;
begin
  select * into strict r from id_range where to_id is null;
  foreach parent in array array['message', 'content', 'dispatch', 'outcome', 'returned'] loop
    execute format('alter table %I drop constraint if exists id_range_cut', parent || '_' || r.number);
  end loop;
end $$;

-- Drops partition p_number of all five (retention). Only a closed one, and only the oldest.
create function drop_partitions(p_number int) returns void
language plpgsql as $$
declare
  parent text;
begin
  lock table message, content, dispatch, outcome, returned in access exclusive mode;
  if not exists (select from id_range where number = p_number and to_id is not null)
    or exists (select from id_range where number < p_number) then
    raise exception 'partition % is not the oldest closed one', p_number;
  end if;
  foreach parent in array array['message', 'content', 'dispatch', 'outcome', 'returned'] loop
    execute format('drop table %I', parent || '_' || p_number);
  end loop;
  delete from id_range where number = p_number;
end $$;
