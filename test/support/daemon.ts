import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `bin/smppgate.js` of this checkout. */
export const ENTRY = fileURLToPath(new URL('../../bin/smppgate.js', import.meta.url));
/** The tests' own; no other daemon has it. */
export const ADMIN_TOKEN = 'daemon-test-token';
export const CRYPTO_KEY = 'daemon-test-key-0123456789abcdefghijkl';

/** How a daemon is started. */
export interface DaemonSpec {
  /** Its working folder: settings files there are found, `data` in it is the data folder. */
  readonly folder: string;
  /** Undefined: the embedded PostgreSQL. */
  readonly databaseUrl?: string;
  /** Written to a file of the folder, which becomes RESOURCES_FILE. */
  readonly resources?: object;
  /** Default 0: a free one. */
  readonly smppPort?: number;
  readonly httpPort?: number;
  /** Of `serve`. */
  readonly flags?: readonly string[];
  /** Over everything that is set here; undefined unsets. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The script, in place of this checkout's. */
  readonly entry?: string;
  /** A process group of its own, as a shell's job has, for `interrupt()`. */
  readonly ownGroup?: boolean;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the signal (or the start) to the end. */
  readonly tookMs: number;
}

/** How a daemon that was not to start ended, and all that it said. */
export interface FailedStart extends Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** One line of the daemon's log. */
export interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A start takes about a second; a machine that runs other tests many times that. */
const START_MS = 120_000;
/** A test waits at most this long for something to happen: it costs time only where nothing does. */
const PATIENCE_MS = 100_000;
/** interface.md promises an end within seconds; past this it hangs. */
const END_MS = 60_000;

const running = new Set<ChildProcess>();

/** Ends every daemon that a test left, by its pid. For afterAll. */
export async function killDaemons(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }),
  );
}

/** A running `smppgate serve`, a process of its own. */
export class TestDaemon {
  readonly smppPort: number;
  readonly httpUrl: string;
  readonly startedInMs: number;
  readonly #child: ChildProcess;
  readonly #output: Output;

  /** Starts one and waits until it serves. @throws with what it said when it ends instead */
  static async start(spec: DaemonSpec): Promise<TestDaemon> {
    const beganAt = performance.now();
    const child = launch(spec);
    const output = new Output(child);
    try {
      const serving = await until(
        'the daemon serves',
        () => {
          if (child.exitCode !== null || child.signalCode !== null)
            throw new Error(
              `the daemon ended with ${child.exitCode}: ${output.stderr}${output.stdout}`,
            );
          return output.log().find((line) => line.msg === 'serving');
        },
        START_MS,
      );
      return new TestDaemon(child, output, serving, performance.now() - beganAt);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  private constructor(child: ChildProcess, output: Output, serving: LogLine, startedInMs: number) {
    this.#child = child;
    this.#output = output;
    this.smppPort = Number(String(serving.smpp).split(':').at(-1));
    this.httpUrl = String(serving.http);
    this.startedInMs = startedInMs;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get httpPort(): number {
    return Number(new URL(this.httpUrl).port);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  /** Its log so far: the lines of stdout that are JSON. */
  log(event?: string): LogLine[] {
    return this.#output.log().filter((line) => event === undefined || line.msg === event);
  }

  /** Waits until it has logged an event, `count` times in all. */
  logged(event: string, timeoutMs = PATIENCE_MS, count = 1): Promise<LogLine> {
    return until(`${event} is logged`, () => this.log(event)[count - 1], timeoutMs);
  }

  /** Whoever read its output is gone: what it writes from now on is refused (EPIPE). */
  stopReading(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** What a terminal does at Ctrl-C: SIGINT to everything in its process group. Needs `ownGroup`. */
  interrupt(): Promise<Ended> {
    return this.#ended(() => process.kill(-this.pid, 'SIGINT'));
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.stop('SIGKILL');
  }

  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    return this.#ended(() => this.#child.kill(signal));
  }

  async #ended(how: () => void): Promise<Ended> {
    const beganAt = performance.now();
    if (running.has(this.#child)) {
      const closed = once(this.#child, 'close');
      how();
      const hurry = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
      await closed;
      clearTimeout(hurry);
    }
    const { exitCode: code, signalCode } = this.#child;
    return { code, signal: signalCode, tookMs: performance.now() - beganAt };
  }

  /** GET of the HTTP API, parsed. */
  async get<T = unknown>(path: string): Promise<T> {
    const response = await fetch(`${this.httpUrl}${path}`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return (response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text) as T;
  }

  /** The sum of a metric over the label sets that hold all of `labels`. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await this.get<string>('/metrics');
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

/** Runs a daemon that is to fail at its start, and waits for its end. */
export async function failedStart(spec: DaemonSpec): Promise<FailedStart> {
  const beganAt = performance.now();
  const child = launch(spec);
  const output = new Output(child);
  const hurry = setTimeout(() => child.kill('SIGKILL'), START_MS);
  await once(child, 'close');
  clearTimeout(hurry);
  return {
    code: child.exitCode,
    signal: child.signalCode,
    tookMs: performance.now() - beganAt,
    stdout: output.stdout,
    stderr: output.stderr,
  };
}

/**
 * A port that was free a moment ago, below the range that the kernel takes outgoing ports from: a peer that tries
 * again and again to reach a closed port of that range in the end connects to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Looks again and again until there is something. @throws when `timeoutMs` are over, in words */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const POLL_MS = 20;

/** Whether a process of this pid lives; a zombie, which only waits for its parent, does not (proc(5)). */
export function isAlive(pid: number): boolean {
  return (statOf(pid) ?? { state: 'Z' }).state !== 'Z';
}

/** The processes that this one started, and those that they did. */
export function descendants(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => statOf(child)?.parent === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** The embedded PostgreSQL of a data folder: its postmaster and its URL; undefined when there is no pid file. */
export function postmasterOf(dataDir: string): { pid: number; url: string } | undefined {
  try {
    const file = readFileSync(
      join(realpathSync(join(dataDir, 'postgres')), 'postmaster.pid'),
      'utf8',
    );
    const lines = file.split('\n');
    const host = encodeURIComponent(lines[4] ?? '');
    return { pid: Number(lines[0]), url: `postgresql://postgres@localhost/smppgate?host=${host}` };
  } catch {
    return undefined;
  }
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = 'Z', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function launch(spec: DaemonSpec): ChildProcess {
  const { folder, databaseUrl, resources, smppPort = 0, httpPort = 0, entry = ENTRY } = spec;
  const dataDir = join(folder, 'data');
  const file = join(folder, 'resources.json');
  mkdirSync(folder, { recursive: true });
  if (resources !== undefined) writeFileSync(file, JSON.stringify(resources));
  const env: Record<string, string | undefined> = {
    // Nothing of the caller's environment but these: its DATABASE_URL is not meant for a test.
    PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    TMPDIR: tmpdir(),
    HOME: folder,
    // A node of some 400 modules starts in half the CPU where they are compiled already.
    NODE_COMPILE_CACHE: join(tmpdir(), 'smppgate-test-modules'),
    DATA_DIR: dataDir,
    DATABASE_URL: databaseUrl,
    CRYPTO_KEY,
    ADMIN_TOKEN,
    SMPP_HOST: '127.0.0.1',
    SMPP_PORT: String(smppPort),
    HTTP_PORT: String(httpPort),
    RESOURCES_FILE: resources === undefined ? undefined : file,
    ...spec.env,
  };
  const child = spawn(process.execPath, [entry, 'serve', ...(spec.flags ?? [])], {
    cwd: folder,
    env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: spec.ownGroup === true,
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** What a process said. */
class Output {
  stdout = '';
  stderr = '';
  #parsedTo = 0;
  readonly #log: LogLine[] = [];

  constructor(child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
  }

  log(): readonly LogLine[] {
    for (;;) {
      const end = this.stdout.indexOf('\n', this.#parsedTo);
      if (end < 0) return this.#log;
      const line = this.stdout.slice(this.#parsedTo, end);
      this.#parsedTo = end + 1;
      if (line.startsWith('{')) this.#log.push(JSON.parse(line));
    }
  }
}
