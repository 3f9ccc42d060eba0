import { type ResourceKind, readStoredSpec, type SpecOf } from '../domain/resources.ts';
import type { Queryable } from './snapshot.ts';

/** One line of a resource's history. */
export interface ResourceVersion {
  readonly version: number;
  readonly kind: string;
  readonly name: string;
  readonly removed: boolean;
  readonly actor: string | undefined;
  readonly at: Date;
}

/** The newest `limit` versions of one resource below `before`, newest first. */
export async function listResourceVersions(
  db: Queryable,
  kind: ResourceKind,
  name: string,
  limit: number,
  before?: number,
): Promise<ResourceVersion[]> {
  const { rows } = await db.query<Omit<ResourceVersion, 'actor'> & { actor: string | null }>(
    `select version, kind, name, spec is null as removed, actor, at from resource_version
     where kind = $1 and name = $2 and ($4::int is null or version < $4) order by version desc limit $3`,
    [kind, name, limit, before ?? null],
  );
  return rows.map((row) => ({ ...row, actor: row.actor ?? undefined }));
}

/** A version of one resource as it was: the tariff, terms, policy or word list that a message was accepted under. */
export interface VersionContent<K extends ResourceKind> {
  readonly name: string;
  readonly version: number;
  /** When the change that made it began to be stored; nodes go by it as soon as that is committed. */
  readonly from: Date;
  /** The same of the version after it; undefined: it is in force. */
  readonly until: Date | undefined;
  readonly actor: string | undefined;
  readonly spec: SpecOf[K];
}

/** Undefined: this resource never had that version, or was removed by it. */
export async function readResourceVersion<K extends ResourceKind>(
  db: Queryable,
  kind: K,
  name: string,
  version: number,
): Promise<VersionContent<K> | undefined> {
  const { rows } = await db.query<{
    spec: unknown;
    at: Date;
    actor: string | null;
    until: Date | null;
  }>(
    `select v.spec, v.at, v.actor, ${nextOf('at')} as until from resource_version v
     where v.version = $1 and v.kind = $2 and v.name = $3 and v.spec is not null`,
    [version, kind, name],
  );
  const row = rows[0];
  return (
    row && {
      name,
      version,
      from: row.at,
      until: row.until ?? undefined,
      actor: row.actor ?? undefined,
      spec: readStoredSpec(kind, row.spec),
    }
  );
}

/** A version of a word list that a version of a policy read. */
export interface ListVersion {
  readonly name: string;
  readonly version: number;
  readonly from: Date;
}

/**
 * The word lists by which a version of a policy judged, by name: of each the newest that is older than it, for a policy
 * gets its version after its lists. Under versions from before sql/0078 a list could change: then all that it was are
 * here, in order, and the time of a message says by which it was judged. One that the same commit changed as the next
 * version of the policy (their `at` is the same) is that one's.
 */
export async function listsOfPolicyVersion(
  db: Queryable,
  name: string,
  version: number,
): Promise<ListVersion[]> {
  const { rows } = await db.query<ListVersion>(
    `select distinct w.name, w.version, w.at as from
     from (select v.version, v.spec, ${nextOf('version')} as next, ${nextOf('at')} as next_at
         from resource_version v where v.version = $1 and v.kind = 'policies' and v.name = $2) p,
       jsonb_array_elements(p.spec -> 'rules') as r,
       jsonb_array_elements_text(r -> 'words' -> 'lists') as l (name)
       join resource_version w on w.kind = 'wordLists' and w.name = l.name
     where w.spec is not null
       and w.version >= coalesce((select max(x.version) from resource_version x
         where x.kind = 'wordLists' and x.name = l.name and x.version < p.version), 0)
       and (p.next is null or w.version < p.next and (w.version < p.version or w.at <> p.next_at))
     order by w.name, w.version`,
    [version, name],
  );
  return rows;
}

/** A column of the version of the same resource after `v`. */
function nextOf(column: 'at' | 'version'): string {
  return `(select n.${column} from resource_version n where n.kind = v.kind and n.name = v.name
    and n.version > v.version order by n.version limit 1)`;
}
