import type { ClientBase, Pool } from 'pg';

/** The channel on which every node hears of a request. */
export const REQUEUE_CHANNEL = 'smppgate_requeue';
/** Requests are forgotten after so long: a node that hears nothing for a day is no node any more. */
const KEPT = '1 day';

/** A request to route anew what is queued. */
export interface RequeueRequest {
  readonly id: bigint;
  /** By name; undefined: whatever is queued for any. */
  readonly carrier: string | undefined;
  /** By the routes of this version of the configuration, or a later one. */
  readonly configVersion: number;
}

/** Writes a request inside the caller's transaction; every node hears of it at the commit. */
export async function writeRequeueRequest(
  client: ClientBase,
  carrier: string | undefined,
): Promise<RequeueRequest> {
  await client.query(`delete from requeue_request where at < now() - interval '${KEPT}'`);
  const { rows } = await client.query<Row>(
    `insert into requeue_request (carrier, config_version) select $1, version from config_version
     returning id::text, carrier, config_version::text`,
    [carrier ?? null],
  );
  await client.query(`select pg_notify('${REQUEUE_CHANNEL}', '')`);
  const [row] = rows;
  if (row === undefined) throw new Error('a request was written');
  return requestOf(row);
}

/** Requests with an id over `after`, oldest first. */
export async function readRequeueRequests(pool: Pool, after: bigint): Promise<RequeueRequest[]> {
  const { rows } = await pool.query<Row>(
    `select id::text, carrier, config_version::text from requeue_request where id > $1 order by id`,
    [after],
  );
  return rows.map(requestOf);
}

/** The id of the last request, 0 when there was none of late. */
export async function lastRequeueRequest(pool: Pool): Promise<bigint> {
  const { rows } = await pool.query<{ last: string }>(
    'select coalesce(max(id), 0)::text as last from requeue_request',
  );
  return BigInt(rows[0]?.last ?? 0);
}

interface Row {
  readonly id: string;
  readonly carrier: string | null;
  readonly config_version: string;
}

function requestOf({ id, carrier, config_version }: Row): RequeueRequest {
  return {
    id: BigInt(id),
    carrier: carrier ?? undefined,
    configVersion: Number(config_version),
  };
}
