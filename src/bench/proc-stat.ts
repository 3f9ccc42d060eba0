import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Linux counts in ticks of 1/100 s (USER_HZ, fixed in the kernel's interface). */
const ticksPerSecond = 100;

/** One line of /proc/PID/stat, as far as it is used here. */
export interface ProcessStat {
  pid: number;
  parent: number;
  command: string;
  /** Microseconds of CPU, user and system, of the process itself. */
  cpuUs: number;
  /** The same of its ended and waited-for children. */
  childrenCpuUs: number;
}

/** Reads /proc/PID/stat (proc(5)); undefined when the process is gone. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command may hold blanks and parentheses: count from the last one.
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const ticks = (index: number): number => Number(fields[index]) * (1_000_000 / ticksPerSecond);
  return {
    pid,
    parent: Number(fields[1]),
    command: text.slice(text.indexOf('(') + 1, close),
    cpuUs: ticks(11) + ticks(12),
    childrenCpuUs: ticks(13) + ticks(14),
  };
}

/** CPU of a process and, with `withChildren`, of all that descend from it or did, in microseconds. 0 when it is gone. */
export function cpuUs(pid: number, withChildren = false): number {
  const own = readStat(pid);
  if (!own) return 0;
  if (!withChildren) return own.cpuUs;
  return descendants(pid).reduce((sum, stat) => sum + stat.cpuUs, own.cpuUs + own.childrenCpuUs);
}

/** Every living descendant of a process. */
export function descendants(pid: number): ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
  const found: ProcessStat[] = [];
  const parents = [pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const stat of all) {
      if (stat.parent !== parent) continue;
      found.push(stat);
      parents.push(stat.pid);
    }
  }
  return found;
}

/** Resident memory in bytes, now and at its highest so far (VmRSS, VmHWM of proc(5)); zeros when it is gone. */
export function memory(pid: number): { rss: number; peak: number } {
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return { rss: 0, peak: 0 };
  }
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return { rss: kilobytes('VmRSS') * 1024, peak: kilobytes('VmHWM') * 1024 };
}

/** Makes VmHWM start anew from what is resident now (proc(5), clear_refs 5). Nothing happens when the process is gone. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // gone, or a kernel without it: then the peak is that of the whole life
  }
}
