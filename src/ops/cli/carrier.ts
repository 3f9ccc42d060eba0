import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf } from './api-client.ts';
import { addCarrierProbe } from './carrier-probe.ts';
import { addCarrierProfiles } from './carrier-profiles.ts';
import { addCarrierQuality } from './carrier-quality.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatFields, formatTable } from './io.ts';

/** `carrier list|show|quality|pause|resume|profiles|probe`. */
export function addCarrier(program: Command, context: CliContext): void {
  const carrier = program.command('carrier').description('carriers: their state, pause and resume');
  carrier
    .command('list')
    .description('list carriers with their state and its reason')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption) => {
      const answer = await apiClient(context).get(carriersSchema, '/v1/carriers');
      print(context, options, answer, ({ carriers }) =>
        formatTable(
          [
            'name',
            'state',
            'address',
            'binds',
            'window',
            'rate',
            'queued',
            'oldest',
            'unknown',
            'reason',
          ],
          carriers.map((c) => [
            c.name,
            c.state,
            `${c.host}:${c.port}`,
            `${c.binds}/${c.bindsWanted}`,
            `${c.windowInUse}/${c.windowMax}`,
            rateText(c.rate.perSecond),
            String(c.queued),
            `${Math.round(c.oldestSeconds)} s`,
            String(c.unknownOutcomes),
            c.reason ?? c.rate.reason ?? '',
          ]),
        ),
      );
    });
  addShow(carrier, context);
  addCarrierQuality(carrier, context);
  addPausing(carrier, context, 'pause', 'send nothing more to a carrier; its receipts still come');
  addPausing(carrier, context, 'resume', 'send to a carrier again');
  addCarrierProfiles(carrier, context);
  addCarrierProbe(carrier, context);
}

function addShow(carrier: Command, context: CliContext): void {
  carrier
    .command('show')
    .description('show one carrier: each bind with its address, state and reason, rate, queues')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption) => {
      const answer = await apiClient(context).get(shownSchema, pathOf('v1', 'carriers', name));
      print(context, options, answer, shownText);
    });
}

function shownText(carrier: z.output<typeof shownSchema>): string {
  const { rate, sessions, queues } = carrier;
  const facts = formatFields({
    name: carrier.name,
    state: carrier.state,
    reason: carrier.reason ?? '',
    binds: `${carrier.binds} of ${carrier.bindsWanted}, ${carrier.bindAs}`,
    window: `${carrier.windowInUse} of ${carrier.windowMax}`,
    rate: rate.reason === null ? rateText(rate.perSecond) : rate.reason,
    queued: carrier.queued,
    'unknown outcomes': carrier.unknownOutcomes,
  });
  const binds = formatTable(
    [
      'bind',
      'state',
      'since',
      'address',
      'tls',
      'version',
      'window',
      'failures',
      'next',
      'last reason',
    ],
    sessions.map((one) => [
      one.madeBy === 'us' ? one.type : `${one.type} (outbind)`,
      one.state,
      one.since,
      one.address === null ? '' : `${one.address.host}:${one.address.port}`,
      one.tlsProtocol ?? (carrier.tls ? 'yes' : 'no'),
      one.carrierVersion ?? '',
      String(one.windowInUse),
      String(one.failures),
      one.nextAttemptSeconds === null ? '' : `${one.nextAttemptSeconds.toFixed(1)} s`,
      one.lastReason ?? '',
    ]),
  );
  const waiting = formatTable(
    ['queue', 'messages', 'oldest'],
    queues.map((one) => [one.class, String(one.messages), `${Math.round(one.oldestSeconds)} s`]),
  );
  return `${facts}\n${binds}\n${waiting}`;
}

function rateText(perSecond: number | null): string {
  return perSecond === null ? 'unlimited' : `${Math.round(perSecond)}/s`;
}

function addPausing(
  carrier: Command,
  context: CliContext,
  verb: string,
  description: string,
): void {
  carrier
    .command(verb)
    .description(description)
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption) => {
      const answer = await apiClient(context).post(
        z.looseObject({}),
        pathOf('v1', 'carriers', name, verb),
        {},
      );
      print(context, options, answer, () => `${name}: ${verb}d\n`);
    });
}

const carrierSchema = z.looseObject({
  name: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  host: z.string(),
  port: z.int(),
  binds: z.int(),
  bindsWanted: z.int(),
  windowInUse: z.int(),
  windowMax: z.int(),
  queued: z.int(),
  oldestSeconds: z.number(),
  unknownOutcomes: z.int(),
  rate: z.looseObject({ perSecond: z.number().nullable(), reason: z.string().nullable() }),
});

const carriersSchema = z.looseObject({ carriers: z.array(carrierSchema) });

const shownSchema = carrierSchema.extend({
  bindAs: z.string(),
  tls: z.boolean(),
  sessions: z.array(
    z.looseObject({
      type: z.string(),
      madeBy: z.string(),
      state: z.string(),
      since: z.string(),
      address: z.looseObject({ host: z.string(), port: z.int() }).nullable(),
      tlsProtocol: z.string().nullable(),
      failures: z.int(),
      lastReason: z.string().nullable(),
      carrierVersion: z.string().nullable().optional(),
      nextAttemptSeconds: z.number().nullable(),
      windowInUse: z.int(),
    }),
  ),
  queues: z.array(
    z.looseObject({ class: z.string(), messages: z.int(), oldestSeconds: z.number() }),
  ),
});
