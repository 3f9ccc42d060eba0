import { type AccountId, firstIdAt, type MessageId } from '../domain/ids.ts';
import type { EpochProgress } from '../store/epoch.ts';
import { dropLeases } from '../store/lease.ts';
import { withClient } from '../store/pool.ts';
import type { BindBook } from './bind-book.ts';
import type { Carriers } from './carriers.ts';
import type { Conversions } from './conversions.ts';
import type { Customers } from './customers.ts';
import type { HeldMessages } from './held-messages.ts';
import type { Lanes } from './lanes.ts';
import { destinationsOf } from './outage-keeper.ts';
import type { Outbox } from './outbox.ts';
import type { ParkedReceipts } from './parked-receipts.ts';
import { type GatewayOptions, GatewayParts } from './parts.ts';
import type { PolicyReplay } from './policy-replay.ts';
import { smaller } from './queue.ts';
import type { ReceiptExplainer } from './receipt-explain.ts';
import type { RequeueRequests } from './requeue-requests.ts';
import type { Router } from './router.ts';

/** accept refuses ids over 20 s old, so nothing below this age is still being accepted. */
const ACCEPT_AGE_MS = 30_000;
/** Storing the last answers gets this long when we stop, whatever the carriers took. */
const DRAIN_LANES_MS = 5_000;
/** How often what only time can move is looked at. */
const TICK_MS = 100;
const SECOND_MS = 1_000;

/** One life of a node's pipeline: started, ticking, drained or closed. Who hands what to whom stands in parts.ts. */
export class Gateway {
  readonly #parts: GatewayParts;
  #timers: NodeJS.Timeout[] = [];

  constructor(options: GatewayOptions) {
    this.#parts = new GatewayParts(options, () => this.progress());
  }

  get customers(): Customers {
    return this.#parts.customers;
  }

  get carriers(): Carriers {
    return this.#parts.carriers;
  }

  get requeues(): RequeueRequests {
    return this.#parts.requeues;
  }

  get router(): Router {
    return this.#parts.router;
  }

  get outbox(): Outbox {
    return this.#parts.outbox;
  }

  /** Every bound session, and their history. */
  get bindBook(): BindBook {
    return this.#parts.bindBook;
  }

  /** What is done with a receipt, and why. */
  get explainer(): ReceiptExplainer {
    return this.#parts.explainer;
  }

  /** Receipts that are matched to nothing. */
  get parked(): ParkedReceipts {
    return this.#parts.parked;
  }

  /** Judges past traffic. */
  get replay(): PolicyReplay {
    return this.#parts.replay;
  }

  /** Messages that wait for a moderator. */
  get held(): HeldMessages {
    return this.#parts.held;
  }

  /** E.164 digits of messages whose content is there. Nothing of it may leave the gateway without an audit. */
  async destinationsOf(ids: readonly MessageId[]): Promise<ReadonlyMap<MessageId, string>> {
    return destinationsOf(await this.#parts.loader.load(ids));
  }

  /** What customers say of their codes. */
  get conversions(): Conversions {
    return this.#parts.conversions;
  }

  /** A list of the store changed: whether what is held of it here is in step again (gateway/change-feed.ts). */
  listChanged(channel: string): Promise<boolean> {
    return this.#parts.options.feed.caughtUp(channel);
  }

  get lanes(): Lanes {
    return this.#parts.lanes;
  }

  /** Starts the carriers' links and everything that time moves. */
  start(): void {
    this.carriers.onCatalog();
    this.#timers = [
      setInterval(() => this.#everyTick(), TICK_MS),
      setInterval(() => this.#everySecond(), SECOND_MS),
    ];
    void this.#resolveUnknown();
    void this.#endOfStopped();
  }

  /** A node that suspended an account by a rule may have died before it ended what was queued. */
  async #endOfStopped(): Promise<void> {
    const { catalog, observer } = this.#parts.options;
    try {
      for (const { id, bindsDropped } of catalog().accounts.values())
        if (bindsDropped) await this.endQueuedOf(id);
    } catch (error) {
      // They end by their validity, or with the next start.
      observer.note('warn', 'queuedNotEnded', { reason: String(error) });
    }
  }

  /** The catalog was replaced. */
  onCatalog(): void {
    const { accounts } = this.#parts.options.catalog();
    this.#parts.keys.forgetOf((account) => accounts.get(account)?.status === 'terminated');
    this.customers.onCatalog();
    this.carriers.onCatalog();
  }

  /** What this node's heartbeat says of its work: see EpochProgress. */
  progress(): EpochProgress {
    const { idFloorMs, dbNowMs } = this.#parts.options.keeper;
    const adopted = this.#parts.recovery.adopted;
    const accepting = firstIdAt(Math.max(idFloorMs, dbNowMs - ACCEPT_AGE_MS));
    const floors = [
      this.carriers.floor(),
      this.#parts.leases.floor(),
      this.#parts.unknown.floor(),
      this.#parts.failover.floor(),
      adopted?.queueFloor,
    ];
    const checkpoints = [
      this.#parts.oldestSettlingDbMs(),
      this.outbox.oldestDbMs(),
      adopted?.checkpointMs,
    ];
    return {
      queueFloor: floors.reduce<MessageId>(
        (floor, next) => smaller(floor, next) ?? floor,
        accepting,
      ),
      checkpointMs: Math.min(dbNowMs, ...checkpoints.map((at) => at ?? dbNowMs)),
    };
  }

  /** Ends queued messages of an account that was suspended or terminated, by its terms. */
  endQueuedOf(account: AccountId): Promise<void> {
    return this.#parts.endQueuedOf(account);
  }

  /** Lets what is in flight finish: no more is sent, answers are booked, then the lanes are emptied and closed. */
  async drain(limitMs: number): Promise<void> {
    this.carriers.pauseAll();
    const until = performance.now() + limitMs;
    const busy = () => this.carriers.inFlight() > 0 || this.lanes.accept.depth() > 0;
    while (busy() && performance.now() < until) await pause(TICK_MS / 4);
    await within(until + DRAIN_LANES_MS, this.carriers.stop());
    await this.#parts.unknown.tick();
    this.carriers.giveBackLeased();
    const stored = performance.now() + DRAIN_LANES_MS;
    const { accept, replace, lease, sent, settle, endUnsent, segments, notes, inbound } =
      this.lanes;
    const { giveUp, returned, deferred } = this.lanes;
    for (const lane of [
      accept,
      replace,
      lease,
      sent,
      giveUp,
      endUnsent,
      segments,
      settle,
      notes,
      inbound,
      returned,
      deferred,
    ]) {
      await within(stored, lane.drain());
    }
    await this.#dropLeases();
    await this.close();
  }

  /** Stops at once; what is not committed is as after a crash. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#parts.corrections.close();
    await this.#parts.violations.close();
    await this.#parts.quotas.close();
    await this.#parts.signals.close();
    await this.#parts.sharedRecipients.close();
    await this.#parts.janitor.close();
    await this.bindBook.flush();
    await this.#parts.expiry.close();
    const lanes: { close(): Promise<void> }[] = Object.values(this.lanes);
    await Promise.all(lanes.map((lane) => lane.close()));
  }

  /** Leases without an answer to store (the link was lost before they were written) end apart from the sent lane. */
  async #dropLeases(): Promise<void> {
    if (this.lanes.sent.depth() > 0) return;
    const { pool, keeper } = this.#parts.options;
    const done = this.#parts.leases.takeDone();
    if (done.length === 0) return;
    await withClient(pool, (client) => dropLeases(client, keeper.epoch, done)).catch(() =>
      this.#parts.leases.putBack(done),
    );
  }

  #everyTick(): void {
    this.carriers.tick(Date.now());
    this.#parts.failover.tick(Date.now());
    this.outbox.tick();
  }

  #everySecond(): void {
    void this.#dropLeases();
    void this.#resolveUnknown();
    void this.#parts.orphans.sweep();
    void this.#parts.waiting.tick();
    this.#parts.inbound.tick();
    this.#parts.failover.report();
    this.#parts.expiry.tick();
    void this.#parts.janitor.tick();
    void this.#parts.held.tick();
    void this.#parts.violations.tick();
    this.#parts.quotas.tick();
    this.#parts.signals.tick();
    this.#parts.sharedRecipients.tick();
    this.bindBook.tick();
    this.#parts.backpressure.check();
  }

  /** First what dead nodes left, then what is unknown: an outcome resolved half way through would be queued twice. */
  async #resolveUnknown(): Promise<void> {
    await this.#parts.recovery.tick();
    if (!this.#parts.recovery.isFinished) return;
    await this.#parts.unknown.tick();
    await this.#parts.partSets.tick();
    await this.#parts.scheduled.tick();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for something, but not beyond a time of performance.now(). */
async function within(until: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, until - performance.now()));
  });
  // A timer left pending would keep the process alive to its end.
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
