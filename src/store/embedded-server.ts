import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { EmbeddedError, errorCode, errorLine } from './embedded-error.ts';
import { identity } from './embedded-init.ts';
import type { ServerUser } from './embedded-place.ts';
import { processArguments, processState } from './process-probe.ts';

/** What one PostgreSQL process needs to be told. */
export interface ServerSpec {
  readonly postgres: string;
  readonly base: string;
  readonly user: ServerUser | undefined;
  /** File that takes what PostgreSQL writes; moved to `.1` at a start when over 10 MB. */
  readonly logFile: string;
}

/** A postmaster that answers. */
export interface RunningServer {
  readonly pid: number;
  readonly socketDir: string;
}

/** What postmaster.pid says of the one that wrote it (PostgreSQL, utils/pidfile.h). */
interface PidFile {
  readonly pid: number;
  readonly socketDir: string;
  /** "starting", "stopping", "ready", "standby". */
  readonly status: string;
}

/** PostgreSQL's name for the socket of port 5432, which is ours for want of any other. */
const SOCKET = '.s.PGSQL.5432';
const POLL_MS = 10;
/** Crash recovery replays at most max_wal_size of WAL: minutes on a slow disk, not more. */
const START_MS = 15 * 60_000;
/** An orphan's zombie is gone when init looks: 1-2 s measured. */
const ZOMBIE_MS = 5_000;
/** A backend of a killed postmaster ends with its statement; ours take milliseconds. */
const ORPHANS_MS = 30_000;
/** A live postmaster without a socket that answers is given up after this. */
const SILENT_MS = 30_000;
/** A fast shutdown writes a checkpoint: at most shared_buffers. */
const FAST_MS = 60_000;
const LOG_MAX_OCTETS = 10 * 2 ** 20;

/**
 * Finds a postmaster that already runs on this base (its parent was killed) and answers. What is
 * left of a dead one is cleared away so that a start can follow; one that runs but does not answer
 * (its socket was removed) is shut down.
 */
export async function adoptServer(base: string): Promise<RunningServer | undefined> {
  const found = readPidFile(base);
  if (found === undefined) return undefined;
  if (!isPostmasterOf(found.pid, base)) {
    await clearPidFile(base, found.pid);
    return undefined;
  }
  // Once it is ready, a socket that is gone does not come back.
  const alive = () => isPostmasterOf(found.pid, base) && !hasLostSocket(base);
  const answered = await answers(found.socketDir, base, alive, SILENT_MS);
  if (answered) return found;
  await stopServer(found.pid, base);
  return undefined;
}

/**
 * Starts PostgreSQL in a session of its own, so that a Ctrl-C meant for the daemon does not reach
 * it, and waits until it answers. Tries again while backends of a killed postmaster still run.
 * @throws EmbeddedError with what PostgreSQL says when it does not start.
 */
export async function startServer(spec: ServerSpec, socketDir: string): Promise<RunningServer> {
  const deadline = Date.now() + ORPHANS_MS;
  // Nobody answers for this base, so a lock on its own socket is a dead one's; its pid may by now
  // be another process', for which PostgreSQL would give way.
  rmSync(join(socketDir, `${SOCKET}.lock`), { force: true });
  for (;;) {
    const from = rotateLog(spec.logFile);
    const pid = await spawnServer(spec, socketDir);
    if (await answers(socketDir, spec.base, () => processState(pid) === 'running', START_MS)) {
      return { pid, socketDir };
    }
    const complaint = complaintIn(spec.logFile, from, pid);
    if (!complaint.includes('shared memory') || Date.now() > deadline) {
      throw new EmbeddedError(
        `the embedded PostgreSQL does not start: ${complaint} (see ${spec.logFile})`,
      );
    }
    await delay(POLL_MS * 10);
  }
}

/**
 * Shuts a postmaster down and waits until it is gone: fast (clients are dropped, a checkpoint is
 * written), and when that takes over a minute, at once (the next start replays the WAL).
 */
export async function stopServer(pid: number, base: string): Promise<void> {
  const signals = [
    ['SIGINT', FAST_MS],
    ['SIGQUIT', ZOMBIE_MS],
    ['SIGKILL', ZOMBIE_MS],
  ] as const;
  for (const [signal, patienceMs] of signals) {
    if (!isPostmasterOf(pid, base)) return;
    send(pid, signal);
    if (await until(() => !isPostmasterOf(pid, base), patienceMs)) return;
  }
}

/** Says whether a process is the postmaster of a base, and not another one that got its pid. */
export function isPostmasterOf(pid: number, base: string): boolean {
  return processState(pid) === 'running' && processArguments(pid).includes(base);
}

async function spawnServer(spec: ServerSpec, socketDir: string): Promise<number> {
  const log = openSync(spec.logFile, 'a', 0o600);
  try {
    const child = spawn(spec.postgres, ['-D', spec.base, '-k', socketDir], {
      cwd: spec.base,
      detached: true,
      env: {},
      stdio: ['ignore', log, log],
      ...identity(spec.user),
    });
    child.unref();
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    if (child.pid === undefined) throw new EmbeddedError('the embedded PostgreSQL has no pid');
    return child.pid;
  } catch (error) {
    throw new EmbeddedError(`the embedded PostgreSQL does not run: ${errorLine(error)}`);
  } finally {
    closeSync(log);
  }
}

// PostgreSQL takes care of a dead pid in its file, but not of a zombie's, nor of one that another
// process got after the machine crashed: for it both are alive, and it refuses to start. Whether
// backends are left it also learns from the shared memory, so removing the file hides nothing.
async function clearPidFile(base: string, pid: number): Promise<void> {
  await until(() => processState(pid) !== 'zombie', ZOMBIE_MS);
  if (processState(pid) !== 'gone') rmSync(join(base, 'postmaster.pid'), { force: true });
}

function hasLostSocket(base: string): boolean {
  const found = readPidFile(base);
  return found?.status === 'ready' && !existsSync(join(found.socketDir, SOCKET));
}

function readPidFile(base: string): PidFile | undefined {
  try {
    const lines = readFileSync(join(base, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    if (!(pid > 0)) return undefined;
    return { pid, socketDir: lines[4] ?? '', status: (lines[7] ?? '').trim() };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Waits until the server of this base answers; false when it ends, or stays silent too long. */
async function answers(
  socketDir: string,
  base: string,
  alive: () => boolean,
  patienceMs: number,
): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (alive() && Date.now() < deadline) {
    // Each refused try to connect would be a FATAL line in the log: the file says when to try.
    const ready = readPidFile(base)?.status === 'ready';
    if (ready && (await baseBehind(socketDir)) === base) return true;
    await delay(POLL_MS);
  }
  return false;
}

async function baseBehind(socketDir: string): Promise<string | undefined> {
  const client = new Client({ host: socketDir, user: 'postgres', database: 'postgres' });
  client.on('error', () => {
    // A server that goes away between two polls is found out by the next one.
  });
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory;
  } catch {
    return undefined;
  } finally {
    await closeQuietly(client);
  }
}

async function closeQuietly(client: Client): Promise<void> {
  try {
    await client.end();
  } catch {
    // It never connected.
  }
}

/** Waits until a condition holds; false when it does not within `patienceMs`. */
export async function until(condition: () => boolean, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Sends a signal to a process that may be gone by now. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** Says where in the log this start begins. */
function rotateLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= LOG_MAX_OCTETS) return size;
  renameSync(path, `${path}.1`);
  return 0;
}

/** What a server said that did not start; not what dying backends of one before it write into the same file. */
function complaintIn(logFile: string, from: number, pid: number): string {
  const lines = readFileSync(logFile)
    .subarray(from)
    .toString()
    .split('\n')
    .filter((line) => Number(PID_OF_LINE.exec(line)?.[1] ?? pid) === pid);
  const fatal = lines.find((line) => /FATAL|PANIC|not found|error while/.test(line));
  return (fatal ?? lines.at(-2) ?? 'it ended without a word').replace(/^.*?(FATAL|PANIC): +/, '');
}

/** As log_line_prefix has it, which is PostgreSQL's default too; what is no line of a server has none. */
const PID_OF_LINE = /^\S+ \S+ \S+ \[(\d+)\] /;
