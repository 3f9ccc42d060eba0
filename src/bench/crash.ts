import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCarrierBook, readCustomerBook } from './books.ts';
import { freezeInsideCommit } from './commit-probe.ts';
import type { CrashOptions, CrashReport, Kill } from './crash-options.ts';
import { DaemonProcess, pause, RECONCILED_MS } from './daemon-process.ts';
import { onEndSignal } from './end-signal.ts';
import { judge } from './judge.ts';
import { readLedgerBook } from './ledger-book.ts';
import { queryLedger } from './ledger-query.ts';
import { LoadMeter } from './load-meter.ts';
import { median } from './performance.ts';
import { descendants } from './proc-stat.ts';
import { allTo, type BenchAccount, benchAccounts, resourcesFile } from './resources.ts';
import { seededRandom, shuffled } from './seeded.ts';
import { SimulatorProcess } from './simulators.ts';
import { makeFolder, removeFolder } from './stand.ts';
import type { Verdict } from './verdict.ts';

/** The load is measured over so long, milliseconds. */
const meterMs = 500;
/** 0.05 credits a segment, 100,000,000 opening credits: see resources.ts. */
const unitPrice = 50_000n;
const openingCredit = 100_000_000_000_000n;

/**
 * Kills the daemon and PostgreSQL at random instants under load, starts them
 * again, waits until everything is final, and judges three books: the
 * customers' logs, the carrier's log (both of npm smpp simulators, processes
 * of their own that are never killed) and the ledger read by SQL.
 */
export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const folder = makeFolder();
  const run = new CrashRun(options, folder);
  const forget = onEndSignal(() => run.close());
  try {
    return await run.run();
  } finally {
    forget();
    await run.close();
    if (options.keep) options.log(`kept: ${folder}`);
    else removeFolder(folder);
  }
}

class CrashRun {
  readonly #options: CrashOptions;
  readonly #folder: string;
  readonly #random: () => number;
  readonly #accounts: BenchAccount[];
  readonly #problems: string[] = [];
  readonly #kills: Kill[] = [];
  readonly #customers: SimulatorProcess[] = [];
  /** When the daemon ended though nobody killed it. */
  readonly #ownEnds: number[] = [];
  #carrier: SimulatorProcess | undefined;
  #meter: LoadMeter | undefined;
  #daemon: DaemonProcess | undefined;

  constructor(options: CrashOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#random = seededRandom(options.seed);
    // Both ways to charge, side by side.
    this.#accounts = benchAccounts(2).map((account, index) => ({
      ...account,
      chargeOn: index === 0 ? 'submit' : 'delivered',
    }));
  }

  async run(): Promise<CrashReport> {
    const daemon = await this.#start();
    this.#options.log(
      `seed ${this.#options.seed}: ${this.#options.ratePerSecond} submits a second`,
    );
    for (const [index, kill] of this.#schedule().entries()) {
      await this.#untilUnderLoad();
      await pause(this.#between());
      await this.#kill(daemon, kill, index);
    }
    await pause(this.#between());
    return this.#finish(daemon);
  }

  async close(): Promise<void> {
    for (const customer of this.#customers) {
      customer.signal('SIGKILL');
      await customer.end(0);
    }
    await this.#daemon?.stop();
    await this.#daemon?.stopPostmaster();
    this.#meter?.close();
    this.#carrier?.signal('SIGKILL');
    await this.#carrier?.end(0);
  }

  async #start(): Promise<DaemonProcess> {
    const carrier = new SimulatorProcess([
      ...['carrier', '--port', '0', '--log', this.#book('carrier')],
      ...['--receipt-delay', '50', '--receipt-spread', '300', '--no-table'],
      ...['--receipt-states', 'DELIVRD=19,UNDELIV=1'],
    ]);
    this.#carrier = carrier;
    const { port } = await carrier.event('listening');
    const file = join(this.#folder, 'resources.json');
    writeFileSync(
      file,
      resourcesFile({
        accounts: this.#accounts,
        price: '0.05',
        carriers: [
          {
            name: 'bench',
            port: Number(port),
            binds: 2,
            windowMax: 200,
            unknownWaitSeconds: this.#options.unknownWaitSeconds ?? 5,
          },
        ],
        routes: allTo('bench'),
        customerWindow: 200,
      }),
    );
    const daemon = await DaemonProcess.prepare({ folder: this.#folder, resourcesFile: file });
    this.#daemon = daemon;
    await daemon.start();
    for (const [index, { name, password }] of this.#accounts.entries()) {
      writeFileSync(this.#book(name), ''); // there before the meter looks for it
      const rate = Math.ceil(this.#options.ratePerSecond / this.#accounts.length);
      const customer = new SimulatorProcess([
        ...[
          'customer',
          '--port',
          String(daemon.smppPort),
          '--system-id',
          name,
          '--password',
          password,
        ],
        ...['--binds', '3', '--window', '100', '--messages', '999999999', '--rate', String(rate)],
        // A destination for each message, of each customer's own: it is what the books have in common.
        ...['--to', `9665${index}########`, '--text', `crash ${index} {n}`],
        ...['--receipt-wait', String(this.#options.settleMs ?? 180_000)],
        ...['--log', this.#book(name)],
      ]);
      this.#customers.push(customer);
    }
    return daemon;
  }

  #schedule(): { what: Kill['what']; insideCommit: boolean }[] {
    const { kills, postgresKills, insideCommit } = this.#options;
    const whats = shuffled(
      [
        ...new Array<Kill['what']>(kills).fill('daemon'),
        ...new Array<Kill['what']>(postgresKills).fill('postgres'),
      ],
      this.#random,
    );
    const inside = shuffled(
      whats.map((_, index) => index < insideCommit),
      this.#random,
    );
    return whats.map((what, index) => ({ what, insideCommit: inside[index] ?? false }));
  }

  /** Waits until the customers are bound again and nine tenths of the rate are answered. */
  async #untilUnderLoad(): Promise<void> {
    this.#meter ??= new LoadMeter(this.#accounts.map(({ name }) => this.#book(name)));
    const wanted = (this.#options.ratePerSecond * meterMs * 0.9) / 1000;
    const deadline = performance.now() + 30_000;
    this.#meter.read();
    while (performance.now() < deadline) {
      await pause(meterMs);
      if (this.#meter.read() >= wanted) return;
    }
    this.#problems.push('the load did not come back within 30 s');
  }

  async #kill(
    daemon: DaemonProcess,
    plan: { what: Kill['what']; insideCommit: boolean },
    index: number,
  ): Promise<void> {
    const postmaster = daemon.postmaster();
    if (!postmaster) throw new Error('there is no PostgreSQL to kill');
    const frozen = plan.insideCommit
      ? await freezeInsideCommit(postmaster.socketFolder, this.#random, 10_000)
      : undefined;
    if (plan.insideCommit && !frozen) this.#problems.push(`kill ${index}: no COMMIT was caught`);
    const at = Date.now();
    const from = performance.now();
    if (plan.what === 'daemon') {
      await daemon.stop('SIGKILL');
      // The frozen COMMIT ends while the next daemon starts, or before, as chance will have it.
      const thaw = pause(this.#random() * 1000).then(() => signal(frozen?.pid, 'SIGCONT'));
      await pause(this.#random() * 300);
      await daemon.start();
      await thaw;
    } else {
      // Alone, so that its backends find out by themselves, or with all of them at once. One backend killed inside
      // COMMIT holds locks that the others would wait for without end, with no postmaster left to tell them.
      const isAlone = !frozen && this.#random() < 0.5;
      const backends = isAlone ? [] : descendants(postmaster.pid);
      for (const { pid } of [postmaster, ...backends]) signal(pid, 'SIGKILL');
      await this.#untilReadyAgain(daemon, postmaster.pid);
    }
    this.#kills.push({
      what: plan.what,
      at,
      ...(frozen && { insideCommit: frozen.lane }),
      loadPerSecond: 0,
      readyMs: Math.round(performance.now() - from),
    });
    const { readyMs } = this.#kills.at(-1) ?? {};
    this.#options.log(
      `${index + 1}: ${plan.what}${frozen ? ` inside the COMMIT of ${frozen.lane}` : ''}, ready after ${readyMs} ms`,
    );
  }

  /** The daemon's supervisor starts PostgreSQL again; a daemon that ended with it is started by us, and that is noted. */
  async #untilReadyAgain(daemon: DaemonProcess, oldPostmaster: number): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (performance.now() < deadline) {
      await pause(50);
      if (!daemon.isRunning) {
        this.#problems.push(`the daemon ended when PostgreSQL was killed:\n${daemon.tail(5)}`);
        this.#ownEnds.push(Date.now());
        await daemon.start();
      }
      const postmaster = daemon.postmaster();
      if (!postmaster || postmaster.pid === oldPostmaster) continue;
      if ((await daemon.get('/readyz'))?.status === 200) return;
    }
    throw new Error(`not ready again after PostgreSQL was killed:\n${daemon.tail()}`);
  }

  async #finish(daemon: DaemonProcess): Promise<CrashReport> {
    for (const customer of this.#customers) customer.signal('SIGTERM');
    await this.#untilAllFinal(daemon);
    for (const customer of this.#customers) await customer.end(this.#options.settleMs ?? 180_000);
    const reconciliation = (await daemon.get('/v1/reconciliation', RECONCILED_MS))?.body;
    this.#carrier?.signal('SIGTERM');
    const stopped = await this.#carrier?.event('stopped');
    if (stopped?.receiptsOwed !== 0) {
      this.#problems.push(`the carrier still owes ${stopped?.receiptsOwed} receipts`);
    }
    const verdict = await this.#judge(daemon);
    if (!isOk(reconciliation)) {
      this.#problems.push(`reconciliation says ${JSON.stringify(reconciliation)}`);
    }
    return {
      seed: this.#options.seed,
      kills: this.#kills,
      insideCommit: this.#kills.filter((kill) => kill.insideCommit !== undefined).length,
      loadPerSecond: median(this.#kills.map((kill) => kill.loadPerSecond)),
      reconciliation,
      verdict,
      problems: this.#problems,
    };
  }

  /** Until every stored message has its outcome and nothing is open, settleMs at most: what is not, the judge finds. */
  async #untilAllFinal(daemon: DaemonProcess): Promise<void> {
    const deadline = performance.now() + (this.#options.settleMs ?? 180_000);
    while (performance.now() < deadline) {
      await pause(500);
      const open = await queryLedger(daemon, async (client) => {
        const { rows } = await client.query<{ open: string }>(
          `select count(*)::text as open from message m
           where not exists (select from outcome o where o.id = m.id)`,
        );
        return Number(rows[0]?.open);
      });
      if (open === 0) return;
    }
    this.#problems.push('not everything was final in time');
  }

  async #judge(daemon: DaemonProcess): Promise<Verdict> {
    const ledger = await queryLedger(daemon, readLedgerBook);
    const customers = await Promise.all(
      this.#accounts.map(({ name }) => readCustomerBook(this.#book(name), name)),
    );
    this.#noteLoads(customers.flatMap(({ submits }) => [...submits.values()]));
    return judge(customers, await readCarrierBook(this.#book('carrier')), ledger, {
      unitPrice,
      openingCredit,
      refundedFaults: new Set(['platform']),
      kills: [
        ...this.#kills.filter(({ what }) => what === 'daemon').map(({ at }) => at),
        ...this.#ownEnds,
      ],
      unstoredMs: 5000,
    });
  }

  #noteLoads(submits: readonly { at: number; status?: number }[]): void {
    const times = submits.filter(({ status }) => status === 0).map(({ at }) => at);
    for (const kill of this.#kills) {
      kill.loadPerSecond = times.filter((at) => at > kill.at - 1000 && at <= kill.at).length;
    }
  }

  #between(): number {
    const [least, most] = this.#options.betweenMs ?? [500, 3000];
    return least + this.#random() * (most - least);
  }

  #book(name: string): string {
    return join(this.#folder, `${name}.jsonl`);
  }
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself: a killed server takes its backends with it.
  }
}

function isOk(reconciliation: unknown): boolean {
  return (
    typeof reconciliation === 'object' &&
    reconciliation !== null &&
    'ok' in reconciliation &&
    reconciliation.ok === true
  );
}
