import type { Command } from 'commander';
import { z } from 'zod';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { formatFields, formatTable } from './io.ts';

/** `account lots | expiring | purchase-refund | forfeit`: what becomes of credit. */
export function addCreditCommands(account: Command, context: CliContext): void {
  addLots(account, context);
  addExpiring(account, context);
  addPurchaseRefund(account, context);
  addForfeit(account, context);
}

function addLots(account: Command, context: CliContext): void {
  account
    .command('lots')
    .description('print the lots of an account in the order in which they are spent')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action(async (name: string, options: JsonOption) => {
      const path = pathOf('v1', 'accounts', name, 'balance');
      const { lots = [] } = await apiClient(context).get(balanceSchema, path);
      print(context, options, { account: name, lots }, () =>
        formatTable(
          ['lot', 'reference', 'of', 'credits', 'reserved', 'expires'],
          lots.map((lot) => [
            String(lot.id),
            lot.reference,
            lot.original,
            lot.credits,
            lot.reserved,
            lot.expiresAt ?? 'never',
          ]),
        ),
      );
    });
}

function addExpiring(account: Command, context: CliContext): void {
  account
    .command('expiring')
    .description('print credit of all accounts that expires soon and is not spent')
    .option('--days <n>', 'within so many days (default: 30)')
    .option('--limit <n>', 'lines at most, 1 to 1000')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption & { days?: string; limit?: string }) => {
      const query = queryOf({ days: options.days, limit: options.limit });
      const answer = await apiClient(context).get(expiringSchema, `/v1/expiring-credit${query}`);
      print(context, options, answer, ({ expiring }) =>
        formatTable(
          ['account', 'lot', 'credits', 'expires'],
          expiring.map((one) => [
            one.account,
            one.lot?.reference ?? '',
            one.credits,
            one.expiresAt,
          ]),
        ),
      );
    });
}

interface PostingOptions extends JsonOption {
  readonly reference: string;
  readonly reason: string;
}

function addPurchaseRefund(account: Command, context: CliContext): void {
  account
    .command('purchase-refund')
    .description('pay back what is unspent of a top-up, within the time of the terms')
    .argument('<name>')
    .argument('<top-up>', 'the reference of the top-up')
    .requiredOption('--reference <text>', 'your own name for it, such as a credit note')
    .requiredOption('--reason <text>', 'why')
    .option('--json', 'print JSON')
    .action(async (name: string, topUpReference: string, options: PostingOptions) => {
      const { reference, reason } = options;
      const path = pathOf('v1', 'accounts', name, 'purchase-refunds');
      const body = { topUpReference, reference, reason };
      print(context, options, await apiClient(context).post(postedSchema, path, body), postedText);
    });
}

function addForfeit(account: Command, context: CliContext): void {
  account
    .command('forfeit')
    .description('take all available credit of an account')
    .argument('<name>')
    .requiredOption('--reference <text>', 'your own name for it, such as a case number')
    .requiredOption('--reason <text>', 'why')
    .option('--json', 'print JSON')
    .action(async (name: string, options: PostingOptions) => {
      const { reference, reason } = options;
      const path = pathOf('v1', 'accounts', name, 'forfeits');
      const posted = await apiClient(context).post(postedSchema, path, { reference, reason });
      print(context, options, posted, postedText);
    });
}

const balanceSchema = z.looseObject({
  lots: z
    .array(
      z.looseObject({
        id: z.int(),
        reference: z.string(),
        original: z.string(),
        credits: z.string(),
        reserved: z.string(),
        expiresAt: z.string().nullable(),
      }),
    )
    .optional(),
});
const expiringSchema = z.looseObject({
  expiring: z.array(
    z.looseObject({
      account: z.string(),
      lot: z.looseObject({ reference: z.string() }).optional(),
      credits: z.string(),
      expiresAt: z.string(),
    }),
  ),
});
const postedSchema = z.looseObject({ existing: z.boolean() });

function postedText(posted: z.output<typeof postedSchema>): string {
  const { existing, ...fields } = posted;
  return formatFields(fields) + (existing ? 'posted before: nothing was added\n' : '');
}
