import type { Channel } from './channel.ts';
import { pause } from './daemon-process.ts';
import { besideFigure, type FigureOptions, type FigureReport, loadProblems } from './figure.ts';
import { onStand, patienceMs, steadyRun, tellProfile } from './figure-stand.ts';
import type { LoadResult, LoadTarget } from './load.ts';
import { cpuEach, median } from './performance.ts';
import type { ReceiverCounts, ReceiverTarget } from './receiver.ts';
import { type BenchAccount, benchAccounts } from './resources.ts';
import { bindsOf, type Stand } from './stand.ts';

/** What to measure. */
export interface ReplayOptions extends FigureOptions {
  /** Receipts that wait. */
  receipts: number;
  /** The account's `receipts.replayPerSecond`. */
  perSecond: number;
  /** Of the live runs, at most. */
  seconds: number;
}

const livePerSecond = 500;
const liveBinds = 2;
/** The customer that comes back, and the one that submitted for it. */
const absentBinds = 4;

/** The account that comes back after all of its receipts were missed, and one that goes on as ever. */
export async function measureReplay(options: ReplayOptions): Promise<FigureReport> {
  const [live, absent] = benchAccounts(2) as [BenchAccount, BenchAccount];
  const accounts = [live, { ...absent, replayPerSecond: options.perSecond }];
  return onStand(options, { accounts, bindsPerAccount: liveBinds }, (stand) =>
    measure(stand, live, absent, options),
  );
}

async function measure(
  stand: Stand,
  live: BenchAccount,
  absent: BenchAccount,
  options: ReplayOptions,
): Promise<FigureReport> {
  const { receipts, log } = options;
  const crowd = stand.another('crowd-process');
  const problems = await pileUp(stand, absent, receipts, log);
  await stand.bindAccounts([live]);
  // The replay must last longer than the run beside it.
  const seconds = Math.max(
    2,
    Math.min(options.seconds, Math.floor(receipts / options.perSecond) - 2),
  );
  await stand.run(steadyRun(livePerSecond, seconds));
  const before = await stand.run(steadyRun(livePerSecond, seconds));
  const target: ReceiverTarget = {
    ...stand.door(),
    binds: bindsOf([absent], absentBinds),
    receipts,
  };
  const cpuBefore = stand.cpu();
  await crowd.call('receive', target);
  await pause(1000);
  const from = await crowd.call<ReceiverCounts>('received');
  const beside = await stand.run(steadyRun(livePerSecond, seconds));
  const to = await crowd.call<ReceiverCounts>('received');
  log(`beside the replay: p99 ${beside.p99Ms} ms, ${to.received} of ${receipts} receipts so far`);
  const all = await untilReplayed(crowd, receipts);
  const cpuUs = cpuEach(cpuBefore, stand.cpu(), receipts);
  log(`CPU us a receipt, live traffic included: ${JSON.stringify(cpuUs)}`);
  const after = await stand.run(steadyRun(livePerSecond, seconds));
  await tellProfile(stand, options);
  if (to.received === receipts)
    problems.push('the replay was over before the live run: more receipts are needed');
  if (all.received < receipts) problems.push(`${receipts - all.received} receipts did not come`);
  if (all.repeated > 0) problems.push(`${all.repeated} receipts came again`);
  const perSecond = rate(to.received - from.received, to.elapsedMs - from.elapsedMs);
  const overall = rate(all.received, all.elapsedMs);
  const loads = { before, beside, after };
  for (const [what, load] of Object.entries(loads))
    problems.push(...loadProblems(`live, ${what}`, load));
  const quiet = median([before.p99Ms, after.p99Ms]);
  const rateFigure = {
    name: `receipts replayed, of ${receipts} waiting, to a customer who takes them at once`,
    goal: `at his pace up to ${options.perSecond}/s`,
    measured: `${perSecond}/s beside live traffic, ${overall}/s overall`,
    isReached: overall >= options.perSecond * 0.95,
  };
  const p99 = besideFigure(`p99 at ${livePerSecond}/s beside the replay`, quiet, beside.p99Ms);
  return {
    figures: [rateFigure, p99],
    detail: { replay: { perSecond, overall, cpuUs, loads } },
    problems,
  };
}

/** Has the absent customer submit through transmitters only, and waits until every receipt is on the waiting list. */
async function pileUp(
  stand: Stand,
  absent: BenchAccount,
  receipts: number,
  log: (line: string) => void,
): Promise<string[]> {
  const customers = stand.another('customers-process');
  const target: LoadTarget = {
    ...stand.door(),
    windowMax: 100,
    binds: bindsOf([absent], absentBinds),
    bindAs: 'transmitter',
  };
  await customers.call('connect', target);
  const run = { messages: receipts, ratePerSecond: 0, awaitReceipts: false, patienceMs };
  const load = await customers.call<LoadResult>('run', run);
  log(`${load.accepted} accepted, their receipts come`);
  const deadline = performance.now() + 10 * patienceMs;
  let waiting = 0;
  while (waiting < receipts && performance.now() < deadline) {
    await pause(1000);
    waiting = await waitingOf(stand, absent.name);
  }
  log(`${waiting} receipts wait`);
  await customers.end();
  return waiting === receipts ? [] : [`${waiting} receipts wait instead of ${receipts}`];
}

/** `smppgate_receipts_waiting` of an account. */
async function waitingOf(stand: Stand, account: string): Promise<number> {
  const answer = await stand.daemon.get('/metrics');
  const metric = new RegExp(`^smppgate_receipts_waiting\\{account="${account}"\\} (\\d+)`, 'm');
  return Number(metric.exec(String(answer?.body))?.[1] ?? 0);
}

async function untilReplayed(crowd: Channel, receipts: number): Promise<ReceiverCounts> {
  let last = await crowd.call<ReceiverCounts>('received');
  let heardAt = performance.now();
  while (last.received < receipts && performance.now() - heardAt < patienceMs) {
    await pause(200);
    const counts = await crowd.call<ReceiverCounts>('received');
    if (counts.received > last.received) heardAt = performance.now();
    last = counts;
  }
  return last;
}

function rate(count: number, ms: number): number {
  return Math.round((count * 1000) / Math.max(1, ms));
}
