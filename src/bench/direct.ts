import { Channel } from './channel.ts';
import type { LeanCarrierOptions } from './lean-carrier.ts';
import type { LoadResult, LoadRun, LoadTarget } from './load.ts';
import { cpuUs } from './proc-stat.ts';
import { benchAccounts } from './resources.ts';

/** What the load costs by itself. */
export interface DirectReport {
  perSecond: number;
  /** Microseconds of CPU a message. */
  customersCpuUs: number;
  carrierCpuUs: number;
  load: LoadResult;
  problems: string[];
}

/** Customers straight to the lean carrier, no gateway in between: the cost that every figure of a bench includes. */
export async function measureDirect(
  messages: number,
  log: (line: string) => void,
): Promise<DirectReport> {
  const carrier = new Channel('carrier-process');
  const customers = new Channel('customers-process');
  try {
    const options: LeanCarrierOptions = { port: 0, receiptDelayMs: 100, windowMax: 1000 };
    const port = await carrier.call<number>('start', options);
    const binds = benchAccounts(100).map(({ name, password }) => ({ systemId: name, password }));
    const target: LoadTarget = { host: '127.0.0.1', port, binds, windowMax: 100 };
    await customers.call('connect', target);
    const run: LoadRun = { messages, ratePerSecond: 0, awaitReceipts: true, patienceMs: 10_000 };
    log(`${messages} messages from 100 binds`);
    const before = [cpuUs(customers.pid), cpuUs(carrier.pid)] as const;
    const load = await customers.call<LoadResult>('run', run);
    const isWhole = load.delivered === messages && load.repeated === 0;
    return {
      perSecond: Math.round((messages / load.lifecycleMs) * 1000),
      customersCpuUs: (cpuUs(customers.pid) - before[0]) / messages,
      carrierCpuUs: (cpuUs(carrier.pid) - before[1]) / messages,
      load,
      problems: isWhole && load.broken === undefined ? [] : ['not every message came back once'],
    };
  } finally {
    await customers.end();
    await carrier.end();
  }
}
