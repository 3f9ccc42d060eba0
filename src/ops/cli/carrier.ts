import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { addCarrierProbe } from './carrier-probe.ts';
import { addCarrierProfiles } from './carrier-profiles.ts';
import { addCarrierQuality } from './carrier-quality.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatFields, formatTable } from './io.ts';

/** `carrier list|quality|pause|resume|profiles|probe`. */
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
          ['name', 'state', 'address', 'binds', 'window', 'queued', 'oldest', 'unknown', 'reason'],
          carriers.map((c) => [
            c.name,
            c.state,
            `${c.host}:${c.port}`,
            `${c.binds}/${c.bindsWanted}`,
            `${c.windowInUse}/${c.windowMax}`,
            String(c.queued),
            `${Math.round(c.oldestSeconds)} s`,
            String(c.unknownOutcomes),
            c.reason ?? '',
          ]),
        ),
      );
    });
  addCarrierQuality(carrier, context);
  addPausing(carrier, context, 'pause', 'send nothing more to a carrier; its receipts still come');
  addPausing(carrier, context, 'resume', 'send to a carrier again');
  addCarrierProfiles(carrier, context);
  addCarrierProbe(carrier, context);
}

/** `route explain NUMBER`. */
export function addRoute(program: Command, context: CliContext): void {
  program
    .command('route')
    .description('how numbers are routed')
    .command('explain')
    .description('print where a number would go, and with --account at what price')
    .argument('<number>', 'international')
    .option('--account <name>', 'whose tariff')
    .option('--json', 'print JSON')
    .action(async (number: string, options: JsonOption & { account?: string }) => {
      const path = `/v1/routes/explain${queryOf({ to: number, account: options.account })}`;
      const answer = await apiClient(context).get(explanationSchema, path);
      print(context, options, answer, ({ candidates, ...fields }) => {
        const rows = candidates.map((c) => [
          c.carrier,
          String(c.priority),
          String(c.weight),
          c.reason ?? 'usable',
        ]);
        const prefix = fields.prefix === '' ? '"" (every number)' : fields.prefix;
        return (
          formatFields({ ...fields, prefix }) +
          formatTable(['carrier', 'priority', 'weight', 'state'], rows)
        );
      });
    });
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

const carriersSchema = z.looseObject({
  carriers: z.array(
    z.looseObject({
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
    }),
  ),
});

const explanationSchema = z.looseObject({
  prefix: z.string().nullable(),
  candidates: z.array(
    z.looseObject({
      carrier: z.string(),
      priority: z.int(),
      weight: z.int(),
      usable: z.boolean(),
      reason: z.string().nullable(),
    }),
  ),
});
