import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpsLog } from '../logs.ts';
import type { Trace, TraceHub, TraceSpec } from './hub.ts';
import { type Recording, RunningRecording, recordingSchema } from './running-recording.ts';

/** A recording ends at the latest here. */
export const RECORDING_SECONDS_MAX = 600;
export const RECORDING_OCTETS_MAX = 100 * 1_048_576;
/** A recording is deleted this long after it was begun. */
export const RECORDING_KEPT_MS = 86_400_000;
/** Recordings kept at once: 1 GiB of disk at most. */
export const RECORDINGS_MAX = 10;
const SWEEP_MS = 60_000;

/** Why a recording was not begun. */
export type RecordingRefusal = 'tooManyTraces' | 'tooManyRecordings';

/**
 * Records traces into pcap files of `folder`, each with a file of facts beside it; both have mode 0600.
 *
 *   running ──time, size, stop, shutdown, error──> done ──a day after its begin──> deleted
 *      └── the daemon was killed: `interrupted`, whole up to its last packet ──────────┘
 */
export class Recordings {
  readonly #folder: string;
  readonly #hub: TraceHub;
  readonly #log: OpsLog;
  readonly #octetsMax: number;
  readonly #now: () => number;
  readonly #running = new Map<string, RunningRecording>();
  /** Begun and not yet in #running. */
  #beginning = 0;
  #sweeps: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly folder: string;
    readonly hub: TraceHub;
    readonly log: OpsLog;
    /** Of one file; default RECORDING_OCTETS_MAX. */
    readonly octetsMax?: number;
    /** Unix ms. */
    now(): number;
  }) {
    this.#folder = options.folder;
    this.#hub = options.hub;
    this.#log = options.log;
    this.#octetsMax = options.octetsMax ?? RECORDING_OCTETS_MAX;
    this.#now = options.now;
  }

  /** Begins one. @param seconds 1 to RECORDING_SECONDS_MAX */
  async begin(
    spec: TraceSpec,
    by: { readonly seconds: number; readonly reason: string; readonly actor: string },
  ): Promise<Recording | RecordingRefusal> {
    this.#beginning++;
    try {
      const kept = (await this.#ids()).length + this.#beginning - 1;
      if (kept >= RECORDINGS_MAX) return 'tooManyRecordings';
      const trace = this.#hub.start(spec);
      if (trace === undefined) return 'tooManyTraces';
      return await this.#record(trace, by);
    } finally {
      this.#beginning--;
    }
  }

  /** All that are kept, newest first. */
  async list(): Promise<Recording[]> {
    const found = await Promise.all((await this.#ids()).map((id) => this.find(id)));
    return found
      .filter((one) => one !== undefined)
      .sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  }

  async find(id: string): Promise<Recording | undefined> {
    const running = this.#running.get(id);
    if (running !== undefined) return running.facts();
    if (!ID.test(id)) return undefined;
    try {
      const facts = recordingSchema.parse(
        JSON.parse(await readFile(this.#path(id, 'json'), 'utf8')),
      );
      if (facts.state !== 'running') return facts;
      const { size } = await stat(this.#path(id, 'pcap'));
      return { ...facts, state: 'interrupted', octets: size };
    } catch {
      return undefined; // deleted meanwhile, or never whole
    }
  }

  /** The file of one that `find` knows and that runs no more. */
  read(recording: Recording): ReadStream {
    return createReadStream(this.#path(recording.id, 'pcap'));
  }

  /** Ends it if it runs. @returns undefined when there is none */
  async stop(id: string): Promise<Recording | undefined> {
    const running = this.#running.get(id);
    running?.stop('stopped');
    await running?.done;
    return this.find(id);
  }

  /** Ends it if it runs, and deletes it. @returns false when there is none */
  async remove(id: string): Promise<boolean> {
    if ((await this.stop(id)) === undefined) return false;
    await this.#unlink(id);
    return true;
  }

  /** Deletes what is over its time, now and each minute, also what an earlier life of the daemon left. */
  start(): void {
    void this.sweep();
    this.#sweeps ??= setInterval(() => void this.sweep(), SWEEP_MS);
  }

  /** Deletes what is over its time. */
  async sweep(): Promise<void> {
    for (const id of await this.#ids()) {
      if (this.#running.has(id)) continue;
      const begun = Number.parseInt(id, 36);
      const since = Number.isNaN(begun) ? 0 : begun;
      if (this.#now() - since >= RECORDING_KEPT_MS) await this.#unlink(id);
    }
  }

  /** Ends what runs and waits until it is written. */
  async close(): Promise<void> {
    clearInterval(this.#sweeps);
    this.#sweeps = undefined;
    const running = [...this.#running.values()];
    for (const one of running) one.stop('shutdown');
    await Promise.all(running.map((one) => one.done));
  }

  async #record(
    trace: Trace,
    by: { readonly seconds: number; readonly reason: string; readonly actor: string },
  ): Promise<Recording> {
    const startedMs = this.#now();
    // Its time, in letters that sort, so that it is known when to delete it even without its facts.
    const id = `${startedMs.toString(36)}-${randomBytes(6).toString('hex')}`;
    const recording: Recording = {
      id,
      side: trace.spec.side,
      peer: trace.spec.peer,
      content: trace.spec.content,
      reason: by.reason,
      actor: by.actor,
      startedAt: new Date(startedMs).toISOString(),
      until: new Date(startedMs + by.seconds * 1_000).toISOString(),
      state: 'running',
      pdus: 0,
      lost: 0,
      octets: 0,
    };
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await chmod(this.#folder, 0o700);
      await this.#writeFacts(recording);
    } catch (error) {
      trace.stop();
      throw error;
    }
    const file = createWriteStream(this.#path(id, 'pcap'), { flags: 'wx', mode: 0o600 });
    const limits = { octetsMax: this.#octetsMax, now: () => this.#now() };
    const running = new RunningRecording(trace, file, recording, limits);
    this.#running.set(id, running);
    running.done = running.run().then(async () => {
      await this.#writeFacts(running.facts()).catch((error) => this.#failed(id, error));
      this.#running.delete(id);
    });
    return running.facts();
  }

  #writeFacts(recording: Recording): Promise<void> {
    return writeFile(this.#path(recording.id, 'json'), `${JSON.stringify(recording)}\n`, {
      mode: 0o600,
    });
  }

  #failed(id: string, error: unknown): void {
    this.#log.warn('trace facts not written', { id, reason: String(error) });
  }

  async #ids(): Promise<string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return [...new Set(names.map((name) => name.split('.', 1)[0] ?? ''))].filter((id) =>
      ID.test(id),
    );
  }

  #path(id: string, kind: 'pcap' | 'json'): string {
    return join(this.#folder, `${id}.${kind}`);
  }

  async #unlink(id: string): Promise<void> {
    for (const kind of ['pcap', 'json'] as const)
      await unlink(this.#path(id, kind)).catch(() => {}); // gone is what is wanted
  }
}

/** Milliseconds in base 36, and six random octets: nothing of a request can become a path. */
const ID = /^[0-9a-z]{8,9}-[0-9a-f]{12}$/;
