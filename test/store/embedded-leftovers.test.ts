import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';
import { endLeftovers } from '../../src/store/embedded-leftovers.ts';
import { processArguments, processState } from '../../src/store/process-probe.ts';
import { type GuardedFolder, guardedFolder } from '../support/guard.ts';
import { startParent } from '../support/parent.ts';
import { withClient } from '../support/postgres.ts';

/** A grace, a recovery of next to nothing, and a machine that does other things as well. */
const SECONDS = { timeout: 40_000 };

let folder: GuardedFolder;
let dataDir: string;
let elsewhere: string;
let cleanUp: (() => unknown)[];
let log: string[];

beforeAll(() => {
  folder = guardedFolder();
  dataDir = join(folder.path, 'data');
  elsewhere = join(folder.path, 'elsewhere');
});

afterAll(() => folder.release());

beforeEach(() => {
  cleanUp = [];
  log = [];
});

afterEach(async () => {
  for (const end of cleanUp.reverse()) await end();
});

// Where there is no /proc, a stuck process is the operator's to end.
describe.runIf(process.platform === 'linux')('endLeftovers', () => {
  it('lets a killed server come back although one of its processes is stuck', async () => {
    const postgres = await start();
    const killed = postgres.pid;
    await write(postgres.url, 'before the crash');
    const stuck = await stuckBackend(postgres.url);
    const other = await impostor();
    process.kill(killed, 'SIGKILL');

    await vi.waitFor(() => expect(postgres.pid).not.toBe(killed), SECONDS);
    expect(await read(postgres.url)).toEqual(['before the crash']);
    expect(processState(stuck)).not.toBe('running');
    expect(processState(other)).toBe('running');
    const told = log.filter((line) => line.includes('left behind'));
    expect(told).toEqual([
      `ended what the dead PostgreSQL left behind and was stuck (pid ${stuck})`,
    ]);
  });

  it('lets a new daemon start on what a killed daemon and its killed server left', async () => {
    const parent = await startParent({ dataDir, elsewhere });
    cleanUp.push(() => parent.kill());
    const stuck = await stuckBackend(parent.url);
    await parent.kill();
    process.kill(parent.pid, 'SIGKILL');

    const postgres = await start();
    expect(postgres.adopted).toBe(false);
    expect(await read(postgres.url)).toEqual(['before the crash']);
    expect(processState(stuck)).not.toBe('running');
  });

  it("touches no server that lives, and no other base's leftovers", async () => {
    const postgres = await start();
    const base = realpathSync(join(dataDir, 'postgres'));
    const binary = processArguments(postgres.pid)[0] ?? '';
    await stuckBackend(postgres.url);
    const { uid, gid } = statSync(base);
    const user = process.getuid?.() === 0 ? { name: 'server', uid, gid } : undefined;
    expect(await endLeftovers({ postgres: binary, base, user }, 0)).toEqual([]);

    const killed = postgres.pid;
    const empty = join(folder.path, 'another');
    mkdirSync(empty);
    process.kill(killed, 'SIGKILL');
    await vi.waitFor(() => expect(processState(killed)).not.toBe('running'), SECONDS);
    expect(await endLeftovers({ postgres: binary, base: empty, user }, 0)).toEqual([]);
    await vi.waitFor(() => expect(postgres.pid).not.toBe(killed), SECONDS);
  });
});

async function start(): Promise<EmbeddedPostgres> {
  const tell = (line: string) => log.push(line);
  const server = await startEmbedded({
    dataDir,
    elsewhere,
    settings: { shared_buffers: '16MB', max_wal_size: '64MB', min_wal_size: '32MB' },
    log: { info: tell, warn: tell },
  });
  cleanUp.push(() => server.stop());
  return server;
}

/** Stops a backend in the midst of a query, as one is that waits for a lock of a dead one. */
async function stuckBackend(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {
    // Its server is killed.
  });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = rows[0]?.pid ?? 0;
  const query = client.query('SELECT pg_sleep(600)').catch(() => undefined);
  await vi.waitFor(() => withClient(url, (other) => expectSleeping(other, pid)), SECONDS);
  process.kill(pid, 'SIGSTOP');
  cleanUp.push(async () => {
    if (processState(pid) === 'running') process.kill(pid, 'SIGKILL');
    await query;
    await client.end();
  });
  return pid;
}

async function expectSleeping(client: Client, pid: number): Promise<void> {
  const { rows } = await client.query<{ wait_event: string }>(
    'SELECT wait_event FROM pg_stat_activity WHERE pid = $1',
    [pid],
  );
  expect(rows[0]?.wait_event).toBe('PgSleep');
}

/** A process with a backend's title in our base, which is none of PostgreSQL's. */
async function impostor(): Promise<number> {
  const base = join(dataDir, 'postgres');
  const { uid, gid } = statSync(base);
  const options = process.getuid?.() === 0 ? { uid, gid } : {};
  const child = spawn('sleep', ['60'], { argv0: 'postgres: idle', cwd: base, ...options });
  await once(child, 'spawn');
  cleanUp.push(async () => {
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  });
  return child.pid ?? 0;
}

async function write(url: string, word: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('CREATE TABLE said (word text)');
    await client.query('INSERT INTO said VALUES ($1)', [word]);
  });
}

async function read(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ word: string }>('SELECT word FROM said');
    return rows.map(({ word }) => word);
  });
}
