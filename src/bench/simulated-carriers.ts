import { statSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, pause } from './daemon-process.ts';
import { SimulatorProcess } from './simulators.ts';
import { makeFolder, removeFolder } from './stand.ts';

/**
 * Carriers of `smppgate simulate carrier`, each a process with a book of its own in one folder: npm `smpp`, so that
 * none of our code is on their side. `end` stops them and removes the folder.
 */
export class SimulatedCarriers {
  readonly folder = makeFolder();
  readonly #running = new Map<string, { process: SimulatorProcess; port: number }>();
  /** A bench that is broken off by a signal ends by process.exit: nothing may stay behind then either. */
  readonly #onExit = () => this.#clear();

  constructor() {
    process.on('exit', this.#onExit);
  }

  /** Starts one, or one that was killed again: on its port, and it goes on with its book. Gives the port. */
  async start(name: string, args: readonly string[]): Promise<number> {
    const known = this.#running.get(name);
    const port = known?.port ?? (await freePort());
    const simulator = new SimulatorProcess([
      ...['carrier', '--port', String(port), '--no-table', '--log', this.book(name)],
      ...(known ? ['--resume'] : []),
      ...args,
    ]);
    this.#running.set(name, { process: simulator, port });
    await simulator.event('listening');
    return port;
  }

  /** Its JSON lines. */
  book(name: string): string {
    return join(this.folder, `${name}.jsonl`);
  }

  /** kill -9. @returns the moment, unix milliseconds */
  async kill(name: string): Promise<number> {
    const at = Date.now();
    this.#running.get(name)?.process.signal('SIGKILL');
    await this.#running.get(name)?.process.end(0);
    return at;
  }

  /** Waits until no book has grown for so long, `mostMs` in all. @returns false when one still grows */
  async untilQuiet(quietMs: number, mostMs: number): Promise<boolean> {
    const deadline = performance.now() + mostMs;
    let size = -1;
    let since = performance.now();
    while (performance.now() < deadline) {
      const now = [...this.#running.keys()].reduce((sum, name) => sum + sizeOf(this.book(name)), 0);
      if (now !== size) since = performance.now();
      size = now;
      if (performance.now() - since >= quietMs) return true;
      await pause(200);
    }
    return false;
  }

  /** Stops each in order. @returns how many receipts they still owe */
  async stop(): Promise<number> {
    let owed = 0;
    for (const simulator of this.#running.values()) {
      simulator.process.signal('SIGTERM');
      owed += Number((await simulator.process.event('stopped')).receiptsOwed);
    }
    return owed;
  }

  async end(): Promise<void> {
    process.off('exit', this.#onExit);
    for (const simulator of this.#running.values()) await simulator.process.end(0);
    this.#clear();
  }

  #clear(): void {
    for (const simulator of this.#running.values()) simulator.process.signal('SIGKILL');
    removeFolder(this.folder);
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
