import { bookLines } from './book-lines.ts';
import { type FigureOptions, type FigureReport, percent } from './figure.ts';
import { onStand, patienceMs, tellProfile } from './figure-stand.ts';
import { benchAccounts } from './resources.ts';
import { SimulatedCarriers } from './simulated-carriers.ts';
import type { Stand } from './stand.ts';

/** What to measure. */
export interface ThrottledOptions extends FigureOptions {
  /** What the carrier allows a second. */
  perSecond: number;
  /** Of each measured stretch. */
  seconds: number;
}

/**
 * The ways in which carriers count. The gap is as a carrier measures it whose own scheduler is 10 ms late at times:
 * without a tolerance no sender on a machine with other work could keep it.
 */
const kinds = [
  { name: 'bucket', prefix: '96651', args: ['--throttle-kind', 'bucket'] },
  { name: 'second', prefix: '96652', args: ['--throttle-kind', 'second'] },
  {
    name: 'gap',
    prefix: '96653',
    args: ['--throttle-kind', 'gap', '--throttle-tolerance', '10'],
  },
] as const;
/** Submitted is so much more than is allowed: something always waits. */
const pressure = 1.25;
/** From the begin of the load until the gateway may be expected to know the rate. */
const learnMs = 10_000;
const goals = { sustained: 0.95, refused: 0.01 };

/** What a carrier's own book says about a stretch of time. */
export interface ThrottleCounts {
  accepted: number;
  /** ESME_RTHROTTLED. */
  refused: number;
}

/** The rate that the gateway holds, and what it is refused, at a carrier that throttles: the limit is told to nobody. */
export async function measureThrottled(options: ThrottledOptions): Promise<FigureReport> {
  const simulated = new SimulatedCarriers();
  try {
    const carriers: { name: string; port: number; binds: number; windowMax: number }[] = [];
    for (const { name, args } of kinds) {
      const all = ['--throttle', String(options.perSecond), '--receipt-delay', '100', ...args];
      carriers.push({ name, port: await simulated.start(name, all), binds: 2, windowMax: 100 });
    }
    const routes = kinds.map(({ name, prefix }) => ({ prefix, carriers: [{ name, priority: 1 }] }));
    const own = { accounts: benchAccounts(4), bindsPerAccount: 1, carriers, routes };
    return await onStand(options, own, (stand) => measure(stand, simulated, options));
  } finally {
    await simulated.end();
  }
}

async function measure(
  stand: Stand,
  simulated: SimulatedCarriers,
  options: ThrottledOptions,
): Promise<FigureReport> {
  const report: FigureReport = { figures: [], detail: undefined, problems: [] };
  const runs: object[] = [];
  for (const { name, prefix } of kinds) {
    await stand.bindAccounts(benchAccounts(4), 'plain', prefix);
    const perSecond = Math.ceil(options.perSecond * pressure);
    const from = Date.now() + learnMs;
    const load = await stand.run({
      messages: Math.ceil((perSecond * (options.seconds * 1000 + learnMs)) / 1000),
      ratePerSecond: perSecond,
      awaitReceipts: false,
      patienceMs,
    });
    const counts = await readThrottled(simulated.book(name), from, from + options.seconds * 1000);
    // What is still queued for it would be sent beside the next one's messages.
    await simulated.kill(name);
    const sustained = counts.accepted / options.seconds / options.perSecond;
    const refused = counts.refused / Math.max(1, counts.accepted + counts.refused);
    options.log(`${name}: ${JSON.stringify(counts)} in ${options.seconds} s`);
    runs.push({ name, counts, load });
    if (load.broken !== undefined) report.problems.push(`${name}: ${load.broken}`);
    report.figures.push(
      {
        name: `sustained of ${options.perSecond}/s, counted by ${name}`,
        goal: percent(goals.sustained, 1),
        measured: percent(sustained, 1),
        isReached: sustained >= goals.sustained,
      },
      {
        name: `refused with ESME_RTHROTTLED, counted by ${name}`,
        goal: `under ${percent(goals.refused, 1)}`,
        measured: percent(refused, 1),
        isReached: refused < goals.refused,
      },
    );
  }
  await tellProfile(stand, options);
  return { ...report, detail: { throttled: runs } };
}

/** Counts a carrier's answers between two moments, unix milliseconds. */
export async function readThrottled(
  book: string,
  fromMs: number,
  toMs: number,
): Promise<ThrottleCounts> {
  const counts: ThrottleCounts = { accepted: 0, refused: 0 };
  for await (const { event, at, status } of bookLines(book)) {
    if (event !== 'submit' || Number(at) < fromMs || Number(at) >= toMs) continue;
    if (status === 0) counts.accepted += 1;
    else counts.refused += 1;
  }
  return counts;
}
