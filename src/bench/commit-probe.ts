import { Client } from 'pg';
import { pause } from './daemon-process.ts';

/** A backend held inside COMMIT by SIGSTOP. */
export interface FrozenCommit {
  pid: number;
  /** Which lane's function it commits. */
  lane: string;
}

/** The SQL function of each lane: a transaction is one call of it, its COMMIT the end of that statement. */
const lanes = ['accept_messages', 'take_lease', 'write_sent', 'settle_messages', 'write_returned'];

/**
 * The flush of the commit record: IO WalSync and WalWrite (WALSync and
 * WALWrite before PostgreSQL 17), and the lock WALWrite while another backend
 * flushes for it. A lane's function flushes nowhere else: its rows' WAL waits
 * for the commit, unless the WAL buffers are full, which batches of 500 do not do.
 */
const insideCommit = `wait_event is not null and lower(wait_event) in ('walsync', 'walwrite')`;

/**
 * Waits until a lane's backend is inside COMMIT and stops it there: looks at
 * pg_stat_activity until one waits for the flush of its commit record, sends
 * SIGSTOP, and looks again: only one that still stands in that wait was caught
 * in it; any other goes on by SIGCONT. undefined when patience ends first.
 * Whoever gets it must send SIGCONT or SIGKILL.
 */
export async function freezeInsideCommit(
  socketFolder: string,
  random: () => number,
  patienceMs: number,
): Promise<FrozenCommit | undefined> {
  const client = new Client({ host: socketFolder, user: 'postgres', database: 'smppgate' });
  client.on('error', () => {}); // the query under way rejects with it
  await client.connect();
  try {
    const lane = lanes[Math.floor(random() * lanes.length)] ?? 'accept_messages';
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      const pid = await findCommitting(client, lane);
      if (pid === undefined) {
        await pause(0);
        continue;
      }
      process.kill(pid, 'SIGSTOP');
      if ((await findCommitting(client, lane, pid)) === pid) return { pid, lane };
      process.kill(pid, 'SIGCONT');
    }
    return undefined;
  } finally {
    await client.end();
  }
}

async function findCommitting(
  client: Client,
  lane: string,
  pid?: number,
): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and state = 'active' and query like $1 and ($2::int is null or pid = $2)
       and pid <> pg_backend_pid() and ${insideCommit} limit 1`,
    [`%${lane}%`, pid ?? null],
  );
  return rows[0]?.pid;
}
