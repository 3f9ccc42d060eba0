import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { campaignIds } from './campaign-file.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatFields, formatTable } from './io.ts';

/** `refund request|list|show|investigate|approve|refuse|pay|outage ...`. */
export function addRefund(program: Command, context: CliContext): void {
  const refund = program
    .command('refund')
    .description('refund requests of customers, and declared outages');
  addRequest(refund, context);
  addList(refund, context);
  addShow(refund, context);
  addDecision(refund, context, 'investigate', 'mark an open request as being looked into');
  addDecision(refund, context, 'approve', 'approve a request, for good, and set its due date');
  addDecision(refund, context, 'refuse', 'refuse a request, for good');
  addPay(refund, context);
  addOutages(refund, context);
}

interface RequestOptions extends JsonOption {
  readonly reference: string;
  readonly reason: string;
  readonly file?: string;
}

function addRequest(refund: Command, context: CliContext): void {
  refund
    .command('request')
    .description('ask for the money of messages back')
    .argument('<account>')
    .argument('[messages...]', 'ids as the customer got them')
    .requiredOption('--reference <text>', 'your own name for it, such as a ticket')
    .requiredOption('--reason <text>', 'what the customer says')
    .option(
      '--file <file>',
      'a campaign: a file with an id a line, or CSV with a column message_id',
    )
    .option('--json', 'print JSON')
    .action(async (account: string, given: string[], options: RequestOptions) => {
      const { reference, reason, file } = options;
      const messages = [...given, ...(file === undefined ? [] : campaignIds(file))];
      if (messages.length === 0) throw new CliError('name messages, or a --file', EXIT.usage);
      const body = { account, reference, reason, messages };
      const made = await apiClient(context).post(requestSchema, '/v1/refund-requests', body);
      print(context, options, made, requestText);
    });
}

interface ListOptions extends JsonOption {
  readonly account?: string;
  readonly state?: string;
  readonly due?: string;
  readonly limit?: string;
}

function addList(refund: Command, context: CliContext): void {
  refund
    .command('list')
    .description('list refund requests, oldest first')
    .option('--account <name>')
    .option('--state <state>', 'open, investigating, approved, refused or paid')
    .option('--due <when>', '"overdue", or a time: approved ones to be paid before it')
    .option('--limit <n>', 'lines at most, 1 to 1000')
    .option('--json', 'print JSON')
    .action(async ({ json, ...asked }: ListOptions) => {
      const path = `/v1/refund-requests${queryOf({ ...asked })}`;
      const answer = await apiClient(context).get(listSchema, path);
      print(context, { ...(json && { json }) }, answer, ({ refundRequests }) =>
        formatTable(
          ['id', 'account', 'reference', 'state', 'messages', 'credits', 'due'],
          refundRequests.map((one) => [
            one.id,
            one.account,
            one.reference,
            one.overdue ? `${one.state} (overdue)` : one.state,
            String(one.messages),
            one.credits,
            one.dueAt ?? '',
          ]),
        ),
      );
    });
}

function addShow(refund: Command, context: CliContext): void {
  refund
    .command('show')
    .description('print a refund request with its messages and their evidence')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption) => {
      const path = pathOf('v1', 'refund-requests', id);
      print(context, options, await apiClient(context).get(requestSchema, path), requestText);
    });
}

function addDecision(
  refund: Command,
  context: CliContext,
  decision: 'investigate' | 'approve' | 'refuse',
  description: string,
): void {
  refund
    .command(decision)
    .description(description)
    .argument('<id>')
    .requiredOption('--reason <text>', 'why')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & { reason: string }) => {
      const path = pathOf('v1', 'refund-requests', id, 'decision');
      const body = { decision, reason: options.reason };
      const decided = await apiClient(context).post(requestSchema, path, body);
      print(context, options, decided, requestText);
    });
}

function addPay(refund: Command, context: CliContext): void {
  refund
    .command('pay')
    .description('pay an approved refund request')
    .argument('<id>')
    .requiredOption('--reference <text>', 'your own name for the payment')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption & { reference: string }) => {
      const path = pathOf('v1', 'refund-requests', id, 'payment');
      const { reference } = options;
      const paid = await apiClient(context).post(requestSchema, path, { reference });
      print(context, options, paid, requestText);
    });
}

interface OutageOptions extends JsonOption {
  readonly from: string;
  readonly until?: string;
  readonly carrier?: string;
  readonly prefix?: string;
  readonly reason: string;
}

function addOutages(refund: Command, context: CliContext): void {
  const outage = refund
    .command('outage')
    .description('times at which a carrier or numbers could not be reached');
  outage
    .command('declare')
    .description('declare an outage: what failed within it is the fault of the platform')
    .requiredOption('--from <time>', 'such as 2026-12-01T08:00:00Z')
    .option('--until <time>', 'without it the outage lasts until it is ended')
    .option('--carrier <name>', 'only of this carrier')
    .option('--prefix <digits>', 'only to numbers that begin so')
    .requiredOption('--reason <text>', 'why')
    .option('--json', 'print JSON')
    .action(async ({ json, ...body }: OutageOptions) => {
      const declared = await apiClient(context).post(outageSchema, '/v1/outages', body);
      print(context, { ...(json && { json }) }, declared, formatFields);
    });
  outage
    .command('list')
    .description('list outages, newest first')
    .option('--withdrawn', 'those that count no more, too')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption & { withdrawn?: boolean }) => {
      const query = queryOf({ withdrawn: options.withdrawn === true ? 'true' : undefined });
      const answer = await apiClient(context).get(outagesSchema, `/v1/outages${query}`);
      print(context, options, answer, ({ outages }) =>
        formatTable(
          ['id', 'from', 'until', 'carrier', 'prefix', 'refunded', 'reason'],
          outages.map((one) => [
            String(one.id),
            one.from,
            one.until ?? 'lasts',
            one.carrier ?? 'any',
            one.prefix ?? 'any',
            one.refunded,
            one.reason,
          ]),
        ),
      );
    });
  addOutageEnd(outage, context);
  outage
    .command('withdraw')
    .description('withdraw an outage: what was refunded for it stays')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(async (id: string, options: JsonOption) => {
      const path = pathOf('v1', 'outages', id);
      print(context, options, await apiClient(context).delete(outageSchema, path), formatFields);
    });
}

function addOutageEnd(outage: Command, context: CliContext): void {
  outage
    .command('end')
    .description('end an outage that lasts')
    .argument('<id>')
    .option('--until <time>', 'such as 2026-12-01T08:00:00Z; without it now')
    .option('--json', 'print JSON')
    .action(async (id: string, { json, until }: JsonOption & { until?: string }) => {
      const body = { until: until ?? new Date().toISOString() };
      const path = pathOf('v1', 'outages', id);
      const ended = await apiClient(context).send('PATCH', outageSchema, path, body);
      print(context, { ...(json && { json }) }, ended, formatFields);
    });
}

const headSchema = z.looseObject({
  id: z.string(),
  account: z.string(),
  reference: z.string(),
  state: z.string(),
  messages: z.int(),
  credits: z.string(),
  dueAt: z.string().optional(),
  overdue: z.boolean(),
});
const listSchema = z.looseObject({ refundRequests: z.array(headSchema) });
const requestSchema = headSchema.extend({
  items: z.array(
    z.looseObject({
      message: z.string(),
      asked: z.string(),
      finding: z.string(),
      credits: z.string(),
      evidence: z.looseObject({}),
    }),
  ),
  unknownIds: z.array(z.string()),
  decision: z.looseObject({ reason: z.string(), by: z.string(), at: z.string() }).optional(),
  payment: z.looseObject({ reference: z.string(), by: z.string(), at: z.string() }).optional(),
});
const outageSchema = z.looseObject({
  id: z.int(),
  from: z.string(),
  until: z.string().nullable(),
  carrier: z.string().nullable(),
  prefix: z.string().nullable(),
  refunded: z.string(),
  reason: z.string(),
});
const outagesSchema = z.looseObject({ outages: z.array(outageSchema) });

/** What gave the money of a message back before the request did. */
const refundedSchema = z.looseObject({
  refunded: z.looseObject({ outage: z.int().optional() }).optional(),
});

function requestText(request: z.output<typeof requestSchema>): string {
  const { items, unknownIds, decision, payment, ...rest } = request;
  const fields = {
    ...rest,
    decision: decision && `${decision.reason} (${decision.by}, ${decision.at})`,
    payment: payment && `${payment.reference} (${payment.by}, ${payment.at})`,
  };
  const table = formatTable(
    ['message', 'finding', 'credits', 'state', 'fault', 'outage'],
    items.map(({ asked, finding, credits, evidence }) => [
      asked,
      finding,
      credits,
      String(evidence.state ?? ''),
      String(evidence.fault ?? ''),
      String(evidence.outage ?? refundedSchema.parse(evidence).refunded?.outage ?? ''),
    ]),
  );
  const unknown = unknownIds.map((id) => `${id} is no message of the account\n`).join('');
  return `${formatFields(fields)}\n${table}${unknown}`;
}
