import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatFields, formatTable, plain } from './io.ts';

/** `receipt explain|list|show`. */
export function addReceipt(program: Command, context: CliContext): void {
  const receipt = program.command('receipt').description('receipts of carriers and their messages');
  addExplain(receipt, context);
  addList(receipt, context);
  receipt
    .command('show')
    .description('print a parked receipt, and what would be done with it now')
    .argument('<id>', 'as receipt list has it')
    .option('--content', 'whole numbers; needs a role that may, and --reason')
    .option('--reason <text>', 'why, for the audit')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & ContentOptions) => {
      const path = pathOf('v1', 'receipts', 'unmatched', id) + queryOf(contentOf(options));
      const answer = await apiClient(context).get(storySchema, path);
      print(context, options, answer, ({ explanation, ...head }) => {
        const story = explanation === undefined ? '' : `\n${explanationText(explanation)}`;
        return formatFields(head) + story;
      });
    });
}

interface ExplainOptions extends JsonOption {
  readonly carrier: string;
  readonly source?: string;
  readonly dest?: string;
  readonly id?: string;
  readonly state?: string;
}

interface ContentOptions {
  readonly content?: boolean;
  readonly reason?: string;
}

function addExplain(receipt: Command, context: CliContext): void {
  receipt
    .command('explain')
    .description('print how a receipt would be read and matched, and what would be done')
    .argument('<text>', 'the text of the deliver_sm; "" for one that has only TLVs')
    .requiredOption('--carrier <name>', 'who sends it')
    .option('--source <address>', "the message's sender")
    .option('--dest <address>', 'the number that the message went to, as the receipt states it')
    .option('--id <id>', 'the TLV receipted_message_id')
    .option('--state <n>', 'the TLV message_state, 0 to 9')
    .option('--json', 'print JSON')
    .action(async (text: string, options: ExplainOptions) => {
      const { carrier, source, dest, id } = options;
      const state = options.state === undefined ? undefined : Number(options.state);
      if (state !== undefined && !Number.isInteger(state))
        throw new CliError('--state is a number', EXIT.usage);
      const body = { carrier, text, source, destination: dest, messageId: id, state };
      const answer = await apiClient(context).post(explanationSchema, '/v1/receipts/explain', body);
      print(context, options, answer, explanationText);
    });
}

interface ListOptions extends JsonOption, ContentOptions {
  readonly carrier?: string;
  readonly limit?: string;
}

function addList(receipt: Command, context: CliContext): void {
  receipt
    .command('list')
    .description('list receipts that fit no message, newest first')
    .option('--unmatched', 'which is all that is kept of receipts by themselves')
    .option('--carrier <name>', 'only of this carrier')
    .option('--limit <n>', 'at most, 1 to 1000')
    .option('--content', 'whole numbers; needs a role that may, and --reason')
    .option('--reason <text>', 'why, for the audit')
    .option('--json', 'print JSON')
    .action(async (options: ListOptions) => {
      const { carrier, limit } = options;
      const path = `/v1/receipts/unmatched${queryOf({ carrier, limit, ...contentOf(options) })}`;
      const answer = await apiClient(context).get(listSchema, path);
      print(context, options, answer, ({ receipts }) =>
        formatTable(
          ['id', 'carrier', 'age', 'reason', 'ids', 'state', 'destination', 'tries'],
          receipts.map((one) => [
            one.id,
            one.carrier,
            `${one.ageSeconds} s`,
            one.reason,
            one.ids.join(' '),
            one.state ?? '',
            one.destination,
            String(one.tries),
          ]),
        ),
      );
    });
}

function contentOf({ content, reason }: ContentOptions): Record<string, string | undefined> {
  return { content: content === true ? 'true' : undefined, reason };
}

const explanationSchema = z.looseObject({
  carrier: z.string(),
  read: z
    .looseObject({
      ids: z.array(
        z.looseObject({
          source: z.string(),
          id: z.string(),
          means: z.array(z.looseObject({ reading: z.string(), key: z.string() })),
        }),
      ),
    })
    .nullable(),
  learnt: z.array(z.looseObject({ source: z.string(), reading: z.string().nullable() })),
  candidates: z.array(
    z.looseObject({
      message: z.string(),
      segment: z.int(),
      attempt: z.int(),
      carrier: z.string(),
      upstreamId: z.string(),
      reading: z.string(),
      destination: z.string(),
      state: z.string(),
      verdict: z.string(),
    }),
  ),
  matched: z.string().nullable(),
  reason: z.string().nullable(),
  does: z.string(),
  hints: z.array(z.string()),
});
type Explanation = z.output<typeof explanationSchema>;

const parkedSchema = z.looseObject({
  id: z.string(),
  carrier: z.string(),
  ageSeconds: z.int(),
  reason: z.string(),
  ids: z.array(z.string()),
  state: z.string().optional(),
  destination: z.string(),
  tries: z.int(),
});
const listSchema = z.looseObject({ receipts: z.array(parkedSchema) });
const storySchema = parkedSchema.extend({ explanation: explanationSchema.optional() });

function explanationText(explanation: Explanation): string {
  const { read, learnt, candidates, matched, reason, does, hints } = explanation;
  const lines: string[] = [];
  if (read !== null) {
    const { ids, ...fields } = read;
    lines.push('read as\n', formatFields(fields), '\nids\n');
    lines.push(
      formatTable(
        ['in', 'id', 'can mean'],
        ids.map(({ source, id, means }) => [
          source,
          id,
          means.map((one) => `${one.key} (${one.reading})`).join(', '),
        ]),
      ),
    );
  }
  if (learnt.length > 0)
    lines.push(
      '\nlearnt\n',
      formatTable(
        ['in', 'reading', 'evidence'],
        learnt.map((one) => [one.source, one.reading ?? 'none yet', plain(one.evidence)]),
      ),
    );
  lines.push('\ncandidates\n', candidatesText(candidates), '\n');
  lines.push(formatFields({ matched, reason, does }));
  for (const hint of hints) lines.push(`hint  ${hint}\n`);
  return lines.join('');
}

function candidatesText(candidates: Explanation['candidates']): string {
  return formatTable(
    [
      'message',
      'segment',
      'attempt',
      'carrier',
      'id',
      'reading',
      'destination',
      'state',
      'verdict',
    ],
    candidates.map((one) => [
      one.message,
      String(one.segment),
      String(one.attempt),
      one.carrier,
      one.upstreamId,
      one.reading,
      one.destination,
      one.state,
      one.verdict,
    ]),
  );
}
