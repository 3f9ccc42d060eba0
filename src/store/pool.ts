import pg from 'pg';

/** Where PostgreSQL is, and how a connection introduces itself in pg_stat_activity. */
export interface StoreAddress {
  /** postgresql://...; for a unix socket `?host=/folder`. */
  readonly url: string;
  /** Such as "smppgate accept". */
  readonly applicationName: string;
  /** A connection that is not made in this time has failed. Default 5000. */
  readonly connectTimeoutMs?: number;
}

/** Connections of a pool at most: operators' reads and jobs; the lanes have their own. */
const POOL_MAX = 8;

/**
 * Opens one connection: int8 comes back as bigint, JIT is off (compiling a plan costs more than any of our
 * statements). The caller ends it. A connection lost while idle ends in silence: its next query fails.
 */
export async function connectStore(address: StoreAddress): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(address));
  client.on('error', ignore);
  await client.connect();
  try {
    await client.query(SESSION);
  } catch (error) {
    await client.end();
    throw error;
  }
  return client;
}

/** A pool of such connections for whatever is not a lane. */
export function createStorePool(address: StoreAddress, max: number = POOL_MAX): pg.Pool {
  const pool = new pg.Pool({
    ...clientConfig(address),
    max,
    onConnect: async (client) => {
      // The pool listens to idle clients only; one that is lost in use fails its query, which is enough.
      client.on('error', ignore);
      await client.query(SESSION);
    },
  });
  pool.on('error', ignore);
  return pool;
}

/** Runs something on one connection of a pool. */
export async function withClient<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

/** Runs something in one transaction of a pool's connection. */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

const SESSION = 'set jit = off';

function clientConfig(address: StoreAddress): pg.ClientConfig {
  return {
    connectionString: address.url,
    application_name: address.applicationName,
    connectionTimeoutMillis: address.connectTimeoutMs ?? 5000,
    keepAlive: true,
    types: { getTypeParser },
  };
}

const INT8 = 20;
const INT8_ARRAY = 1016;

function getTypeParser(oid: number, format?: 'text' | 'binary'): unknown {
  if (oid === INT8) return BigInt;
  if (oid === INT8_ARRAY) return parseInt8Array;
  return pg.types.getTypeParser(oid, format as 'text');
}

/** '{1,2}' as bigints; our arrays are flat and without nulls. */
function parseInt8Array(text: string): bigint[] {
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(BigInt);
}

function ignore(): void {}
