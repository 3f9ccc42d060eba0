import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf } from './api-client.ts';
import { campaignIds } from './campaign-file.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatTable } from './io.ts';

/** Ids sent in one request; the API takes as many. */
const PAGE = 10_000;

/** `account signals`, `account conversions`: what is unusual of an account's traffic, what its customer says of it. */
export function addTrafficCommands(account: Command, context: CliContext): void {
  addSignals(account, context);
  addConversions(account, context);
}

function addSignals(account: Command, context: CliContext): void {
  account
    .command('signals')
    .description("print what is unusual of an account's traffic now, by the rules of its policy")
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption) => {
      const path = pathOf('v1', 'accounts', name, 'signals');
      const answer = await apiClient(context).get(signalsSchema, path);
      print(context, options, answer, ({ signals }) => {
        if (signals.length === 0) return 'nothing is unusual\n';
        const rows = signals.map((one) => [
          one.since,
          one.lastSeen,
          one.rule,
          one.prefix,
          one.measure,
          rounded(one.value),
          one.usual === undefined ? '' : rounded(one.usual),
          String(one.messages),
        ]);
        return formatTable(COLUMNS, rows);
      });
    });
}

function addConversions(account: Command, context: CliContext): void {
  account
    .command('conversions')
    .description('say of one-time passwords that the code was entered, by their message_ids')
    .argument('<name>')
    .argument('[messages...]')
    .option('--file <file>', 'a file with one message_id a line')
    .option('--json', 'print JSON')
    .action(async (name: string, given: string[], options: JsonOption & { file?: string }) => {
      const ids = [...given, ...(options.file === undefined ? [] : campaignIds(options.file))];
      if (ids.length === 0) throw new CliError('name messages, or a --file', EXIT.usage);
      const all = { counted: 0, repeated: [], unknown: [], late: [] } as Converted;
      const path = pathOf('v1', 'accounts', name, 'conversions');
      for (let at = 0; at < ids.length; at += PAGE) {
        const body = { messages: ids.slice(at, at + PAGE) };
        const one = await apiClient(context).post(convertedSchema, path, body);
        all.counted += one.counted;
        for (const list of LISTS) all[list].push(...one[list]);
      }
      print(context, options, { account: name, ...all }, () => {
        const told = LISTS.filter((list) => all[list].length > 0).map(
          (list) => `${list}: ${all[list].join(' ')}\n`,
        );
        return `${name}: ${all.counted} counted\n${told.join('')}`;
      });
    });
}

/** What changed nothing. */
const LISTS = ['repeated', 'unknown', 'late'] as const;
const convertedSchema = z.looseObject({
  counted: z.int(),
  repeated: z.array(z.string()),
  unknown: z.array(z.string()),
  late: z.array(z.string()),
});
type Converted = Pick<z.output<typeof convertedSchema>, 'counted' | (typeof LISTS)[number]>;

const COLUMNS = ['since', 'last seen', 'rule', 'prefix', 'measure', 'is', 'usually', 'messages'];

/** A share or ratio to a thousandth: less is chance. */
function rounded(part: number): string {
  return part.toFixed(3);
}

const signalsSchema = z.looseObject({
  signals: z.array(
    z.looseObject({
      rule: z.string(),
      prefix: z.string(),
      since: z.string(),
      lastSeen: z.string(),
      measure: z.string(),
      value: z.number(),
      usual: z.number().optional(),
      messages: z.number(),
    }),
  ),
});
