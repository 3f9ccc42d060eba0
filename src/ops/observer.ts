import type { CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import { type EndCause, endOrigin } from '../domain/message-state.ts';
import type {
  BindEvent,
  DeliveryKind,
  FailoverReason,
  GatewayObserver,
  InboundResult,
  MoneyKind,
  PartSetEnd,
  SubmitResult,
  UnmatchedReason,
} from '../gateway/observer.ts';
import type { ProtocolError } from '../gateway/protocol-errors.ts';
import type { QualityBook } from '../gateway/quality.ts';
import type { UnknownResolution } from '../store/unknown.ts';
import type { AccountEvent, CreditEvent } from '../store/webhook-events.ts';
import type { CounterChild, HistogramChild } from './hot-metrics.ts';
import type { OpsLog } from './logs.ts';
import type { Metrics } from './metrics.ts';

/** A submit_sm whose bind never led to an account. */
const NO_ACCOUNT = '-';
/** A message that no carrier had. */
const NO_CARRIER = '-';

/** Statuses that become labels, over all carriers: twice as many as there are standard ones. */
const STATUS_LABELS_MAX = 150;

/**
 * The gateway's observer: what the pipeline reports becomes metrics and, where an operator must know, a line of the
 * log. The children of the hot counters are kept here, so that a report costs one Map look-up and an addition.
 */
export class MetricsObserver implements GatewayObserver {
  /** What is unusual of the carriers' traffic. */
  readonly quality: QualityBook;
  readonly #metrics: Metrics;
  readonly #log: OpsLog;
  readonly #statusName: (status: number) => string;
  readonly #submitSeconds: HistogramChild;
  readonly #accounts = new Map<string, AccountChildren>();
  readonly #carriers = new Map<string, CarrierChildren>();
  /** Names of the statuses that are labels. */
  readonly #statuses = new Set<string>();

  /** `statusName` turns a command_status into its name (smpp/status.ts), so that a label says ESME_RTHROTTLED. */
  constructor(
    metrics: Metrics,
    log: OpsLog,
    statusName: (status: number) => string,
    quality: QualityBook,
  ) {
    this.#metrics = metrics;
    this.quality = quality;
    this.#log = log;
    this.#statusName = statusName;
    this.#submitSeconds = metrics.submitSeconds.child();
  }

  submitAnswered(account: CatalogAccount | undefined, result: SubmitResult, seconds: number): void {
    this.#submitSeconds.observe(seconds);
    if (account === undefined) this.#metrics.submits.child(NO_ACCOUNT, result).inc();
    else if (result === 'accepted') this.#account(account.name).accepted.inc();
    else this.#metrics.submits.child(account.name, result).inc();
  }

  upstreamAnswered(
    carrier: CatalogCarrier,
    status: number,
    seconds: number,
    destination: string,
  ): void {
    this.quality.submitAnswered(carrier, destination, status === 0, seconds);
    const children = this.#carrier(carrier.name);
    children.seconds.observe(seconds);
    if (status === 0) children.accepted.inc();
    else this.#metrics.upstreamSubmits.child(carrier.name, this.#statusLabel(status)).inc();
  }

  segmentsSent(account: CatalogAccount, carrier: CatalogCarrier, segments: number): void {
    this.#metrics.segments.child(account.name, carrier.name).inc(segments);
  }

  messageSent(carrier: CatalogCarrier, seconds: number): void {
    this.#carrier(carrier.name).sentSeconds.observe(seconds);
  }

  segmentReceipted(
    carrier: CatalogCarrier,
    destination: string,
    delivered: boolean,
    seconds: number | undefined,
  ): void {
    this.quality.receipt(carrier, destination, delivered, seconds);
  }

  messageEnded(
    carrier: CatalogCarrier | undefined,
    stat: string,
    fault: string,
    cause: EndCause,
    seconds: number | undefined,
  ): void {
    const name = carrier?.name ?? NO_CARRIER;
    this.#metrics.receipts.child(name, stat, fault).inc();
    this.#metrics.messagesEnded.child(name, stat, fault, cause, endOrigin(cause)).inc();
    if (seconds !== undefined) this.#metrics.receiptSeconds.child(name).observe(seconds);
  }

  receiptUnmatched(carrier: CatalogCarrier, reason: UnmatchedReason, destination: string): void {
    this.quality.unmatched(carrier, destination, reason === 'matchedLater' ? -1 : 1);
    this.#metrics.receiptsUnmatched.child(carrier.name, reason).inc();
  }

  unknownResolved(carrier: CatalogCarrier, resolution: UnknownResolution, count: number): void {
    this.#metrics.unknownResolved.child(carrier.name, resolution).inc(count);
  }

  failover(from: string, to: string, reason: FailoverReason, count: number): void {
    this.#metrics.failovers.child(from, to, reason).inc(count);
  }

  bindEvent(side: 'customer' | 'carrier', peer: string, event: BindEvent): void {
    this.#metrics.bindEvents.child(side, peer, event).inc();
  }

  throttled(side: 'customer' | 'carrier', peer: string): void {
    this.#metrics.throttled.child(side, peer).inc();
  }

  policyDecision(rule: string, action: string): void {
    this.#metrics.policyDecisions.child(rule, action).inc();
  }

  partSetsEnded(cause: PartSetEnd, count: number): void {
    if (count > 0) this.#metrics.partSetsEnded.child(cause).inc(count);
  }

  money(account: CatalogAccount, kind: MoneyKind, microCredits: bigint): void {
    this.#metrics.credits.child(account.name, kind).inc(Number(microCredits));
  }

  creditWarning(account: CatalogAccount, event: CreditEvent): void {
    this.#metrics.creditWarnings.child(account.name, event).inc();
  }

  accountNotice(account: CatalogAccount, event: AccountEvent): void {
    this.#metrics.accountNotices.child(account.name, event).inc();
  }

  inbound(carrier: CatalogCarrier, result: InboundResult): void {
    this.#metrics.inbound.child(carrier.name, result).inc();
  }

  deliveriesExpired(account: CatalogAccount, kind: DeliveryKind, count: number): void {
    this.#metrics.deliveriesExpired.child(account.name, kind).inc(count);
  }

  malformedPdu(side: 'customer' | 'carrier'): void {
    this.#metrics.malformedPdus.child(side).inc();
  }

  protocolError(side: 'customer' | 'carrier', error: ProtocolError): void {
    this.#metrics.protocolErrors.child(side, error).inc();
  }

  storeBatch(lane: string, size: number, seconds: number): void {
    this.#metrics.storeBatchSize.child(lane).observe(size);
    this.#metrics.storeBatchSeconds.child(lane).observe(seconds);
  }

  note(
    level: 'info' | 'warn' | 'error',
    event: string,
    fields: Readonly<Record<string, string | number | boolean>>,
  ): void {
    this.#log[level](event, fields);
  }

  #account(name: string): AccountChildren {
    let children = this.#accounts.get(name);
    if (children === undefined) {
      children = { accepted: this.#metrics.submits.child(name, 'accepted') };
      this.#accounts.set(name, children);
    }
    return children;
  }

  /** A carrier could answer with any of 2^32 numbers, and each would be a child for ever. */
  #statusLabel(status: number): string {
    const name = this.#statusName(status);
    if (this.#statuses.has(name)) return name;
    if (this.#statuses.size >= STATUS_LABELS_MAX) return 'other';
    this.#statuses.add(name);
    return name;
  }

  #carrier(name: string): CarrierChildren {
    let children = this.#carriers.get(name);
    if (children === undefined) {
      children = {
        accepted: this.#metrics.upstreamSubmits.child(name, this.#statusName(0)),
        seconds: this.#metrics.upstreamSeconds.child(name),
        sentSeconds: this.#metrics.sentSeconds.child(name),
      };
      this.#carriers.set(name, children);
    }
    return children;
  }
}

interface AccountChildren {
  readonly accepted: CounterChild;
}

interface CarrierChildren {
  readonly accepted: CounterChild;
  readonly seconds: HistogramChild;
  readonly sentSeconds: HistogramChild;
}
