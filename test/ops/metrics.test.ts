import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../../src/ops/metrics.ts';
import { testRuntime } from './ops-bench.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics();
});
afterEach(() => metrics.close());

const nothingStored = {
  balances: async () => new Map(),
  unknownOutcomes: async () => new Map(),
  ledgerMismatches: async () => undefined,
  chainLag: async () => 0n,
  held: async () => ({ byAccount: new Map(), partsByAccount: new Map(), oldestSeconds: 0 }),
  partSets: async () => 0,
  refundRequests: async () => ({ byState: new Map(), overdue: 0, dueInSeconds: undefined }),
};

describe('createMetrics', () => {
  it('has every metric of the interface, with the labels it names', async () => {
    metrics.attach(testRuntime(), nothingStored);
    const { registry } = metrics;
    // interface.md, Metrics. store_batch_* have the lane as well.
    const labels: Record<string, string> = {
      binds: 'side,peer,type',
      binds_limit: 'side,peer',
      bind_events_total: 'side,peer,event',
      bind_history_lost_total: '',
      submits_total: 'account,result',
      submit_seconds: '',
      upstream_submits_total: 'carrier,status',
      upstream_seconds: 'carrier',
      sent_seconds: 'carrier',
      segments_total: 'account,carrier',
      queue_messages: 'carrier,class',
      queue_oldest_seconds: 'carrier,class',
      window_in_use: 'side,peer',
      throttled_total: 'side,peer',
      receipts_total: 'carrier,state,fault',
      receipt_seconds: 'carrier',
      receipts_unmatched_total: 'carrier,reason',
      failovers_total: 'from,to,reason',
      refund_requests: 'state',
      refund_requests_overdue: '',
      resources_file_in_force: '',
      refund_requests_due_seconds: '',
      receipts_waiting: 'account',
      unknown_outcomes: 'carrier',
      unknown_outcomes_resolved_total: 'carrier,resolution',
      inbound_total: 'carrier,result',
      deliveries_expired_total: 'account,kind',
      policy_decisions_total: 'rule,action',
      credits_total: 'account,kind',
      balance_credits: 'account',
      ledger_mismatches: '',
      credit_warnings_total: 'account,event',
      account_notices_total: 'account,event',
      webhooks_total: 'account,result',
      ledger_chain_lag_entries: '',
      malformed_pdus_total: 'side',
      protocol_errors_total: 'side,error',
      event_loop_lag_seconds: '',
      traces: '',
      store_batch_seconds: 'lane',
      store_batch_size: 'lane',
      messages_ended_total: 'carrier,state,fault,cause,origin',
      moderation_held: 'account',
      moderation_oldest_seconds: '',
      part_sets_ended_total: 'cause',
      part_sets_waiting: '',
      carrier_delivery_ratio: 'carrier,prefix',
      carrier_rate: 'carrier',
      carrier_receipt_ratio: 'carrier,prefix',
      carrier_receipt_seconds_mean: 'carrier,prefix',
      carrier_submit_seconds_mean: 'carrier,prefix',
      carrier_unmatched_ratio: 'carrier,prefix',
      carrier_quick_ratio: 'carrier,prefix',
      carrier_quality_alert: 'carrier,prefix,measure',
    };
    const found = Object.fromEntries(
      registry.getMetricsAsArray().flatMap((metric) => {
        const [, name] = /^smppgate_(.*)$/.exec(metric.name) ?? [];
        const own = metric as unknown as { labelNames: string[] };
        return name === undefined ? [] : [[name, own.labelNames.join(',')]];
      }),
    );
    expect(found).toEqual(labels);
    expect(await metrics.scrape()).toContain('process_cpu_seconds_total');
  });

  it('reads live gauges at the scrape and forgets what is gone', async () => {
    const runtime = testRuntime();
    metrics.attach(runtime, nothingStored);
    const text = await metrics.scrape();
    expect(text).toContain('smppgate_binds{side="customer",peer="acme",type="transceiver"} 1');
    expect(text).toContain('smppgate_binds_limit{side="customer",peer="acme"} 8');
    expect(text).toContain('smppgate_window_in_use{side="customer",peer="acme"} 3');
    expect(text).toContain('smppgate_queue_messages{carrier="sim",class="otp"} 7');
    expect(text).toContain('smppgate_queue_oldest_seconds{carrier="sim",class="otp"} 2.5');
    expect(text).toContain('smppgate_receipts_waiting{account="acme"} 4');
    runtime.binds = () => [];
    expect(await metrics.scrape()).not.toContain('smppgate_binds{');
  });

  it('is scraped also while the store does not answer', async () => {
    const lost = () => Promise.reject(new Error('connection refused'));
    metrics.attach(testRuntime(), {
      balances: lost,
      unknownOutcomes: lost,
      partSets: async () => 0,
      refundRequests: lost,
      ledgerMismatches: lost,
      chainLag: lost,
      held: lost,
    });
    expect(await metrics.scrape()).toContain('smppgate_queue_messages');
  });
});

describe('ledgerMismatches', () => {
  it('is no number before the first reconciliation', async () => {
    expect(await metrics.scrape()).toMatch(/^smppgate_ledger_mismatches Nan$/im);
    metrics.attach(testRuntime(), { ...nothingStored, ledgerMismatches: async () => 0 });
    expect(await metrics.scrape()).toContain('smppgate_ledger_mismatches 0');
  });
});

describe('HotCounter', () => {
  it('counts by labels, in one child a set', async () => {
    const child = metrics.submits.child('acme', 'accepted');
    child.inc();
    metrics.submits.child('acme', 'accepted').inc(2);
    metrics.submits.child('acme', 'throttled').inc();
    const text = await metrics.scrape();
    expect(text).toContain('# TYPE smppgate_submits_total counter');
    expect(text).toContain('smppgate_submits_total{account="acme",result="accepted"} 3');
    expect(text).toContain('smppgate_submits_total{account="acme",result="throttled"} 1');
    expect(metrics.submits.child('acme', 'accepted')).toBe(child);
  });

  it('escapes what a label could hold', async () => {
    metrics.bindEvents.child('customer', 'a"b\\c\nd', 'bound').inc();
    expect(await metrics.scrape()).toContain('peer="a\\"b\\\\c\\nd"');
  });

  it('refuses another number of labels than its own', () => {
    expect(() => metrics.submits.child('acme')).toThrow('account, result');
  });
});

describe('HotHistogram', () => {
  it('cumulates its buckets as Prometheus wants them', async () => {
    const child = metrics.storeBatchSize.child('accept');
    for (const size of [1, 2, 3, 500, 501]) child.observe(size);
    const text = await metrics.scrape();
    const buckets = [
      ...text.matchAll(/smppgate_store_batch_size_bucket\{lane="accept",le="(.+?)"\} (\d+)/g),
    ];
    expect(buckets.map(([, le, count]) => `${le}:${count}`).join(' ')).toBe(
      '1:1 2:2 4:3 8:3 16:3 32:3 64:3 128:3 256:3 500:4 +Inf:5',
    );
    expect(text).toContain('smppgate_store_batch_size_sum{lane="accept"} 1007');
    expect(text).toContain('smppgate_store_batch_size_count{lane="accept"} 5');
  });
});
