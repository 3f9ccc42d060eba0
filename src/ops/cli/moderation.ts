import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatFields, formatTable } from './io.ts';

/** `moderation list|show|release|refuse`. */
export function addModeration(program: Command, context: CliContext): void {
  const moderation = program
    .command('moderation')
    .description('messages that wait for a moderator');
  addList(moderation, context);
  addShow(moderation, context);
  addDecision(moderation, context, 'release', 'let a held message go');
  addDecision(moderation, context, 'refuse', 'end a held message; its money goes by terms');
}

interface ListOptions extends JsonOption {
  readonly account?: string;
  readonly after?: string;
  readonly limit?: string;
}

function addList(moderation: Command, context: CliContext): void {
  moderation
    .command('list')
    .description('list what waits, oldest first')
    .option('--account <name>', 'only of this account')
    .option('--after <id>', 'the page after this message')
    .option('--limit <n>', 'messages at most, 1 to 200')
    .option('--json', 'print JSON')
    .action(async (options: ListOptions) => {
      const { account, after, limit } = options;
      const path = `/v1/moderation${queryOf({ account, after, limit })}`;
      print(context, options, await apiClient(context).get(listSchema, path), (found) => {
        const rows = found.messages.map((held) => [
          held.id,
          held.account,
          held.rule,
          held.since,
          held.validUntil,
          String(held.parts),
          held.price,
        ]);
        const table = formatTable(
          ['id', 'account', 'rule', 'since', 'valid until', 'parts', 'price'],
          rows,
        );
        return found.next === undefined ? table : `${table}more: --after ${found.next}\n`;
      });
    });
}

function addShow(moderation: Command, context: CliContext): void {
  moderation
    .command('show')
    .description('print a held message; its text only with --content')
    .argument('<id>')
    .option('--content', 'with sender, number and text; audited')
    .option('--reason <text>', 'why you look at them')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & { content?: boolean; reason?: string }) => {
      const content = options.content === true ? 'true' : undefined;
      const path = pathOf('v1', 'moderation', id) + queryOf({ content, reason: options.reason });
      print(context, options, await apiClient(context).get(heldSchema, path), heldText);
    });
}

function addDecision(
  moderation: Command,
  context: CliContext,
  verb: 'release' | 'refuse',
  description: string,
): void {
  moderation
    .command(verb)
    .description(description)
    .argument('<id>')
    .requiredOption('--reason <text>', 'why; kept with the message and in the audit')
    .option('--version <n>', 'only if the customer has not replaced it since this version')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & { reason: string; version?: string }) => {
      const path = pathOf('v1', 'moderation', id, verb);
      const { reason, version } = options;
      const body = { reason, ...(version !== undefined && { version: Number(version) }) };
      print(context, options, await apiClient(context).post(heldSchema, path, body), heldText);
    });
}

const heldSchema = z.looseObject({
  id: z.string(),
  account: z.string(),
  rule: z.string(),
  since: z.string(),
  validUntil: z.string(),
  parts: z.int().default(1),
  price: z.string(),
  messages: z.array(z.string()).optional(),
  decision: z.looseObject({ is: z.string(), by: z.string(), reason: z.string() }).optional(),
  content: z.looseObject({ from: z.string(), to: z.string(), text: z.string() }).optional(),
});
const listSchema = z.looseObject({ messages: z.array(heldSchema), next: z.string().optional() });

function heldText(held: z.output<typeof heldSchema>): string {
  const { decision, content, messages, ...fields } = held;
  const decided = decision && `${decision.is} by ${decision.by}: ${decision.reason}`;
  // A customer chose the text: nothing of it may steer a terminal.
  const shown = content && {
    from: JSON.stringify(content.from),
    to: content.to,
    text: JSON.stringify(content.text),
  };
  return formatFields({ ...fields, messages: messages?.join(' '), decision: decided, ...shown });
}
