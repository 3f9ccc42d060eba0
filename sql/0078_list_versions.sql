-- A version of a policy says what judged, its word lists included: since this file a policy gets a new version in the
-- commit that changes a list of its. Those whose lists changed after their version get one here, so that from now on
-- every version in force is exact. What messages recorded before stays: the lists of an older version are told by time.
select from config_version for update;

with stale as (
  select p.id, nextval('resource_version_number')::int as version from resource p
  where p.kind = 'policies' and exists (
    select from jsonb_array_elements(p.spec -> 'rules') as r,
      jsonb_array_elements_text(r -> 'words' -> 'lists') as l (name)
      join resource w on w.kind = 'wordLists' and w.name = l.name
    where w.version > p.version)
), risen as (
  update resource p set version = s.version, changed_at = now() from stale s where p.id = s.id
  returning p.version, p.kind, p.name, p.spec
), kept as (
  insert into resource_version (version, kind, name, spec, actor)
    select version, kind, name, spec, 'migrate' from risen returning 1
), told as (
  update config_version set version = version + 1, changed_at = now() where exists (select from kept)
  returning version
)
select pg_notify('smppgate_config', version::text) from told;
