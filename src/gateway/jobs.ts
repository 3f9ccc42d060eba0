import type { MessageId } from '../domain/ids.ts';
import type { Message } from './message.ts';
import { smaller } from './queue.ts';
import type { Job } from './sending.ts';

/** Jobs that wait to be tried again; above it no new message is taken from the queue. */
const RETRIES_MAX = 5_000;
/** First wait after a carrier's "try again later"; it doubles with each attempt. */
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 60_000;

/** A job and its time, unix ms; 0: at once. */
export interface WaitingJob {
  readonly job: Job;
  readonly dueMs: number;
}

/** What goes to a carrier before its queue: put back by a lost link, to be sent again, or due after a "try again later". */
export class Jobs {
  #ready: Job[] = [];
  #later: WaitingJob[] = [];

  /** Jobs that could go now. */
  get ready(): number {
    return this.#ready.length;
  }

  get length(): number {
    return this.#ready.length + this.#later.length;
  }

  /** Whether so many wait for their time that nothing new may be begun. */
  get isFull(): boolean {
    return this.#later.length >= RETRIES_MAX;
  }

  push({ message, segment, attempt, firstHere }: Job): void {
    this.#ready.push({ message, segment, attempt, firstHere });
  }

  shift(): Job | undefined {
    return this.#ready.shift();
  }

  /**
   * The next attempt, when its time has come.
   * @param afterMs undefined: a second, doubled with each attempt up to a minute
   */
  retry({ message, segment, attempt, firstHere }: Job, nowMs: number, afterMs?: number): void {
    const doublings = Math.min(attempt - firstHere, 10);
    const wait = afterMs ?? Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** doublings);
    const job = { message, segment, attempt: attempt + 1, firstHere };
    this.#later.push({ job, dueMs: nowMs + wait });
  }

  /** The same attempt, not before a time (unix ms). */
  later({ message, segment, attempt, firstHere }: Job, dueMs: number): void {
    this.#later.push({ job: { message, segment, attempt, firstHere }, dueMs });
  }

  /** Moves what is due. */
  tick(nowMs: number): void {
    if (!this.#later.some(({ dueMs }) => dueMs <= nowMs)) return;
    for (const { job, dueMs } of this.#later) if (dueMs <= nowMs) this.#ready.push(job);
    this.#later = this.#later.filter(({ dueMs }) => dueMs > nowMs);
  }

  /** Every job here, whatever it waits for. */
  *all(): Iterable<Job> {
    yield* this.#ready;
    for (const { job } of this.#later) yield job;
  }

  /** Takes out all, those due now first; `dueMs` says since when or from when on. */
  takeAll(): WaitingJob[] {
    const taken = [...this.#ready.map((job) => ({ job, dueMs: 0 })), ...this.#later];
    this.#ready = [];
    this.#later = [];
    return taken;
  }

  /** Puts some back where they were, before what came since. */
  putBack(taken: readonly WaitingJob[]): void {
    const isReady = ({ dueMs }: WaitingJob) => dueMs === 0;
    this.#ready = [...taken.filter(isReady).map(({ job }) => job), ...this.#ready];
    this.#later = [...taken.filter((one) => !isReady(one)), ...this.#later];
  }

  /** Takes out the jobs of some messages. */
  takeOf(ids: ReadonlySet<MessageId>): Job[] {
    const taken: Job[] = [];
    const stays = (job: Job): boolean => {
      if (!ids.has(job.message.id)) return true;
      taken.push(job);
      return false;
    };
    this.#ready = this.#ready.filter(stays);
    this.#later = this.#later.filter(({ job }) => stays(job));
    return taken;
  }

  /** An id not above any here; see `floorWith`. */
  floor(): MessageId | undefined {
    let floor: MessageId | undefined;
    for (const job of this.#ready) floor = floorWith(floor, job.message);
    for (const { job } of this.#later) floor = floorWith(floor, job.message);
    return floor;
  }
}

/** The smaller of a floor and a message's id, unless that has its place in the table of scheduled ones. */
export function floorWith(floor: MessageId | undefined, message: Message): MessageId | undefined {
  return message.releaseAtMs === 0 ? smaller(floor, message.id) : floor;
}
