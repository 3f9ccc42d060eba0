import { createReadStream } from 'node:fs';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { CsvError, CsvReader, type CsvRow, surplusOf } from '../../domain/csv.ts';
import { parseCredits } from '../../domain/money.ts';
import { type ApiClient, pathOf, queryOf } from './api-client.ts';
import { apiClient, type CliContext, type JsonOption, print } from './context.ts';
import { CliError, counted, EXIT, formatTable } from './io.ts';

/** `reconcile`: exit code 1 when there is a difference. `reconcile carrier FILE`: with a carrier's invoice. */
export function addReconcile(program: Command, context: CliContext): void {
  const reconcile = program
    .command('reconcile')
    .description('compare balances, ledger, chain, messages and outcomes; fails when they differ')
    .option('--json', 'print JSON')
    .action(async (options: JsonOption) => {
      const answer = await apiClient(context).get(reconciliationSchema, '/v1/reconciliation');
      print(context, options, answer, reconciliationText);
      if (!answer.ok)
        throw new CliError(
          `the ledger does not reconcile: ${counted(answer.mismatches.length, 'difference')}`,
        );
    });
  addCarrier(reconcile, context);
}

/** Columns of a file and what they are called by many carriers, in lower case. */
const COLUMNS = {
  id: ['id', 'upstream_id', 'message_id', 'messageid', 'msgid', 'msg_id', 'smsc_id', 'reference'],
  segments: ['segments', 'parts', 'sms_count', 'units'],
  price: ['price', 'cost', 'amount', 'charge', 'total'],
  at: ['at', 'time', 'date', 'timestamp', 'datetime', 'submitted', 'submit_date', 'submit_time'],
} as const;
type Column = keyof typeof COLUMNS;

/** Lines of one request; the API takes as many. */
const PAGE = 10_000;

interface CarrierOptions extends JsonOption {
  readonly carrier: string;
  readonly map?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly limit?: string;
  readonly ids?: 'hex' | 'decimal';
  readonly price: boolean;
  readonly currentCost?: boolean;
}

function addCarrier(reconcile: Command, context: CliContext): void {
  reconcile
    .command('carrier')
    .description(
      "compare a carrier's invoice or call detail file with what it accepted; fails when they differ",
    )
    .argument('<file>', 'CSV with a heading, a submit_sm a line')
    .requiredOption('--carrier <name>', 'whose it is')
    .option('--map <name=column...>', 'columns of id, segments, price (of the line), at')
    .addOption(
      new Option(
        '--ids <base>',
        'base of the ids in the file, where it is not that of submit_sm_resp',
      ).choices(['hex', 'decimal']),
    )
    .option('--no-price', 'prices are not compared, such as those of another currency')
    .option(
      '--current-cost',
      'with the cost of the carrier as it stands now, not as it was when it took them',
    )
    .option('--from <time>', 'ours from here on have to be in it (default: its first time)')
    .option('--to <time>', 'and before here (default: its last time)')
    .option('--limit <n>', 'differences printed at most (default: 1000)')
    .option('--json', 'print JSON')
    .action(async (file: string, options: CarrierOptions) => {
      const client = apiClient(context);
      const base = pathOf('v1', 'carriers', options.carrier, 'invoices');
      const { run } = await client.post(runSchema, base, {});
      const path = `${base}/${run}`;
      const { from, to, limit, ids, currentCost } = options;
      const map = mapOf(options.map ?? []);
      const query = queryOf({
        from,
        to,
        limit,
        ids: ids && 'number',
        costs: currentCost === true ? 'now' : undefined,
      });
      const reading = { map, ids, hasPrices: options.price };
      const answer = await sendLines(client, path, file, reading)
        .then(() => client.get(comparisonSchema, `${path}${query}`))
        .finally(() => client.delete(okSchema, path).catch(() => {}));
      // Commander gives --json to the parent, which has it as well.
      const json = options.json ?? reconcile.opts<JsonOption>().json;
      print(context, json === undefined ? {} : { json }, answer, comparisonText);
      if (!answer.ok) throw new CliError('the file is not what the carrier accepted from us');
    });
}

function mapOf(given: readonly string[]): ReadonlyMap<Column, string> {
  const map = new Map<Column, string>();
  for (const pair of given.flatMap((each) => each.split(','))) {
    const [name = '', column = ''] = pair.split('=');
    if (!(name in COLUMNS) || column === '') {
      const names = Object.keys(COLUMNS).join(', ');
      throw new CliError(
        `--map takes name=column with a name of ${names}; not ${pair}`,
        EXIT.usage,
      );
    }
    map.set(name as Column, column.toLowerCase());
  }
  return map;
}

/** How a file is read. */
interface Reading {
  readonly map: ReadonlyMap<Column, string>;
  /** Base of its ids, where ours are in the other one. */
  readonly ids: 'hex' | 'decimal' | undefined;
  readonly hasPrices: boolean;
}

/** A file of any size, a page at a time. */
async function sendLines(
  client: ApiClient,
  path: string,
  file: string,
  { map, ids, hasPrices }: Reading,
): Promise<void> {
  let heading: readonly string[] = [];
  let places: Map<Column, number> | undefined;
  let lines: unknown[] = [];
  const send = async () => {
    if (lines.length > 0) await client.send('PUT', linesSchema, path, { lines });
    lines = [];
  };
  for await (const row of rowsOf(file)) {
    if (places === undefined) {
      heading = row.cells;
      places = placesOf(row, map);
      if (!hasPrices) places.delete('price');
      continue;
    }
    const surplus = surplusOf(row, heading);
    if (surplus !== undefined) throw new CliError(`line ${row.line}: ${surplus}`);
    lines.push(lineOf(row, places, ids));
    if (lines.length === PAGE) await send();
  }
  await send();
}

async function* rowsOf(file: string): AsyncGenerator<CsvRow> {
  const reader = new CsvReader();
  const input = createReadStream(file, 'utf8');
  try {
    for await (const piece of input) yield* reader.push(String(piece));
    yield* reader.end();
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (error instanceof CsvError) throw new CliError(`line ${error.line}: ${error.message}`);
    if (error instanceof Error && 'code' in error)
      throw new CliError(`${file} cannot be read: ${error.message}`);
    throw error;
  } finally {
    input.destroy();
  }
}

function placesOf(heading: CsvRow, map: ReadonlyMap<Column, string>): Map<Column, number> {
  const names = heading.cells.map((cell) => cell.toLowerCase());
  const places = new Map<Column, number>();
  for (const column of Object.keys(COLUMNS) as Column[]) {
    const given = map.get(column);
    const known: readonly string[] = given === undefined ? COLUMNS[column] : [given];
    const place = names.findIndex((name) => known.includes(name));
    if (place >= 0) places.set(column, place);
    else if (given !== undefined)
      throw new CliError(`the file has no column ${given}; it has ${names.join(', ')}`);
  }
  if (!places.has('id'))
    throw new CliError(
      `which column has the carrier's id? --map id=... of ${heading.cells.join(', ')}`,
    );
  return places;
}

function lineOf(
  { line, cells }: CsvRow,
  places: ReadonlyMap<Column, number>,
  ids: Reading['ids'],
): unknown {
  const cell = (column: Column): string | undefined => {
    const text = cells[places.get(column) ?? -1];
    return text === '' ? undefined : text;
  };
  const id = cell('id');
  if (id === undefined) throw new CliError(`line ${line}: has no id`);
  const [segments, price, at] = [cell('segments'), priceOf(cell('price'), line), cell('at')];
  if (segments !== undefined && !/^[0-9]{1,3}$/.test(segments))
    throw new CliError(`line ${line}: segments ${segments} is no number`);
  if (price !== undefined) {
    const parsed = parseCredits(price);
    if (typeof parsed !== 'bigint')
      throw new CliError(`line ${line}: price ${price} ${parsed.error}`);
  }
  return {
    line,
    id: ids === undefined ? id : inOtherBase(id, ids, line),
    ...(segments !== undefined && { segments: Number(segments) }),
    ...(price !== undefined && { price }),
    ...(at !== undefined && { at: timeOf(at, line) }),
  };
}

/** "0,05" is 0.05; of 1,250 nobody knows whether it is a thousand. */
function priceOf(text: string | undefined, line: number): string | undefined {
  if (text === undefined || !/^[0-9]+,[0-9]+$/.test(text)) return text;
  if (/^[1-9][0-9]{0,2},[0-9]{3}$/.test(text))
    throw new CliError(
      `line ${line}: price ${text} may be a thousand times another; write a point`,
    );
  return text.replace(',', '.');
}

/** The number as submit_sm_resp has it, without zeros before it. */
function inOtherBase(id: string, base: 'hex' | 'decimal', line: number): string {
  const isHex = base === 'hex';
  const digits = id.replace(/^0x/i, '');
  if (!(isHex ? /^[0-9a-f]+$/i : /^[0-9]+$/).test(digits))
    throw new CliError(`line ${line}: id ${id} is no ${base} number`);
  const number = BigInt(isHex ? `0x${digits}` : digits);
  return number.toString(isHex ? 10 : 16);
}

/** Year first: of 11/12/2026 nobody knows which is the month. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** ISO 8601, or "2026-11-21 10:11:12"; without a zone it is UTC. */
function timeOf(text: string, line: number): string {
  const [, day = '', clock = '00:00', zone = 'Z'] = TIME.exec(text) ?? [];
  const ms = Date.parse(`${day}T${clock}${zone}`);
  if (Number.isNaN(ms))
    throw new CliError(`line ${line}: ${text} is no time such as 2026-11-21T10:11:12Z`);
  return new Date(ms).toISOString();
}

const runSchema = z.looseObject({ run: z.string() });
const linesSchema = z.looseObject({ lines: z.number() });
const okSchema = z.looseObject({ ok: z.boolean() });
const comparisonSchema = z.looseObject({
  ok: z.boolean(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  lines: z.string(),
  sums: z.array(
    z.looseObject({
      kind: z.string(),
      count: z.string(),
      segments: z.object({ ours: z.string(), theirs: z.string() }),
      price: z.object({ ours: z.string(), theirs: z.string() }),
    }),
  ),
  differences: z.array(
    z.looseObject({
      fault: z.string(),
      id: z.string(),
      line: z.number().nullable(),
      message: z.string().nullable(),
      at: z.string().nullable(),
      segments: z.object({ ours: z.number().nullable(), theirs: z.number().nullable() }),
      price: z.object({ ours: z.string().nullable(), theirs: z.string().nullable() }),
    }),
  ),
});

function comparisonText(compared: z.output<typeof comparisonSchema>): string {
  const sums = compared.sums.map(({ kind, count, segments, price }) => [
    kind,
    count,
    segments.ours,
    segments.theirs,
    price.ours,
    price.theirs,
  ]);
  const head = ['', 'count', 'our segments', 'their segments', 'our cost', 'their price'];
  const period = `${counted(Number(compared.lines), 'line')}; ours from ${compared.from ?? '-'} to ${compared.to ?? '-'}\n`;
  const rows = compared.differences.map((each) => [
    each.fault,
    each.id,
    String(each.line ?? '-'),
    each.message ?? '-',
    each.at ?? '-',
    `${each.segments.ours ?? '-'} / ${each.segments.theirs ?? '-'}`,
    `${each.price.ours ?? '-'} / ${each.price.theirs ?? '-'}`,
  ]);
  const columns = ['fault', 'id', 'line', 'message', 'at', 'segments (our / their)', 'price'];
  const told = rows.length === 0 ? '' : `\n${formatTable(columns, rows)}`;
  return `${period}${formatTable(head, sums)}${told}`;
}

const reconciliationSchema = z.looseObject({
  ok: z.boolean(),
  accounts: z.int(),
  mismatches: z.array(
    z.looseObject({
      check: z.string(),
      account: z.string(),
      where: z.string(),
      what: z.string(),
      expected: z.string(),
      found: z.string(),
    }),
  ),
});

function reconciliationText(result: z.output<typeof reconciliationSchema>): string {
  if (result.ok)
    return `${counted(result.accounts, 'account')} ${result.accounts === 1 ? 'reconciles' : 'reconcile'}\n`;
  return formatTable(
    ['check', 'account', 'where', 'what', 'expected', 'found'],
    result.mismatches.map((m) => [m.check, m.account, m.where, m.what, m.expected, m.found]),
  );
}
