import type { Command } from 'commander';
import { z } from 'zod';
import { queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatFields, formatTable } from './io.ts';
import { IN_ORDER, sendListFile } from './list-file.ts';

/** `route explain`, `route requeue`, `route numbers import|get|delete`. */
export function addRoute(program: Command, context: CliContext): void {
  const route = program.command('route').description('how numbers are routed');
  addExplain(route, context);
  addRequeue(route, context);
  const numbers = route
    .command('numbers')
    .description('networks of single numbers (number portability)');
  addImport(numbers, context);
  addGet(numbers, context);
  addDelete(numbers, context);
}

interface ExplainOptions extends JsonOption {
  readonly account?: string;
  readonly sender?: string;
  readonly class?: string;
  readonly at?: string;
}

function addExplain(route: Command, context: CliContext): void {
  route
    .command('explain')
    .description('print how a message would be routed: network, routes, carriers, costs')
    .argument('<number>', 'international')
    .option('--account <name>', 'whose message: its routes, its price')
    .option('--sender <sender>', 'as the customer gives it')
    .option('--class <name>', "traffic class (default: the account's)")
    .option('--at <time>', 'such as 2026-12-01T22:00:00+03:00 (default: now)')
    .option('--json', 'print JSON')
    .action(async (number: string, options: ExplainOptions) => {
      const { account, sender, class: trafficClass, at } = options;
      const query = queryOf({ to: number, account, sender, class: trafficClass, at });
      const answer = await apiClient(context).get(explanationSchema, `/v1/routes/explain${query}`);
      print(context, options, answer, explanationText);
    });
}

function addRequeue(route: Command, context: CliContext): void {
  route
    .command('requeue')
    .description('route anew what is queued, by the routes as they stand')
    .option('--carrier <name>', 'only what waits for it (default: all)')
    .option('--reason <text>', 'for the audit')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption & { carrier?: string; reason?: string }) => {
      const { carrier, reason } = options;
      const body = { ...(carrier && { carrier }), ...(reason && { reason }) };
      const answer = await apiClient(context).post(requeuedSchema, '/v1/routes/requeue', body);
      print(
        context,
        options,
        answer,
        ({ moved, kept, done }) =>
          `${moved} moved, ${kept} kept${done ? '' : ' so far; it goes on behind'}\n`,
      );
    });
}

function addImport(numbers: Command, context: CliContext): void {
  numbers
    .command('import')
    .description('set the networks of the numbers in a file; a number that stands there is changed')
    .argument('<file>', 'a line each: number,network or {"number": "...", "network": "..."}')
    .option('--json', 'print JSON')
    .action(async (file: string, options: JsonOption) => {
      const sum = { numbers: 0, changed: 0 };
      // One after the other: of two lines about a number the last one counts.
      await sendListFile(file, IN_ORDER, async (part) => {
        const answer = await apiClient(context).put(changedSchema, '/v1/number-networks', part);
        sum.numbers += answer.numbers;
        sum.changed += answer.changed;
      });
      print(context, options, sum, (s) => `${s.numbers} numbers, ${s.changed} changed\n`);
    });
}

function addGet(numbers: Command, context: CliContext): void {
  numbers
    .command('get')
    .description('print the network of a number that stands in the table')
    .argument('<number>', 'international')
    .option('--json', 'print JSON')
    .action(async (number: string, options: JsonOption) => {
      const path = `/v1/number-networks${queryOf({ number })}`;
      const answer = await apiClient(context).get(foundSchema, path);
      print(context, options, answer, formatFields);
    });
}

function addDelete(numbers: Command, context: CliContext): void {
  numbers
    .command('delete')
    .description('remove a number: its network is that of its prefix again')
    .argument('<number>', 'international')
    .option('--json', 'print JSON')
    .action(async (number: string, options: JsonOption) => {
      const answer = await apiClient(context).send('DELETE', changedSchema, '/v1/number-networks', {
        number,
      });
      print(context, options, answer, ({ changed }) => `${changed} changed\n`);
    });
}

type Explanation = z.output<typeof explanationSchema>;

function explanationText(answer: Explanation): string {
  const { routes, candidates, network, prefix: _, waits, refused, ...fields } = answer;
  const origin = ORIGINS[network?.from ?? ''] ?? 'its prefix';
  const named = network && [network.code, network.operator].filter((part) => part !== null);
  return [
    formatFields({
      ...fields,
      sender: fields.sender === '' ? null : fields.sender,
      route: fields.route === '' ? '"" (every number)' : fields.route,
      network: named ? `${named.join(' ')} (from ${origin})` : 'not known',
      chosen: chosenText(answer),
    }),
    '\n',
    formatTable(
      ['routes that fit', 'now'],
      routes.map(({ name, open }) => [name === '' ? '""' : name, open ? 'open' : 'closed']),
    ),
    '\n',
    formatTable(
      ['carrier', 'priority', 'weight', 'cost', 'price', 'margin', 'share', 'state'],
      candidates.map((one) => [
        one.carrier,
        String(one.priority),
        String(one.weight),
        one.cost ?? '-',
        fields.unitPrice ?? '-',
        `${one.margin ?? '-'}${one.allowLoss ? ' (may lose)' : ''}`,
        percent(one.share),
        one.reason ?? 'usable',
      ]),
    ),
  ].join('');
}

function chosenText({ candidates, waits, refused }: Explanation): string {
  if (refused !== null) return `none, noRoute: ${refused}`;
  const taken = candidates.filter(({ share }) => share > 0);
  if (waits) return `${taken[0]?.carrier}, where it waits: no candidate is usable`;
  return taken.length === 1
    ? (taken[0]?.carrier ?? '')
    : `by weight: ${taken.map((one) => `${one.carrier} ${percent(one.share)}`).join(', ')}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

const changedSchema = z.looseObject({ numbers: z.int(), changed: z.int() });
const requeuedSchema = z.looseObject({ moved: z.int(), kept: z.int(), done: z.boolean() });
/** Where the network of a number is from. */
const ORIGINS: Readonly<Record<string, string>> = {
  number: 'the table of numbers',
  country: 'its country',
};

const foundSchema = z.looseObject({ number: z.string(), network: z.string() });
const explanationSchema = z.looseObject({
  destination: z.string(),
  at: z.string(),
  account: z.string().nullable(),
  sender: z.string(),
  class: z.string().nullable(),
  network: z
    .looseObject({ code: z.string(), operator: z.string().nullable(), from: z.string() })
    .nullable(),
  unitPrice: z.string().nullable(),
  routes: z.array(z.looseObject({ name: z.string(), open: z.boolean() })),
  route: z.string().nullable(),
  prefix: z.string().nullable(),
  why: z.string().nullable(),
  select: z.string().nullable(),
  candidates: z.array(
    z.looseObject({
      carrier: z.string(),
      priority: z.int(),
      weight: z.int(),
      allowLoss: z.boolean(),
      usable: z.boolean(),
      reason: z.string().nullable(),
      cost: z.string().nullable(),
      margin: z.string().nullable(),
      share: z.number(),
    }),
  ),
  waits: z.boolean(),
  refused: z.string().nullable(),
});
