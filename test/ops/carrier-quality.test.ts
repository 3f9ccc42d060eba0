import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Catalog, CatalogCarrier } from '../../src/domain/catalog.ts';
import { QualityBook } from '../../src/gateway/quality.ts';
import { LiveCounts } from '../../src/ops/live-counts.ts';
import { createLog } from '../../src/ops/logs.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { carrierOf, catalogOf } from '../gateway/messages.ts';
import { ADMIN_TOKEN, type OpsBench, startOps } from './ops-bench.ts';
import { runCommand } from './run-cli.ts';

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

let ops: OpsBench;
let catalog: Catalog;
let carrier: CatalogCarrier;
let book: QualityBook;
beforeAll(async () => {
  catalog = await catalogOf({ accounts: { a: {} }, carriers: { sim: { port: 1, prefix: '' } } });
  carrier = carrierOf(catalog, 'sim');
  book = new QualityBook({ catalog: () => catalog, now: () => START });
  for (let n = 0; n < 60; n++) {
    book.submitAnswered(carrier, '966500000001', true, 0.25);
    book.receipt(carrier, '966500000001', n % 12 !== 0, 0.5);
  }
  book.tick(START + MINUTE);
  ops = await startOps();
  ops.runtime.qualityViews = book.of('sim').map((view) => ({ ...view, carrier: 'sim' }));
  ops.runtime.carrierViews = [{ ...CARRIER }];
});
afterAll(() => ops.stop());

const CARRIER = {
  name: 'sim',
  state: 'up' as const,
  reason: undefined,
  host: '127.0.0.1',
  port: 2785,
  systemId: 'gw',
  binds: 2,
  bindAs: 'transceiver' as const,
  bindsWanted: 2,
  windowInUse: 0,
  windowMax: 200,
  queued: 7,
  segmentsPerSecond: 0,
  demo: false,
  tls: false,
  rate: {
    perSecond: Number.POSITIVE_INFINITY,
    configured: 0,
    reason: undefined,
    slowedAtMs: undefined,
  },
  sessions: [],
};

async function cli(line: string) {
  const { code, out, err } = await runCommand(
    { SMPPGATE_URL: ops.url, ADMIN_TOKEN },
    line.split(' '),
  );
  return { code, out: out + err };
}

describe('GET /v1/carriers/{name}/quality', () => {
  it('shows what passed by prefix, what is usual, and what is not', async () => {
    const { json } = await ops.request('GET', '/v1/carriers/sim/quality');
    expect(json).toMatchObject({
      carrier: 'sim',
      prefixes: [
        { prefix: '*' },
        {
          prefix: '966',
          windows: {
            '5m': {
              submits: 60,
              receipts: 60,
              deliveryRatio: 0.9167, // 55 of 60
              receiptRatio: null,
              receiptSeconds: 0.5,
              submitSeconds: 0.25,
              unmatchedRatio: 0,
              quickRatio: 0.9167,
            },
          },
        },
      ],
    });
    expect(json.prefixes[1].measures).toContainEqual({
      measure: 'quickRatio',
      usual: null,
      low: null,
      high: 0.5,
      alert: { since: '2026-01-01T00:01:00.000Z', side: 'above' },
    });
    expect(json.prefixes[1].measures[0]).toMatchObject({ measure: 'deliveryRatio', alert: null });
    expect((await ops.request('GET', '/v1/carriers/none/quality')).status).toBe(404);
  });
});

describe('carrier quality', () => {
  it('prints it, of one carrier or of all', async () => {
    const one = await cli('carrier quality sim');
    expect(one.code).toBe(0);
    expect(one.out).toMatch(
      /sim +966 +5m +60 +60 +91\.7 % +- +0\.250 s +0\.500 s +0\.0 % +91\.7 %/,
    );
    expect(one.out).toContain('quickRatio above since 2026-01-01T00:01:00.000Z');
    expect((await cli('carrier quality')).out).toBe(one.out);
    expect((await cli('carrier quality none')).code).toBe(1);
    const { carriers } = JSON.parse((await cli('carrier quality --json')).out);
    expect(carriers[0].prefixes).toHaveLength(2);
  });
});

describe('the metrics of quality', () => {
  it('have a series for each prefix, and an alert for each measure', async () => {
    const metrics = createMetrics();
    metrics.attach(ops.runtime, {
      balances: async () => new Map(),
      unknownOutcomes: async () => new Map(),
      ledgerMismatches: async () => undefined,
      chainLag: async () => 0n,
      held: async () => ({ byAccount: new Map(), partsByAccount: new Map(), oldestSeconds: 0 }),
      partSets: async () => 0,
      refundRequests: async () => ({ byState: new Map(), overdue: 0, dueInSeconds: undefined }),
    });
    const text = await metrics.scrape();
    metrics.close();
    for (const line of [
      'smppgate_carrier_delivery_ratio{carrier="sim",prefix="*"} 0.9166666666666666',
      'smppgate_carrier_delivery_ratio{carrier="sim",prefix="966"} 0.9166666666666666',
      'smppgate_carrier_receipt_seconds_mean{carrier="sim",prefix="966"} 0.5',
      'smppgate_carrier_submit_seconds_mean{carrier="sim",prefix="966"} 0.25',
      'smppgate_carrier_unmatched_ratio{carrier="sim",prefix="966"} 0',
      'smppgate_carrier_quality_alert{carrier="sim",prefix="966",measure="quickRatio"} 1',
      'smppgate_carrier_quality_alert{carrier="sim",prefix="966",measure="deliveryRatio"} 0',
    ])
      expect(text).toContain(`${line}\n`);
    expect(text).not.toContain('smppgate_carrier_receipt_ratio{'); // nothing is ripe
  });
});

describe('LiveCounts', () => {
  it('writes a line when a carrier becomes unusual and one when it is usual again', () => {
    const metrics = createMetrics();
    const lines: Record<string, unknown>[] = [];
    const log = createLog('info', { write: (line) => lines.push(JSON.parse(line)) });
    const quality = new QualityBook({ catalog: () => catalog, now: () => START });
    const counts = new LiveCounts(metrics, log, String, quality);
    const pass = (minute: number, seconds: number): void => {
      for (let n = 0; n < 60; n++) counts.segmentReceipted(carrier, '1', true, seconds);
      counts.sample(START + minute * MINUTE);
    };
    pass(1, 0);
    for (let minute = 2; minute < 10; minute++) pass(minute, 4);
    metrics.close();
    const told = lines.filter(({ prefix }) => prefix === '*');
    expect(told).toMatchObject([
      { level: 'warn', carrier: 'sim', measure: 'quickRatio', side: 'above', value: 1 },
      { level: 'info', carrier: 'sim', measure: 'quickRatio' },
    ]);
    expect(told[1]?.value).toBeLessThanOrEqual(0.5);
  });
});
