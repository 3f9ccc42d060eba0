import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client';
import { gauge, MICRO_PER_CREDIT } from './gauge.ts';
import { HotCounter, HotHistogram } from './hot-metrics.ts';
import { registerLiveGauges } from './live-gauges.ts';
import { registerQualityGauges } from './quality-gauges.ts';
import type { OpsRuntime } from './runtime.ts';
import { registerStoredGauges, type StoredGauges } from './stored-gauges.ts';

/**
 * Every metric of the product. Counters and histograms are met through `child(labels...)`: keep the child where the
 * counting is hot. No label is ever a number, a message id or a session.
 */
export interface Metrics {
  readonly registry: Registry;
  /** side (customer | carrier), peer, event (bound, refused, closed ...). */
  readonly bindEvents: HotCounter;
  /** account, result (`accepted` or a refusal's key). */
  readonly submits: HotCounter;
  /** No labels: from submit_sm in to submit_sm_resp out. */
  readonly submitSeconds: HotHistogram;
  /** carrier, status (name of the command_status). */
  readonly upstreamSubmits: HotCounter;
  /** carrier. */
  readonly upstreamSeconds: HotHistogram;
  /** carrier: from accept to the first submit_sm to it. */
  readonly sentSeconds: HotHistogram;
  /** account, carrier. */
  readonly segments: HotCounter;
  /** side, peer. */
  readonly throttled: HotCounter;
  /** carrier, state, fault. */
  readonly receipts: HotCounter;
  /** carrier, state, fault, cause (a row of "How a message ends"), origin (carrier: its receipt says so; gateway: we do). */
  readonly messagesEnded: HotCounter;
  /** carrier: from the carrier's submit_sm_resp to its receipt. */
  readonly receiptSeconds: HotHistogram;
  /** carrier, reason. */
  readonly receiptsUnmatched: HotCounter;
  /** carrier, resolution (answered receipt resent expired ended). */
  readonly unknownResolved: HotCounter;
  readonly failovers: HotCounter;
  /** carrier, result: mobile-originated messages, notifications and alerts. */
  readonly inbound: HotCounter;
  /** account, kind (receipt notification message). */
  readonly deliveriesExpired: HotCounter;
  /** rule, action. */
  readonly policyDecisions: HotCounter;
  /** cause (complete timedOut refused held). */
  readonly partSetsEnded: HotCounter;
  /** account, kind (charge refund reserve release top_up ...). Children count micro-credits, a scrape shows credits. */
  readonly credits: HotCounter;
  /** account, event: warnings before credit expires and when it is low. */
  readonly creditWarnings: HotCounter;
  /** account, event: that it lies unused or was stopped for it, that its traffic is unusual or usual again. */
  readonly accountNotices: HotCounter;
  /** account, result (delivered failed givenUp): requests to customers' webhooks. */
  readonly webhooks: HotCounter;
  /** side. */
  readonly malformedPdus: HotCounter;
  /** side, error. */
  readonly protocolErrors: HotCounter;
  /** lane (accept, sent, settle, returned). */
  readonly storeBatchSeconds: HotHistogram;
  /** lane. */
  readonly storeBatchSize: HotHistogram;
  /** Differences found by the newest reconciliation; NaN before the first one. */
  readonly ledgerMismatches: Gauge;
  /** Starts to answer the gauges from the living daemon; before it they are empty. */
  attach(runtime: OpsRuntime, stored: StoredGauges): void;
  /** Text of a scrape. */
  scrape(): Promise<string>;
  /** Stops the event loop's monitor; the registry can be dropped then. */
  close(): void;
}

/** 1 ms to 30 s: a submit answers in milliseconds, a slow store in seconds. */
const SUBMIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** 1 s to two days: receipts take from a second to the validity plus grace. */
const RECEIPT_BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200, 172800];
/** From a quick hop to a queue of a day. */
const SENT_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200, 86400];
/** Powers of two up to a lane's largest batch, 500. */
const BATCH_SIZE_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500];
/** The sampling step of monitorEventLoopDelay; an idle loop shows exactly it, so it is taken off. */
const LAG_RESOLUTION_MS = 10;

/** Builds every metric of the product in one registry of its own, prom-client's defaults included. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const source: GaugeSource = { runtime: undefined, stored: undefined };
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();
  registerLiveGauges(registry, () => source.runtime);
  registerStoredGauges(registry, () => source.stored);
  registerQualityGauges(registry, () => source.runtime);
  gauge(
    registry,
    'event_loop_lag_seconds',
    'p99 of the event loop lag since the last scrape',
    [],
    (g) => {
      const ms = lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS;
      lag.reset();
      g.set(Math.max(0, ms) / 1000);
    },
  );
  const ledgerMismatches = gauge(
    registry,
    'ledger_mismatches',
    'Differences that checks of the books found and no whole reconciliation has cleared',
    [],
    async (g) => {
      g.set((await source.stored?.ledgerMismatches().catch(() => undefined)) ?? Number.NaN);
    },
  );
  return {
    registry,
    ...counters(registry),
    ...histograms(registry),
    ledgerMismatches,
    attach(runtime, stored) {
      source.runtime = runtime;
      source.stored = stored;
    },
    scrape: () => registry.metrics(),
    close() {
      lag.disable();
      registry.clear();
    },
  };
}

type Counters = Pick<
  Metrics,
  | 'bindEvents'
  | 'submits'
  | 'upstreamSubmits'
  | 'segments'
  | 'throttled'
  | 'receipts'
  | 'messagesEnded'
  | 'receiptsUnmatched'
  | 'unknownResolved'
  | 'failovers'
  | 'inbound'
  | 'deliveriesExpired'
  | 'policyDecisions'
  | 'partSetsEnded'
  | 'credits'
  | 'creditWarnings'
  | 'accountNotices'
  | 'webhooks'
  | 'malformedPdus'
  | 'protocolErrors'
>;

function counters(registry: Registry): Counters {
  const counter = (name: string, help: string, labels: string[], divisor = 1) =>
    new HotCounter(registry, `smppgate_${name}`, help, labels, divisor);
  return {
    bindEvents: counter('bind_events_total', 'Binds, refusals and ends of sessions', [
      'side',
      'peer',
      'event',
    ]),
    submits: counter('submits_total', 'Submits of customers by result', ['account', 'result']),
    upstreamSubmits: counter('upstream_submits_total', 'Answers of carriers to submit_sm', [
      'carrier',
      'status',
    ]),
    segments: counter('segments_total', 'Segments sent to carriers', ['account', 'carrier']),
    throttled: counter('throttled_total', 'Submits over the rate', ['side', 'peer']),
    receipts: counter('receipts_total', 'Final states of messages', ['carrier', 'state', 'fault']),
    messagesEnded: counter('messages_ended_total', 'Ends of messages, and who says so', [
      'carrier',
      'state',
      'fault',
      'cause',
      'origin',
    ]),
    receiptsUnmatched: counter('receipts_unmatched_total', 'Receipts without a message', [
      'carrier',
      'reason',
    ]),
    unknownResolved: counter(
      'unknown_outcomes_resolved_total',
      'submit_sm whose outcome was unknown and no longer is',
      ['carrier', 'resolution'],
    ),
    failovers: counter('failovers_total', 'Messages that went from one carrier to another', [
      'from',
      'to',
      'reason',
    ]),
    inbound: counter('inbound_total', 'Messages of subscribers, notifications and alerts', [
      'carrier',
      'result',
    ]),
    deliveriesExpired: counter(
      'deliveries_expired_total',
      'Receipts and messages that a customer did not take in time',
      ['account', 'kind'],
    ),
    policyDecisions: counter('policy_decisions_total', 'Decisions of policy rules', [
      'rule',
      'action',
    ]),
    partSetsEnded: counter(
      'part_sets_ended_total',
      'Long messages whose parts waited for each other and were decided',
      ['cause'],
    ),
    credits: counter('credits_total', 'Credits moved', ['account', 'kind'], MICRO_PER_CREDIT),
    creditWarnings: counter('credit_warnings_total', 'Warnings of expiring and low credit', [
      'account',
      'event',
    ]),
    accountNotices: counter('account_notices_total', 'Unused accounts and unusual traffic', [
      'account',
      'event',
    ]),
    webhooks: counter('webhooks_total', "Requests to customers' webhooks", ['account', 'result']),
    malformedPdus: counter('malformed_pdus_total', 'PDUs that did not decode', ['side']),
    protocolErrors: counter('protocol_errors_total', 'What peers did against the protocol', [
      'side',
      'error',
    ]),
  };
}

type Histograms = Pick<
  Metrics,
  | 'submitSeconds'
  | 'upstreamSeconds'
  | 'sentSeconds'
  | 'receiptSeconds'
  | 'storeBatchSeconds'
  | 'storeBatchSize'
>;

function histograms(registry: Registry): Histograms {
  const histogram = (
    name: string,
    help: string,
    labelNames: string[],
    buckets: readonly number[],
  ) => new HotHistogram(registry, { name: `smppgate_${name}`, help, labelNames, buckets });
  return {
    submitSeconds: histogram(
      'submit_seconds',
      'submit_sm in to submit_sm_resp out',
      [],
      SUBMIT_BUCKETS,
    ),
    upstreamSeconds: histogram(
      'upstream_seconds',
      'submit_sm to a carrier until its answer',
      ['carrier'],
      SUBMIT_BUCKETS,
    ),
    sentSeconds: histogram(
      'sent_seconds',
      'Accept (or the time a message was to wait for) until its first submit_sm to a carrier',
      ['carrier'],
      SENT_BUCKETS,
    ),
    receiptSeconds: histogram(
      'receipt_seconds',
      'Carrier answer until its receipt',
      ['carrier'],
      RECEIPT_BUCKETS,
    ),
    storeBatchSeconds: histogram(
      'store_batch_seconds',
      'One batch of a lane, commit included',
      ['lane'],
      SUBMIT_BUCKETS,
    ),
    storeBatchSize: histogram(
      'store_batch_size',
      'Rows in one batch of a lane',
      ['lane'],
      BATCH_SIZE_BUCKETS,
    ),
  };
}

interface GaugeSource {
  runtime: OpsRuntime | undefined;
  stored: StoredGauges | undefined;
}
