import type { Command } from 'commander';
import { z } from 'zod';
import { csvLine, foreignCell } from '../../domain/csv.ts';
import { type ApiClient, pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, EXIT, formatTable } from './io.ts';

/** Entries of one request of a statement that is printed whole. */
const PAGE = '1000';

interface StatementOptions extends JsonOption {
  readonly from?: string;
  readonly to?: string;
  readonly limit?: string;
  readonly cursor?: string;
  readonly csv?: boolean;
}

/** `account statement`: a page of it for people and programs, or all of it as CSV. */
export function addStatement(account: Command, context: CliContext): void {
  account
    .command('statement')
    .description('print the entries of an account, oldest first')
    .argument('<name>')
    .option('--from <time>', 'ISO 8601 with its zone, or a day (default: 30 days before --to)')
    .option('--to <time>', 'and before this (default: now)')
    .option('--limit <n>', 'entries at most, 1 to 1000 (default: 100)')
    .option('--cursor <text>', 'the page after the one that printed it')
    .option('--csv', 'print all of its pages as CSV')
    .option('--json', 'print JSON')
    .action(async (name: string, { csv, ...options }: StatementOptions) => {
      const { from, to, limit, cursor } = options;
      const path = pathOf('v1', 'accounts', name, 'statement');
      const client = apiClient(context);
      if (csv === true) {
        if ((limit ?? cursor ?? options.json) !== undefined)
          throw new CliError('--csv prints all: without --limit, --cursor, --json', EXIT.usage);
        await printCsv(client, path, { from, to }, (text) => context.io.out(text));
        return;
      }
      const query = queryOf({ from, to, limit, cursor });
      print(context, options, await client.get(statementSchema, path + query), statementText);
    });
}

/** Columns of the CSV form. `balance`: credits after the entry. */
const COLUMNS = [
  ...(['id', 'at', 'kind', 'amount', 'reserved', 'balance', 'messages', 'segments'] as const),
  ...(['reference', 'cause', 'actor', 'reason', 'lot', 'carrier', 'carrierReference'] as const),
  'evidence',
] as const;

/** Page by page: all of one end, so that what is posted meanwhile is in none of them. */
async function printCsv(
  client: ApiClient,
  path: string,
  { from, to }: { readonly from: string | undefined; readonly to: string | undefined },
  out: (text: string) => void,
): Promise<void> {
  let end = to;
  let cursor: string | undefined;
  do {
    const query = queryOf({ from, to: end, limit: PAGE, cursor });
    const page: Statement = await client.get(statementSchema, path + query);
    end ??= page.to;
    const heading = cursor === undefined ? csvLine(COLUMNS) : '';
    out(heading + page.entries.map(csvRow).join(''));
    cursor = page.next;
  } while (cursor !== undefined);
}

function csvRow(entry: Entry): string {
  const cells: Readonly<Record<string, unknown>> = { ...entry, lot: entry.lot?.reference };
  return csvLine(COLUMNS.map((column) => cellOf(column, cells[column])));
}

/** Money and counts are ours; the rest somebody wrote. */
function cellOf(column: (typeof COLUMNS)[number], value: unknown): string {
  const text = String(value ?? '');
  return WRITTEN.has(column) ? foreignCell(text) : text;
}

const WRITTEN: ReadonlySet<string> = new Set(COLUMNS.slice(COLUMNS.indexOf('reference')));

const entrySchema = z.looseObject({
  id: z.string(),
  at: z.string(),
  kind: z.string(),
  amount: z.string(),
  reserved: z.string(),
  balance: z.string(),
  messages: z.int(),
  reference: z.string().optional(),
  reason: z.string().optional(),
  lot: z.looseObject({ reference: z.string() }).optional(),
});
const statementSchema = z.looseObject({
  from: z.string(),
  to: z.string(),
  opening: z.string(),
  closing: z.string(),
  next: z.string().optional(),
  entries: z.array(entrySchema),
});
type Entry = z.output<typeof entrySchema>;
type Statement = z.output<typeof statementSchema>;

function statementText(statement: Statement): string {
  const rows = statement.entries.map((entry) => [
    entry.at,
    entry.kind,
    entry.amount,
    entry.reserved,
    entry.balance,
    String(entry.messages),
    [entry.reference, entry.reason, entry.lot && `(lot ${entry.lot.reference})`]
      .filter((part) => part !== undefined)
      .join(' '),
  ]);
  const table = formatTable(
    ['time', 'kind', 'amount', 'reserved', 'credits after', 'messages', 'reference'],
    rows,
  );
  const more = statement.next === undefined ? '' : `more: --cursor ${statement.next}\n`;
  return `opening ${statement.opening}\n${table}closing ${statement.closing}\n${more}`;
}
