import { availableParallelism } from 'node:os';
import { median, type PerformanceReport } from './performance.ts';
import { megabytes } from './units.ts';

/** The daemon's memory with any backlog. */
const backlogMemoryMb = 400;

/** The figures of a bench as a table of text: medians over the runs. */
export function describeReport(report: PerformanceReport): string {
  const { runs } = report;
  const of = (value: (run: (typeof runs)[number]) => number) => median(runs.map(value));
  const rows: [string, string][] = [
    ['processors', String(availableParallelism())],
    [
      'start, database there: ready / first bind',
      `${report.startMs.ready} / ${report.startMs.bound} ms`,
    ],
  ];
  if (runs.length > 0) {
    rows.push(
      [`submits accepted (median of ${runs.length})`, `${of((run) => run.acceptedPerSecond)}/s`],
      ['whole lifecycles', `${of((run) => run.lifecyclesPerSecond)}/s`],
      ['CPU a message: daemon', `${of((run) => run.cpuUs.daemon)} us`],
      ['CPU a message: PostgreSQL', `${of((run) => run.cpuUs.postgres)} us`],
      ['CPU a message: customers', `${of((run) => run.cpuUs.customers)} us`],
      ['CPU a message: carrier', `${of((run) => run.cpuUs.carrier)} us`],
      ['daemon memory after a run / highest', memoryOf(report)],
    );
  }
  if (runs.some((run) => run.floor)) {
    rows.push(
      ['floor: PostgreSQL without SMPP', `${of((run) => run.floor?.perSecond ?? 0)}/s`],
      ['lifecycles as a share of the floor', of((run) => run.ofFloor ?? 0).toFixed(2)],
    );
  }
  for (const { perSecond, load, cpuUs } of report.paced) {
    rows.push([
      `submit_sm to its response at ${perSecond}/s`,
      `p50 ${load.p50Ms} ms, p99 ${load.p99Ms} ms, max ${load.maxMs} ms (daemon ${cpuUs.daemon} us)`,
    ]);
  }
  rows.push(...backlogRows(report));
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const problems = report.problems.map((problem) => `PROBLEM ${problem}`);
  return [...lines, ...(report.profile ?? []), ...problems].join('\n');
}

function memoryOf({ runs }: PerformanceReport): string {
  const peak = Math.max(...runs.map((run) => run.peakRss));
  return `${megabytes(median(runs.map((run) => run.rss)))} / ${megabytes(peak)} MB`;
}

function backlogRows({ backlog }: PerformanceReport): [string, string][] {
  if (!backlog) return [];
  const { messages, disk, filling, draining, peakFilling, peakDraining } = backlog;
  const memory = (samples: readonly { rss: number }[], peak: number) =>
    `${samples.map(({ rss }) => megabytes(rss)).join(' ')} MB, highest ${megabytes(peak)} MB (goal: under ${backlogMemoryMb} MB)`;
  return [
    [`backlog of ${messages}: accepted`, `${backlog.acceptedPerSecond}/s`],
    ['backlog: drained', `${backlog.drainedPerSecond}/s`],
    ['backlog: daemon memory while it filled', memory(filling, peakFilling)],
    ['backlog: daemon memory while it drained', memory(draining, peakDraining)],
    [
      'backlog: disk at the end',
      `${megabytes(disk.database)} MB, ${Math.round(disk.database / Math.max(1, messages))} octets a message; write-ahead log ${megabytes(disk.wal)} MB`,
    ],
  ];
}
