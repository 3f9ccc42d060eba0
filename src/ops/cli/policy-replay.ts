import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatTable } from './io.ts';

interface Options extends JsonOption {
  readonly since: string;
  readonly until?: string;
  readonly account?: string;
  readonly policy?: string;
  readonly limit?: string;
  readonly examples?: string;
  readonly content?: boolean;
  readonly reason?: string;
}

/** `policy replay [FILE]`: what policies would have done to past traffic, asked of the running daemon. */
export function addPolicyReplay(policy: Command, context: CliContext): void {
  policy
    .command('replay')
    .description('judge past messages by policies that are tried, and print what would change')
    .argument('[file]', 'resources, YAML or JSON; by default the policies in force')
    .requiredOption(
      '--since <time>',
      'accepted from then on: 2026-12-01T00:00:00Z, or 30m, 24h, 7d ago',
    )
    .option('--until <time>', 'accepted before; by default now')
    .option('--account <name>', 'only of this account')
    .option('--policy <name>', 'judge all by this one; by default each account by its own')
    .option('--limit <n>', 'messages at most (100000)')
    .option('--examples <n>', 'messages named at most (20)')
    .option('--content', 'examples with sender, number and text; audited')
    .option('--reason <text>', 'why you look at them')
    .option('--json', 'print JSON')
    .action(async (file: string | undefined, options: Options) => {
      const { account, policy: name, content, reason } = options;
      const body = {
        since: timeOf('--since', options.since),
        until: options.until && timeOf('--until', options.until),
        account,
        policy: name,
        resources: file && (await readText(file)),
        limit: wholeOf('--limit', options.limit),
        examples: wholeOf('--examples', options.examples),
        content,
        reason,
      };
      const answer = await apiClient(context).post(answerSchema, '/v1/policies/replay', body);
      print(context, options, answer, textOf);
    });
}

const AGO = /^([0-9]{1,6})([mhd])$/;
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time, or how long ago. */
function timeOf(option: string, text: string): string {
  const [, count, unit = ''] = AGO.exec(text) ?? [];
  const ms =
    count === undefined ? Date.parse(text) : Date.now() - Number(count) * (UNIT_MS[unit] ?? 0);
  if (Number.isNaN(ms))
    throw new CliError(`${option} must be a time, or 30m, 24h, 7d ago`, EXIT.usage);
  return new Date(ms).toISOString();
}

function wholeOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,7}$/.test(text))
    throw new CliError(`${option} must be a whole number`, EXIT.usage);
  return Number(text);
}

function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new CliError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  });
}

const decidedSchema = z.looseObject({ decision: z.string(), rule: z.string().optional() });
const answerSchema = z.looseObject({
  since: z.string(),
  until: z.string(),
  judged: z.number(),
  unreadable: z.number(),
  changed: z.number(),
  stoppedAt: z.string().optional(),
  decisions: z.array(
    z.looseObject({ was: decidedSchema, would: decidedSchema, messages: z.number() }),
  ),
  rules: z.array(z.looseObject({ rule: z.string(), action: z.string(), messages: z.number() })),
  examples: z.array(
    z.looseObject({
      id: z.string(),
      account: z.string(),
      was: decidedSchema,
      would: decidedSchema,
      content: z.looseObject({ from: z.string(), to: z.string(), text: z.string() }).optional(),
    }),
  ),
  notes: z.array(z.string()),
});

function textOf(answer: z.output<typeof answerSchema>): string {
  const { judged, unreadable, changed, stoppedAt } = answer;
  const unread = unreadable === 0 ? '' : `, ${unreadable} with no content left`;
  return [
    `${answer.since} to ${answer.until}: ${judged} judged${unread}; ${changed} would change\n`,
    stoppedAt === undefined ? '' : `stopped by the limit: --since ${stoppedAt} goes on\n`,
    table(
      ['was', 'would be', 'messages'],
      answer.decisions.map(({ was, would, messages }) => [
        words(was),
        words(would),
        String(messages),
      ]),
    ),
    table(
      ['rule', 'action', 'messages'],
      answer.rules.map(({ rule, action, messages }) => [rule, action, String(messages)]),
    ),
    table(
      ['message', 'account', 'was', 'would be', 'from', 'to', 'text'],
      answer.examples.map(({ id, account, was, would, content }) => [
        id,
        account,
        words(was),
        words(would),
        content?.from ?? '',
        content?.to ?? '',
        JSON.stringify(content?.text ?? ''),
      ]),
    ),
    ...answer.notes.map((note) => `note: ${note}\n`),
  ].join('');
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0
    ? ''
    : `\n${formatTable(
        [...heads],
        rows.map((row) => [...row]),
      )}`;
}

function words({ decision, rule }: z.output<typeof decidedSchema>): string {
  return rule === undefined ? decision : `${decision} by ${rule}`;
}
