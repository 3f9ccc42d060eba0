import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { HeldCounts } from '../store/moderation.ts';
import { HotCounter, HotHistogram } from './hot-metrics.ts';
import { registerQualityGauges } from './quality-gauges.ts';
import type { OpsRuntime } from './runtime.ts';

/** What only a query knows, asked at a scrape. A failure leaves the gauge empty: a scrape must not fail with the store. */
export interface StoredGauges {
  /** Account name -> balance in micro-credits. */
  balances(): Promise<ReadonlyMap<string, bigint>>;
  /** Carrier name -> submit_sm whose outcome is unknown. */
  unknownOutcomes(): Promise<ReadonlyMap<string, number>>;
  /** Differences that the newest checks of the books found; undefined: nothing was checked yet. */
  ledgerMismatches(): Promise<number | undefined>;
  /** Ledger entries that are not chained yet. */
  chainLag(): Promise<bigint>;
  /** Messages that wait for a moderator. */
  held(): Promise<HeldCounts>;
  /** Refund requests by state, and approved ones past their due date. */
  refundRequests(): Promise<{ byState: ReadonlyMap<string, number>; overdue: number }>;
}

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
  /** account, kind (charge refund reserve release top_up ...). Children count micro-credits, a scrape shows credits. */
  readonly credits: HotCounter;
  /** account, event: warnings before credit expires and when it is low. */
  readonly creditWarnings: HotCounter;
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

/** Metrics are floats by Prometheus' format; the exact money is the API's. */
const MICRO_PER_CREDIT = 1e6;
/** 1 ms to 30 s: a submit answers in milliseconds, a slow store in seconds. */
const SUBMIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** 1 s to two days: receipts take from a second to the validity plus grace. */
const RECEIPT_BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200, 172800];
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
  registerLiveGauges(registry, source);
  registerStoredGauges(registry, source);
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
  | 'credits'
  | 'creditWarnings'
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
    credits: counter('credits_total', 'Credits moved', ['account', 'kind'], MICRO_PER_CREDIT),
    creditWarnings: counter('credit_warnings_total', 'Warnings of expiring and low credit', [
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
  'submitSeconds' | 'upstreamSeconds' | 'receiptSeconds' | 'storeBatchSeconds' | 'storeBatchSize'
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

function registerLiveGauges(registry: Registry, source: GaugeSource): void {
  gauge(registry, 'binds', 'Sessions bound now', ['side', 'peer', 'type'], (g) => {
    // A carrier without any is what is asked for most: 0, not nothing.
    for (const { name, bindAs } of source.runtime?.carriers() ?? [])
      for (const type of bindAs.split('+')) g.set({ side: 'carrier', peer: name, type }, 0);
    for (const bind of source.runtime?.binds() ?? [])
      g.inc({ side: bind.side, peer: bind.peer, type: bind.type });
  });
  const lost = new Counter({
    name: 'smppgate_bind_history_lost_total',
    help: 'Entries that the history of binds lacks',
    registers: [registry],
    collect() {
      lost.reset();
      lost.inc(source.runtime?.bindHistoryLost() ?? 0);
    },
  });
  gauge(registry, 'traces', 'Traces under way', [], (g) => g.set(source.runtime?.traces() ?? 0));
  gauge(registry, 'binds_limit', 'Sessions a peer may have', ['side', 'peer'], (g) => {
    for (const { side, peer, limit } of source.runtime?.bindLimits() ?? [])
      g.set({ side, peer }, limit);
  });
  gauge(registry, 'window_in_use', 'Requests without an answer', ['side', 'peer'], (g) => {
    for (const bind of source.runtime?.binds() ?? [])
      g.inc({ side: bind.side, peer: bind.peer }, bind.windowInUse);
  });
  gauge(
    registry,
    'carrier_rate',
    'Segments a second that a carrier is sent at most; +Inf: no limit',
    ['carrier'],
    (g) => {
      for (const { name, rate } of source.runtime?.carriers() ?? [])
        g.set({ carrier: name }, rate.perSecond);
    },
  );
  gauge(
    registry,
    'queue_messages',
    'Messages that wait for a carrier',
    ['carrier', 'class'],
    (g) => {
      for (const queue of source.runtime?.queues() ?? []) {
        g.set({ carrier: queue.carrier, class: queue.class }, queue.messages);
      }
    },
  );
  gauge(
    registry,
    'queue_oldest_seconds',
    'Age of the oldest waiting message',
    ['carrier', 'class'],
    (g) => {
      for (const queue of source.runtime?.queues() ?? []) {
        g.set({ carrier: queue.carrier, class: queue.class }, queue.oldestSeconds);
      }
    },
  );
  gauge(
    registry,
    'receipts_waiting',
    'Receipts and messages that wait for the customer',
    ['account'],
    (g) => {
      for (const [account, waiting] of source.runtime?.receiptsWaiting() ?? [])
        g.set({ account }, waiting);
    },
  );
}

function registerStoredGauges(registry: Registry, source: GaugeSource): void {
  gauge(
    registry,
    'unknown_outcomes',
    'submit_sm without a known outcome',
    ['carrier'],
    async (g) => {
      const unknown = await source.stored?.unknownOutcomes().catch(() => undefined);
      for (const [carrier, count] of unknown ?? []) g.set({ carrier }, count);
    },
  );
  gauge(registry, 'ledger_chain_lag_entries', 'Ledger entries not chained yet', [], async (g) => {
    const lag = await source.stored?.chainLag().catch(() => undefined);
    if (lag !== undefined) g.set(Number(lag));
  });
  const oldest = gauge(
    registry,
    'moderation_oldest_seconds',
    'How long the oldest message waits for a moderator',
    [],
  );
  gauge(
    registry,
    'moderation_held',
    'Messages that wait for a moderator',
    ['account'],
    async (g) => {
      const held = await source.stored?.held().catch(() => undefined);
      for (const [account, count] of held?.byAccount ?? []) g.set({ account }, count);
      oldest.set(held?.oldestSeconds ?? Number.NaN);
    },
  );
  gauge(registry, 'refund_requests', 'Refund requests', ['state'], async (g) => {
    const counts = await source.stored?.refundRequests().catch(() => undefined);
    for (const [state, count] of counts?.byState ?? []) g.set({ state }, count);
  });
  gauge(registry, 'refund_requests_overdue', 'Approved and past their due date', [], async (g) => {
    const counts = await source.stored?.refundRequests().catch(() => undefined);
    g.set(counts?.overdue ?? Number.NaN);
  });
  gauge(registry, 'balance_credits', 'Balance of an account', ['account'], async (g) => {
    const balances = await source.stored?.balances().catch(() => undefined);
    for (const [account, micro] of balances ?? [])
      g.set({ account }, Number(micro) / MICRO_PER_CREDIT);
  });
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  collect?: (gauge: Gauge) => void | Promise<void>,
): Gauge {
  const made: Gauge = new Gauge({
    name: `smppgate_${name}`,
    help,
    labelNames,
    registers: [registry],
    ...(collect && {
      async collect() {
        made.reset();
        await collect(made);
      },
    }),
  });
  return made;
}
