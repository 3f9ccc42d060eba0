import { Client } from 'pg';
import { errorCode, errorLine } from './embedded-error.ts';

/** What came of looking at a PostgreSQL: fit for us, or the reason and what to do, in one line. */
export type ServerVerdict =
  | { readonly ok: true; readonly version: number }
  | { readonly ok: false; readonly reason: string };

/** Older ones lack what the schema uses (NULLS NOT DISTINCT, MERGE) and are tried by nobody. */
const VERSION_MIN = 15;
/** A server that does not answer within this is unreachable, not slow. */
const ANSWER_MS = 10_000;
/** Looks at which backend serves whom; poolers of any size up to 5 are found by the third. */
const POOLING_ROUNDS = 3;

/**
 * Looks whether the PostgreSQL behind a connection string can keep our promises: version, crash
 * safety, encoding, writable, and a session that stays one session (named statements and advisory
 * locks need it). The reason never holds the URL or the password.
 */
export async function checkServer(url: string): Promise<ServerVerdict> {
  const clients: Client[] = [];
  try {
    const first = await connect(url, clients);
    const facts = await readFacts(first);
    const refusal = judgeServer(facts);
    if (refusal !== undefined) return { ok: false, reason: refusal };
    const second = await connect(url, clients);
    if (await sharesBackends(first, second)) return { ok: false, reason: POOLED };
    return { ok: true, version: facts.version };
  } catch (error) {
    return { ok: false, reason: connectionRefusal(error, clients.at(-1)) };
  } finally {
    await Promise.all(clients.map(close));
  }
}

const POOLED =
  'a proxy that pools by transaction stands before this PostgreSQL, which loses advisory locks and ' +
  'prepared statements: let DATABASE_URL name the server itself, or set pool_mode=session';

/** What a PostgreSQL says of itself. */
export interface ServerFacts {
  /** Major version. */
  readonly version: number;
  readonly encoding: string;
  readonly fsync: string;
  readonly pages: string;
  readonly commit: string;
  readonly standby: boolean;
  readonly readOnly: string;
}

async function connect(url: string, clients: Client[]): Promise<Client> {
  const limits = { connectionTimeoutMillis: ANSWER_MS, query_timeout: ANSWER_MS };
  const client = new Client({ connectionString: url, ...limits });
  clients.push(client);
  client.on('error', () => {
    // A connection lost between two queries fails the next one, which says so.
  });
  await client.connect();
  return client;
}

async function readFacts(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query<ServerFacts>(`
    SELECT current_setting('server_version_num')::integer / 10000 AS version,
           current_setting('server_encoding') AS encoding,
           current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS pages,
           current_setting('synchronous_commit') AS commit,
           pg_is_in_recovery() AS standby,
           current_setting('transaction_read_only') AS "readOnly"`);
  const facts = rows[0];
  if (facts === undefined) throw new Error('the server answers nothing to a SELECT');
  return facts;
}

/** Says why a server cannot keep our promises, in one line; undefined when it can. */
export function judgeServer(facts: ServerFacts): string | undefined {
  if (facts.version < VERSION_MIN) {
    return `PostgreSQL ${facts.version} is too old: smppgate needs ${VERSION_MIN} or later`;
  }
  if (facts.fsync === 'off') return unsafe('fsync');
  if (facts.pages === 'off') return unsafe('full_page_writes');
  // local, remote_write and remote_apply flush here too before they answer.
  if (facts.commit === 'off') return unsafe('synchronous_commit');
  if (facts.encoding !== 'UTF8') {
    return `the database's encoding is ${facts.encoding}: make one with ENCODING 'UTF8' TEMPLATE template0`;
  }
  if (facts.standby) {
    return 'this PostgreSQL is a standby and takes no writes: let DATABASE_URL name the primary';
  }
  if (facts.readOnly === 'on') {
    return 'this PostgreSQL is read-only: set default_transaction_read_only to off for this database and user';
  }
  return undefined;
}

function unsafe(setting: string): string {
  return (
    `${setting} is off on this PostgreSQL, so that a crash loses messages and credit already answered for: ` +
    `set ${setting} = on for the server, this database and this user`
  );
}

// Behind a transaction pooler a client has a backend only while its transaction lasts: what the
// first leaves is given to the second while the first is still connected, or the first comes back
// to another one. The second asks once more each round, so that a pooler that lends its backends in
// turn cannot keep step.
async function sharesBackends(first: Client, second: Client): Promise<boolean> {
  const home = await backendOf(first);
  for (let round = 1; round <= POOLING_ROUNDS; round++) {
    for (let times = 0; times < round; times++) {
      if ((await backendOf(second)) === home) return true;
    }
    if ((await backendOf(first)) !== home) return true;
  }
  return false;
}

async function backendOf(client: Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid;
}

/** Total over what a connection can fail with; the codes are PostgreSQL's (appendix A) or the system's. */
function connectionRefusal(error: unknown, client: Client | undefined): string {
  if (client === undefined) {
    return 'DATABASE_URL is not a PostgreSQL address: postgresql://user:password@host:5432/database';
  }
  const server = `PostgreSQL at ${placeOf(client)}`;
  const code = errorCode(error);
  switch (code) {
    case '28P01':
    case '28000':
      return `${server} refuses the user "${client.user}": check user and password in DATABASE_URL, and pg_hba.conf`;
    case '3D000':
      return `${server} has no database "${client.database}": create it (createdb -E UTF8 -T template0 ${client.database})`;
    case '53300':
      return `${server} has no connection left: raise max_connections or close others`;
    case '57P03':
      return `${server} is starting up or shutting down: try again in a moment`;
    default:
      return `${server} cannot be reached (${code || errorLine(error)}): check that it runs and that DATABASE_URL names it`;
  }
}

function placeOf(client: Client): string {
  return client.host.startsWith('/') ? client.host : `${client.host}:${client.port}`;
}

async function close(client: Client): Promise<void> {
  try {
    await client.end();
  } catch {
    // It never connected.
  }
}
