import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readStat } from './proc-stat.ts';

/** Settings of the daemon under test. */
export interface DaemonSettings {
  /** A folder that it may fill; removed by whoever made it. */
  folder: string;
  resourcesFile: string;
  /** true: `node --cpu-prof` into the folder, written when it stops in order. */
  profile?: boolean;
  /** Files of a certificate and its key: a port with TLS as well. */
  tls?: { cert: string; key: string };
  /** Start patience, milliseconds. */
  readyMs?: number;
}

/** An answer of the HTTP API is waited for. */
const ANSWER_MS = 60_000;
/** The reconciliation of ten million messages, on a slow disk. */
export const RECONCILED_MS = 290_000;

/** As `npm start` has them: see docs/performance.md. */
const nodeFlags = ['--max-semi-space-size=16'];

/**
 * `smppgate serve` as a child process, on free ports of loopback and an
 * embedded PostgreSQL in a folder of its own; started, killed and started
 * again on the same ports and data. Its output goes to `folder`/daemon.log.
 */
export class DaemonProcess {
  readonly smppPort: number;
  readonly httpPort: number;
  /** Open only with `tls`. */
  readonly tlsPort: number;
  readonly #settings: DaemonSettings;
  readonly #token = 'bench-token-of-this-run-only';
  #child: ChildProcess | undefined;

  private constructor(
    settings: DaemonSettings,
    ports: { smpp: number; http: number; tls: number },
  ) {
    this.#settings = settings;
    this.smppPort = ports.smpp;
    this.httpPort = ports.http;
    this.tlsPort = ports.tls;
  }

  /** Chooses ports; starts nothing yet. */
  static async prepare(settings: DaemonSettings): Promise<DaemonProcess> {
    const ports = { smpp: await freePort(), http: await freePort(), tls: await freePort() };
    return new DaemonProcess(settings, ports);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  get logFile(): string {
    return join(this.#settings.folder, 'daemon.log');
  }

  get dataDir(): string {
    return join(this.#settings.folder, 'data');
  }

  /** Starts it and waits until /readyz says so; gives the milliseconds that took. @throws with the log's last lines. */
  async start(): Promise<number> {
    const startedAt = performance.now();
    const log = openSync(this.logFile, 'a');
    const { folder, profile, resourcesFile, tls } = this.#settings;
    const profiling = profile ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
    const child = spawn(process.execPath, [...nodeFlags, ...profiling, entryPoint, 'serve'], {
      stdio: ['ignore', log, log],
      cwd: this.#settings.folder,
      env: {
        // Nothing of the caller's environment but these: its DATABASE_URL is not for a bench.
        PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
        TMPDIR: tmpdir(),
        HOME: this.#settings.folder,
        DATA_DIR: this.dataDir,
        SMPP_HOST: '127.0.0.1',
        SMPP_PORT: String(this.smppPort),
        ...(tls && {
          SMPP_TLS_PORT: String(this.tlsPort),
          SMPP_TLS_CERT: tls.cert,
          SMPP_TLS_KEY: tls.key,
        }),
        HTTP_HOST: '127.0.0.1',
        HTTP_PORT: String(this.httpPort),
        ADMIN_TOKEN: this.#token,
        RESOURCES_FILE: resourcesFile,
        DEMO: 'false',
        LOG_LEVEL: 'warn',
      },
    });
    closeSync(log);
    this.#child = child;
    await this.#untilReady(child);
    return performance.now() - startedAt;
  }

  /** Asks the HTTP API; undefined when it cannot be reached, or does not answer in time. */
  async get(
    path: string,
    patienceMs = ANSWER_MS,
  ): Promise<{ status: number; body: unknown } | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.httpPort}${path}`, {
        headers: { authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.timeout(patienceMs),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json');
      return { status: response.status, body: isJson ? JSON.parse(text) : text };
    } catch {
      return undefined;
    }
  }

  /** Sends a signal and waits for its end (after SIGTERM for 30 s at most, then SIGKILL). */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const hurry = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await ended;
    clearTimeout(hurry);
  }

  /** The embedded postmaster, from its pid file; undefined while there is none. */
  postmaster(): { pid: number; socketFolder: string } | undefined {
    try {
      const lines = readFileSync(join(this.#base(), 'postmaster.pid'), 'utf8').split('\n');
      const pid = Number(lines[0]);
      const stat = readStat(pid);
      if (stat?.command !== 'postgres') return undefined;
      return { pid, socketFolder: lines[4] ?? '' };
    } catch {
      return undefined;
    }
  }

  /** Stops what a killed daemon left: the postmaster, by SIGINT (fast shutdown), then SIGKILL, and backends without one. */
  async stopPostmaster(): Promise<void> {
    await this.#shutDownPostmaster();
    for (const pid of this.#processesOfDatabase()) process.kill(pid, 'SIGKILL');
  }

  async #shutDownPostmaster(): Promise<void> {
    const postmaster = this.postmaster();
    if (!postmaster) return;
    process.kill(postmaster.pid, 'SIGINT');
    for (
      let tries = 0;
      tries < 100 && readStat(postmaster.pid)?.command === 'postgres';
      tries += 1
    ) {
      await pause(100);
    }
    if (readStat(postmaster.pid)?.command === 'postgres') process.kill(postmaster.pid, 'SIGKILL');
  }

  /** Last lines of its log. */
  tail(lines = 15): string {
    try {
      return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch {
      return '';
    }
  }

  /** Every process of PostgreSQL works in its data folder. */
  #processesOfDatabase(): number[] {
    let base: string;
    try {
      base = this.#base();
    } catch {
      return [];
    }
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && workingFolder(name) === base)
      .map(Number);
  }

  #base(): string {
    return realpathSync(join(this.dataDir, 'postgres'));
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + (this.#settings.readyMs ?? 60_000);
    while (performance.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(
          `the daemon ended with ${child.exitCode ?? child.signalCode}:\n${this.tail()}`,
        );
      }
      if ((await this.get('/readyz'))?.status === 200) return;
      await pause(20);
    }
    throw new Error(`the daemon was not ready in time:\n${this.tail()}`);
  }
}

function workingFolder(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // it ended meanwhile, or is not ours
  }
}

/** bin/smppgate.js lies beside src/ and beside dist/. */
export const entryPoint = fileURLToPath(new URL('../../bin/smppgate.js', import.meta.url));

/** Waits. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Below the ports that a system gives to outgoing connections (from 32,768 on Linux): thousands of clients that
 * reconnect while the daemon is down would take its own.
 */
const ports = { from: 10_000, to: 32_000, tries: 100 };

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < ports.tries; tries += 1) {
    const port = ports.from + Math.floor(Math.random() * (ports.to - ports.from));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${ports.tries} from ${ports.from} to ${ports.to}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
