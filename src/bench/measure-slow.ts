import { pause } from './daemon-process.ts';
import { besideFigure, type FigureOptions, type FigureReport, loadProblems } from './figure.ts';
import { onStand, steadyRun, tellProfile } from './figure-stand.ts';
import type { FloodCounts, FloodTarget } from './flood.ts';
import type { LoadResult } from './load.ts';
import { median } from './performance.ts';
import { type BenchAccount, benchAccounts } from './resources.ts';
import { SimulatedCarriers } from './simulated-carriers.ts';
import { bindsOf, type Stand } from './stand.ts';

/** What to measure. */
export interface SlowOptions extends FigureOptions {
  pairs: number;
  /** Of each run. */
  seconds: number;
}

/** The slow carrier: its answers come so late, and its one session takes so many at once: 200 a second. */
const answerDelayMs = 5000;
const windowMax = 1000;
const slowPrefix = '96651';
/** Half as much again as it takes: its window is always full, and a queue grows behind it. */
const slowPerSecond = 300;
/** Until its window is full. */
const fillMs = (windowMax * 1000) / slowPerSecond + 2000;
/** The other route. */
const otherPerSecond = 1000;
const otherBinds = 4;
const receiptDelayMs = 100;
const timesMax = 1.5;
/** Until the slow carrier has nothing more to say: longer than its answer takes. */
const quietMs = 2 * answerDelayMs;
const drainMs = 300_000;

/** One run of the other route alone, and one beside the slow carrier. */
interface Pair {
  quiet: LoadResult;
  beside: LoadResult;
}

/** The p99 of a route while another's carrier answers after 5 s with a full window of 1000. */
export async function measureSlow(options: SlowOptions): Promise<FigureReport> {
  const simulated = new SimulatedCarriers();
  try {
    const args = ['--answer-delay', String(answerDelayMs), '--receipt-delay', '100'];
    const port = await simulated.start('slow', args);
    const [other, slow] = benchAccounts(2) as [BenchAccount, BenchAccount];
    const own = {
      accounts: [other, slow],
      bindsPerAccount: otherBinds,
      carriers: [{ name: 'slow', port, binds: 1, windowMax }],
      routes: [
        { prefix: slowPrefix, carriers: [{ name: 'slow', priority: 1 }] },
        { prefix: '', carriers: [{ name: 'bench', priority: 1 }] },
      ],
    };
    return await onStand(options, own, (stand) => measure(stand, simulated, other, slow, options));
  } finally {
    await simulated.end();
  }
}

async function measure(
  stand: Stand,
  simulated: SimulatedCarriers,
  other: BenchAccount,
  slow: BenchAccount,
  options: SlowOptions,
): Promise<FigureReport> {
  const crowd = stand.another('crowd-process');
  await stand.bindAccounts([other]);
  const target: FloodTarget = {
    ...stand.door(),
    binds: bindsOf([slow], 1),
    perSecond: slowPerSecond,
    prefix: slowPrefix,
  };
  await crowd.call('floodConnect', target);
  const run = () =>
    stand.run({ ...steadyRun(otherPerSecond, options.seconds), timesReceipts: true });
  await run();
  const problems: string[] = [];
  const pairs: Pair[] = [];
  for (let number = 1; number <= options.pairs; number += 1) {
    const quiet = await run();
    await crowd.call('floodStart');
    await pause(fillMs);
    const beside = await run();
    const { closed, answers } = await crowd.call<FloodCounts>('floodCounts');
    await crowd.call('floodStop');
    pairs.push({ quiet, beside });
    options.log(`pair ${number}: p99 ${quiet.p99Ms} ms quiet, ${beside.p99Ms} ms beside`);
    problems.push(
      ...loadProblems(`pair ${number}, quiet`, quiet),
      ...loadProblems(`pair ${number}, beside`, beside),
      ...(closed > 0 ? [`pair ${number}: ${closed} sessions of the slow route ended`] : []),
      ...(answers['0x0'] ? [] : [`pair ${number}: nothing went to the slow carrier`]),
    );
    // The next pair begins when the slow one's queue is empty.
    if (!(await simulated.untilQuiet(quietMs, drainMs)))
      problems.push(`pair ${number}: the slow carrier's queue did not empty`);
  }
  await tellProfile(stand, options);
  return { figures: figuresOf(pairs), detail: { slow: pairs }, problems };
}

function figuresOf(pairs: readonly Pair[]): FigureReport['figures'] {
  const beside = (name: string, of: (load: LoadResult) => number) =>
    besideFigure(
      `${name} at ${otherPerSecond}/s beside a carrier that answers in 5 s, window ${windowMax}`,
      median(pairs.map((pair) => of(pair.quiet))),
      median(pairs.map((pair) => of(pair.beside))),
      timesMax,
    );
  const lifecycle = ({ receiptP99Ms = 0 }: LoadResult) =>
    Math.round((receiptP99Ms - receiptDelayMs) * 10) / 10;
  return [
    beside('p99 of submit_sm to its response', ({ p99Ms }) => p99Ms),
    beside('p99 of submit_sm to its receipt, less what the carrier takes', lifecycle),
  ];
}
