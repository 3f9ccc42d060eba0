import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { Jobs } from './jobs.ts';
import { isForQueue, type Message } from './message.ts';
import { smaller } from './queue.ts';
import type { Job } from './sending.ts';

export interface RereadingDeps {
  readonly carrier: CarrierId;
  /** What waits at the carrier before its queue: other jobs of the same messages are taken out of it, the new one goes in. */
  readonly jobs: Jobs;
  /** Reads messages with their content. */
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** Its place is the table `scheduled`: it is brought again from there. */
  giveBackScheduled(id: MessageId): void;
  /** They were read: what is to be sent is with `jobs`. */
  onRead(): void;
  /** The store is away: the old copies are with `jobs`, are refused by their lease again, and read then. */
  onStoreAway(): void;
}

/** Jobs of messages that were replaced since their copies were made: being read again, to be sent as they are now. */
export class Rereading {
  readonly #deps: RereadingDeps;
  readonly #jobs = new Map<MessageId, Job>();

  constructor(deps: RereadingDeps) {
    this.#deps = deps;
  }

  /** One a message. */
  get jobs(): Iterable<Job> {
    return this.#jobs.values();
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** An id not above any here. */
  floor(): MessageId | undefined {
    let floor: MessageId | undefined;
    for (const id of this.#jobs.keys()) floor = smaller(floor, id);
    return floor;
  }

  /**
   * Whatever of a message waits here becomes one job for all its segments, under the highest attempt, so that no key
   * is used twice.
   */
  read(replacedJobs: readonly Job[]): void {
    const { jobs, giveBackScheduled, load, onRead, onStoreAway } = this.#deps;
    const replaced = new Set(replacedJobs.map((job) => job.message.id));
    const all = [...replacedJobs, ...jobs.takeOf(replaced)];
    const old = all.filter(({ message }) => message.releaseAtMs === 0);
    for (const { message } of all) if (message.releaseAtMs !== 0) giveBackScheduled(message.id);
    if (old.length === 0) return;
    for (const job of old) this.#jobs.set(job.message.id, job);
    const ids = new Set(old.map(({ message }) => message.id));
    load([...ids]).then(
      (messages) => {
        this.#letGo(ids);
        this.#enqueue(messages, old);
        onRead();
      },
      () => {
        this.#letGo(ids);
        for (const job of old) jobs.push(job);
        onStoreAway();
      },
    );
  }

  #letGo(ids: Iterable<MessageId>): void {
    for (const id of ids) this.#jobs.delete(id);
  }

  #enqueue(messages: readonly Message[], old: readonly Job[]): void {
    const attempts = new Map<MessageId, number>();
    const versions = new Map<MessageId, number>();
    for (const { message, attempt } of old) {
      attempts.set(message.id, Math.max(attempt, attempts.get(message.id) ?? 0));
      versions.set(message.id, message.version);
    }
    for (const message of messages) {
      // Its row names the first carrier that it was queued for.
      message.carrier = this.#deps.carrier;
      const attempt = attempts.get(message.id) ?? 1;
      const isNewer = message.version > (versions.get(message.id) ?? 0);
      if (isNewer && isForQueue(message))
        this.#deps.jobs.push({ message, segment: 0, attempt, firstHere: attempt });
    }
  }
}
