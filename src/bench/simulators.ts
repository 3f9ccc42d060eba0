import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { entryPoint } from './daemon-process.ts';

/** A `smppgate simulate ... --json` as a child: a process of its own that keeps its own book. */
export class SimulatorProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #lines: unknown[] = [];
  #onLine: (() => void) | undefined;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [entryPoint, 'simulate', ...args, '--json'], {
      // Its summary says what its last line on stderr would.
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#ended = new Promise((resolve) => this.#child.once('exit', (code) => resolve(code)));
    const { stdout } = this.#child;
    if (!stdout) throw new Error('the simulator has no output');
    createInterface({ input: stdout }).on('line', (line) => {
      this.#lines.push(JSON.parse(line));
      this.#onLine?.();
    });
  }

  /** The line of a kind that it printed, or will. Rejects when it ends without. */
  async event(kind: string): Promise<Record<string, unknown>> {
    for (;;) {
      for (const line of this.#lines) {
        if (isRecord(line) && line.event === kind) return line;
      }
      const next = new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
      const code = await Promise.race([next, this.#ended]);
      if (code !== undefined) throw new Error(`the simulator ended with ${code} and no "${kind}"`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
  }

  /** Waits for its end, `milliseconds` at most, then kills it. */
  async end(milliseconds: number): Promise<void> {
    const hurry = setTimeout(() => this.signal('SIGKILL'), milliseconds);
    await this.#ended;
    clearTimeout(hurry);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
