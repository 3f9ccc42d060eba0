import type { FigureOptions, FigureReport } from './figure.ts';
import { loadProblems } from './figure.ts';
import { onStand, patienceMs, tellProfile } from './figure-stand.ts';
import type { LoadResult } from './load.ts';
import { median } from './performance.ts';
import { benchAccounts } from './resources.ts';
import type { Stand } from './stand.ts';

/** What to measure. */
export interface TlsOptions extends FigureOptions {
  pairs: number;
  /** Of each run. */
  messages: number;
}

const warmUpMessages = 20_000;

/** A run at full speed through one of the two ports. */
interface DoorRun {
  door: 'plain' | 'tls';
  lifecyclesPerSecond: number;
  /** Microseconds a message. */
  daemonCpuUs: number;
  customersCpuUs: number;
  load: LoadResult;
}

/** Whole lifecycles a second with all customers on TLS, against the same with none, in turns on one daemon. */
export async function measureTls(options: TlsOptions): Promise<FigureReport> {
  const own = { accounts: benchAccounts(100), bindsPerAccount: 1, tls: true };
  return onStand(options, own, async (stand) => {
    await runThrough(stand, 'plain', warmUpMessages);
    await runThrough(stand, 'tls', warmUpMessages);
    const runs: DoorRun[] = [];
    for (let number = 1; number <= options.pairs; number += 1) {
      for (const door of ['plain', 'tls'] as const) {
        const run = await runThrough(stand, door, options.messages);
        runs.push(run);
        options.log(
          `pair ${number}, ${door}: ${run.lifecyclesPerSecond}/s, CPU us a message: daemon ${run.daemonCpuUs}, customers ${run.customersCpuUs}`,
        );
      }
    }
    await tellProfile(stand, options);
    return report(runs);
  });
}

async function runThrough(stand: Stand, door: DoorRun['door'], messages: number): Promise<DoorRun> {
  await stand.bindAccounts(benchAccounts(100), door);
  const before = stand.cpu();
  const load = await stand.run({ messages, ratePerSecond: 0, awaitReceipts: true, patienceMs });
  const after = stand.cpu();
  const each = (us: number): number => Math.round((us * 10) / Math.max(1, load.accepted)) / 10;
  return {
    door,
    lifecyclesPerSecond: Math.round((load.delivered * 1000) / Math.max(1, load.lifecycleMs)),
    daemonCpuUs: each(after.daemon - before.daemon),
    customersCpuUs: each(after.customers - before.customers),
    load,
  };
}

function report(runs: DoorRun[]): FigureReport {
  const rateOf = (door: DoorRun['door']): number =>
    median(runs.filter((run) => run.door === door).map((run) => run.lifecyclesPerSecond));
  const plain = rateOf('plain');
  const tls = rateOf('tls');
  const share = tls / Math.max(1, plain);
  return {
    figures: [
      {
        name: 'throughput over TLS as a share of plain',
        goal: 'at least 70 %',
        measured: `${Math.round(share * 100)} % (${tls}/s of ${plain}/s)`,
        isReached: share >= 0.7,
      },
    ],
    detail: { tls: runs },
    problems: runs.flatMap((run, index) =>
      loadProblems(`run ${index + 1} (${run.door})`, run.load),
    ),
  };
}
