import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatTable } from './io.ts';

/** `carrier quality [NAME]`. */
export function addCarrierQuality(carrier: Command, context: CliContext): void {
  carrier
    .command('quality')
    .description('how good the deliveries of carriers are by prefix, and what of that is unusual')
    .argument('[name]', 'by default every carrier')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, options: JsonOption) => {
      const client = apiClient(context);
      const names =
        name === undefined
          ? (await client.get(carriersSchema, '/v1/carriers')).carriers.map((each) => each.name)
          : [name];
      const carriers: z.output<typeof qualitySchema>[] = [];
      for (const each of names)
        carriers.push(await client.get(qualitySchema, pathOf('v1', 'carriers', each, 'quality')));
      print(context, options, { carriers }, qualityText);
    });
}

const carriersSchema = z.looseObject({ carriers: z.array(z.looseObject({ name: z.string() })) });

const windowSchema = z.looseObject({
  submits: z.number(),
  receipts: z.number(),
  deliveryRatio: z.number().nullable(),
  receiptRatio: z.number().nullable(),
  receiptSeconds: z.number().nullable(),
  submitSeconds: z.number().nullable(),
  unmatchedRatio: z.number().nullable(),
  quickRatio: z.number().nullable(),
});

const qualitySchema = z.looseObject({
  carrier: z.string(),
  prefixes: z.array(
    z.looseObject({
      prefix: z.string(),
      windows: z.looseObject({ '5m': windowSchema, '1h': windowSchema }),
      measures: z.array(
        z.looseObject({
          measure: z.string(),
          usual: z.number().nullable(),
          alert: z.looseObject({ since: z.string(), side: z.string() }).nullable(),
        }),
      ),
    }),
  ),
});

type Quality = z.output<typeof qualitySchema>;

function qualityText({ carriers }: { carriers: readonly Quality[] }): string {
  const rows = carriers.flatMap(({ carrier, prefixes }) =>
    prefixes.flatMap(({ prefix, windows, measures }) => {
      const unusual = measures
        .filter(({ alert }) => alert !== null)
        .map(({ measure, alert, usual }) => {
          const than = usual === null ? '' : ` ${usual}`;
          return `${measure} ${alert?.side}${than} since ${alert?.since}`;
        })
        .join('; ');
      return (['5m', '1h'] as const).map((window) => {
        const w = windows[window];
        return [
          carrier,
          prefix,
          window,
          String(w.submits),
          String(w.receipts),
          share(w.deliveryRatio),
          share(w.receiptRatio),
          seconds(w.submitSeconds),
          seconds(w.receiptSeconds),
          share(w.unmatchedRatio),
          share(w.quickRatio),
          window === '5m' ? unusual : '',
        ];
      });
    }),
  );
  return rows.length === 0 ? 'nothing has passed yet\n' : formatTable(HEAD, rows);
}

const HEAD = [
  'carrier',
  'prefix',
  'window',
  'submits',
  'receipts',
  'delivered',
  'receipted',
  'answer',
  'receipt',
  'unmatched',
  'quick',
  'unusual',
];

function share(value: number | null): string {
  return value === null ? '-' : `${(value * 100).toFixed(1)} %`;
}

function seconds(value: number | null): string {
  return value === null ? '-' : `${value.toFixed(3)} s`;
}
