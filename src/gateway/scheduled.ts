import type { Pool } from 'pg';
import type { EpochId, MessageId } from '../domain/ids.ts';
import { withClient } from '../store/pool.ts';
import type { QueuedMessage } from '../store/recovery.ts';
import { dueScheduled, leftToSend, strikeScheduled } from '../store/scheduled.ts';
import type { AskedAgain } from './asked-again.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import type { Requeue } from './requeue.ts';

/** Messages whose time has come and that are under way at once; the others wait in the store. About 2 KB each. */
const UNDER_WAY_MAX = 5_000;
/** Brought on their way in one turn: some 50 ms. */
const PAGE = 500;

export interface ScheduledDeps {
  readonly pool: Pool;
  readonly epoch: EpochId;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  load(ids: readonly MessageId[]): Promise<Message[]>;
  /** Whether it got its place in the table a moment ago by a failover, which brings it on its way itself. */
  isGivingUp(id: MessageId): boolean;
  readonly requeue: Requeue;
  /** Whether its account's policy lets it go by now: its recipient may have said no, or its hours be over. */
  readonly again: Pick<AskedAgain, 'mayGo'>;
}

/**
 * Messages with a schedule_delivery_time:
 *
 * ```
 *   accepted ──> table `scheduled` ── its time has come ──> before the carrier's queue ── all sent, or ended ──> struck off
 *         │           ^                                             │ the node dies, or it is replaced
 *         │           └───────── adopted, or given back <───────────┘
 *         └── its time has come, but rules say no by now (asked-again.ts) ──> ended ──> struck off, or a later time
 * ```
 * The row is the message's place in the queue until nothing of it is left to send, so that no node has to look through
 * the messages of many days for it.
 */
export class ScheduledMessages {
  readonly #deps: ScheduledDeps;
  readonly #underWay = new Set<MessageId>();
  #working = false;

  constructor(deps: ScheduledDeps) {
    this.#deps = deps;
  }

  /** Once a second. */
  async tick(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      await this.#work();
    } catch (error) {
      this.#deps.observer.note('warn', 'scheduledMessagesWait', { reason: String(error) });
    } finally {
      this.#working = false;
    }
  }

  /** It was replaced or deferred while it was under way: it is brought again, as it is now, when its time has come. */
  giveBack(id: MessageId): void {
    this.#underWay.delete(id);
  }

  /**
   * It has got its place in the table by a failover, and is under way from here on.
   * @returns false when too many are: it is brought later
   */
  begin(id: MessageId): boolean {
    if (this.#underWay.size >= UNDER_WAY_MAX && !this.#underWay.has(id)) return false;
    this.#underWay.add(id);
    return true;
  }

  /** Sends messages that are due now by the store, in this order. Too many under way: the next turns bring them. */
  async bring(due: readonly MessageId[]): Promise<void> {
    const { pool } = this.#deps;
    if (this.#underWay.size + due.length > UNDER_WAY_MAX) return;
    const left = await withClient(pool, (client) => leftToSend(client, due));
    this.#take(await this.#deps.load(due.filter((id) => left.has(id))), left);
    // The next turn strikes those off that have ended.
  }

  async #work(): Promise<void> {
    const { pool, epoch } = this.#deps;
    const underWay = [...this.#underWay];
    const room = Math.min(PAGE, UNDER_WAY_MAX - underWay.length);
    const due = await withClient(pool, (client) => dueScheduled(client, epoch, underWay, room));
    if (due.length + underWay.length === 0) return;
    const looked = [...underWay, ...due];
    const left = await withClient(pool, (client) => leftToSend(client, looked));
    this.#take(await this.#deps.load(due.filter((id) => left.has(id))), left);
    const finished = looked.filter((id) => !left.has(id));
    if (finished.length === 0) return;
    await withClient(pool, (client) => strikeScheduled(client, finished));
    for (const id of finished) this.#underWay.delete(id);
  }

  /** Nothing is awaited between these, so that a message is brought on its way once. */
  #take(messages: readonly Message[], left: ReadonlyMap<MessageId, QueuedMessage>): void {
    for (const message of messages) {
      const queued = left.get(message.id);
      if (queued === undefined || this.#underWay.has(message.id)) continue;
      if (this.#deps.isGivingUp(message.id)) continue;
      this.#underWay.add(message.id);
      if (queued.nextAttempt === 1 && !this.#mayGo(message)) continue;
      // Marks it as having its place in the table.
      message.releaseAtMs = this.#deps.now();
      this.#deps.requeue.takeSegments(queued, message);
    }
  }

  /** What is valid no longer goes on, and ends there. What has ended is struck off by the turn after its end. */
  #mayGo(message: Message): boolean {
    const { now, again } = this.#deps;
    return (
      message.validUntilMs <= now() ||
      again.mayGo(message, (came) => {
        if (came !== 'ended') this.giveBack(message.id);
      })
    );
  }
}
