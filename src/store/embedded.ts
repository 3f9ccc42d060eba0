import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { type DataFolderLock, lockDataFolder } from './data-folder-lock.ts';
import { type Binaries, packageRoot, prepareBinaries } from './embedded-binaries.ts';
import { errorLine } from './embedded-error.ts';
import { checkVersion, initialize, writeSettings } from './embedded-init.ts';
import { endLeftovers } from './embedded-leftovers.ts';
import { findPlace, makeSocketFolder, openDataFolder, type ServerUser } from './embedded-place.ts';
import {
  adoptServer,
  isPostmasterOf,
  type RunningServer,
  type ServerSpec,
  startServer,
  stopServer,
} from './embedded-server.ts';

/** Where the supervisor tells what it does; a pino logger fits. */
export interface EmbeddedLog {
  info(message: string): void;
  warn(message: string): void;
}

export interface EmbeddedOptions {
  /** The daemon's data folder; the database lies in (or is linked from) `postgres` within. */
  readonly dataDir: string;
  readonly log: EmbeddedLog;
  /** A user to run PostgreSQL as when we are root, before smppgate, postgres and nobody. */
  readonly runAs?: string;
  /** Settings over ours; tests make the server small. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The PostgreSQL package to run; by default the one npm installed for this platform. */
  readonly packageRoot?: string;
  /** Where what the server's user cannot reach is put when we are root; /var/lib/smppgate. */
  readonly elsewhere?: string;
}

/** A running embedded PostgreSQL. */
export interface EmbeddedPostgres {
  /** Connection string of the database `smppgate`, over the unix socket; pg and psql take it. */
  readonly url: string;
  /** The postmaster's pid; another one after it was restarted. */
  readonly pid: number;
  /** True when this start made the database. */
  readonly created: boolean;
  /** True when a postmaster that a killed daemon left behind was taken over. */
  readonly adopted: boolean;
  /** Shuts the server down and gives the data folder back; safe to call twice. */
  stop(): Promise<void>;
}

const DATABASE = 'smppgate';
/** The place of a program's state that no user's home holds (FHS 5.8). */
const ELSEWHERE = '/var/lib/smppgate';
/** How often a look is taken whether the postmaster still runs. */
const WATCH_MS = 250;
/** Waits between tries to start it again after it died: at once, then doubling up to this. */
const RESTART_MAX_MS = 5_000;

/**
 * Starts the PostgreSQL that lives in the data folder, making it first when there is none, and
 * keeps it running until `stop()`: a postmaster that dies is started again on the same URL.
 *
 * A daemon that is killed leaves its postmaster running; the next start adopts it. Two daemons on
 * one data folder are refused by a lock file.
 *
 * @throws EmbeddedError, one line with what to do, when it cannot be had.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const user = openDataFolder(dataDir, options.runAs);
  const lock = lockDataFolder(dataDir);
  try {
    const made = await makeReady(dataDir, user, options);
    const logFile = join(dataDir, 'postgres.log');
    const spec: ServerSpec = { postgres: made.binaries.postgres, base: made.base, user, logFile };
    const supervisor = new Supervisor(spec, options, lock, made.created);
    await supervisor.start();
    return supervisor;
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function makeReady(
  dataDir: string,
  user: ServerUser | undefined,
  options: EmbeddedOptions,
): Promise<{ base: string; binaries: Binaries; created: boolean }> {
  const elsewhere = options.elsewhere ?? ELSEWHERE;
  const copies = user === undefined ? dataDir : elsewhere;
  const binaries = prepareBinaries(options.packageRoot ?? packageRoot(), copies, user);
  if (binaries.copiedTo !== undefined) {
    options.log.info(`PostgreSQL's programs run from ${binaries.copiedTo}`);
  }
  const place = findPlace(dataDir, user, elsewhere);
  if (place.exists) await checkVersion(place.base, binaries, user);
  else await initialize(place, binaries, user);
  if (place.link !== undefined) {
    options.log.info(
      `the database is in ${place.base}, linked from ${place.link}: ${user?.name} cannot reach ${dataDir}`,
    );
  }
  return { base: place.base, binaries, created: !place.exists };
}

/**
 * Keeps one postmaster running.
 *
 *   start() -> running --dies--> restarting --answers--> running
 *                 |                  |  ^ `--fails: wait, try again
 *                 `----stop()--------'---> stopped
 */
class Supervisor implements EmbeddedPostgres {
  readonly created: boolean;
  adopted = false;
  readonly #spec: ServerSpec;
  readonly #options: EmbeddedOptions;
  readonly #lock: DataFolderLock;
  #server: RunningServer = { pid: 0, socketDir: '' };
  #watch: NodeJS.Timeout | undefined;
  #restart: Promise<void> = Promise.resolve();
  #stop: Promise<void> | undefined;

  constructor(spec: ServerSpec, options: EmbeddedOptions, lock: DataFolderLock, created: boolean) {
    this.#spec = spec;
    this.#options = options;
    this.#lock = lock;
    this.created = created;
  }

  get url(): string {
    return socketUrl(this.#server.socketDir);
  }

  get pid(): number {
    return this.#server.pid;
  }

  async start(): Promise<void> {
    const { base, user } = this.#spec;
    const adopted = await adoptServer(base);
    this.adopted = adopted !== undefined;
    if (adopted !== undefined) {
      this.#server = adopted;
      this.#options.log.info(`took over the PostgreSQL left running (pid ${adopted.pid})`);
    } else {
      writeSettings(base, user, this.#options.settings);
      this.#server = await this.#launch(makeSocketFolder(base, user));
    }
    try {
      await ensureDatabase(this.#server.socketDir);
    } catch (error) {
      await stopServer(this.#server.pid, base);
      throw error;
    }
    this.#watchServer();
  }

  stop(): Promise<void> {
    this.#stop ??= this.#shutDown();
    return this.#stop;
  }

  async #launch(socketDir: string): Promise<RunningServer> {
    const killed = await endLeftovers(this.#spec);
    if (killed.length > 0) {
      const pids = `pid ${killed.join(', ')}`;
      this.#options.log.warn(`ended what the dead PostgreSQL left behind and was stuck (${pids})`);
    }
    return startServer(this.#spec, socketDir);
  }

  async #shutDown(): Promise<void> {
    clearInterval(this.#watch);
    await this.#restart;
    await stopServer(this.#server.pid, this.#spec.base);
    rmSync(this.#server.socketDir, { recursive: true, force: true });
    this.#lock.release();
  }

  // Looking at the pid serves a child of ours and an adopted one alike.
  #watchServer(): void {
    this.#watch = setInterval(() => {
      if (isPostmasterOf(this.#server.pid, this.#spec.base)) return;
      clearInterval(this.#watch);
      this.#restart = this.#startAgain();
    }, WATCH_MS);
    this.#watch.unref();
  }

  async #startAgain(): Promise<void> {
    const { log } = this.#options;
    log.warn(`the embedded PostgreSQL (pid ${this.#server.pid}) ended, starting it again`);
    for (
      let waitMs = WATCH_MS;
      this.#stop === undefined;
      waitMs = Math.min(waitMs * 2, RESTART_MAX_MS)
    ) {
      try {
        await adoptServer(this.#spec.base);
        this.#server = await this.#launch(this.#server.socketDir);
        log.info(`the embedded PostgreSQL runs again (pid ${this.#server.pid})`);
        this.#watchServer();
        return;
      } catch (error) {
        log.warn(errorLine(error));
        await delay(waitMs, undefined, { ref: false });
      }
    }
  }
}

// The host in the query wins over the one before the path, for pg and for libpq; WHATWG URL
// insists on one before the path.
function socketUrl(socketDir: string): string {
  return `postgresql://postgres@localhost/${DATABASE}?host=${encodeURIComponent(socketDir)}`;
}

async function ensureDatabase(socketDir: string): Promise<void> {
  const client = new Client({ host: socketDir, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (known.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}
