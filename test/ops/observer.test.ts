import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CatalogAccount, CatalogCarrier } from '../../src/domain/catalog.ts';
import { QualityBook } from '../../src/gateway/quality.ts';
import { createLog } from '../../src/ops/logs.ts';
import { createMetrics, type Metrics } from '../../src/ops/metrics.ts';
import { MetricsObserver } from '../../src/ops/observer.ts';

const account = { name: 'acme' } as CatalogAccount;
const carrier = {
  name: 'sim',
  receipts: true,
  quality: { quickReceiptSeconds: 1 },
} as CatalogCarrier;
const quality = new QualityBook({ catalog: () => undefined, now: Date.now });
let metrics: Metrics;
let observer: MetricsObserver;
const lines: string[] = [];
beforeEach(() => {
  metrics = createMetrics();
  const log = createLog('info', { write: (line) => lines.push(line) });
  const names = new Map([
    [0, 'ESME_ROK'],
    [0x58, 'ESME_RTHROTTLED'],
  ]);
  observer = new MetricsObserver(
    metrics,
    log,
    (status) => names.get(status) ?? `0x${status.toString(16)}`,
    quality,
  );
});
afterEach(() => metrics.close());

describe('MetricsObserver', () => {
  it('turns reports of the pipeline into metrics', async () => {
    observer.submitAnswered(account, 'accepted', 0.004);
    observer.submitAnswered(account, 'insufficientCredit', 0.004);
    observer.submitAnswered(undefined, 'malformed', 0.001);
    observer.upstreamAnswered(carrier, 0, 0.02, '966500000001');
    observer.upstreamAnswered(carrier, 0x58, 0.02, '966500000001');
    observer.segmentsSent(account, carrier, 3);
    observer.messageSent(carrier, 2.5);
    observer.segmentReceipted(carrier, '966500000001', true, 2);
    observer.messageEnded(carrier, 'DELIVRD', 'none', 'receipt', 2);
    observer.messageEnded(carrier, 'REJECTD', 'carrier', 'carrierRefused', undefined);
    observer.messageEnded(undefined, 'EXPIRED', 'platform', 'neverSent', undefined);
    observer.receiptUnmatched(carrier, 'unknownId', '966500000001');
    observer.bindEvent('carrier', 'sim', 'bound');
    observer.throttled('customer', 'acme');
    observer.policyDecision('words', 'refuse');
    for (let n = 0; n < 3; n += 1) observer.money(account, 'charge', 50_000n);
    observer.malformedPdu('customer');
    observer.protocolError('customer', 'slowPdu');
    observer.storeBatch('accept', 7, 0.003);
    const text = await metrics.scrape();
    for (const line of [
      'submits_total{account="acme",result="accepted"} 1',
      'submits_total{account="acme",result="insufficientCredit"} 1',
      'submits_total{account="-",result="malformed"} 1',
      'submit_seconds_count 3',
      'upstream_submits_total{carrier="sim",status="ESME_ROK"} 1',
      'upstream_submits_total{carrier="sim",status="ESME_RTHROTTLED"} 1',
      'upstream_seconds_count{carrier="sim"} 2',
      'sent_seconds_sum{carrier="sim"} 2.5',
      'segments_total{account="acme",carrier="sim"} 3',
      'receipts_total{carrier="sim",state="DELIVRD",fault="none"} 1',
      'receipt_seconds_count{carrier="sim"} 1',
      'receipts_total{carrier="sim",state="REJECTD",fault="carrier"} 1',
      'receipts_total{carrier="-",state="EXPIRED",fault="platform"} 1',
      'messages_ended_total{carrier="sim",state="DELIVRD",fault="none",cause="receipt",origin="carrier"} 1',
      'messages_ended_total{carrier="sim",state="REJECTD",fault="carrier",cause="carrierRefused",origin="gateway"} 1',
      'messages_ended_total{carrier="-",state="EXPIRED",fault="platform",cause="neverSent",origin="gateway"} 1',
      'receipts_unmatched_total{carrier="sim",reason="unknownId"} 1',
      'bind_events_total{side="carrier",peer="sim",event="bound"} 1',
      'throttled_total{side="customer",peer="acme"} 1',
      'policy_decisions_total{rule="words",action="refuse"} 1',
      'credits_total{account="acme",kind="charge"} 0.15',
      'malformed_pdus_total{side="customer"} 1',
      'protocol_errors_total{side="customer",error="slowPdu"} 1',
      'store_batch_size_count{lane="accept"} 1',
    ]) {
      expect(text).toContain(`smppgate_${line}`);
    }
  });

  it('makes no label of every number that a carrier answers with', async () => {
    for (let status = 0x10000; status < 0x10000 + 1_000; status++)
      observer.upstreamAnswered(carrier, status, 0.02, '');
    observer.upstreamAnswered(carrier, 0x10000, 0.02, '');
    const text = await metrics.scrape();
    const lines = text.split('\n').filter((line) => line.includes('upstream_submits_total{'));
    expect(lines.length).toBeLessThan(200);
    expect(text).toContain('upstream_submits_total{carrier="sim",status="0x10000"} 2');
    expect(text).toContain('upstream_submits_total{carrier="sim",status="other"} 850');
  });

  it('logs what an operator should read', () => {
    observer.note('warn', 'carrier down', { carrier: 'sim' });
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      level: 'warn',
      msg: 'carrier down',
      carrier: 'sim',
    });
  });
});
