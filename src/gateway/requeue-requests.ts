import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import { storeMoves } from '../store/carrier-moves.ts';
import {
  lastRequeueRequest,
  REQUEUE_CHANNEL,
  type RequeueRequest,
  readRequeueRequests,
} from '../store/requeue-requests.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import type { RecordMoves, Rerouted } from './reroute.ts';
import type { Router } from './router.ts';

/** The routes of a request are in force here after at most this: every node reads them within 5 s. */
const ROUTES_WAIT_MS = 10_000;
const ROUTES_LOOK_MS = 50;
/** Runs remembered, so that the one who asked finds his: each is a handful of numbers. */
const RUNS_MAX = 100;

/** How far this node is with a request. */
export interface RequeueRun {
  /** Messages that go to another carrier now. */
  moved: number;
  /** Looked at, and left where they were. */
  kept: number;
  isDone: boolean;
  /** Settles when every queue was gone through; never rejects. */
  readonly done: Promise<void>;
}

export interface RequeueRequestsDeps {
  readonly pool: Pool;
  readonly observer: GatewayObserver;
  readonly router: Pick<Router, 'again'>;
  catalog(): Catalog;
  /**
   * Takes what waits for a carrier where `to` says (undefined: it stays), each when its move is stored; how many went
   * where.
   */
  reroute(
    from: CarrierId,
    to: (message: Message, tried: ReadonlySet<CarrierId>) => CarrierId | undefined,
    record: RecordMoves,
  ): Promise<Rerouted>;
}

/**
 * Routes anew what is queued, when an operator asks for it. He asks one node; every node hears of it and goes through its
 * own queues, one request and one carrier after the other, each message once a carrier. What it moved is stored and stays
 * moved when it dies; what it had not come to stays where it was, until it is asked for again.
 */
export class RequeueRequests {
  readonly #deps: RequeueRequestsDeps;
  readonly #runs = new Map<bigint, RequeueRun>();
  #last: Promise<void> = Promise.resolve();
  #seen = 0n;

  constructor(deps: RequeueRequestsDeps) {
    this.#deps = deps;
  }

  /** Hears of requests from now on. @throws DependencyError */
  async follow(feed: Pick<ChangeFeed, 'follow'>): Promise<void> {
    this.#seen = await lastRequeueRequest(this.#deps.pool);
    await feed.follow(REQUEUE_CHANNEL, async () => {
      for (const request of await readRequeueRequests(this.#deps.pool, this.#seen)) {
        this.#seen = request.id;
        this.run(request);
      }
    });
  }

  /** Whether a request is being carried out. */
  get isBusy(): boolean {
    return [...this.#runs.values()].some((run) => !run.isDone);
  }

  /** Carries a request out; heard of twice, it is done once. */
  run(request: RequeueRequest): RequeueRun {
    const known = this.#runs.get(request.id);
    if (known !== undefined) return known;
    const run = { moved: 0, kept: 0, isDone: false };
    this.#last = this.#last.then(() => this.#carryOut(request, run));
    const begun = Object.assign(run, { done: this.#last });
    this.#runs.set(request.id, begun);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > RUNS_MAX && oldest !== undefined) this.#runs.delete(oldest);
    return begun;
  }

  async #carryOut(request: RequeueRequest, run: Omit<RequeueRun, 'done'>): Promise<void> {
    const { observer } = this.#deps;
    try {
      await this.#routesInForce(request.configVersion);
      for (const from of this.#carriersOf(request)) {
        const { moved, stayed, interrupted } = await this.#deps.reroute(
          from,
          (message, tried) => {
            const to = this.#deps.router.again(message, tried);
            return to === from ? undefined : to;
          },
          (moves) => storeMoves(this.#deps.pool, request.id, from, moves),
        );
        for (const count of moved.values()) run.moved += count;
        run.kept += stayed;
        if (interrupted)
          observer.note('warn', 'requeueInterrupted', { reason: 'the store is away' });
      }
    } catch (error) {
      observer.note('warn', 'requeueInterrupted', { reason: String(error) });
    }
    run.isDone = true;
    const { moved, kept } = run;
    observer.note('info', 'requeued', { carrier: request.carrier ?? 'all', moved, kept });
  }

  /** Those that there are: one that was removed has nothing queued. */
  #carriersOf({ carrier }: RequeueRequest): CarrierId[] {
    const all = [...this.#deps.catalog().carriers.values()];
    const wanted = carrier === undefined ? all : all.filter(({ name }) => name === carrier);
    return wanted.map(({ id }) => id);
  }

  async #routesInForce(version: number): Promise<void> {
    const until = performance.now() + ROUTES_WAIT_MS;
    while (this.#deps.catalog().version < version && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, ROUTES_LOOK_MS));
  }
}
