import type { ClientBase, Pool } from 'pg';
import type { AccountStatus } from '../domain/catalog.ts';
import { parseCredits } from '../domain/money.ts';
import type { ResourceChange } from '../domain/resource-diff.ts';
import {
  type AccountSpec,
  type CarrierSpec,
  type ResourceKind,
  readStoredSpec,
  type SpecOf,
  type StoredAccount,
  type StoredCarrier,
  type StoredResource,
  type StoredResources,
} from '../domain/resources.ts';
import { type Queryable, readSnapshot } from './snapshot.ts';

/** Reads the whole configuration of one moment. */
export async function loadResources(pool: Pool): Promise<StoredResources> {
  return readSnapshot(pool, readResources);
}

/** As loadResources, inside the caller's transaction. */
export async function readResources(client: ClientBase): Promise<StoredResources> {
  const version = await client.query<{ version: string }>(
    'select version::text from config_version',
  );
  const plain = await readPlain(client);
  return {
    version: Number(version.rows[0]?.version ?? 0),
    tariffs: plain('tariffs'),
    terms: plain('terms'),
    classes: plain('classes'),
    wordLists: plain('wordLists'),
    policies: plain('policies'),
    accounts: await readAccounts(client),
    carriers: await readCarriers(client),
    networks: plain('networks'),
    routes: plain('routes'),
    inbound: plain('inbound'),
  };
}

/** The settings of one account as they are stored: passwords hashed. Undefined when there is no such account. */
export async function readAccountSpec(
  db: Queryable,
  name: string,
): Promise<AccountSpec | undefined> {
  const accounts = await readAccounts(db, name);
  return accounts[0]?.spec;
}

/** The traffic classes that are stored; the built-in ones exist without it. */
export async function readClassNames(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `select name from resource where kind = 'classes'`,
  );
  return rows.map(({ name }) => name);
}

/** The terms that an account has now. */
export function readTermsOf(
  db: Queryable,
  account: string,
): Promise<StoredResource<SpecOf['terms']> | undefined> {
  return readOf(db, 'terms', 'terms', account);
}

/** The policy of an account by its name; undefined where there is no such account, or the policy is a built-in one. */
export function readPolicyOf(
  db: Queryable,
  account: string,
): Promise<StoredResource<SpecOf['policies']> | undefined> {
  return readOf(db, 'policies', 'policy', account);
}

async function readOf<K extends 'terms' | 'policies'>(
  db: Queryable,
  kind: K,
  key: string,
  account: string,
): Promise<StoredResource<SpecOf[K]> | undefined> {
  const { rows } = await db.query<{ id: number; name: string; version: number; spec: unknown }>(
    `select r.id, r.name, r.version, r.spec from account a join resource r on r.kind = $2 and r.name = a.spec->>$3
     where a.name = $1`,
    [account, kind, key],
  );
  return rows[0] && { ...rows[0], spec: readStoredSpec(kind, rows[0].spec) };
}

/** Writes one change of an apply, its secrets already hashed or sealed, and its version beside it. */
export async function storeChange(
  client: ClientBase,
  change: ResourceChange,
  by: { actor: string; demo: boolean },
): Promise<void> {
  const spec = change.action === 'remove' ? null : change.spec;
  const { rows } = await client.query<{ version: number }>(
    `insert into resource_version (version, kind, name, spec, actor)
       values (nextval('resource_version_number'), $1, $2, $3, $4) returning version`,
    [change.kind, change.name, spec && JSON.stringify(spec), by.actor],
  );
  const version = rows[0]?.version ?? 0;
  if (change.action === 'remove') return removeRow(client, change.kind, change.name);
  if (change.kind === 'accounts') return storeAccount(client, change.spec, version, by.demo);
  if (change.kind === 'carriers') return storeCarrier(client, change.spec, version, by.demo);
  await client.query(
    `insert into resource (kind, name, version, spec) values ($1, $2, $3, $4)
     on conflict (kind, name) do update set version = $3, spec = $4, changed_at = now()`,
    [change.kind, change.name, version, JSON.stringify(change.spec)],
  );
}

type PlainKind = Exclude<ResourceKind, 'accounts' | 'carriers'>;

async function readPlain(
  client: ClientBase,
): Promise<<K extends PlainKind>(kind: K) => StoredResource<SpecOf[K]>[]> {
  const { rows } = await client.query<{
    id: number;
    kind: string;
    name: string;
    version: number;
    spec: unknown;
  }>('select id, kind, name, version, spec from resource order by id');
  return (kind) =>
    rows
      .filter((row) => row.kind === kind)
      .map(({ id, name, version, spec }) => ({
        id,
        name,
        version,
        spec: readStoredSpec(kind, spec),
      }));
}

async function readAccounts(client: Queryable, name?: string): Promise<StoredAccount[]> {
  const accounts = await client.query<{
    id: number;
    name: string;
    version: number;
    spec: object;
    status: AccountStatus;
    binds_dropped: boolean;
    demo: boolean;
    created_ms: number;
    binds: { id: number; systemId: string; passwordHash: string; spec: object }[];
  }>(
    `select a.id, a.name, a.version, a.spec, a.status, a.binds_dropped, a.demo, unix_ms(a.created_at)::float8 as created_ms, coalesce(b.binds, '[]') as binds
     from account a left join (select account, jsonb_agg(jsonb_build_object('id', id, 'systemId', system_id,
         'passwordHash', password_hash, 'spec', spec) order by id) as binds from bind group by account) b
       on b.account = a.id
     where $1::text is null or a.name = $1 order by a.id`,
    [name ?? null],
  );
  return accounts.rows.map(
    ({ id, name, version, spec, status, binds_dropped, demo, created_ms, binds }) => ({
      id,
      name,
      version,
      status,
      bindsDropped: binds_dropped,
      demo,
      createdAtMs: created_ms,
      bindIds: new Map(binds.map((bind) => [bind.systemId, bind.id])),
      spec: readStoredSpec('accounts', {
        ...spec,
        binds: binds.map(({ systemId, passwordHash, spec: rest }) => ({
          ...rest,
          systemId,
          passwordHash,
        })),
      }),
    }),
  );
}

async function readCarriers(client: ClientBase): Promise<StoredCarrier[]> {
  const { rows } = await client.query<{
    id: number;
    name: string;
    version: number;
    spec: unknown;
    paused: boolean;
    demo: boolean;
  }>(
    'select id, name, version, spec, paused, demo from carrier where removed_at is null order by id',
  );
  return rows.map((row) => ({ ...row, spec: readStoredSpec('carriers', row.spec) }));
}

/** An account's binds stand in their own table: a system_id is unique over all accounts, and its row id is its own. */
async function storeAccount(
  client: ClientBase,
  account: AccountSpec,
  version: number,
  demo: boolean,
): Promise<void> {
  const { binds, ...spec } = account;
  const { rows } = await client.query<{ id: number }>(
    `insert into account (name, version, spec, demo) values ($1, $2, $3, $4)
     on conflict (name) do update set version = $2, spec = $3 returning id`,
    [account.name, version, JSON.stringify(spec), demo],
  );
  await client.query(
    'update balance set credit_line = $2 where account = $1 and side = 0 and credit_line <> $2',
    [rows[0]?.id, microOf(account.creditLine)],
  );
  for (const { systemId, passwordHash, ...rest } of binds) {
    if (passwordHash === undefined)
      throw new Error(`the password of ${systemId} must be hashed before it is stored`);
    await client.query(
      `insert into bind (account, system_id, password_hash, spec) values ($1, $2, $3, $4)
       on conflict (system_id) do update set account = $1, password_hash = $3, spec = $4`,
      [rows[0]?.id, systemId, passwordHash, JSON.stringify(rest)],
    );
  }
}

function microOf(decimal: string): string {
  const parsed = parseCredits(decimal);
  if (typeof parsed !== 'bigint') throw new Error(`money ${decimal} ${parsed.error}`);
  return parsed.toString();
}

/** One that comes back under its name is the carrier that it was: same id, as if it were made now. */
async function storeCarrier(
  client: ClientBase,
  carrier: CarrierSpec,
  version: number,
  demo: boolean,
): Promise<void> {
  await client.query(
    `insert into carrier (name, version, spec, demo) values ($1, $2, $3, $4)
     on conflict (name) do update set version = $2, spec = $3, removed_at = null,
       paused = carrier.paused and carrier.removed_at is null,
       demo = case when carrier.removed_at is null then carrier.demo else excluded.demo end`,
    [carrier.name, version, JSON.stringify(carrier), demo],
  );
}

/** A carrier's row stays, for what it carried: see known-carriers.ts. */
async function removeRow(client: ClientBase, kind: ResourceKind, name: string): Promise<void> {
  if (kind === 'carriers')
    await client.query('update carrier set removed_at = now() where name = $1', [name]);
  else await client.query('delete from resource where kind = $1 and name = $2', [kind, name]);
}
