import { RECONCILED_MS } from './daemon-process.ts';
import { type FloorResult, measureFloor } from './floor.ts';
import type { LoadResult } from './load.ts';
import { type BacklogRun, measureBacklog } from './measure-backlog.ts';
import { topFunctions } from './profile.ts';
import { benchAccounts } from './resources.ts';
import { type CpuReading, Stand, type StandOptions } from './stand.ts';
import { megabytes, perSecond } from './units.ts';

/** What to measure. */
export interface PerformanceOptions extends Omit<StandOptions, 'accounts'> {
  accounts: number;
  /** Of each run at full speed. */
  messages: number;
  runs: number;
  /** Rates of the paced runs beside half of the maximum; empty: none at all. */
  paced: number[];
  pacedSeconds: number;
  /** So many messages accepted while the carrier is down, then drained; 0: not measured. */
  backlog: number;
  floor: boolean;
  /** Said as it goes. */
  log(line: string): void;
}

/** One run at full speed. */
export interface FullRun {
  load: LoadResult;
  acceptedPerSecond: number;
  lifecyclesPerSecond: number;
  /** Microseconds of CPU a message. */
  cpuUs: CpuReading;
  /** The daemon's resident memory at the end of the run and at its highest so far, bytes. */
  rss: number;
  peakRss: number;
  floor?: FloorResult;
  /** Lifecycles a second as a share of the floor's. */
  ofFloor?: number;
}

/** One paced run. */
export interface PacedRun {
  perSecond: number;
  load: LoadResult;
  cpuUs: CpuReading;
}

/** Everything that was measured. */
export interface PerformanceReport {
  /** With the database already there: from the start of the process to /readyz, and to the first accepted bind. */
  startMs: { ready: number; bound: number };
  runs: FullRun[];
  paced: PacedRun[];
  backlog?: BacklogRun;
  reconciliation: unknown;
  /** The daemon's functions by their own time, from its last start to its end. */
  profile?: string[];
  /** What makes the figures void: broken runs, losses, doublings, mismatches. */
  problems: string[];
}

/** Messages before the first measured run, so that code is compiled and tables have pages. */
const warmUpMessages = 20_000;
/** Nothing heard for so long ends a run. */
const patienceMs = 60_000;

/** Measures on a stand of its own; closes it whatever happens. */
export async function measurePerformance(options: PerformanceOptions): Promise<PerformanceReport> {
  const stand = await Stand.open({ ...options, accounts: benchAccounts(options.accounts) });
  try {
    return await measure(stand, options);
  } catch (error) {
    options.log(`the daemon's log ends:\n${stand.daemon.tail()}`);
    throw error;
  } finally {
    await stand.close();
  }
}

async function measure(stand: Stand, options: PerformanceOptions): Promise<PerformanceReport> {
  const report: PerformanceReport = {
    startMs: await measureStart(stand),
    runs: [],
    paced: [],
    reconciliation: undefined,
    problems: [],
  };
  options.log(
    `start: ready after ${report.startMs.ready} ms, first bind after ${report.startMs.bound} ms`,
  );
  check(report, 'warm-up', await stand.run(fullSpeed(warmUpMessages)));
  for (let number = 1; number <= options.runs; number += 1) {
    const run = await measureFull(stand, options);
    check(report, `run ${number}`, run.load);
    report.runs.push(run);
    options.log(`run ${number}: ${describeFull(run)}`);
  }
  for (const perSecond of pacedRates(report, options)) {
    const run = await measurePaced(stand, perSecond, options.pacedSeconds);
    check(report, `paced at ${perSecond}/s`, run.load);
    report.paced.push(run);
    options.log(`paced at ${perSecond}/s: p50 ${run.load.p50Ms} ms, p99 ${run.load.p99Ms} ms`);
  }
  if (options.backlog > 0) {
    report.backlog = await measureBacklog(stand, options.backlog, options);
    check(report, 'backlog', report.backlog.load);
  }
  await checkBooks(stand, report);
  if (options.profile) {
    await stand.daemon.stop();
    report.profile = topFunctions(stand.folder);
  }
  return report;
}

/** Stops the daemon and starts it again: a first start makes the database, which is not what is measured. */
async function measureStart(stand: Stand): Promise<{ ready: number; bound: number }> {
  await stand.daemon.stop();
  const startedAt = performance.now();
  const ready = await stand.daemon.start();
  await stand.bindOne();
  const bound = performance.now() - startedAt;
  await stand.bind();
  return { ready: Math.round(ready), bound: Math.round(bound) };
}

async function measureFull(stand: Stand, options: PerformanceOptions): Promise<FullRun> {
  const before = stand.cpu();
  const load = await stand.run(fullSpeed(options.messages));
  const cpuUs = cpuEach(before, stand.cpu(), load.accepted);
  const { rss, peak } = stand.memory();
  const run: FullRun = {
    load,
    acceptedPerSecond: perSecond(load.accepted, load.acceptedMs),
    lifecyclesPerSecond: perSecond(load.delivered, load.lifecycleMs),
    cpuUs,
    rss,
    peakRss: peak,
  };
  const postgres = stand.daemon.postmaster();
  if (!options.floor || !postgres) return run;
  const { messages, accounts } = options;
  run.floor = await measureFloor({
    host: postgres.socketFolder,
    user: 'postgres',
    messages,
    accounts,
  });
  run.ofFloor = run.lifecyclesPerSecond / run.floor.perSecond;
  return run;
}

function pacedRates(report: PerformanceReport, options: PerformanceOptions): number[] {
  if (options.paced.length === 0) return [];
  const half = Math.floor(median(report.runs.map((run) => run.lifecyclesPerSecond)) / 2);
  return [half, ...options.paced];
}

async function measurePaced(stand: Stand, rate: number, seconds: number): Promise<PacedRun> {
  // One tenth of the time before it, so that timers and batches have found their pace.
  const lead = Math.ceil((rate * seconds) / 10);
  await stand.run({ messages: lead, ratePerSecond: rate, awaitReceipts: true, patienceMs });
  const before = stand.cpu();
  const messages = rate * seconds;
  const load = await stand.run({ messages, ratePerSecond: rate, awaitReceipts: true, patienceMs });
  return { perSecond: rate, load, cpuUs: cpuEach(before, stand.cpu(), load.accepted) };
}

/** What the customers saw must be whole. */
function check(report: PerformanceReport, what: string, load: LoadResult): void {
  if (load.broken !== undefined) report.problems.push(`${what}: ${load.broken}`);
  const missing = load.accepted - load.delivered;
  if (missing !== 0)
    report.problems.push(`${what}: ${missing} accepted messages without a receipt`);
  if (load.repeated !== 0) report.problems.push(`${what}: ${load.repeated} repeated receipts`);
}

/** The carrier's counters and the gateway's own reconciliation at the end. */
async function checkBooks(stand: Stand, report: PerformanceReport): Promise<void> {
  const carrier = await stand.carrierStats();
  if (carrier.receiptsRefused > 0) {
    report.problems.push(`the gateway refused ${carrier.receiptsRefused} receipts`);
  }
  const answer = await stand.daemon.get('/v1/reconciliation', RECONCILED_MS);
  report.reconciliation = answer?.body;
  const isOk =
    typeof answer?.body === 'object' &&
    answer.body !== null &&
    'ok' in answer.body &&
    answer.body.ok === true;
  if (!isOk) report.problems.push(`reconciliation: ${JSON.stringify(answer?.body ?? 'no answer')}`);
}

function fullSpeed(messages: number) {
  return { messages, ratePerSecond: 0, awaitReceipts: true, patienceMs };
}

/** Microseconds of CPU a message. */
export function cpuEach(before: CpuReading, after: CpuReading, messages: number): CpuReading {
  const each = (from: number, to: number) =>
    Math.round(((to - from) / Math.max(1, messages)) * 10) / 10;
  return {
    daemon: each(before.daemon, after.daemon),
    postgres: each(before.postgres, after.postgres),
    customers: each(before.customers, after.customers),
    carrier: each(before.carrier, after.carrier),
  };
}

/** The middle one (of an even number the lower); 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

function describeFull(run: FullRun): string {
  const { daemon, postgres, customers, carrier } = run.cpuUs;
  const floor = run.floor
    ? `, floor ${run.floor.perSecond}/s (${(run.ofFloor ?? 0).toFixed(2)} of it)`
    : '';
  return (
    `accepted ${run.acceptedPerSecond}/s, whole lifecycles ${run.lifecyclesPerSecond}/s${floor}; ` +
    `CPU us a message: daemon ${daemon}, PostgreSQL ${postgres}, customers ${customers}, carrier ${carrier}; ` +
    `memory ${megabytes(run.rss)} MB`
  );
}
