import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatFields, formatTable, plain } from './io.ts';

/** `message show ID` and `message list`. */
export function addMessage(program: Command, context: CliContext): void {
  const message = program.command('message').description('messages and their timelines');
  message
    .command('show')
    .description('print all that happened to a message')
    .argument('<id>', 'the internal id, or the message_id that the customer got')
    .option('--account <name>', 'whose message_id it is')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & { account?: string }) => {
      const path = pathOf('v1', 'messages', id) + queryOf({ account: options.account });
      print(context, options, await apiClient(context).get(timelineSchema, path), timelineText);
    });
  addList(message, context);
}

interface ListOptions extends JsonOption {
  readonly account?: string;
  readonly to?: string;
  readonly from?: string;
  readonly until?: string;
  readonly limit?: string;
}

function addList(message: Command, context: CliContext): void {
  message
    .command('list')
    .description('list messages, newest first; by default of the last 24 hours')
    .option('--account <name>', 'only of this account')
    .option('--to <number>', 'only to this number')
    .option('--from <time>', 'ISO 8601')
    .option('--until <time>', 'ISO 8601')
    .option('--limit <n>', 'messages at most, 1 to 1000')
    .option('--json', 'print JSON')
    .action(async (options: ListOptions) => {
      const { account, to, from, until, limit } = options;
      const path = `/v1/messages${queryOf({ account, to, from, until, limit })}`;
      const answer = await apiClient(context).get(listSchema, path);
      print(context, options, answer, ({ messages }) =>
        formatTable(
          ['id', 'account', 'state', 'accepted', 'segments', 'price', 'carrier', 'queued for'],
          messages.map((m) => [
            m.id,
            m.account,
            m.state,
            m.acceptedAt,
            String(m.segments),
            m.price,
            m.carrier ?? '',
            m.queuedFor ?? '',
          ]),
        ),
      );
    });
}

const headSchema = z.looseObject({
  id: z.string(),
  account: z.string(),
  state: z.string(),
  acceptedAt: z.string(),
  segments: z.int(),
  price: z.string(),
  carrier: z.string().optional(),
  queuedFor: z.string().optional(),
});
const listSchema = z.looseObject({ messages: z.array(headSchema) });
const timelineSchema = headSchema.extend({
  sessions: z.array(z.looseObject({ address: z.string(), port: z.int() })).default([]),
  events: z.array(z.looseObject({ at: z.string(), event: z.string() })),
});

function timelineText(timeline: z.output<typeof timelineSchema>): string {
  const { events, sessions, ...head } = timeline;
  const from = sessions.map(({ address, port }) => `${address}:${port}`).join(', ');
  const rows = events.map(({ at, event, ...rest }) => [
    at,
    event,
    Object.entries(rest)
      .map(([name, value]) => `${name}=${plain(value)}`)
      .join(' '),
  ]);
  return `${formatFields({ ...head, ...(from !== '' && { from }) })}\n${formatTable(['time', 'event', ''], rows)}`;
}
