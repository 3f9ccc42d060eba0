import type { ClientBase, Pool } from 'pg';
import type { Queryable } from './snapshot.ts';

/** The channel on which every node hears that numbers changed their networks. */
export const NUMBER_NETWORKS_CHANNEL = 'smppgate_number_networks';

/** Changes in order, packed: a page of 20,000 objects would cost more than their octets. */
export interface NumberNetworkPage {
  readonly length: number;
  /** Keyed hashes, 16 octets each. */
  readonly hashes: Buffer;
  /** The network of each; "": it was removed. */
  readonly networks: readonly string[];
  /** Of the last one; rises with each commit. */
  readonly lastChange: bigint;
}

/** The next changes over `after`, oldest first. */
export async function readNumberNetworks(
  pool: Pool,
  after: bigint,
  limit: number,
): Promise<NumberNetworkPage> {
  const { rows } = await pool.query<{ hashes: Buffer | null; networks: string; last: string }>(
    `select string_agg(number_hash, '' order by change) as hashes,
       coalesce(string_agg(coalesce(network, ''), ',' order by change), '') as networks,
       coalesce(max(change), 0)::text as last
     from (select * from number_network where change > $1 order by change limit $2) n`,
    [after, limit],
  );
  const row = rows[0];
  if (row === undefined || row.hashes === null)
    return { length: 0, hashes: Buffer.alloc(0), networks: [], lastChange: after };
  const networks = row.networks.split(',');
  return { length: networks.length, hashes: row.hashes, networks, lastChange: BigInt(row.last) };
}

/**
 * Sets the networks of numbers (null removes them), inside the caller's transaction; returns how many changed. Every
 * node hears of it at the commit. `tooMany`: there would be more than `most`; the caller rolls back.
 */
export async function setNumberNetworks(
  client: ClientBase,
  entries: readonly { readonly hash: Buffer; readonly network: string | null }[],
  most: number,
): Promise<number | 'tooMany'> {
  const { rows } = await client.query<{ changed: number }>(
    'select set_number_networks($1, $2, $3) as changed',
    [entries.map(({ hash }) => hash), entries.map(({ network }) => network), most],
  );
  const changed = rows[0]?.changed ?? 0;
  return changed < 0 ? 'tooMany' : changed;
}

/** The network of a number by the hashes that it may stand under, the first that has one; undefined: none. */
export async function findNumberNetwork(
  db: Queryable,
  hashes: readonly Buffer[],
): Promise<string | undefined> {
  const { rows } = await db.query<{ network: string }>(
    `select network from number_network where number_hash = any ($1) and network is not null
     order by array_position($1, number_hash) limit 1`,
    [hashes],
  );
  return rows[0]?.network;
}

/** How many numbers are in the table. */
export async function countNumberNetworks(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ total: string }>(
    'select total::text from number_network_total',
  );
  return Number(rows[0]?.total ?? 0);
}
