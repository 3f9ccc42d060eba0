import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatTable } from './io.ts';

/** `account signals`: what is unusual of an account's traffic. */
export function addTrafficCommands(account: Command, context: CliContext): void {
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
