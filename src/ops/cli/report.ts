import type { Command } from 'commander';
import { z } from 'zod';
import { type ReportRow, reportCsv } from '../books/report.ts';
import { pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, formatTable, plain } from './io.ts';

/** `report usage|deliveries|margin|carrier`. */
export function addReport(program: Command, context: CliContext): void {
  const report = program.command('report').description('what was sent, what it cost, how it went');
  addUsage(report, context);
  addDeliveries(report, context);
  addMargin(report, context);
  addCarrier(report, context);
}

interface DaysOptions extends JsonOption {
  readonly account?: string;
  readonly from?: string;
  readonly to?: string;
  readonly by?: string;
  readonly csv?: boolean;
  readonly carrier?: string;
}

/** What the reports by day have in common. */
function daysOptions(command: Command, by: string): Command {
  return command
    .option('--account <name>', 'only of this account')
    .option('--from <day>', 'first day, UTC (default: the first of the month)')
    .option('--to <day>', 'the day after the last (default: tomorrow)')
    .option('--by <list>', by)
    .option('--csv', 'print CSV')
    .option('--json', 'print JSON');
}

function addUsage(report: Command, context: CliContext): void {
  const command = report
    .command('usage')
    .description('messages, segments and money; fails when the sums are not those of the ledger');
  daysOptions(command, 'of day,account,sender,country,prefix,network,class (default: day)').action(
    async (options: DaysOptions) => {
      const { account, from, to, by } = options;
      const path = `/v1/reports/usage${queryOf({ account, from, to, by })}`;
      const answer = await apiClient(context).get(usageSchema, path);
      if (options.csv === true) context.io.out(reportCsv(answer.rows));
      else print(context, options, answer, usageText);
      if (!answer.ok) {
        const told = answer.differences.map(
          ({ what, counted, ledger }) => `${what}: counted ${counted}, ledger ${ledger}`,
        );
        throw new CliError(`the usage is not what the ledger says: ${told.join('; ')}`);
      }
    },
  );
}

function addDeliveries(report: Command, context: CliContext): void {
  const command = report
    .command('deliveries')
    .description("how messages ended, and how long until the carrier's answer")
    .option('--carrier <name>', 'only of this carrier');
  daysOptions(
    command,
    'of day,account,sender,country,prefix,network,class,carrier,state,fault (default: day,carrier)',
  ).action((options: DaysOptions) => printRows(context, '/v1/reports/deliveries', options));
}

function addMargin(report: Command, context: CliContext): void {
  const command = report
    .command('margin')
    .description('what messages brought, and what carriers took for them')
    .option('--carrier <name>', 'only of this carrier');
  daysOptions(
    command,
    'of day,account,sender,country,prefix,network,class,carrier (default: day,carrier)',
  ).action((options: DaysOptions) => printRows(context, '/v1/reports/margin', options));
}

function addCarrier(report: Command, context: CliContext): void {
  report
    .command('carrier')
    .description('print what a carrier answered on a day, a submit_sm a row, as CSV')
    .argument('<name>')
    .requiredOption('--day <day>', 'such as 2026-11-21, UTC')
    .option('--json', 'print JSON: {"csv": ...}')
    .action(async (name: string, options: JsonOption & { day: string }) => {
      const path = `${pathOf('v1', 'reports', 'carriers', name)}${queryOf({ day: options.day })}`;
      if (options.json === true) {
        const csv = await apiClient(context).getText(path, 'text/csv');
        return print(context, options, { csv }, (answer) => answer.csv);
      }
      const decoder = new TextDecoder();
      for await (const piece of apiClient(context).octets(path, new AbortController().signal))
        context.io.out(decoder.decode(piece, { stream: true }));
    });
}

async function printRows(context: CliContext, base: string, options: DaysOptions): Promise<void> {
  const { account, carrier, from, to, by } = options;
  const path = `${base}${queryOf({ account, carrier, from, to, by })}`;
  const answer = await apiClient(context).get(rowsSchema, path);
  if (options.csv === true) context.io.out(reportCsv(answer.rows));
  else
    print(context, options, answer, (report) => `${rowsText(report.rows)}${countedText(report)}`);
}

const figures = z.record(z.string(), z.union([z.string(), z.number()]));
const rowsSchema = z.looseObject({
  from: z.string(),
  to: z.string(),
  countedUntil: z.string(),
  rows: z.array(figures),
});
const usageSchema = z.looseObject({
  ok: z.boolean(),
  countedUntil: z.string(),
  otherEntries: z.record(z.string(), z.string()),
  rows: z.array(figures),
  total: figures,
  pending: figures,
  ledger: figures,
  differences: z.array(z.object({ what: z.string(), counted: z.string(), ledger: z.string() })),
});

function usageText({ rows, ...report }: z.output<typeof usageSchema>): string {
  const names = Object.keys(rows[0] ?? {}).filter((name) => !(name in report.total));
  const sum = (label: string, row: ReportRow): ReportRow => ({
    ...Object.fromEntries(names.map((name, n) => [name, n === 0 ? label : ''])),
    ...row,
  });
  const sums = [
    sum('not counted yet', report.pending),
    sum('total', report.total),
    sum('ledger', report.ledger),
  ];
  const others = Object.entries(report.otherEntries).map(([kind, amount]) => `${kind} ${amount}`);
  const beside = others.length === 0 ? '' : `beside messages: ${others.join(', ')}\n`;
  return `${rowsText([...rows, ...sums])}${beside}${countedText(report)}`;
}

function countedText({ countedUntil }: { readonly countedUntil: string }): string {
  return `counted until ${countedUntil}\n`;
}

function rowsText(rows: readonly ReportRow[]): string {
  const columns = Object.keys(rows[0] ?? {});
  return formatTable(
    columns,
    rows.map((row) => columns.map((column) => plain(row[column]))),
  );
}
