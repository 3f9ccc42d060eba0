import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Channel } from './channel.ts';
import { DaemonProcess } from './daemon-process.ts';
import { onEndSignal } from './end-signal.ts';
import type { LeanCarrierOptions, LeanCarrierStats } from './lean-carrier.ts';
import type { LoadResult, LoadRun, LoadTarget } from './load.ts';
import type { LoadBind } from './load-bind.ts';
import { cpuUs, memory } from './proc-stat.ts';
import {
  allTo,
  type BenchAccount,
  type BenchCarrier,
  type BenchRoute,
  resourcesFile,
} from './resources.ts';
import { selfSigned } from './self-signed.ts';
import type { WireTarget } from './wire.ts';

/** Settings of a test stand. */
export interface StandOptions {
  accounts: BenchAccount[];
  bindsPerAccount: number;
  customerWindow: number;
  carrierBinds: number;
  carrierWindow: number;
  receiptDelayMs: number;
  profile: boolean;
  /** A port with TLS as well. */
  tls?: boolean;
  /** Segments a second that the gateway may send to the lean carrier; default 0: unlimited. */
  carrierPerSecond?: number;
  /** Beside the lean carrier, whose name is `bench`. */
  carriers?: BenchCarrier[];
  /** Default: everything to the lean carrier. */
  routes?: BenchRoute[];
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
  readonly #carrier: Channel;
  readonly #customers: Channel;
  readonly #others: Channel[] = [];
  readonly #certificate: string | undefined;
  #forgetSignal: () => void = () => {};

  private constructor(
    options: StandOptions,
    folder: string,
    daemon: DaemonProcess,
    carrier: Channel,
    certificate: string | undefined,
  ) {
    this.#options = options;
    this.folder = folder;
    this.daemon = daemon;
    this.#carrier = carrier;
    this.#certificate = certificate;
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
        accounts: options.accounts,
        price: '0.05',
        carriers: [
          {
            name: 'bench',
            port: carrierPort,
            binds: options.carrierBinds,
            windowMax: options.carrierWindow,
            segmentsPerSecond: options.carrierPerSecond ?? 0,
          },
          ...(options.carriers ?? []),
        ],
        routes: options.routes ?? allTo('bench'),
        customerWindow: options.customerWindow,
      }),
    );
    const tls = options.tls ? makeCertificate(folder) : undefined;
    const daemon = await DaemonProcess.prepare({
      folder,
      resourcesFile: file,
      profile: options.profile,
      ...(tls && { tls: tls.files }),
    });
    const stand = new Stand(options, folder, daemon, carrier, tls?.certificate);
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
    return this.bindAccounts(this.#options.accounts);
  }

  /** Binds the first customer only. */
  bindOne(): Promise<void> {
    return this.bindAccounts(this.#options.accounts.slice(0, 1));
  }

  /** Binds these and no others, plain or over TLS; their numbers begin with `prefix`. */
  bindAccounts(
    accounts: readonly BenchAccount[],
    door: 'plain' | 'tls' = 'plain',
    prefix?: string,
  ): Promise<void> {
    const { bindsPerAccount, customerWindow } = this.#options;
    const target: LoadTarget = {
      ...this.door(door),
      ...(prefix !== undefined && { prefix }),
      windowMax: customerWindow,
      binds: bindsOf(accounts, bindsPerAccount),
    };
    return this.#customers.call('connect', target);
  }

  /** Where customers connect to. */
  door(door: 'plain' | 'tls' = 'plain'): WireTarget {
    const host = '127.0.0.1';
    if (door === 'plain') return { host, port: this.daemon.smppPort };
    if (this.#certificate === undefined) throw new Error('this stand has no port with TLS');
    return { host, port: this.daemon.tlsPort, certificate: this.#certificate };
  }

  /** One more process of customers, as `name` serves it; ends with the stand. */
  another(name: 'customers-process' | 'crowd-process'): Channel {
    const channel = new Channel(name);
    this.#others.push(channel);
    return channel;
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
    for (const other of this.#others) await other.end();
    await this.daemon.stop();
    await this.daemon.stopPostmaster();
    await this.#carrier.end();
    removeFolder(this.folder);
  }
}

/** So many binds of each account. */
export function bindsOf(accounts: readonly BenchAccount[], each: number): LoadBind[] {
  return accounts.flatMap(({ name, password }) =>
    Array.from({ length: each }, () => ({ systemId: name, password })),
  );
}

function makeCertificate(folder: string) {
  const { cert, key } = selfSigned('smppgate bench');
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  return { files, certificate: cert };
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
