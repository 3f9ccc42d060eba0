import { randomBytes } from 'node:crypto';
import type { Client, Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { AccountId, CarrierId } from '../domain/ids.ts';
import { chooseCarrier } from '../domain/routing.ts';
import type { Taps } from '../session/tap.ts';
import { ContentKeys } from '../store/content-keys.ts';
import type { EpochProgress } from '../store/epoch.ts';
import type { EpochKeeper } from '../store/epoch-keeper.ts';
import type { InboundVerdict } from '../store/inbound.ts';
import type { TakenLease } from '../store/lease.ts';
import { withClient } from '../store/pool.ts';
import type { Sealing } from '../store/sealing.ts';
import type { SettleVerdict } from '../store/settle.ts';
import { firstOfKeys } from '../store/submit-keys.ts';
import { Aliases } from './aliases.ts';
import type { Authenticator } from './authenticate.ts';
import { Backpressure } from './backpressure.ts';
import { BindBook } from './bind-book.ts';
import { Carriers } from './carriers.ts';
import { CheckpointLog } from './checkpoint.ts';
import { ClockOffsets } from './clock-offsets.ts';
import { Correlation } from './correlation.ts';
import { Customers } from './customers.ts';
import { isTemporary, type Job, type Sending } from './dispatch.ts';
import { Endings } from './endings.ts';
import { Expiry } from './expiry.ts';
import { type InboundItem, InboundPath } from './inbound.ts';
import { Janitor } from './janitor.ts';
import { type Lanes, openLanes } from './lanes.ts';
import { LateOrphans } from './late-orphans.ts';
import { LeaseBook } from './lease-book.ts';
import { MessageLoader } from './loader.ts';
import { Lookups } from './lookups.ts';
import { Manage } from './manage.ts';
import { NodeIds } from './node-ids.ts';
import type { GatewayObserver } from './observer.ts';
import type { OptOuts } from './opt-outs.ts';
import { Orphans } from './orphans.ts';
import { Outbox } from './outbox.ts';
import { QueuedCounts } from './queued-counts.ts';
import type { BindLimits, RateLimits } from './rates.ts';
import { ReceiptPath } from './receipt.ts';
import { Recovery } from './recovery.ts';
import { Replacer } from './replace.ts';
import { Requeue } from './requeue.ts';
import { ScheduledMessages } from './scheduled.ts';
import type { Settlement } from './settlement.ts';
import { SubmitPath } from './submit.ts';
import { UnknownOutcomes } from './unknown.ts';
import { unknownStore } from './unknown-store.ts';
import { UpstreamAnswers } from './upstream-answers.ts';
import { WaitingList } from './waiting-list.ts';

/** Answers waiting to be stored above which nothing more is sent. */
const SENT_MAX = 4_000;

export interface GatewayOptions {
  readonly pool: Pool;
  readonly keeper: EpochKeeper;
  readonly sealing: Sealing;
  readonly observer: GatewayObserver;
  readonly authenticator: Authenticator;
  readonly limits: { readonly rates: RateLimits; readonly binds: BindLimits };
  readonly optOuts: OptOuts;
  readonly maxPduOctets: number;
  /** A customer waits this long for an answer of ours; then his session is closed. */
  readonly responseTimeoutMs: number;
  readonly taps?: Taps | undefined;
  catalog(): Catalog;
  connect(applicationName: string): Promise<Client>;
}

/**
 * The parts of one node's pipeline, put together: what each path does stands in submit.ts, receipt.ts and inbound.ts;
 * here is only who hands what to whom. Parts that need each other are found when they are used, not when they are made.
 */
export class GatewayParts {
  readonly customers: Customers;
  readonly carriers: Carriers;
  readonly outbox: Outbox;
  /** Every bound session, and their history. */
  readonly bindBook: BindBook;
  readonly lanes: Lanes;
  readonly options: GatewayOptions;
  /** What nearly every part is given. */
  readonly #common: {
    readonly catalog: () => Catalog;
    readonly now: () => number;
    readonly observer: GatewayObserver;
    readonly pool: Pool;
  };
  readonly ids: NodeIds;
  readonly leases = new LeaseBook();
  readonly queued = new QueuedCounts();
  readonly clocks = new ClockOffsets();
  readonly correlation = new Correlation();
  /** One a lane: each answers in order. */
  readonly settling = new CheckpointLog();
  readonly ending = new CheckpointLog();
  readonly keys: ContentKeys;
  readonly loader: MessageLoader;
  readonly lookups: Lookups;
  readonly replacer: Replacer;
  readonly manage: Manage;
  readonly submit: SubmitPath;
  readonly receipts: ReceiptPath;
  readonly orphans: Orphans;
  readonly late: LateOrphans;
  readonly answers: UpstreamAnswers;
  readonly unknown: UnknownOutcomes;
  readonly endings: Endings;
  readonly recovery: Recovery;
  readonly scheduled: ScheduledMessages;
  readonly janitor: Janitor;
  readonly waiting: WaitingList;
  readonly inbound: InboundPath;
  readonly expiry: Expiry;
  readonly backpressure: Backpressure;

  /** @param progress what the node's heartbeat says: recovery writes it with what it took over */
  constructor(options: GatewayOptions, progress: () => EpochProgress) {
    const { pool, observer, sealing } = options;
    this.options = options;
    this.#common = { catalog: () => options.catalog(), now: Date.now, observer, pool };
    this.ids = new NodeIds(options.keeper);
    this.keys = new ContentKeys({ pool, sealing, random: randomBytes });
    this.loader = new MessageLoader({ ...this.#common, keys: this.keys });
    this.lanes = this.#openLanes();
    this.bindBook = this.#newBook();
    this.endings = this.#newEndings();
    this.outbox = this.#newOutbox();
    this.waiting = this.#newWaitingList();
    this.inbound = this.#newInboundPath();
    this.expiry = new Expiry({ ...this.#common, epoch: options.keeper.epoch });
    this.receipts = this.#newReceiptPath();
    this.orphans = new Orphans({
      ...this.#common,
      sealing,
      loader: this.loader,
      receipts: this.receipts,
      onBehind: () => this.backpressure.check(),
      unmatched: (carrier, orphans) => void this.late.onUnmatched(carrier, orphans),
    });
    this.late = this.#newLateOrphans();
    this.answers = this.#newUpstreamAnswers();
    this.unknown = this.#newUnknownOutcomes();
    this.carriers = this.#newCarriers();
    this.lookups = new Lookups({ pool, loader: this.loader });
    this.replacer = this.#newReplacer();
    this.manage = this.#newManage();
    this.submit = this.#newSubmitPath();
    this.customers = this.#newCustomers();
    const requeue = this.#newRequeue();
    this.recovery = this.#newRecovery(requeue, progress);
    this.scheduled = this.#newScheduled(requeue);
    this.janitor = this.#newJanitor();
    this.backpressure = this.#newBackpressure();
  }

  #openLanes(): Lanes {
    const { keeper, observer, connect, responseTimeoutMs } = this.options;
    return openLanes({
      epoch: keeper.epoch,
      connect,
      newBatchId: () => this.ids.nextBatch(),
      now: Date.now,
      observer,
      leases: this.leases,
      recipientKey: (recipient) => this.waiting.keyOf(recipient),
      doubtMaxMs: responseTimeoutMs,
      handlers: {
        onAccepted: (items, verdicts) => this.submit.onCommitted(items, verdicts),
        onNotAccepted: (items) => this.submit.onNotCommitted(items),
        onAcceptInDoubt: (items) => this.submit.onLongDoubt(items),
        onSent: (items) => {
          for (const sending of items) this.leases.settle(sending.lease);
          this.carriers.pump();
        },
        onSettled: (items, verdicts) => this.#onSettled(this.settling, items, verdicts),
        onEndedUnsent: (items, verdicts) => this.#onSettled(this.ending, items, verdicts),
        onSegments: (items, verdicts) => this.receipts.onSegments(items, verdicts),
        onNotes: (items) => this.receipts.onNotes(items),
        onInbound: (items, verdicts) => this.#onInbound(items, verdicts),
        onReturned: (items) => this.outbox.onReturned(items),
        onDeferred: (items) => this.outbox.onDeferred(items),
      },
    });
  }

  #newBook(): BindBook {
    return new BindBook({
      ...this.#common,
      epoch: this.options.keeper.epoch,
      accountOf: (systemId) => this.#common.catalog().binds.get(systemId)?.account.id,
    });
  }

  #newEndings(): Endings {
    return new Endings({
      ...this.#common,
      settle: (settlement) => this.receipts.settle(settlement),
      endUnsent: (settlement) => {
        this.ending.begin(this.options.keeper.dbNowMs);
        this.lanes.endUnsent.push(settlement);
      },
    });
  }

  #newOutbox(): Outbox {
    const { returned, deferred } = this.lanes;
    const take = (account: AccountId, most: number) => this.waiting.take(account, most);
    return new Outbox({
      ...this.#common,
      random: Math.random,
      returned,
      deferred,
      takeWaiting: take,
      recipientsWaiting: (account, asked) => this.waiting.recipientsWaiting(account, asked),
    });
  }

  #newWaitingList(): WaitingList {
    const { keeper } = this.options;
    const parts = { keeper, loader: this.loader, keys: this.keys, outbox: () => this.outbox };
    const stored = () => this.lanes.deferred.drain();
    return new WaitingList({ ...this.#common, ...parts, stored });
  }

  #newInboundPath(): InboundPath {
    const lane = {
      push: (item: InboundItem) => {
        this.lanes.inbound.push(item);
        this.backpressure.check();
      },
    };
    return new InboundPath({
      ...this.#common,
      keys: this.keys,
      sealing: this.options.sealing,
      nextId: (nowMs) => this.ids.nextMessage(nowMs),
      lane,
      outbox: () => this.outbox,
    });
  }

  #newReceiptPath(): ReceiptPath {
    const { segments, notes } = this.lanes;
    return new ReceiptPath({
      ...this.#common,
      correlation: this.correlation,
      inbound: this.inbound,
      settle: { push: (settlement) => this.#settle(settlement) },
      segments,
      notes,
      lookUp: (arrival) => this.orphans.lookUp(arrival),
      endedElsewhere: (messages) => void this.janitor.endCompleted(messages),
      returnToCustomer: (end) => this.outbox.offerSettled(end, this.oldestSettlingDbMs()),
      learnClock: (carrier, fields, sentAtMs) => this.clocks.learn(carrier, fields, sentAtMs),
    });
  }

  #newUpstreamAnswers(): UpstreamAnswers {
    const book = (sending: Sending) => this.lanes.sent.push(sending);
    const parts = { receipts: this.receipts, orphans: this.orphans };
    return new UpstreamAnswers({ ...this.#common, ...parts, book });
  }

  #newLateOrphans(): LateOrphans {
    return new LateOrphans({
      ...this.#common,
      sealing: this.options.sealing,
      loader: this.loader,
      clocks: this.clocks,
      note: (note) => this.lanes.notes.push(note),
      markMatched: (parked, message) => void this.orphans.markMatched(parked, message),
    });
  }

  #newUnknownOutcomes(): UnknownOutcomes {
    const { pool, keeper } = this.options;
    return new UnknownOutcomes({
      ...this.#common,
      leases: this.leases,
      clocks: this.clocks,
      store: unknownStore(pool, keeper.epoch, this.loader, this.orphans),
      carrierUp: (id) => this.carriers.running.get(id)?.upSinceMs !== undefined,
      resend: (job) => this.#resend(job),
      expire: (message, committed) => this.endings.givenUp(message, committed),
      settleByOrphan: (sending, arrival) => this.answers.settledByOrphan(sending, arrival),
    });
  }

  #newCarriers(): Carriers {
    const { sealing, maxPduOctets, taps } = this.options;
    return new Carriers({
      ...this.#common,
      bindBook: this.bindBook,
      taps,
      random: Math.random,
      monotonic: () => performance.now(),
      maxPduOctets,
      leases: this.leases,
      queued: this.queued,
      receipts: () => this.receipts,
      inbound: this.inbound,
      openPassword: (carrier) => sealing.openSecret(carrier.sealedPassword),
      takeLease: (carrier, keys) => this.#takeLease(carrier, keys),
      giveBackScheduled: (id) => this.scheduled.giveBack(id),
      load: (ids) => this.loader.load(ids),
      book: (sending) => this.lanes.sent.push(sending),
      behind: () => this.lanes.sent.depth() > SENT_MAX,
      accepted: (sending) => this.answers.accepted(sending),
      refused: (sending) => this.answers.refused(sending),
      expired: (message, told) => this.endings.neverSent(message, told),
      unknown: (sendings) => this.unknown.onLost(sendings),
      onUp: (carrier) => void this.unknown.onUp(carrier),
      onDown: (carrier) => void this.unknown.onDown(carrier),
    });
  }

  #newSubmitPath(): SubmitPath {
    return new SubmitPath({
      ...this.#common,
      random: Math.random,
      nextId: (nowMs) => this.ids.nextMessage(nowMs),
      keys: this.keys,
      rates: this.options.limits.rates,
      optOuts: this.options.optOuts,
      accept: this.lanes.accept,
      aliases: new Aliases(this.#common.pool),
      firstOf: (keys) => withClient(this.#common.pool, (client) => firstOfKeys(client, keys)),
      carrierUsable: this.carriers.isUsable,
      queued: this.queued,
      enqueue: (messages) => this.carriers.enqueue(messages),
      rejectByReceipt: (message) => this.endings.rejected(message),
      replaceIfPresent: (account, msisdn, next) =>
        this.replacer.replaceIfPresent(account, msisdn, next),
    });
  }

  #newReplacer(): Replacer {
    const numberHashes = (msisdn: string) => this.options.sealing.numberHashes(msisdn);
    return new Replacer({
      ...this.#common,
      lookups: this.lookups,
      keys: this.keys,
      replace: this.lanes.replace,
      numberHashes,
      newer: (copy) => this.loader.newer(copy),
    });
  }

  #newManage(): Manage {
    const { sealing, limits, responseTimeoutMs } = this.options;
    return new Manage({
      ...this.#common,
      rates: limits.rates,
      lookups: this.lookups,
      replacer: this.replacer,
      responseTimeoutMs,
      numberHashes: (msisdn) => sealing.numberHashes(msisdn),
      end: (message, told) => this.endings.cancelled(message, told),
      newer: (copy) => this.loader.newer(copy),
      forget: (message) => this.carriers.forget(message),
    });
  }

  #newCustomers(): Customers {
    const { authenticator, limits } = this.options;
    const parts = {
      authenticator,
      bindLimits: limits.binds,
      bindBook: this.bindBook,
      submit: this.submit,
      manage: this.manage,
      outbox: this.outbox,
    };
    return new Customers({ ...this.#common, ...parts });
  }

  #newRequeue(): Requeue {
    return new Requeue({
      rejected: (message) => this.endings.rejected(message),
      sendsWhole: (id) => this.#common.catalog().carriers.get(id)?.longMessages === 'payload',
      queueId: (carrier, lane, id) => this.carriers.queueId(carrier, lane, id),
      enqueueJobs: (carrier, jobs) => this.carriers.enqueueJobs(carrier, jobs),
      refusedBefore: (message, segment, status) =>
        this.answers.refusedBefore(message, segment, status),
      isPermanent: (commandStatus) => commandStatus !== 0 && !isTemporary(commandStatus),
    });
  }

  #newRecovery(requeue: Requeue, progress: () => EpochProgress): Recovery {
    const { keeper, connect } = this.options;
    return new Recovery({
      ...this.#common,
      epoch: keeper.epoch,
      connect: () => connect('recovery'),
      progress,
      load: (ids) => this.loader.load(ids),
      requeue,
      unknownAdopted: () => this.unknown.refreshFloor(),
      defer: (rows) => this.waiting.add(rows),
    });
  }

  #newScheduled(requeue: Requeue): ScheduledMessages {
    const { epoch } = this.options.keeper;
    return new ScheduledMessages({
      ...this.#common,
      epoch,
      load: (ids) => this.loader.load(ids),
      requeue,
    });
  }

  #newJanitor(): Janitor {
    const { connect } = this.options;
    return new Janitor({
      ...this.#common,
      connect: () => connect('janitor'),
      load: (ids) => this.loader.load(ids),
      endUnsent: (message) => this.endings.neverSent(message),
      endWithoutReceipt: (message) => this.endings.withoutReceipt(message),
      endBySegments: (message) => this.endings.bySegments(message),
    });
  }

  #newBackpressure(): Backpressure {
    const { accept, settle, segments, notes, inbound } = this.lanes;
    return new Backpressure({
      settleDepth: () => settle.depth(),
      receiptDepth: () => settle.depth() + segments.depth() + notes.depth() + inbound.depth(),
      lookUpsBehind: () => this.orphans.behind,
      holdAccept: (hold) => (hold ? accept.hold() : accept.release()),
      holdCarriers: (hold) => this.carriers.holdReading(hold),
    });
  }

  #settle(settlement: Settlement): void {
    this.settling.begin(this.options.keeper.dbNowMs);
    this.lanes.settle.push(settlement);
    this.backpressure.check();
  }

  /** The database's clock as known when the oldest outcome under way was given to its lane. */
  oldestSettlingDbMs(): number {
    const { dbNowMs } = this.options.keeper;
    const settling = this.settling.oldestDbMs() ?? dbNowMs;
    return Math.min(settling, this.ending.oldestDbMs() ?? dbNowMs);
  }

  #onSettled(
    log: CheckpointLog,
    items: readonly Settlement[],
    verdicts: readonly SettleVerdict[],
  ): void {
    // The receipts are taken over by the outbox before the log lets go of them.
    this.receipts.onSettled(items, verdicts);
    log.end(items.length);
    for (const [i, { told }] of items.entries()) told?.(verdicts[i] ?? 0);
    this.backpressure.check();
  }

  /** Sends a submit_sm again, by the route as it stands now. */
  #resend(job: Job): void {
    const { message } = job;
    const candidates = this.options.catalog().routes.candidates(message.destination);
    const next = candidates && chooseCarrier(candidates, this.carriers.isUsable, Math.random());
    // Segments of one message stay with one carrier: it puts them together.
    if (next !== undefined && message.parts === undefined) message.carrier = next;
    this.carriers.enqueueJobs(message.carrier, [job]);
  }

  #takeLease(carrier: CarrierId, keys: readonly Sending[]): Promise<TakenLease> {
    const lease: bigint = this.ids.nextBatch();
    return new Promise((resolve, reject) => {
      const done = resolve;
      const failed = (error: Error) => {
        this.leases.abandon(lease);
        reject(error);
      };
      this.lanes.lease.push({ lease, carrier, keys, done, failed });
    });
  }

  #onInbound(items: readonly InboundItem[], verdicts: readonly InboundVerdict[]): void {
    this.inbound.onStored(items, verdicts);
    this.backpressure.check();
  }
}
