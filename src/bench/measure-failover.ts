import { pause } from './daemon-process.ts';
import { readFailoverBook, readUnknownBook } from './failover-book.ts';
import type { Figure, FigureOptions, FigureReport } from './figure.ts';
import { onStand, patienceMs, tellProfile } from './figure-stand.ts';
import { type FailoverVerdict, judgeFailover } from './judge-failover.ts';
import { queryLedger } from './ledger-query.ts';
import type { LoadResult } from './load.ts';
import { type BenchCarrier, benchAccounts } from './resources.ts';
import { SimulatedCarriers } from './simulated-carriers.ts';
import type { Stand } from './stand.ts';

/** What to measure. */
export interface FailoverOptions extends FigureOptions {
  messages: number;
  /** Submits a second; 0: as the windows allow. */
  perSecond: number;
  /** How long the carrier is away. */
  downSeconds: number;
  /** `onUnknownOutcome.waitSeconds` of the carriers. */
  waitSeconds: number;
}

/** The kill comes when such a part of the messages is accepted. */
const killAt = 1 / 3;
/** Ids of the two carriers, and of the one that comes back, must not meet. */
const firstIds = { first: '1000000000000', again: '2000000000000', other: '3000000000000' };
/** The goal for the first message on the other carrier. */
const firstGoalMs = 1000;
const accounts = 20;
const carrierArgs = ['--receipt-delay', '200', '--receipt-window', '1000'];

/** One carrier of two is killed (-9) under load and comes back with its book: what goes over, is lost, or goes twice. */
export async function measureFailover(options: FailoverOptions): Promise<FigureReport> {
  const simulated = new SimulatedCarriers();
  try {
    const carriers: BenchCarrier[] = [];
    for (const name of ['first', 'other'] as const) {
      const port = await simulated.start(name, [...carrierArgs, '--first-id', firstIds[name]]);
      const { waitSeconds: unknownWaitSeconds } = options;
      carriers.push({ name, port, binds: 2, windowMax: 500, unknownWaitSeconds });
    }
    const targets = [
      { name: 'first', priority: 1 },
      { name: 'other', priority: 2 },
    ];
    const routes = [{ prefix: '', carriers: targets }];
    const own = { accounts: benchAccounts(accounts), bindsPerAccount: 1, carriers, routes };
    return await onStand(options, own, (stand) => measure(stand, simulated, options));
  } finally {
    await simulated.end();
  }
}

async function measure(
  stand: Stand,
  simulated: SimulatedCarriers,
  options: FailoverOptions,
): Promise<FigureReport> {
  await stand.bindAccounts(benchAccounts(accounts));
  const run = stand.run({
    messages: options.messages,
    ratePerSecond: options.perSecond,
    awaitReceipts: true,
    // The receipts of unknown outcomes wait for the carrier's return and then some.
    patienceMs: patienceMs + (options.downSeconds + options.waitSeconds) * 1000,
  });
  run.catch(() => {}); // awaited below, unless something else fails first
  while ((await stand.progress()).accepted < options.messages * killAt) await pause(20);
  const killedAt = await simulated.kill('first');
  options.log(`killed at ${(await stand.progress()).accepted} accepted messages`);
  await pause(options.downSeconds * 1000);
  await simulated.start('first', [...carrierArgs, '--first-id', firstIds.again]);
  const load = await run;
  await simulated.untilQuiet(5000, patienceMs);
  const verdict = judgeFailover({
    died: await readFailoverBook(simulated.book('first')),
    other: await readFailoverBook(simulated.book('other')),
    ledger: await queryLedger(stand.daemon, readUnknownBook),
    killedAt,
    waitSeconds: options.waitSeconds,
  });
  options.log(JSON.stringify(verdict));
  await tellProfile(stand, options);
  return {
    figures: figuresOf(load, verdict, options),
    detail: { failover: { load, verdict } },
    problems: problemsOf(load, verdict, await simulated.stop()),
  };
}

function figuresOf(
  load: LoadResult,
  verdict: FailoverVerdict,
  { waitSeconds }: FailoverOptions,
): Figure[] {
  const { firstMs, needless, unlisted, duplicates, unknown } = verdict;
  const none = (name: string, count: number, of: string): Figure => ({
    name,
    goal: '0',
    measured: `${count} of ${of}`,
    isReached: count === 0,
  });
  return [
    {
      name: 'first message on the other carrier after the kill',
      goal: `${firstGoalMs} ms`,
      measured: firstMs === undefined ? 'none ever' : `${firstMs} ms`,
      isReached: (firstMs ?? Number.POSITIVE_INFINITY) <= firstGoalMs,
    },
    none('accepted and lost', load.accepted - load.delivered, `${load.accepted}`),
    none(
      `sent twice though the receipt came within ${waitSeconds} s of the rebind`,
      needless,
      `${duplicates} duplicates, ${unknown} unknown outcomes`,
    ),
    none('sent twice and not listed as unknown before', unlisted, `${duplicates} duplicates`),
  ];
}

function problemsOf(load: LoadResult, verdict: FailoverVerdict, owed: number): string[] {
  return [
    ...(load.repeated > 0 ? [`${load.repeated} repeated receipts`] : []),
    ...(verdict.reboundMs === undefined ? ['the first carrier was never bound again'] : []),
    ...(owed > 0 ? [`the carriers still owe ${owed} receipts`] : []),
  ];
}
