import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process that cannot be confused with a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: equal strings for one pid mean the same process. */
  readonly started: string;
}

/**
 * Says whether a process runs. A zombie is dead: it holds nothing, but its pid still answers a
 * signal 0, which is why `process.kill(pid, 0)` is not enough.
 */
export function processState(pid: number): 'running' | 'zombie' | 'gone' {
  const seen = look(pid);
  if (seen === undefined) return 'gone';
  return seen.state.startsWith('Z') || seen.state.startsWith('X') ? 'zombie' : 'running';
}

/** The identity of a running process; undefined when it is gone or a zombie. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const seen = look(pid);
  if (seen === undefined || processState(pid) !== 'running') return undefined;
  return { pid, started: seen.started };
}

/**
 * The arguments of a running process, [] when they cannot be read. The folder a process works in
 * would say the same of a postmaster, but a container's root may not read it of another user.
 */
export function processArguments(pid: number): string[] {
  if (process.platform !== 'linux') return ps(pid, 'command').split(' ');
  return (read(`/proc/${pid}/cmdline`) ?? '').split('\0').slice(0, -1);
}

/** The pids of all processes; [] where there is no /proc. */
export function processIds(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** The pid of a process' parent, 0 when it is gone or there is no /proc. */
export function processParent(pid: number): number {
  return process.platform === 'linux' ? Number(statFields(pid)?.[1] ?? 0) : 0;
}

interface Seen {
  readonly state: string;
  readonly started: string;
}

function look(pid: number): Seen | undefined {
  return process.platform === 'linux' ? lookInProc(pid) : lookWithPs(pid);
}

function lookInProc(pid: number): Seen | undefined {
  const fields = statFields(pid);
  if (fields === undefined) return undefined;
  const boot = (read('/proc/sys/kernel/random/boot_id') ?? '').trim();
  return { state: fields[0] ?? 'X', started: `${boot}/${fields[22 - 3] ?? ''}` };
}

// proc(5): the name, in brackets, may itself hold brackets and spaces: the fields begin after the
// last one. State is field 3, ppid field 4, starttime (ticks since boot) field 22.
function statFields(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function lookWithPs(pid: number): Seen | undefined {
  const state = ps(pid, 'state');
  return state === '' ? undefined : { state, started: ps(pid, 'lstart') };
}

function ps(pid: number, column: string): string {
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', `${column}=`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
