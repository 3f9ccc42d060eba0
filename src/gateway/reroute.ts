import type { CarrierId, MessageId } from '../domain/ids.ts';
import type { CarrierMove } from '../store/carrier-moves.ts';
import type { Dispatcher } from './dispatch.ts';
import { floorWith, type Jobs, type WaitingJob } from './jobs.ts';
import type { Message } from './message.ts';
import { type CarrierQueue, LANES, smaller } from './queue.ts';
import type { Job } from './sending.ts';

/** Messages moved in one turn of the event loop: some 5 ms. */
const SLICE = 500;
/**
 * After a page from the store it rests for so many times as long, once those that it goes to have a page to send: a
 * backlog of a million moves in the background.
 */
const REST = 3;
const REST_LEAST_MS = 5;
/** A page that is being read, or a lease that is being committed, is waited for in steps of this. */
const BUSY_MS = 10;
/** Choices that are no use (another style of long messages) before a message is left where it is. */
const CHOICES_MAX = 8;

/** Where a message goes instead: undefined, it stays. `tried`: carriers that have had it and must not get it again. */
export type Destination = (
  message: Message,
  tried: ReadonlySet<CarrierId>,
) => CarrierId | undefined;

/** Settles when moves are stored; those that it rejects are not made. */
export type RecordMoves = (moves: readonly CarrierMove[]) => Promise<void>;

/** What waits for one carrier. */
export interface Waiting {
  readonly queue: CarrierQueue;
  readonly jobs: Jobs;
  /** Whether a lease or a page of it is under way: what that brings is not to be missed. */
  readonly isBusy: boolean;
  pump(): void;
}

/** What came of it, in messages and jobs. */
export interface Rerouted {
  readonly moved: ReadonlyMap<CarrierId, number>;
  readonly stayed: number;
  /** The store was away: the rest waits where it was. */
  readonly interrupted: boolean;
}

export interface RerouteDeps {
  dispatcherOf(carrier: CarrierId): Dispatcher | undefined;
  /** How a carrier gets long messages; undefined: it is gone, and nobody knows. */
  styleOf(carrier: CarrierId): string | undefined;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** Carriers that answered or may have had each of these. */
  tried(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, ReadonlySet<CarrierId>>>;
  /** One that was read again has ended, or has a time of its own: it is no more in this queue. */
  left(message: Message): void;
}

/**
 * Takes what waits for one carrier to others:
 *
 * ```
 *   jobs ── read who was tried ──┐
 *   hot messages ────────────────┼──> to(message, tried) ──> the end of its lane there (cold if that is long)
 *   cold ids ── read, in pages ──┘          └── undefined: back to its place
 * ```
 * Where moves are to be recorded each page of them is stored before any of it is elsewhere. Each is looked at once. What
 * is in hand between two queues is counted in `floor`.
 */
export class Reroute {
  readonly #deps: RerouteDeps;
  readonly #inHand = new Set<MessageId>();
  #stopped = false;

  constructor(deps: RerouteDeps) {
    this.#deps = deps;
  }

  /** An id not above any that is between two queues. */
  floor(): MessageId | undefined {
    let floor: MessageId | undefined;
    for (const id of this.#inHand) floor = smaller(floor, id);
    return floor;
  }

  /** Nothing more is moved (drain). */
  stop(): void {
    this.#stopped = true;
  }

  /** Moves what has a better place; settles when each that waited at the beginning was looked at. */
  async run(
    from: CarrierId,
    waiting: Waiting,
    to: Destination,
    record: RecordMoves = NOT_RECORDED,
  ): Promise<Rerouted> {
    const turn = new Turn(this.#deps, from, to, record);
    try {
      await this.#untilFree(waiting);
      await this.#jobs(waiting, turn);
      for (let lane = 0; lane < LANES; lane++) await this.#hot(waiting, lane, turn);
      for (let lane = 0; lane < LANES; lane++) await this.#cold(waiting, lane, turn);
      return turn.result(false);
    } catch {
      return turn.result(true);
    } finally {
      turn.pump();
      waiting.pump();
    }
  }

  async #untilFree(waiting: Waiting): Promise<void> {
    while (waiting.isBusy && !this.#stopped) await sleep(BUSY_MS);
    if (this.#stopped) throw new Error('stopped');
  }

  async #jobs({ jobs }: Waiting, turn: Turn): Promise<void> {
    const taken = jobs.takeAll();
    if (taken.length === 0) return;
    // Scheduled ones have their place in the store.
    const held = taken.flatMap(({ job: { message } }) => floorWith(undefined, message) ?? []);
    for (const id of held) this.#inHand.add(id);
    try {
      const ids = [...new Set(taken.filter(mayBeTried).map(({ job }) => job.message.id))];
      const tried = ids.length === 0 ? NOBODY_TRIED : await this.#deps.tried(ids);
      const groups = Map.groupBy(taken, ({ job }) => job.message.id).values();
      jobs.putBack(await turn.moveJobs([...groups], tried));
    } catch (error) {
      jobs.putBack(taken);
      throw error;
    } finally {
      for (const id of held) this.#inHand.delete(id);
    }
  }

  async #hot({ queue }: Waiting, lane: number, turn: Turn): Promise<void> {
    const stay: Message[] = [];
    let slice: readonly Message[] = [];
    try {
      for (let left = queue.hotDepth(lane); left > 0 && !this.#stopped; left -= SLICE) {
        slice = queue.takeHot(lane, Math.min(SLICE, left));
        for (const { id } of slice) this.#inHand.add(id);
        const staying = await turn.moveMessages(slice);
        for (const { id } of slice) this.#inHand.delete(id);
        for (const { id } of staying) this.#inHand.add(id);
        stay.push(...staying);
        slice = [];
        turn.pump();
        await sleep(0);
      }
    } finally {
      // What could not be recorded did not move.
      stay.push(...slice);
      queue.putBackHot(lane, stay);
      for (const { id } of stay) this.#inHand.delete(id);
    }
  }

  async #cold(waiting: Waiting, lane: number, turn: Turn): Promise<void> {
    const { queue } = waiting;
    for (let left = queue.coldDepth(lane); left > 0; left -= SLICE) {
      await this.#untilFree(waiting);
      const ids = queue.takeCold(lane, Math.min(SLICE, left));
      for (const id of ids) this.#inHand.add(id);
      const began = performance.now();
      try {
        const stay = await turn.moveRead(await this.#deps.load(ids));
        queue.putBack(lane, stay);
      } catch (error) {
        queue.putBack(lane, ids);
        throw error;
      } finally {
        for (const id of ids) this.#inHand.delete(id);
      }
      turn.pump();
      const rest = turn.isFed(lane) ? REST : 0;
      await sleep(Math.max(REST_LEAST_MS, rest * (performance.now() - began)));
    }
  }
}

/** One pass over what waits for a carrier. */
class Turn {
  readonly #deps: RerouteDeps;
  readonly #from: CarrierId;
  readonly #to: Destination;
  readonly #record: RecordMoves;
  readonly #moved = new Map<CarrierId, number>();
  #stayed = 0;

  constructor(deps: RerouteDeps, from: CarrierId, to: Destination, record: RecordMoves) {
    this.#deps = deps;
    this.#from = from;
    this.#to = to;
    this.#record = record;
  }

  result(interrupted: boolean): Rerouted {
    return { moved: this.#moved, stayed: this.#stayed, interrupted };
  }

  pump(): void {
    for (const carrier of this.#moved.keys()) this.#deps.dispatcherOf(carrier)?.pump();
  }

  /** Whether each of the others has a page to send in this lane. */
  isFed(lane: number): boolean {
    for (const carrier of this.#moved.keys()) {
      const queue = this.#deps.dispatcherOf(carrier)?.queue;
      if (queue !== undefined && queue.hotDepth(lane) < SLICE) return false;
    }
    return true;
  }

  /** Those that were never tried: to the end of their lane elsewhere. @returns those that stay */
  async moveMessages(messages: readonly Message[]): Promise<Message[]> {
    const stay: Message[] = [];
    const moves: (CarrierMove & { readonly message: Message; readonly dispatcher: Dispatcher })[] =
      [];
    for (const message of messages) {
      const target = this.#choose(message, NONE, false);
      if (target === undefined) stay.push(message);
      else moves.push({ id: message.id, attempt: 1, message, ...target });
    }
    await this.#store(moves);
    for (const { message, to, dispatcher } of moves) {
      this.#count(to);
      message.carrier = to;
      dispatcher.queue.push(message);
    }
    this.#stayed += stay.length;
    return stay;
  }

  /** The same for what was just read. @returns the ids of those that stay */
  async moveRead(messages: readonly Message[]): Promise<MessageId[]> {
    const isHere = ({ ended, releaseAtMs }: Message) => ended === undefined && releaseAtMs === 0;
    const stay = await this.moveMessages(messages.filter(isHere));
    for (const message of messages) if (!isHere(message)) this.#deps.left(message);
    return stay.map(({ id }) => id);
  }

  /**
   * Jobs, by message. With all of its segments here, or none sent, a message may go to any carrier; else only to one
   * that sends long messages the same way, so that the phone can put them together. @returns those that stay
   */
  async moveJobs(
    groups: readonly (readonly WaitingJob[])[],
    tried: ReadonlyMap<MessageId, ReadonlySet<CarrierId>>,
  ): Promise<WaitingJob[]> {
    const stay: WaitingJob[] = [];
    const moves: (CarrierMove & {
      readonly group: readonly WaitingJob[];
      readonly message: Message;
      readonly dispatcher: Dispatcher;
    })[] = [];
    for (const group of groups) {
      const message = group[0]?.job.message;
      if (message === undefined) continue;
      const target = this.#choose(message, tried.get(message.id) ?? NONE, !isWhole(group));
      const attempt = Math.max(...group.map(({ job }) => job.attempt));
      if (target === undefined) stay.push(...group);
      else moves.push({ id: message.id, attempt, group, message, ...target });
    }
    await this.#store(moves);
    for (const { attempt, group, message, to, dispatcher } of moves) {
      this.#count(to);
      message.carrier = to;
      if (isWhole(group)) {
        message.parts = undefined;
        dispatcher.enqueueJob({ message, segment: 0, attempt, firstHere: attempt });
      } else for (const { job } of group) dispatcher.enqueueJob({ ...job, firstHere: job.attempt });
    }
    this.#stayed += stay.length;
    return stay;
  }

  #store(moves: readonly CarrierMove[]): Promise<void> | undefined {
    return moves.length === 0 ? undefined : this.#record(moves);
  }

  #count(carrier: CarrierId): void {
    this.#moved.set(carrier, (this.#moved.get(carrier) ?? 0) + 1);
  }

  #choose(
    message: Message,
    tried: ReadonlySet<CarrierId>,
    sameStyle: boolean,
  ): { readonly to: CarrierId; readonly dispatcher: Dispatcher } | undefined {
    const without = new Set(tried);
    for (let choices = 0; choices < CHOICES_MAX; choices++) {
      const carrier = this.#to(message, without);
      if (carrier === undefined || carrier === this.#from || without.has(carrier)) break;
      const dispatcher = this.#deps.dispatcherOf(carrier);
      const fits = !sameStyle || this.#deps.styleOf(carrier) === this.#deps.styleOf(this.#from);
      if (dispatcher !== undefined && fits) return { to: carrier, dispatcher };
      without.add(carrier);
    }
    return undefined;
  }
}

/** Whether nothing of a message is elsewhere: it goes as one submit_sm, or each of its segments waits here. */
function isWhole(group: readonly WaitingJob[]): boolean {
  const { parts } = group[0]?.job.message ?? {};
  if (parts === undefined || group.some(({ job }) => job.segment === 0)) return true;
  return new Set(group.map(({ job }) => job.segment)).size === parts.length;
}

/** Whether some carrier may have answered: a later attempt, or a segment of several. */
function mayBeTried({ job }: { readonly job: Job }): boolean {
  return job.attempt > 1 || job.message.parts !== undefined;
}

const NONE: ReadonlySet<CarrierId> = new Set();
const NOBODY_TRIED: ReadonlyMap<MessageId, ReadonlySet<CarrierId>> = new Map();
/** A dead link's queue goes elsewhere by the routes: whoever adopts it decides anew. */
const NOT_RECORDED: RecordMoves = () => Promise.resolve();

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
