import type { CarrierId, MessageId } from '../domain/ids.ts';
import { HOT_MESSAGES } from './dispatch.ts';
import { Jobs } from './jobs.ts';
import type { FailoverReason } from './observer.ts';
import { CarrierQueue, LANES, smaller } from './queue.ts';
import type { Destination, Rerouted, Waiting } from './reroute.ts';

/** A carrier that was never up since we started binds first: what recovery queued for it is not moved before this. */
const START_MS = 5_000;
/**
 * The queue of a carrier is looked through again after this, doubled each time up to the most: two carriers that flap
 * hand a message to and fro once a minute at most. A minute without a look, and it begins anew.
 */
const AGAIN_FIRST_MS = 1_000;
const AGAIN_MOST_MS = 60_000;

/** What is looked at of a running carrier. */
export interface WatchedCarrier {
  readonly carrier: { readonly failoverAfterMs: number; readonly paused: boolean };
  readonly dispatcher: Waiting;
  readonly upSinceMs: number | undefined;
  /** Unix ms since which its link is down. */
  readonly downSinceMs: number;
  /** Whether its link was ever up. */
  readonly wasUp: boolean;
}

export interface DeadLinksDeps {
  readonly now: () => number;
  running(): ReadonlyMap<CarrierId, WatchedCarrier>;
  isUsable(carrier: CarrierId): boolean;
  /** A usable carrier for a message that is not among those tried. */
  readonly next: Destination;
  reroute(from: CarrierId, waiting: Waiting, to: Destination): Promise<Rerouted>;
  moved(from: CarrierId, rerouted: Rerouted, reason: FailoverReason): void;
}

/**
 * Whose queue has to go elsewhere: carriers whose link is down for `failoverAfterSeconds` (not those that were paused:
 * their queue is kept), and carriers that are no more.
 *
 * ```
 *   link up ──> down ── failoverAfterSeconds ──> looked through ── something came, or a carrier came up ──> again ...
 *    ^            │                                  │ no carrier can take it: it stays, and goes with the first that is up
 *    └────────────┴──────────────────────────────────┘
 * ```
 */
export class DeadLinks {
  readonly #deps: DeadLinksDeps;
  readonly #looks = new Map<CarrierId, Look>();
  /** Queues of carriers that are no more. */
  readonly #strays = new Map<CarrierId, Waiting>();
  /** Rises with each carrier that comes up and each change of the catalog. */
  #changes = 0;
  #stopped = false;

  constructor(deps: DeadLinksDeps) {
    this.#deps = deps;
  }

  /** A carrier came up, or the catalog changed: what found no place may find one. */
  onChange(): void {
    this.#changes++;
  }

  /** A carrier left the catalog with what it has queued. */
  onRemoved(carrier: CarrierId, waiting: Waiting): void {
    this.#strays.set(carrier, waiting);
  }

  /** Where messages wait whose carrier this node does not know (any more). */
  strayOf(carrier: CarrierId): Waiting {
    let stray = this.#strays.get(carrier);
    if (stray === undefined) {
      stray = {
        queue: new CarrierQueue(HOT_MESSAGES),
        jobs: new Jobs(),
        isBusy: false,
        pump: () => {},
      };
      this.#strays.set(carrier, stray);
    }
    return stray;
  }

  /** Drain: everything stays where it is. */
  stop(): void {
    this.#stopped = true;
  }

  /** An id not above any that waits for a carrier that is no more. */
  floor(): MessageId | undefined {
    let floor: MessageId | undefined;
    for (const { queue, jobs } of this.#strays.values()) {
      floor = smaller(floor, smaller(queue.floor(), jobs.floor()));
    }
    return floor;
  }

  /** About ten times a second. */
  tick(nowMs: number): void {
    if (this.#stopped) return;
    for (const [id, watched] of this.#deps.running())
      if (isDead(watched, nowMs)) this.#look(id, watched.dispatcher, 'linkDown');
    for (const [id, stray] of this.#strays) {
      stray.jobs.tick(nowMs);
      const found = this.#deps.running().get(id);
      if (found === undefined) this.#look(id, stray, 'removed');
      // It was in another node's catalog first, and is in ours by now.
      else if (this.#looks.get(id)?.running !== true) {
        this.#strays.delete(id);
        handOver(stray, found.dispatcher);
      }
    }
  }

  #look(id: CarrierId, waiting: Waiting, reason: FailoverReason): void {
    const waits = waiting.queue.length + waiting.jobs.length;
    if (waits === 0 || !this.#mayMove(id)) return;
    const nowMs = this.#deps.now();
    const look = this.#looks.get(id);
    const seen = `${this.#changes} ${waits}`;
    if (look !== undefined && (look.running || look.seen === seen || nowMs < look.againAtMs))
      return;
    const rested = look === undefined || nowMs - look.againAtMs > AGAIN_MOST_MS;
    const waitMs = rested ? AGAIN_FIRST_MS : Math.min(AGAIN_MOST_MS, look.waitMs * 2);
    const begun: Look = { running: true, seen, waitMs, againAtMs: nowMs + waitMs };
    this.#looks.set(id, begun);
    void this.#deps.reroute(id, waiting, this.#deps.next).then((rerouted) => {
      begun.running = false;
      // What stays was seen; an interrupted look is taken up again.
      const left = waiting.queue.length + waiting.jobs.length;
      begun.seen = rerouted.interrupted ? '' : `${this.#changes} ${left}`;
      begun.againAtMs = this.#deps.now() + waitMs;
      if (rerouted.moved.size > 0) this.#deps.moved(id, rerouted, reason);
    });
  }

  /** Whether any other carrier could take something at all. */
  #mayMove(id: CarrierId): boolean {
    for (const other of this.#deps.running().keys())
      if (other !== id && this.#deps.isUsable(other)) return true;
    return false;
  }
}

interface Look {
  running: boolean;
  /** What there was to see when it was looked through: nothing new, no look. */
  seen: string;
  readonly waitMs: number;
  againAtMs: number;
}

function handOver({ queue, jobs }: Waiting, dispatcher: Waiting): void {
  for (const { job } of jobs.takeAll()) dispatcher.jobs.push(job);
  for (let lane = 0; lane < LANES; lane++) {
    for (const message of queue.takeHot(lane, queue.hotDepth(lane))) dispatcher.queue.push(message);
    for (const id of queue.takeCold(lane, queue.coldDepth(lane))) dispatcher.queue.pushId(lane, id);
  }
  dispatcher.pump();
}

function isDead(
  { carrier, upSinceMs, downSinceMs, wasUp }: WatchedCarrier,
  nowMs: number,
): boolean {
  if (carrier.paused || upSinceMs !== undefined) return false;
  const waitMs = wasUp ? carrier.failoverAfterMs : Math.max(carrier.failoverAfterMs, START_MS);
  return nowMs - downSinceMs >= waitMs;
}
