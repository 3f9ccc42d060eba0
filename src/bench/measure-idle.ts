import { readFileSync } from 'node:fs';
import type { Channel } from './channel.ts';
import { pause } from './daemon-process.ts';
import type { Figure, FigureOptions, FigureReport } from './figure.ts';
import { onStand, steadyRun, tellProfile } from './figure-stand.ts';
import type { EnquireResult, IdleState, IdleTarget } from './idle-binds.ts';
import type { LoadResult } from './load.ts';
import { type BenchAccount, benchAccounts } from './resources.ts';
import { bindsOf, type Stand } from './stand.ts';

/** What to measure. */
export interface IdleOptions extends FigureOptions {
  binds: number;
  /** Addresses of loopback that they come from. */
  addresses: number;
  /** enquire_link round trips are sampled so long. */
  seconds: number;
}

/** Sessions of one system_id: a hash for each ten of them after a restart. */
const bindsPerAccount = 10;
/** Accounts that submit meanwhile, a bind each. */
const loadAccounts = 20;
const loadPerSecond = 2000;
/** Each idle bind sends an enquire_link so often. */
const enquireEveryMs = 20_000;
/** First attempts a second when they first come. */
const startPerSecond = 400;
/** Files that a process opens beside its binds. */
const otherFiles = 500;
/** Memory is read after garbage had time to go. */
const settleMs = 10_000;
/** Binds that have not come by then do not come. */
const bindMs = 300_000;

/** What is printed beside the figures. */
interface IdleDetail {
  rss: { before: number; after: number; octetsEach: number };
  first: IdleState & { isWhole: boolean };
  enquire: EnquireResult;
  load: LoadResult;
  rebind: IdleState & { isWhole: boolean; readyMs: number };
}

/**
 * Thousands of idle binds on one daemon: what each costs, how fast each is
 * answered while others submit, and how fast all are back after a kill -9.
 */
export async function measureIdle(options: IdleOptions): Promise<FigureReport> {
  demandFiles(options.binds + otherFiles);
  const accounts = benchAccounts(loadAccounts + Math.ceil(options.binds / bindsPerAccount));
  return onStand(options, { accounts, bindsPerAccount: 1 }, async (stand) => {
    const idle = accounts.slice(loadAccounts);
    const target: IdleTarget = {
      ...stand.door(),
      binds: bindsOf(idle, bindsPerAccount).slice(0, options.binds),
      addresses: options.addresses,
      startPerSecond,
    };
    const submitting = accounts.slice(0, loadAccounts);
    return report(options, await measure(stand, submitting, target, options));
  });
}

async function measure(
  stand: Stand,
  submitting: readonly BenchAccount[],
  target: IdleTarget,
  options: IdleOptions,
): Promise<IdleDetail> {
  const { binds, seconds, log } = options;
  const crowd = stand.another('crowd-process');
  // The first start made the database; this one has no garbage that idle binds could take the place of.
  await stand.daemon.stop();
  await stand.daemon.start();
  await stand.bindAccounts(submitting);
  await pause(settleMs);
  const before = stand.memory().rss;
  await crowd.call('idleStart', target);
  const first = await untilBound(crowd, binds);
  await pause(settleMs);
  const after = stand.memory().rss;
  const rss = { before, after, octetsEach: Math.round((after - before) / binds) };
  log(`bound: ${JSON.stringify({ ...first, ...rss })}`);
  const [enquire, loaded] = await Promise.all([
    crowd.call<EnquireResult>('idleAsk', { seconds, everyMs: enquireEveryMs }),
    stand.run(steadyRun(loadPerSecond, seconds)),
  ]);
  log(`enquire_link: ${JSON.stringify(enquire)}; submits: p99 ${loaded.p99Ms} ms`);
  // Of interest is what went before the kill.
  await tellProfile(stand, options);
  const rebind = await killAndRebind(stand, crowd, binds);
  log(`after kill -9: ${JSON.stringify(rebind)}`);
  return { rss, first, enquire, load: loaded, rebind };
}

async function killAndRebind(
  stand: Stand,
  crowd: Channel,
  binds: number,
): Promise<IdleDetail['rebind']> {
  await crowd.call('idleState', true);
  const killedAt = performance.now();
  await stand.daemon.stop('SIGKILL');
  await stand.daemon.start();
  const readyMs = Math.round(performance.now() - killedAt);
  return { ...(await untilBound(crowd, binds)), readyMs };
}

/** Waits until all are bound and stay so for two seconds. */
async function untilBound(
  crowd: Channel,
  binds: number,
): Promise<IdleState & { isWhole: boolean }> {
  const deadline = performance.now() + bindMs;
  for (;;) {
    const before = await crowd.call<IdleState>('idleState', false);
    await pause(before.bound < binds ? 200 : 2000);
    const state = await crowd.call<IdleState>('idleState', false);
    const isWhole = before.bound === binds && state.bound === binds && state.lost === before.lost;
    if (isWhole || performance.now() > deadline) return { ...state, isWhole };
  }
}

function report(options: IdleOptions, detail: IdleDetail): FigureReport {
  const { rss, first, enquire, rebind } = detail;
  const { binds } = options;
  const from = `from ${options.addresses === 1 ? 'one address' : `${options.addresses} addresses`}`;
  const figures: Figure[] = [
    {
      name: `idle binds held, ${from}`,
      goal: `${binds}`,
      measured: `${first.bound}, bound within ${seconds(first.lastBoundMs)}`,
      isReached: first.isWhole,
    },
    {
      name: 'memory of each (growth of the daemon’s VmRSS)',
      goal: 'under 20 KB',
      measured: `${(rss.octetsEach / 1000).toFixed(1)} KB`,
      isReached: rss.octetsEach < 20_000,
    },
    {
      name: `enquire_link round trip beside ${loadPerSecond} submits/s, p99`,
      goal: 'under 100 ms',
      measured: `${enquire.p99Ms} ms (p50 ${enquire.p50Ms} ms, max ${enquire.maxMs} ms, ${enquire.asked} asked)`,
      isReached: enquire.p99Ms < 100,
    },
    {
      name: 'all bound again after kill -9 of the daemon, reconnecting in steps of 1 s',
      goal: 'within 60 s',
      measured: `${seconds(rebind.lastBoundMs)} after the kill, ready after ${seconds(rebind.readyMs)}`,
      isReached: rebind.isWhole && rebind.lastBoundMs < 60_000,
    },
  ];
  const problems: string[] = [];
  if (detail.load.broken !== undefined) problems.push(`load: ${detail.load.broken}`);
  if (enquire.unanswered > 0) problems.push(`${enquire.unanswered} enquire_link unanswered`);
  if (!first.isWhole) problems.push(`${binds - first.bound} binds never came`);
  if (!rebind.isWhole) problems.push(`${binds - rebind.bound} binds never came back`);
  if (rebind.lost > binds)
    problems.push(`${rebind.lost - binds} binds were lost after they came back`);
  return { figures, detail: { idle: detail }, problems };
}

/** @throws Error when this process, and with it its children, may not open so many files */
function demandFiles(needed: number): void {
  // Node raises its soft limit to the hard one when it starts.
  const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  const allowed = line?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line?.[1] ?? 0);
  if (allowed < needed)
    throw new Error(
      `each process needs ${needed} open files and may have ${allowed}: raise it first, as \`ulimit -n ${needed}\` (the hard limit by root)`,
    );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
