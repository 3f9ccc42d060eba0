import type { Registry } from 'prom-client';
import { QUALITY_MEASURES } from '../domain/traffic-quality.ts';
import type { TrafficMeasures } from '../domain/traffic-window.ts';
import { gauge } from './gauge.ts';
import type { OpsRuntime } from './runtime.ts';

/** What the last five minutes show, by the end of the metric's name; nothing where there is nothing to tell it by. */
const GAUGES = [
  {
    name: 'delivery_ratio',
    help: 'Of the segments receipted in the last 5 minutes those delivered',
    of: (m) => m.deliveryRatio.value,
  },
  {
    name: 'receipt_ratio',
    help: 'Of the segments accepted 10 to 15 minutes ago those that have their receipt',
    of: (m) => m.receiptRatio.value,
  },
  {
    name: 'receipt_seconds_mean',
    help: 'submit_sm_resp to receipt, of the last 5 minutes',
    of: (m) => m.receiptSeconds.value,
  },
  {
    name: 'submit_seconds_mean',
    help: 'submit_sm to submit_sm_resp, of the last 5 minutes',
    of: (m) => m.submitSeconds.value,
  },
  {
    name: 'unmatched_ratio',
    help: 'Of the receipts of the last 5 minutes those that belong to no message',
    of: (m) => m.unmatchedRatio.value,
  },
  {
    name: 'quick_ratio',
    help: 'Of the receipts of the last 5 minutes those that say DELIVRD sooner than can be',
    of: (m) => m.quickRatio.value,
  },
] as const satisfies readonly {
  name: string;
  help: string;
  of: (measures: TrafficMeasures) => number | undefined;
}[];

/** Gauges of the quality of carriers, by prefix; their number is bounded by the book's prefixes. */
export function registerQualityGauges(
  registry: Registry,
  runtime: () => OpsRuntime | undefined,
): void {
  for (const { name, help, of } of GAUGES)
    gauge(registry, `carrier_${name}`, help, ['carrier', 'prefix'], (g) => {
      for (const { carrier, prefix, windows } of runtime()?.quality() ?? []) {
        const value = of(windows['5m']);
        if (value !== undefined) g.set({ carrier, prefix }, value);
      }
    });
  gauge(
    registry,
    'carrier_quality_alert',
    '1 while a measure of a carrier is not as usual',
    ['carrier', 'prefix', 'measure'],
    (g) => {
      for (const { carrier, prefix, bands } of runtime()?.quality() ?? [])
        for (const measure of QUALITY_MEASURES)
          g.set({ carrier, prefix, measure }, bands[measure].alert === undefined ? 0 : 1);
    },
  );
}
