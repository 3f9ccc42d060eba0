import { type Command, InvalidArgumentError } from 'commander';
import {
  addCarrierFigureOptions,
  type CarrierFigureFlags,
  carrierFiguresOf,
} from './carrier-figures.ts';
import { runCrashes } from './crash.ts';
import type { CrashOptions } from './crash-options.ts';
import { measureDirect } from './direct.ts';
import { describeFigures, type FigureReport } from './figure.ts';
import { measureFairness } from './measure-fairness.ts';
import { measureIdle } from './measure-idle.ts';
import { measureReplay } from './measure-replay.ts';
import { measureTls } from './measure-tls.ts';
import { measurePerformance, type PerformanceOptions } from './performance.ts';
import { describeReport } from './report.ts';
import { wholeNumber } from './whole-number.ts';

interface BenchFlags extends CarrierFigureFlags {
  runs: number;
  accounts: number;
  bindsPerAccount: number;
  window: number;
  carrierBinds: number;
  carrierWindow: number;
  receiptDelay: number;
  paced: number[];
  backlog: number;
  floor: boolean;
  profile?: boolean;
  direct?: boolean;
  crash?: boolean;
  idleBinds?: number;
  addresses: number;
  fairness?: boolean;
  floodRate: number;
  replay?: number;
  replayRate: number;
  tls?: boolean;
  backlogRate: number;
  kills: number;
  pgKills: number;
  insideCommit: number;
  keep?: boolean;
  json?: boolean;
}

/**
 * Adds `bench` to the program: performance by default, `--crash` for the
 * kills, `--direct` for what the load itself costs. Its action rejects when a
 * figure is void (something lost, doubled, mischarged or broken off).
 */
export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description(
      'measures this gateway on this machine: customers, daemon, PostgreSQL, carrier, floor',
    )
    .option('--messages <n>', 'messages of a run at full speed', wholeNumber, 200_000)
    .option('--runs <n>', 'runs; figures are medians', wholeNumber, 3)
    .option('--accounts <n>', 'customer accounts', wholeNumber, 100)
    .option('--binds-per-account <n>', 'sessions of each', wholeNumber, 1)
    .option('--window <n>', 'unanswered submits on a session', wholeNumber, 100)
    .option('--carrier-binds <n>', 'sessions to the carrier', wholeNumber, 4)
    .option('--carrier-window <n>', 'unanswered submits on each', wholeNumber, 1000)
    .option('--receipt-delay <ms>', 'from submit to receipt at the carrier', wholeNumber, 100)
    .option(
      '--paced <rates>',
      'latency at these rates and at half of the maximum',
      rates,
      [5000, 10_000],
    )
    .option('--no-paced', 'no latency runs')
    .option('--paced-seconds <n>', 'length of a latency run', wholeNumber, 10)
    .option(
      '--backlog <n>',
      'accepts n messages while the carrier is down, then drains',
      wholeNumber,
      0,
    )
    .option(
      '--backlog-rate <n>',
      'backlog: segments a second to the carrier; 0: unlimited',
      wholeNumber,
      0,
    )
    .option('--no-floor', 'without the same rows through PostgreSQL alone')
    .option(
      '--profile',
      'the daemon under node --cpu-prof: its dearest functions (costs some speed)',
    )
    .option('--direct', 'customers and carrier without a gateway: what the load itself costs')
    .option(
      '--idle-binds <n>',
      'holds n idle binds: memory, enquire_link, kill -9 and rebind',
      wholeNumber,
    )
    .option('--addresses <n>', 'idle binds: of loopback that they come from', addresses, 1)
    .option('--fairness', 'latency of one account while another floods: paired runs')
    .option(
      '--flood-rate <n>',
      'fairness: submits a second of the flood, whose limit is 1,000; 0: no bound',
      wholeNumber,
      10_000,
    )
    .option('--replay <n>', 'n receipts wait for a customer who comes back', wholeNumber)
    .option('--replay-rate <n>', 'replay: replayPerSecond of his account', wholeNumber, 10_000)
    .option('--tls', 'throughput over TLS against plain: paired runs')
    .option('--pairs <n>', 'fairness, tls, slow carrier: paired runs', wholeNumber, 5);
  addCarrierFigureOptions(command);
  command
    .option('--crash', 'kills the daemon and PostgreSQL under load and judges three books')
    .option('--kills <n>', 'crash: kill -9 of the daemon', wholeNumber, 50)
    .option('--pg-kills <n>', 'crash: kill -9 of PostgreSQL', wholeNumber, 10)
    .option('--inside-commit <n>', 'crash: so many of all of them inside COMMIT', wholeNumber, 10)
    .option('--rate <n>', 'crash, misbehave: submits a second', wholeNumber, 2200)
    .option('--seed <n>', 'crash, misbehave: of what is left to chance', wholeNumber)
    .option('--keep', 'crash: keeps the books and the data folder')
    .option('--json', 'one JSON object on standard output')
    .action((flags: BenchFlags) => run(flags));
}

async function run(flags: BenchFlags): Promise<void> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const figures = figuresOf(flags, log);
  if (figures !== undefined) {
    const report = await figures;
    print(flags, report, describeFigures(report), report.problems);
  } else if (flags.direct) {
    const report = await measureDirect(flags.messages, log);
    print(flags, report, JSON.stringify(report, null, 2), report.problems);
  } else if (flags.crash) {
    const report = await runCrashes({ ...crashOptions(flags), log });
    const faults = report.verdict.faults.map(({ kind, detail }) => `${kind}: ${detail}`);
    const problems = [...report.problems, ...faults];
    print(
      flags,
      report,
      JSON.stringify({ ...report, kills: report.kills.length }, null, 2),
      problems,
    );
  } else {
    const report = await measurePerformance(performanceOptions(flags, log));
    print(flags, report, describeReport(report), report.problems);
  }
}

/** One of the figures beside speed, if it is asked for. */
function figuresOf(
  flags: BenchFlags,
  log: (line: string) => void,
): Promise<FigureReport> | undefined {
  const { idleBinds, addresses, floodRate, replay, replayRate, pairs, messages, pacedSeconds } =
    flags;
  const common = { profile: flags.profile ?? false, log };
  if (idleBinds !== undefined)
    return measureIdle({ ...common, binds: idleBinds, addresses, seconds: pacedSeconds });
  if (flags.fairness)
    return measureFairness({ ...common, pairs, seconds: pacedSeconds, floodPerSecond: floodRate });
  if (replay !== undefined)
    return measureReplay({
      ...common,
      receipts: replay,
      perSecond: replayRate,
      seconds: pacedSeconds,
    });
  if (flags.tls) return measureTls({ ...common, pairs, messages });
  return carrierFiguresOf(flags, common);
}

function performanceOptions(flags: BenchFlags, log: (line: string) => void): PerformanceOptions {
  return {
    messages: flags.messages,
    runs: flags.runs,
    accounts: flags.accounts,
    bindsPerAccount: flags.bindsPerAccount,
    customerWindow: flags.window,
    carrierBinds: flags.carrierBinds,
    carrierWindow: flags.carrierWindow,
    receiptDelayMs: flags.receiptDelay,
    paced: Array.isArray(flags.paced) ? flags.paced : [],
    pacedSeconds: flags.pacedSeconds,
    backlog: flags.backlog,
    carrierPerSecond: flags.backlogRate,
    floor: flags.floor,
    profile: flags.profile ?? false,
    log,
  };
}

function crashOptions(flags: BenchFlags): Omit<CrashOptions, 'log'> {
  return {
    kills: flags.kills,
    postgresKills: flags.pgKills,
    insideCommit: flags.insideCommit,
    ratePerSecond: flags.rate,
    seed: flags.seed ?? Date.now() % 1_000_000,
    keep: flags.keep ?? false,
  };
}

/** Prints the report and fails with the first of its problems: the figures are void then. */
function print(flags: BenchFlags, report: object, text: string, problems: readonly string[]): void {
  process.stdout.write(`${flags.json ? JSON.stringify(report) : text}\n`);
  if (problems.length > 0) throw new Error(`${problems.length} problems, such as: ${problems[0]}`);
}

function addresses(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > 250) throw new InvalidArgumentError('1 to 250 addresses');
  return count;
}

function rates(text: string): number[] {
  return text.split(',').map(wholeNumber);
}
