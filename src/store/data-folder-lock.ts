import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError, errorCode } from './embedded-error.ts';
import { processIdentity } from './process-probe.ts';

/** A held data folder. */
export interface DataFolderLock {
  /** Gives the folder back; does nothing the second time. */
  release(): void;
}

/**
 * Holds a data folder for this process, so that a second daemon on it is refused. The lock is a
 * file `daemon.lock` with the pid and the start time of its holder: one whose holder is dead is
 * taken over, also when its pid has been given to another process meanwhile.
 *
 * It does not see across pid namespaces: two containers must not share a data folder.
 * @throws EmbeddedError when another daemon holds the folder.
 */
export function lockDataFolder(dataDir: string): DataFolderLock {
  const path = join(dataDir, 'daemon.lock');
  const mine = JSON.stringify(processIdentity(process.pid) ?? { pid: process.pid, started: '' });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, mine, { mode: 0o600 });
  try {
    take(path, draft, dataDir);
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    release() {
      if (read(path) === mine) rmSync(path, { force: true });
    },
  };
}

// link() makes the whole file appear at once or fails: no reader ever sees half a lock.
function take(path: string, draft: string, dataDir: string): void {
  // Each turn either takes the lock, refuses, or has removed one dead holder's lock; a handful
  // of dead locks in a row cannot be, so more turns mean that somebody keeps taking it.
  for (let turn = 0; turn < 5; turn++) {
    if (linked(draft, path)) return;
    const found = read(path);
    if (found === undefined) continue;
    const holder = holderOf(found);
    if (holder !== undefined) throw refusal(dataDir, holder);
    removeDead(path, found);
  }
  throw refusal(dataDir, undefined);
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

// Two daemons may find the same dead lock: the one that comes late would remove the other's new
// one. So it is moved aside and looked at again, and put back when it is not the dead one.
function removeDead(path: string, found: string): void {
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== found) linked(aside, path);
  rmSync(aside, { force: true });
}

function holderOf(text: string): number | undefined {
  const parsed = parse(text);
  if (parsed === undefined) return undefined;
  return processIdentity(parsed.pid)?.started === parsed.started ? parsed.pid : undefined;
}

function parse(text: string): { pid: number; started: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    if (!('pid' in value) || !('started' in value)) return undefined;
    const { pid, started } = value;
    if (typeof pid !== 'number' || typeof started !== 'string') return undefined;
    return { pid, started };
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function refusal(dataDir: string, pid: number | undefined): EmbeddedError {
  const holder = pid === undefined ? 'another smppgate' : `another smppgate (pid ${pid})`;
  return new EmbeddedError(
    `${holder} already runs on ${dataDir}: stop it, or set DATA_DIR to another folder`,
  );
}
