import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Channel } from './channel.ts';
import { DaemonProcess } from './daemon-process.ts';
import { onEndSignal } from './end-signal.ts';
import type { LeanCarrierOptions, LeanCarrierStats } from './lean-carrier.ts';
import type { LoadResult, LoadRun, LoadTarget } from './load.ts';
import { cpuUs, memory } from './proc-stat.ts';
import { type BenchAccount, benchAccounts, resourcesFile } from './resources.ts';

/** Settings of a test stand. */
export interface StandOptions {
  accounts: number;
  bindsPerAccount: number;
  customerWindow: number;
  carrierBinds: number;
  carrierWindow: number;
  receiptDelayMs: number;
  profile: boolean;
}

/** CPU of each process so far, microseconds. */
export interface CpuReading {
  daemon: number;
  postgres: number;
  customers: number;
  carrier: number;
}

/**
 * Four processes and a folder: customers, daemon with its PostgreSQL, lean
 * carrier. `open` starts all but the customers' binds; `close` ends them and
 * removes the folder, whatever happened before.
 */
export class Stand {
  readonly folder: string;
  readonly daemon: DaemonProcess;
  readonly #options: StandOptions;
  readonly #accounts: BenchAccount[];
  readonly #carrier: Channel;
  readonly #customers: Channel;
  #forgetSignal: () => void = () => {};

  private constructor(
    options: StandOptions,
    folder: string,
    daemon: DaemonProcess,
    carrier: Channel,
  ) {
    this.#options = options;
    this.folder = folder;
    this.daemon = daemon;
    this.#accounts = benchAccounts(options.accounts);
    this.#carrier = carrier;
    this.#customers = new Channel('customers-process');
  }

  static async open(options: StandOptions): Promise<Stand> {
    const folder = makeFolder();
    const carrier = new Channel('carrier-process');
    const carrierOptions: LeanCarrierOptions = {
      port: 0,
      receiptDelayMs: options.receiptDelayMs,
      windowMax: options.carrierWindow,
    };
    const carrierPort = await carrier.call<number>('start', carrierOptions);
    const file = join(folder, 'resources.json');
    writeFileSync(
      file,
      resourcesFile({
        accounts: benchAccounts(options.accounts),
        price: '0.05',
        carrierPort,
        carrierBinds: options.carrierBinds,
        carrierWindow: options.carrierWindow,
        customerWindow: options.customerWindow,
        unknownWaitSeconds: 30,
      }),
    );
    const daemon = await DaemonProcess.prepare({
      folder,
      resourcesFile: file,
      profile: options.profile,
    });
    const stand = new Stand(options, folder, daemon, carrier);
    stand.#forgetSignal = onEndSignal(() => stand.close());
    try {
      await daemon.start();
    } catch (error) {
      await stand.close();
      throw error;
    }
    return stand;
  }

  /** Binds every customer anew. */
  bind(): Promise<void> {
    return this.#bindAll(this.#accounts);
  }

  /** Binds the first customer only. */
  bindOne(): Promise<void> {
    return this.#bindAll(this.#accounts.slice(0, 1));
  }

  #bindAll(accounts: BenchAccount[]): Promise<void> {
    const { bindsPerAccount, customerWindow } = this.#options;
    const target: LoadTarget = {
      host: '127.0.0.1',
      port: this.daemon.smppPort,
      windowMax: customerWindow,
      binds: accounts.flatMap(({ name, password }) =>
        Array.from({ length: bindsPerAccount }, () => ({ systemId: name, password })),
      ),
    };
    return this.#customers.call('connect', target);
  }

  run(run: LoadRun): Promise<LoadResult> {
    return this.#customers.call('run', run);
  }

  progress(): Promise<{ accepted: number; delivered: number }> {
    return this.#customers.call('progress');
  }

  carrierUp(): Promise<unknown> {
    return this.#carrier.call('up');
  }

  carrierDown(): Promise<unknown> {
    return this.#carrier.call('down');
  }

  carrierStats(): Promise<LeanCarrierStats> {
    return this.#carrier.call('stats');
  }

  cpu(): CpuReading {
    const postmaster = this.daemon.postmaster();
    return {
      daemon: cpuUs(this.daemon.pid),
      postgres: postmaster ? cpuUs(postmaster.pid, true) : 0,
      customers: cpuUs(this.#customers.pid),
      carrier: cpuUs(this.#carrier.pid),
    };
  }

  /** Resident memory of the daemon in bytes, now and at its highest. */
  memory(): { rss: number; peak: number } {
    return memory(this.daemon.pid);
  }

  async close(): Promise<void> {
    this.#forgetSignal();
    await this.#customers.end();
    await this.daemon.stop();
    await this.daemon.stopPostmaster();
    await this.#carrier.end();
    removeFolder(this.folder);
  }
}

/** A folder for a run that PostgreSQL's own user can pass through, too. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'smppgate-bench-'));
  chmodSync(folder, 0o711);
  return folder;
}

/** Removes a run's folder, and the database where the daemon had to put it elsewhere. */
export function removeFolder(folder: string): void {
  const linked = join(folder, 'data', 'postgres');
  let base: string | undefined;
  try {
    base = realpathSync(linked);
  } catch {
    // never made
  }
  // The supervisor gives each such database a folder of its own.
  if (base !== undefined && !base.startsWith(folder))
    rmSync(dirname(base), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}
