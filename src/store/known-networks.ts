import type { ClientBase } from 'pg';
import { isKnownNetwork } from '../domain/resource-references.ts';
import type { ResourceSet } from '../domain/resources.ts';
import { lockConfig } from './config-version.ts';

/** What names a network beside the resources, and of which no number would be known. */
export interface NamedNetwork {
  readonly code: string;
  /** "the order on network 41001", "the sender ACME". */
  readonly by: string;
}

/**
 * Of MCCs, or MCCs and MNCs, those of which no number is known: no country's MCC, without prefixes in the stored
 * `networks`, and of no number in the table of numbers. Until the caller's transaction ends no apply takes prefixes away.
 */
export async function unknownNetworks(
  client: ClientBase,
  codes: ReadonlySet<string>,
): Promise<string[]> {
  const asked = [...codes].filter((code) => !isKnownNetwork(code, NONE));
  if (asked.length === 0) return [];
  await lockConfig(client, false);
  const { rows } = await client.query<{ name: string }>(
    `select name from resource where kind = 'networks' and jsonb_array_length(spec->'prefixes') > 0`,
  );
  return withoutNumbers(client, asked, new Set(rows.map(({ name }) => name)));
}

/**
 * Orders in force and registered senders that name a network of which no number would be known under these resources.
 * The caller holds the lock of the configuration.
 */
export async function leftWithoutNumbers(
  client: ClientBase,
  { networks }: Pick<ResourceSet, 'networks'>,
): Promise<NamedNetwork[]> {
  const { rows } = await client.query<NamedNetwork>(
    `select substr(what, 9) as code, 'the order on ' || what as by from destination_suspension
       where what like 'network %'
     union all select operator, 'the sender ' || min(shown) from sender_registration
       where operator <> '' and status <> 'removed' group by operator
     order by code, by`,
  );
  const withPrefixes = [...networks].filter(([, { prefixes }]) => prefixes.length > 0);
  const unknown = new Set(
    await withoutNumbers(
      client,
      rows.map(({ code }) => code),
      new Set(withPrefixes.map(([name]) => name)),
    ),
  );
  return rows.filter(({ code }) => unknown.has(code));
}

const NONE: ReadonlySet<string> = new Set();

/** Those that neither these networks nor the table of numbers know; an MCC is known with any of its networks. */
async function withoutNumbers(
  client: ClientBase,
  codes: readonly string[],
  networks: ReadonlySet<string>,
): Promise<string[]> {
  const asked = codes.filter((code) => !isKnownNetwork(code, networks));
  if (asked.length === 0) return [];
  // ":" follows the digits: an MCC and whatever MNC.
  const { rows } = await client.query<{ code: string }>(
    `select distinct code from unnest($1::text[]) as t (code) where not exists (select from number_network n
       where n.network collate "C" = code
         or (length(code) = 3 and n.network collate "C" > code and n.network collate "C" < code || ':'))
     order by code`,
    [asked],
  );
  return rows.map(({ code }) => code);
}
