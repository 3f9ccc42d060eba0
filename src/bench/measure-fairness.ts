import { pause } from './daemon-process.ts';
import { besideFigure, type FigureOptions, type FigureReport, loadProblems } from './figure.ts';
import { onStand, steadyRun, tellProfile } from './figure-stand.ts';
import type { FloodCounts, FloodTarget } from './flood.ts';
import type { LoadResult } from './load.ts';
import { median } from './performance.ts';
import { type BenchAccount, benchAccounts } from './resources.ts';
import { bindsOf, type Stand } from './stand.ts';

/** What to measure. */
export interface FairnessOptions extends FigureOptions {
  pairs: number;
  /** Of each run. */
  seconds: number;
  /** Submits a second of the flood; 0: as fast as its sockets take them. */
  floodPerSecond: number;
}

/** The flooding account's limit, segments a second. */
const floodLimit = 1000;
const floodBinds = 8;
const quietPerSecond = 500;
const quietBinds = 2;
/** From the begin of the flood until its effect is what it stays, and from its end until it is over. */
const settleMs = 3000;

/** One run of the well-behaved account alone, and one beside the flood. */
interface Pair {
  quiet: LoadResult;
  beside: LoadResult;
  /** During the second. */
  flood: FloodCounts;
}

/** The p99 of a well-behaved account, from when each submit was due, without and beside an account that floods. */
export async function measureFairness(options: FairnessOptions): Promise<FigureReport> {
  const [quiet, flooding] = benchAccounts(2) as [BenchAccount, BenchAccount];
  const accounts = [quiet, { ...flooding, segmentsPerSecond: floodLimit }];
  return onStand(options, { accounts, bindsPerAccount: quietBinds }, (stand) =>
    measure(stand, quiet, flooding, options),
  );
}

async function measure(
  stand: Stand,
  quiet: BenchAccount,
  flooding: BenchAccount,
  options: FairnessOptions,
): Promise<FigureReport> {
  const { floodPerSecond: perSecond, log } = options;
  const crowd = stand.another('crowd-process');
  await stand.bindAccounts([quiet]);
  const target: FloodTarget = {
    ...stand.door(),
    binds: bindsOf([flooding], floodBinds),
    perSecond,
  };
  await crowd.call('floodConnect', target);
  await stand.run(steadyRun(quietPerSecond, options.seconds));
  const pairs: Pair[] = [];
  for (let number = 1; number <= options.pairs; number += 1) {
    const alone = await stand.run(steadyRun(quietPerSecond, options.seconds));
    await crowd.call('floodStart');
    await pause(settleMs);
    await crowd.call('floodCounts');
    const beside = await stand.run(steadyRun(quietPerSecond, options.seconds));
    const flood = await crowd.call<FloodCounts>('floodCounts');
    await crowd.call('floodStop');
    await pause(settleMs);
    pairs.push({ quiet: alone, beside, flood });
    log(
      `pair ${number}: p99 ${alone.p99Ms} ms quiet, ${beside.p99Ms} ms beside; flood ${JSON.stringify(flood)}`,
    );
  }
  await tellProfile(stand, options);
  return report(pairs, perSecond);
}

function report(pairs: Pair[], floodPerSecond: number): FigureReport {
  const offered = floodPerSecond === 0 ? 'all that its sockets take' : `${floodPerSecond}/s`;
  const figure = besideFigure(
    `p99 at ${quietPerSecond}/s beside a flood of ${offered} against a limit of ${floodLimit}/s`,
    median(pairs.map((pair) => pair.quiet.p99Ms)),
    median(pairs.map((pair) => pair.beside.p99Ms)),
  );
  const problems = pairs.flatMap(({ quiet, beside, flood }, index) => [
    ...loadProblems(`pair ${index + 1}, quiet`, quiet),
    ...loadProblems(`pair ${index + 1}, beside the flood`, beside),
    ...(flood.closed > 0 ? [`pair ${index + 1}: ${flood.closed} sessions of the flood ended`] : []),
  ]);
  return { figures: [figure], detail: { fairness: pairs }, problems };
}
