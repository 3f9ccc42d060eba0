import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { identity } from './embedded-init.ts';
import type { ServerUser } from './embedded-place.ts';
import { type ServerSpec, send, until } from './embedded-server.ts';
import {
  type ProcessIdentity,
  processArguments,
  processIdentity,
  processIds,
  processParent,
} from './process-probe.ts';

/** A dead postmaster is noticed at the next wait, within 1 s; who takes longer is stuck. */
const GRACE_MS = 1_000;
/** A killed process is gone in milliseconds unless the disk holds it. */
const KILLED_MS = 5_000;

/**
 * Ends the processes that a dead postmaster of this base left behind: they hold its shared memory,
 * and PostgreSQL does not start beside them. Most end by themselves; one that waits for a lock of
 * another that was killed as well waits for good. Killing it costs nothing: the next start replays
 * the WAL anyway, as after any crash.
 *
 * A process counts as one when it carries a backend's title, runs our program with the base as its
 * working folder, and its parent is no server of this base: a living postmaster and its children
 * are never touched. Linux only: elsewhere nothing is found, and the start says what it runs into.
 * @param graceMs how long they may take to end by themselves.
 * @returns the pids that had to be killed.
 */
export async function endLeftovers(
  spec: Pick<ServerSpec, 'postgres' | 'base' | 'user'>,
  graceMs = GRACE_MS,
): Promise<number[]> {
  const found = leftovers(spec);
  const left = () => found.filter(isSame);
  await until(() => left().length === 0, graceMs);
  const stuck = left();
  for (const { pid } of stuck) send(pid, 'SIGKILL');
  await until(() => left().length === 0, KILLED_MS);
  return stuck.map(({ pid }) => pid);
}

function leftovers(spec: Pick<ServerSpec, 'postgres' | 'base' | 'user'>): ProcessIdentity[] {
  // PostgreSQL gives this title to every process but the postmaster, and the system shows it to
  // anyone: usually there is none, and the rest, which is dearer, is not asked.
  const titled = processIds().filter((pid) => processArguments(pid)[0]?.startsWith('postgres: '));
  const family = titled.map((pid) => ({ pid, parent: processParent(pid) }));
  const asked = new Set(family.flatMap(({ pid, parent }) => [pid, parent]));
  const ours = new Set(serversOf(spec, [...asked]));
  return family
    .filter(({ pid, parent }) => ours.has(pid) && !ours.has(parent))
    .map(({ pid }) => processIdentity(pid))
    .filter((process) => process !== undefined);
}

// By inode, not by name: two containers may each have a folder of that name.
function serversOf(
  { base, postgres, user }: { base: string; postgres: string; user: ServerUser | undefined },
  pids: number[],
): number[] {
  if (pids.length === 0) return [];
  if (user !== undefined) return askAs(user, [base, postgres, ...pids.map(String)]);
  return pids.filter(
    (pid) => isSameFile(`/proc/${pid}/cwd`, base) && isSameFile(`/proc/${pid}/exe`, postgres),
  );
}

// A container's root may not look into another user's processes (no CAP_SYS_PTRACE); that user may.
const ASK = `
base=$1 postgres=$2; shift 2
for pid; do
  [ /proc/$pid/cwd -ef "$base" ] && [ /proc/$pid/exe -ef "$postgres" ] && echo $pid
done
exit 0`;

function askAs(user: ServerUser, words: string[]): number[] {
  try {
    const answer = execFileSync('/bin/sh', ['-c', ASK, 'sh', ...words], {
      cwd: '/',
      encoding: 'utf8',
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
      ...identity(user),
    });
    return answer.split('\n').filter(Boolean).map(Number);
  } catch {
    // An image without a shell: as where there is no /proc.
    return [];
  }
}

function isSameFile(path: string, other: string): boolean {
  try {
    const [one, two] = [statSync(path), statSync(other)];
    return one.dev === two.dev && one.ino === two.ino;
  } catch {
    return false;
  }
}

function isSame({ pid, started }: ProcessIdentity): boolean {
  return processIdentity(pid)?.started === started;
}
