import type { CatalogCarrier, QueueLane } from '../domain/catalog.ts';
import type { MessageId } from '../domain/ids.ts';
import * as status from '../smpp/status.ts';
import type { TakenLease } from '../store/lease.ts';
import { ASK_AGAIN_MS, ASK_LATER_MS, waitedMs } from './asked-again.ts';
import type { DispatchDeps, Link } from './dispatch-spec.ts';
import { floorWith, Jobs } from './jobs.ts';
import { type LaneWait, LaneWaits } from './lane-waits.ts';
import { isForQueue, type Message } from './message.ts';
import { CarrierQueue, smaller } from './queue.ts';
import { Rereading } from './rereading.ts';
import type { Job, Sending } from './sending.ts';
import { addSendings } from './upstream-sendings.ts';

/** Messages of one lane of one carrier that are held with their content; about 1.5 KB each. */
export const HOT_MESSAGES = 4_000;
/** Messages read from the store at once when memory runs low. */
const PAGE_MESSAGES = 500;
/** A few messages wait this long for company before they are leased: each lease is a commit. */
const LEASE_LINGER_MS = 3;
/** So many are leased at once. */
const LEASE_AT_ONCE = 64;
/** Keys in one lease at most: one batch. */
const LEASE_KEYS_MAX = 500;
/** Messages on their way to their end or to a later time at once: judging so many takes some milliseconds. */
const LEAVING_MAX = 500;
/** Pause after a lease or a page could not be had: the store is away. */
const STORE_RETRY_MS = 500;

/**
 * Everything on its way to one carrier:
 *
 * ```
 *   queue ── lease (committed) ──> leased ── window, rate ──> in flight ──> answered: book
 *     ^                              │ link lost, unwritten      │ throttled      │ accepted / refused
 *     └── again (kept in memory) <───┴───────────────────────────┘                v
 *                                                   link lost, written: unknown   receipt path
 * ```
 * At most one window is in flight and one more leased, so that a crash leaves at most two windows of
 * submits whose outcome is unknown.
 */
export class Dispatcher {
  readonly queue = new CarrierQueue(HOT_MESSAGES);
  #deps: DispatchDeps;
  /** Leased, waiting for the window. */
  #leased: Sending[] = [];
  #leasedHead = 0;
  readonly jobs = new Jobs();
  /** Whose lease is being committed; empty when none is. */
  #leasing: readonly Sending[] = [];
  /** Whose content is being read; empty when none is. */
  #paging: readonly MessageId[] = [];
  #pagingLane: QueueLane = 0;
  readonly #rereading: Rereading;
  /** Not to be sent, or not now: their ends, or their new times, are on the way to the store. */
  readonly #leaving = new Set<MessageId>();
  #storeRetryAtMs = 0;
  #lingerTimer: NodeJS.Timeout | undefined;
  /** The few that wait have waited long enough. */
  #lingered = false;
  #paused = false;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
    this.#rereading = new Rereading({
      carrier: deps.carrier.id,
      jobs: this.jobs,
      load: (ids) => deps.load(ids),
      giveBackScheduled: (id) => deps.giveBackScheduled(id),
      onRead: () => this.pump(),
      onStoreAway: () => this.#retryStoreLater(),
    });
  }

  /** The carrier's resource changed, and perhaps its link. */
  reconfigure(carrier: CatalogCarrier, link: Link): void {
    this.#deps = { ...this.#deps, carrier, link };
    this.pump();
  }

  /** Queues a message; call `pump` after the last of a batch. */
  enqueue(message: Message): void {
    this.queue.push(message);
    this.#deps.queued.add(message.bind);
  }

  /** Whether a lease is being committed or content being read, or so: what that brings is in no queue yet. */
  get isBusy(): boolean {
    const { size } = this.#rereading;
    return this.#leasing.length + this.#paging.length + size + this.#leaving.size > 0;
  }

  /** Queues a job that goes before the queue (recovery, resending). */
  enqueueJob(job: Job): void {
    this.jobs.push(job);
  }

  /** Stops sending (the queue is kept) or goes on. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.pump();
  }

  /** What waits here by lane, leased ones included: all that is neither in flight nor scheduled for later. */
  waiting(): readonly LaneWait[] {
    const waits = new LaneWaits();
    waits.addQueue(this.queue);
    waits.addIds(this.#pagingLane, this.#paging);
    waits.addAll(this.jobs.all());
    waits.addAll(this.#leasing);
    waits.addAll(this.#leased.slice(this.#leasedHead));
    waits.addAll(this.#rereading.jobs);
    return waits.lanes;
  }

  /**
   * An id not above any that waits here without a lease (those with one are in the lease book). Scheduled messages do
   * not count: an adopter finds them in their table.
   */
  floor(): MessageId | undefined {
    let floor = smaller(this.queue.floor(), this.jobs.floor());
    floor = smaller(floor, this.#rereading.floor());
    for (const sending of this.#leasing) floor = floorWith(floor, sending.message);
    for (const id of this.#paging) floor = smaller(floor, id);
    for (const id of this.#leaving) floor = smaller(floor, id);
    return floor;
  }

  /**
   * A message ended while it was queued: its copy here, if any, is let go of (a lease would refuse it anyway).
   * @returns whether there was one
   */
  forget({ id, bind }: Message): boolean {
    const wasQueued = this.queue.forget(id);
    if (wasQueued) this.#deps.queued.remove(bind);
    return this.jobs.takeOf(new Set([id])).length > 0 || wasQueued;
  }

  /** Moves what can move. Cheap when nothing can; called after each batch, answer turn and tick. */
  pump(): void {
    if (this.#paused) return this.giveBackLeased();
    this.#sendLeased();
    this.#leaseMore();
    this.#pageIn();
  }

  /** Due retries, and what time alone can free. Called about ten times a second. */
  tick(nowMs: number): void {
    this.jobs.tick(nowMs);
    this.pump();
  }

  /** The carrier's submit_sm_resp (or generic_nack) for one submit_sm. */
  onAnswer(commandStatus: number, upstreamId: string, sending: Sending): void {
    const nowMs = this.#deps.now();
    sending.status = commandStatus;
    sending.upstreamId = commandStatus === status.ESME_ROK ? upstreamId : null;
    sending.atMs = nowMs;
    sending.pdu = undefined;
    this.#deps.observer.upstreamAnswered(
      this.#deps.carrier,
      commandStatus,
      (nowMs - sending.sentAtMs) / 1_000,
      sending.message.destination,
    );
    if (commandStatus !== status.ESME_ROK) return this.#refused(sending, nowMs);
    this.#deps.book(sending);
    this.#deps.accepted(sending);
  }

  /** What the carrier's `faults` say of the status: it ends the segment, is tried again here, or elsewhere. */
  #refused(sending: Sending, nowMs: number): void {
    const action = this.#deps.carrier.faults.onStatus(sending.status);
    if (action.kind === 'fault') return this.#deps.refused(sending);
    if (action.kind === 'next') return this.#deps.elsewhere(sending, undefined);
    this.#deps.observer.throttled('carrier', this.#deps.carrier.name);
    const { retries = Number.POSITIVE_INFINITY, afterMs } = action;
    if (sending.attempt - sending.firstHere >= retries)
      return this.#deps.elsewhere(sending, () => this.tryLater(sending, afterMs));
    this.#deps.book(sending);
    this.jobs.retry(sending, nowMs, afterMs);
  }

  /** The next attempt here, in a while (see Jobs.retry). */
  tryLater(job: Job, afterMs: number | undefined): void {
    this.jobs.retry(job, this.#deps.now(), afterMs);
  }

  /**
   * A session of the link ended. What was certainly not written goes first again, under a new lease;
   * what may have been written has an unknown outcome.
   */
  onReturned(sendings: readonly { readonly sending: Sending; readonly written: boolean }[]): void {
    const unknown: Sending[] = [];
    for (const { sending, written } of sendings) {
      if (written) unknown.push(sending);
      else this.#leased.push(sending); // its lease still stands
    }
    if (unknown.length > 0) this.#deps.unknown(unknown);
  }

  #sendLeased(): void {
    const { link, observer, carrier } = this.#deps;
    if (this.#leasedHead === this.#leased.length || this.#deps.behind()) return;
    const nowMs = this.#deps.now();
    while (this.#leasedHead < this.#leased.length && link.windowFree() > 0) {
      const sending = this.#leased[this.#leasedHead];
      if (sending?.pdu === undefined) throw new Error('a leased sending has its PDU');
      if (sending.message.validUntilMs <= nowMs) {
        this.#leasedHead++;
        this.#giveBack(sending);
        continue;
      }
      sending.sentAtMs = nowMs;
      if (!link.send(sending.pdu, sending)) break;
      this.#leasedHead++;
      observer.segmentsSent(sending.message.owner, carrier, 1);
      // What waited for a moderator says nothing of how quick we are.
      if (sending.segment === 1 && sending.attempt === 1 && sending.message.held === undefined)
        observer.messageSent(carrier, waitedMs(sending.message, nowMs) / 1_000);
    }
    // Half the array is spent: move the rest down, so that memory follows what is leased.
    if (this.#leasedHead * 2 >= this.#leased.length) {
      this.#leased.splice(0, this.#leasedHead);
      this.#leasedHead = 0;
    }
  }

  /** Leases up to one window ahead of what is in flight, in one commit, while the present window drains. */
  #leaseMore(): void {
    const { link } = this.#deps;
    if (!link.isUp()) return this.giveBackLeased();
    const ahead = Math.min(link.windowTotal, LEASE_KEYS_MAX);
    const leased = this.#leased.length - this.#leasedHead;
    const room = ahead - leased;
    // Half of it at a time: the fewer commits, the cheaper each message. An idle link takes what there is.
    if (this.#leasing.length > 0 || (leased > 0 && room < ahead / 2)) return;
    if (this.#queued() < Math.min(room, LEASE_AT_ONCE) && !this.#lingered) return this.#linger();
    this.#lingered = false;
    if (this.#deps.behind() || this.#deps.now() < this.#storeRetryAtMs) return;
    const sendings = this.#gather(room);
    if (sendings.length === 0) return;
    this.#leasing = sendings;
    this.#deps.takeLease(this.#deps.carrier.id, sendings).then(
      (taken) => this.#onLease(sendings, taken),
      () => this.#onNoLease(sendings),
    );
  }

  /**
   * The link is down, paused or to be closed: what is leased and was not written is queued again, first, and its lease
   * ends, so that it can still expire or be stopped.
   */
  giveBackLeased(): void {
    if (this.#leased.length === 0) return;
    const unsent = this.#leased.slice(this.#leasedHead);
    this.#leased = [];
    this.#leasedHead = 0;
    for (const sending of unsent) this.#giveBack(sending);
  }

  /** Leased, never written: its key is free, and it goes before the queue. */
  #giveBack(sending: Sending): void {
    this.#deps.leases.settle(sending.lease);
    this.jobs.push(sending);
  }

  /** Messages that could be leased now. */
  #queued(): number {
    return this.queue.length + this.jobs.ready;
  }

  #linger(): void {
    if (this.#queued() === 0) return;
    this.#lingerTimer ??= setTimeout(() => {
      this.#lingerTimer = undefined;
      this.#lingered = true;
      this.pump();
    }, LEASE_LINGER_MS);
  }

  #gather(room: number): Sending[] {
    const { carrier, link } = this.#deps;
    const nowMs = this.#deps.now();
    const dropsOthers = carrier.tlvsByVersion && !link.takesTlvs();
    const sendings: Sending[] = [];
    while (sendings.length < room && this.#leaving.size < LEAVING_MAX) {
      const job = this.#next();
      if (job === undefined) break;
      const { message } = job;
      if (message.validUntilMs <= nowMs) this.#expire(job);
      // Its content is gone: the janitor ends it when its validity is over.
      else if (message.submit !== undefined && this.#mayGo(job, nowMs))
        addSendings(sendings, job, carrier, nowMs, dropsOthers);
    }
    return sendings;
  }

  /** It ends, unless it was replaced since this copy was made by one that is valid for longer. */
  #expire(job: Job): void {
    const { message } = job;
    const { id } = message;
    // Its other segments, if some were tried, are as old.
    const jobs = job.segment === 0 ? [job] : [job, ...this.jobs.takeOf(new Set([id]))];
    this.#leaving.add(id);
    this.#deps.expired(message, (verdict) => {
      if (verdict === 2) this.#rereading.read(jobs);
      this.#left(id);
    });
  }

  /** What has waited long is asked again whether it may go. A message of which a carrier may have a segment goes on. */
  #mayGo(job: Job, nowMs: number): boolean {
    const { message, segment } = job;
    const isBegun = segment > 0 && message.parts !== undefined;
    if (isBegun || waitedMs(message, nowMs) < ASK_AGAIN_MS) return true;
    const { id } = message;
    const mayGo = this.#deps.mayGo(message, (came) => {
      if (came === 'replaced') this.#rereading.read([job]);
      else if (came === 'notYet') this.jobs.later(job, this.#deps.now() + ASK_LATER_MS);
      else if (message.releaseAtMs !== 0) this.#deps.giveBackScheduled(id);
      this.#left(id);
    });
    if (!mayGo) this.#leaving.add(id);
    return mayGo;
  }

  #left(id: MessageId): void {
    this.#leaving.delete(id);
    if (this.#leaving.size === 0) this.pump();
  }

  #next(): Job | undefined {
    const again = this.jobs.shift();
    if (again !== undefined) return again;
    if (this.jobs.isFull) return undefined;
    const message = this.queue.shift();
    if (message === undefined) return undefined;
    this.#deps.queued.remove(message.bind);
    return { message, segment: 0, attempt: 1, firstHere: 1 };
  }

  #onLease(sendings: readonly Sending[], { lease: id, refused, replaced }: TakenLease): void {
    this.#leasing = [];
    // Those refused ended meanwhile: cancelled, expired or suspended.
    const out = new Set([...refused, ...replaced]);
    const leased = out.size === 0 ? sendings : sendings.filter((sending) => !out.has(sending.id));
    if (replaced.length > 0)
      this.#rereading.read(sendings.filter((sending) => replaced.includes(sending.id)));
    const floor = leased.reduce<MessageId | undefined>(
      (f, sending) => floorWith(f, sending.message),
      undefined,
    );
    const lease = this.#deps.leases.add(id, leased.length, floor);
    for (const sending of leased) {
      sending.lease = lease;
      this.#leased.push(sending);
    }
    this.pump();
  }

  /** Not committed, or in doubt: nothing was sent, so the same keys are leased again. */
  #onNoLease(sendings: readonly Sending[]): void {
    this.#leasing = [];
    this.#retryStoreLater();
    for (const sending of sendings) this.jobs.push(sending);
  }

  #pageIn(): void {
    // With its link down nothing is sent from here, and may yet go elsewhere.
    const lane =
      this.#paging.length > 0 || !this.#deps.link.isUp() ? undefined : this.queue.coldLane();
    if (lane === undefined || this.#deps.now() < this.#storeRetryAtMs) return;
    const ids = this.queue.takeCold(lane, PAGE_MESSAGES);
    this.#paging = ids;
    this.#pagingLane = lane;
    this.#deps.load(ids).then(
      (messages) => {
        this.#paging = [];
        for (const message of messages) {
          // Its row names the first carrier that it was queued for.
          message.carrier = this.#deps.carrier.id;
          if (!isForQueue(message)) this.#deps.queued.remove(message.bind);
        }
        this.queue.warm(lane, messages.filter(isForQueue));
        this.pump();
      },
      () => {
        this.#paging = [];
        this.#retryStoreLater();
        this.queue.putBack(lane, ids);
      },
    );
  }

  #retryStoreLater(): void {
    this.#storeRetryAtMs = this.#deps.now() + STORE_RETRY_MS;
  }
}
