import { z } from 'zod';
import { QUALITY_MEASURES } from '../../domain/traffic-quality.ts';
import type { Measured, TrafficMeasures } from '../../domain/traffic-window.ts';
import type { CarrierQualityView } from '../runtime.ts';
import { type Api, type ApiDeps, nameParams } from './api.ts';
import { notFound } from './problem.ts';

/** `GET /v1/carriers/{name}/quality`. */
export function addCarrierQuality(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/carriers/:name/quality',
    {
      schema: {
        summary: 'How good the deliveries of a carrier are, by prefix, and what of that is unusual',
        description:
          'Of this node, since it started. "*" is all of its traffic, "other" what has no place of its own. Ratios ' +
          'are shares from 0 to 1; null: nothing passed. usual, low and high are null until half an hour of traffic ' +
          'was seen.',
        tags: ['carriers'],
        params: nameParams,
        response: {
          200: z.object({ carrier: z.string(), prefixes: z.array(prefixSchema) }),
        },
      },
    },
    async (request) => {
      const { name } = request.params;
      if (!deps.runtime.carriers().some((carrier) => carrier.name === name))
        throw notFound('carrier', name);
      const views = deps.runtime.quality().filter(({ carrier }) => carrier === name);
      return { carrier: name, prefixes: views.map(prefixBody) };
    },
  );
}

const windowSchema = z.object({
  submits: z.int(),
  receipts: z.int(),
  deliveryRatio: z.number().nullable(),
  receiptRatio: z.number().nullable(),
  receiptSeconds: z.number().nullable(),
  receiptSecondsTypical: z.number().nullable(),
  submitSeconds: z.number().nullable(),
  unmatchedRatio: z.number().nullable(),
  quickRatio: z.number().nullable(),
});

const measureSchema = z.object({
  measure: z.enum(QUALITY_MEASURES),
  usual: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  alert: z.object({ since: z.iso.datetime(), side: z.enum(['below', 'above']) }).nullable(),
});

const prefixSchema = z.object({
  prefix: z.string(),
  windows: z.object({ '5m': windowSchema, '1h': windowSchema }),
  measures: z.array(measureSchema),
});

function prefixBody({ prefix, windows, bands }: CarrierQualityView): z.input<typeof prefixSchema> {
  return {
    prefix,
    windows: { '5m': windowBody(windows['5m']), '1h': windowBody(windows['1h']) },
    measures: QUALITY_MEASURES.map((measure) => {
      const { usual, low, high, alert } = bands[measure];
      return {
        measure,
        usual: rounded(usual),
        low: rounded(low),
        high: rounded(high),
        alert:
          alert === undefined
            ? null
            : { since: new Date(alert.sinceMs).toISOString(), side: alert.side },
      };
    }),
  };
}

function windowBody(measures: TrafficMeasures): z.input<typeof windowSchema> {
  const of = ({ value }: Measured): number | null => rounded(value);
  return {
    submits: measures.submits,
    receipts: measures.receipts,
    deliveryRatio: of(measures.deliveryRatio),
    receiptRatio: of(measures.receiptRatio),
    receiptSeconds: of(measures.receiptSeconds),
    receiptSecondsTypical: of(measures.receiptSecondsTypical),
    submitSeconds: of(measures.submitSeconds),
    unmatchedRatio: of(measures.unmatchedRatio),
    quickRatio: of(measures.quickRatio),
  };
}

/** Four decimals: a receipt of 10,000, a tenth of a millisecond. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 10_000) / 10_000;
}
