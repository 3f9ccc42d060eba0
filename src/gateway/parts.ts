import { randomBytes } from 'node:crypto';
import type { Client, Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { AccountId, CarrierId } from '../domain/ids.ts';
import type { NumberLookup } from '../domain/networks.ts';
import type { Taps } from '../session/tap.ts';
import { ContentKeys } from '../store/content-keys.ts';
import type { EpochProgress } from '../store/epoch.ts';
import type { EpochKeeper } from '../store/epoch-keeper.ts';
import type { InboundVerdict } from '../store/inbound.ts';
import type { TakenLease } from '../store/lease.ts';
import type { Sealing } from '../store/sealing.ts';
import type { SettleVerdict } from '../store/settle.ts';
import type { AskedAgain } from './asked-again.ts';
import type { Authenticator } from './authenticate.ts';
import { Backpressure } from './backpressure.ts';
import type { BindBook } from './bind-book.ts';
import {
  newAskedAgain,
  newCarriers,
  newCorrections,
  newFailover,
  newInboundPath,
  newJanitor,
  newLateOrphans,
  newNextCarrier,
  newOrphans,
  newReceiptExplainer,
  newReceiptPath,
  newReceiptSearch,
  newRecovery,
  newRequeue,
  newScheduled,
  newUnknownOutcomes,
  newUpstreamAnswers,
} from './carrier-side.ts';
import type { Carriers } from './carriers.ts';
import type { ChangeFeed } from './change-feed.ts';
import { CheckpointLog } from './checkpoint.ts';
import { ClockOffsets } from './clock-offsets.ts';
import { Conversions } from './conversions.ts';
import type { Corrections } from './corrections.ts';
import { Correlation } from './correlation.ts';
import {
  newBook,
  newCustomers,
  newHeldMessages,
  newManage,
  newOutbox,
  newPartSets,
  newQuotas,
  newReplacer,
  newReplay,
  newSaidTexts,
  newSharedRecipients,
  newSubmitPath,
  newWaitingList,
} from './customer-side.ts';
import type { Customers } from './customers.ts';
import { Endings } from './endings.ts';
import { Expiry } from './expiry.ts';
import type { Failover } from './failover.ts';
import type { HeldMessages } from './held-messages.ts';
import { IdLearning } from './id-learning.ts';
import type { InboundItem, InboundPath } from './inbound.ts';
import type { Janitor } from './janitor.ts';
import { type Lanes, openLanes } from './lanes.ts';
import type { LateOrphans } from './late-orphans.ts';
import { LeaseBook } from './lease-book.ts';
import { MessageLoader } from './loader.ts';
import { Lookups } from './lookups.ts';
import type { Manage } from './manage.ts';
import type { Message } from './message.ts';
import type { NextCarrier } from './next-carrier.ts';
import { NodeIds } from './node-ids.ts';
import type { GatewayObserver } from './observer.ts';
import type { Orphans } from './orphans.ts';
import type { Outbox } from './outbox.ts';
import { ParkedReceipts } from './parked-receipts.ts';
import type { PartSets } from './part-sets.ts';
import type { PolicyReplay } from './policy-replay.ts';
import { QueuedCounts } from './queued-counts.ts';
import type { Quotas } from './quotas.ts';
import type { BindLimits, RateLimits } from './rates.ts';
import type { ReceiptPath } from './receipt.ts';
import type { ReceiptExplainer } from './receipt-explain.ts';
import type { ReceiptSearch } from './receipt-search.ts';
import type { RecipientLists } from './recipient-lists.ts';
import type { Recovery } from './recovery.ts';
import type { Replacer } from './replace.ts';
import { ReplayBrake } from './replay-brake.ts';
import { RequeueRequests } from './requeue-requests.ts';
import { Router } from './router.ts';
import type { SaidTexts } from './said-texts.ts';
import type { ScheduledMessages } from './scheduled.ts';
import type { Sending } from './sending.ts';
import type { Settlement } from './settlement.ts';
import type { SharedRecipients } from './shared-recipients.ts';
import type { SubmitPath } from './submit.ts';
import { TrafficGroups } from './traffic-groups.ts';
import { TrafficSignals } from './traffic-signals.ts';
import type { UnknownOutcomes } from './unknown.ts';
import type { UpstreamAnswers } from './upstream-answers.ts';
import { Violations } from './violations.ts';
import type { WaitingList } from './waiting-list.ts';

export interface GatewayOptions {
  readonly pool: Pool;
  readonly keeper: EpochKeeper;
  readonly sealing: Sealing;
  readonly observer: GatewayObserver;
  readonly authenticator: Authenticator;
  readonly limits: { readonly rates: RateLimits; readonly binds: BindLimits };
  readonly recipients: RecipientLists;
  /** Keeps it and the numbers in step. */
  readonly feed: Pick<ChangeFeed, 'caughtUp'>;
  /** Whose ported numbers are. */
  readonly numbers: NumberLookup;
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
  readonly common: {
    readonly catalog: () => Catalog;
    readonly now: () => number;
    readonly observer: GatewayObserver;
    readonly pool: Pool;
  };
  readonly ids: NodeIds;
  readonly leases = new LeaseBook();
  readonly queued = new QueuedCounts();
  readonly clocks = new ClockOffsets();
  readonly brake = new ReplayBrake();
  readonly learning = new IdLearning();
  readonly correlation = new Correlation(this.learning);
  readonly router: Router;
  readonly nextCarrier: NextCarrier;
  readonly requeues: RequeueRequests;
  /** One a lane: each answers in order. */
  readonly settling = new CheckpointLog();
  readonly ending = new CheckpointLog();
  readonly keys: ContentKeys;
  readonly groups: TrafficGroups;
  readonly loader: MessageLoader;
  readonly lookups: Lookups;
  readonly replacer: Replacer;
  readonly manage: Manage;
  readonly violations: Violations;
  readonly quotas: Quotas;
  readonly signals: TrafficSignals;
  readonly conversions: Conversions;
  readonly saidTexts: SaidTexts;
  readonly sharedRecipients: SharedRecipients;
  readonly held: HeldMessages;
  readonly partSets: PartSets;
  readonly replay: PolicyReplay;
  readonly submit: SubmitPath;
  readonly receipts: ReceiptPath;
  readonly search: ReceiptSearch;
  readonly corrections: Corrections;
  readonly explainer: ReceiptExplainer;
  readonly parked: ParkedReceipts;
  readonly orphans: Orphans;
  readonly late: LateOrphans;
  readonly answers: UpstreamAnswers;
  readonly unknown: UnknownOutcomes;
  readonly failover: Failover;
  readonly endings: Endings;
  readonly recovery: Recovery;
  readonly again: AskedAgain;
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
    this.common = { catalog: () => options.catalog(), now: Date.now, observer, pool };
    this.ids = new NodeIds(options.keeper);
    this.router = new Router({
      catalog: this.common.catalog,
      random: Math.random,
      now: Date.now,
      numbers: options.numbers,
      isUsable: (carrier) => this.carriers.isUsable(carrier),
    });
    this.nextCarrier = newNextCarrier(this);
    this.requeues = new RequeueRequests({
      ...this.common,
      router: this.router,
      reroute: (from, to, record) => this.carriers.reroute(from, to, record),
    });
    this.keys = new ContentKeys({ pool, sealing, random: randomBytes });
    this.groups = new TrafficGroups({
      ...this.common,
      networkOf: (msisdn) => this.router.networkOf(msisdn),
    });
    this.loader = new MessageLoader({ ...this.common, keys: this.keys });
    this.lanes = this.#openLanes();
    this.bindBook = newBook(this);
    this.endings = this.#newEndings();
    this.outbox = newOutbox(this);
    this.waiting = newWaitingList(this);
    this.inbound = newInboundPath(this);
    this.expiry = new Expiry({ ...this.common, epoch: options.keeper.epoch });
    this.corrections = newCorrections(this);
    this.receipts = newReceiptPath(this);
    this.search = newReceiptSearch(this);
    this.orphans = newOrphans(this);
    this.explainer = newReceiptExplainer(this);
    this.parked = new ParkedReceipts({ ...this.common, sealing, explainer: this.explainer });
    this.late = newLateOrphans(this);
    this.answers = newUpstreamAnswers(this);
    this.unknown = newUnknownOutcomes(this);
    this.failover = newFailover(this);
    this.carriers = newCarriers(this);
    this.lookups = new Lookups({ pool, loader: this.loader });
    this.violations = new Violations({
      ...this.common,
      endQueuedOf: (account) => this.endQueuedOf(account),
    });
    this.quotas = newQuotas(this);
    this.signals = new TrafficSignals(this.common);
    this.conversions = new Conversions({ ...this.common, loader: this.loader });
    this.sharedRecipients = newSharedRecipients(this);
    this.saidTexts = newSaidTexts(this);
    this.held = newHeldMessages(this);
    this.partSets = newPartSets(this);
    this.replay = newReplay(this);
    this.replacer = newReplacer(this);
    this.manage = newManage(this);
    this.submit = newSubmitPath(this);
    this.customers = newCustomers(this);
    const requeue = newRequeue(this);
    this.recovery = newRecovery(this, requeue, progress);
    this.again = newAskedAgain(this);
    this.scheduled = newScheduled(this, requeue);
    this.janitor = newJanitor(this);
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
          for (const sending of items) {
            this.leases.settle(sending.lease);
            if (sending.status !== 0) this.failover.onBooked(sending);
          }
          this.orphans.onStored(items);
          this.carriers.pump();
        },
        onSettled: (items, verdicts) => this.#onSettled(this.settling, items, verdicts),
        onEndedUnsent: (items, verdicts) => this.#onSettled(this.ending, items, verdicts),
        onSegments: (items, verdicts) => this.receipts.onSegments(items, verdicts),
        onNotes: (items) => this.receipts.onNotes(items),
        onGivenUp: (items, verdicts) => this.failover.onGivenUp(items, verdicts),
        onInbound: (items, verdicts) => this.#onInbound(items, verdicts),
        onReturned: (items) => this.outbox.onReturned(items),
        onDeferred: (items) => this.outbox.onDeferred(items),
      },
    });
  }

  #newEndings(): Endings {
    return new Endings({
      ...this.common,
      settle: (settlement) => this.receipts.settle(settlement),
      endUnsent: (settlement) => {
        this.ending.begin(this.options.keeper.dbNowMs);
        this.lanes.endUnsent.push(settlement);
      },
    });
  }

  #newBackpressure(): Backpressure {
    const { accept, settle, segments, notes, inbound } = this.lanes;
    return new Backpressure({
      settleDepth: () => settle.depth(),
      receiptDepth: () =>
        settle.depth() +
        segments.depth() +
        notes.depth() +
        inbound.depth() +
        this.corrections.depth(),
      lookUpsBehind: () => this.orphans.behind,
      holdAccept: (hold) => (hold ? accept.hold() : accept.release()),
      holdCarriers: (hold) => this.carriers.holdReading(hold),
    });
  }

  /** Ends queued messages of an account that was stopped, in whatever version they are, by its terms. */
  endQueuedOf(account: AccountId): Promise<void> {
    return this.janitor.endQueuedOf(account, (message) => this.stop(message));
  }

  settle(settlement: Settlement): void {
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

  /** Ends a queued message that is stopped (its account or its destination was suspended), in whatever version it is. */
  stop(message: Message): void {
    this.endings.stopped(message, (verdict) => {
      if (verdict !== 2) return;
      const stop = (newer: Message | undefined) => newer !== undefined && this.stop(newer);
      const failed = (error: unknown) =>
        this.options.observer.note('warn', 'replacedNotRead', { reason: String(error) });
      this.loader.newer(message).then(stop, failed);
    });
  }

  takeLease(carrier: CarrierId, keys: readonly Sending[]): Promise<TakenLease> {
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
