import type { Command } from 'commander';
import { z } from 'zod';
import { queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatTable, plain } from './io.ts';

interface Wanted extends JsonOption {
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly from?: string;
  readonly until?: string;
  readonly limit?: string;
}

/** `audit`. */
export function addAudit(program: Command, context: CliContext): void {
  program
    .command('audit')
    .description('list who did what, newest first (default: the last 30 days)')
    .option('--actor <name>', 'only of this token')
    .option('--action <name>', 'in full, or its beginning up to a dot')
    .option('--subject <name>', 'only done to this, such as an account')
    .option('--from <time>', 'ISO 8601')
    .option('--until <time>', 'ISO 8601')
    .option('--limit <n>', 'entries at most, 1 to 1000 (default 100)')
    .option('--json', 'print JSON')
    .action(async (options: Wanted) => {
      const { actor, action, subject, from, until, limit } = options;
      const path = `/v1/audit${queryOf({ actor, action, subject, from, until, limit })}`;
      const answer = await apiClient(context).get(auditSchema, path);
      print(context, options, answer, ({ entries }) => formatTable(HEAD, entries.map(cells)));
    });
}

const entrySchema = z.looseObject({
  at: z.string(),
  actor: z.string(),
  address: z.string().optional(),
  action: z.string(),
  subject: z.string().optional(),
  detail: z.record(z.string(), z.unknown()),
});
const auditSchema = z.looseObject({ entries: z.array(entrySchema) });

const HEAD = ['time', 'actor', 'from', 'action', 'subject', ''];

function cells(entry: z.infer<typeof entrySchema>): string[] {
  const detail = Object.entries(entry.detail).map(([name, value]) => `${name}=${plain(value)}`);
  const { at, actor, address = '', action, subject = '' } = entry;
  return [at, actor, address, action, subject, detail.join(' ')];
}
