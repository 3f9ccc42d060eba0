import { CsvError, CsvReader, csvLine, surplusOf } from './csv.ts';
import { hasLimit, isConditional, priceEntries } from './tariff.ts';
import {
  type PriceSpec,
  priceSchema,
  type TariffPrices,
  type TariffSpec,
  tariffSchema,
} from './tariff-schema.ts';

const COLUMNS = ['prefix', 'network', 'class', 'sender', 'from', 'until', 'price'] as const;
/** Errors of a file that are told; the rest would only bury them. */
const ERRORS_MAX = 100;

/** A tariff as CSV, a price a row, under a heading. */
export function tariffCsv(spec: TariffSpec): string {
  const rows = priceEntries(spec).map((entry) => csvLine(COLUMNS.map((column) => entry[column])));
  return csvLine(COLUMNS) + rows.join('');
}

/** What is wrong with a row. */
export interface CsvFault {
  readonly line: number;
  readonly key: string;
  readonly message: string;
}

/**
 * Reads a tariff from CSV with a heading that names its columns; `prefix` or `network`, and `price`, have to be there.
 * Prices of prefixes alone become the plain form. A `changeMax` is kept from the tariff as it was.
 */
export function parseTariffCsv(
  text: string,
  before: TariffSpec | undefined,
): { readonly ok: TariffSpec } | { readonly errors: readonly CsvFault[] } {
  try {
    const reader = new CsvReader();
    const rows = [...reader.push(text.endsWith('\n') ? text : `${text}\n`), ...reader.end()];
    const [heading, ...body] = rows;
    const columns = heading?.cells.map((cell) => cell.toLowerCase()) ?? [];
    const wrong = columns.filter((column) => !(COLUMNS as readonly string[]).includes(column));
    if (wrong.length > 0 || !columns.includes('price')) {
      const message = `the heading has to name columns of ${COLUMNS.join(', ')}; it has ${columns.join(', ') || 'none'}`;
      return { errors: [{ line: heading?.line ?? 1, key: '', message }] };
    }
    if (body.length === 0)
      return { errors: [{ line: heading?.line ?? 1, key: '', message: 'no price follows' }] };
    const errors: CsvFault[] = [];
    const entries: PriceSpec[] = [];
    for (const row of body) {
      const { line, cells } = row;
      const surplus = surplusOf(row, columns);
      if (surplus !== undefined) {
        errors.push({ line, key: '', message: surplus });
        continue;
      }
      const fields = columns.map((column, i) => [column, cells[i] ?? ''] as const);
      const given = Object.fromEntries(fields.filter(([, cell]) => cell !== ''));
      const parsed = priceSchema.safeParse(given);
      if (parsed.success) entries.push(parsed.data);
      else
        for (const { path, message } of parsed.error.issues)
          errors.push({ line, key: path.join('.'), message });
    }
    return errors.length > 0
      ? { errors: errors.slice(0, ERRORS_MAX) }
      : formed(entries, before, body);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { errors: [{ line: error.line, key: '', message: error.message }] };
  }
}

function formed(
  entries: readonly PriceSpec[],
  before: TariffSpec | undefined,
  rows: readonly { readonly line: number }[],
): { readonly ok: TariffSpec } | { readonly errors: readonly CsvFault[] } {
  // Duplicates are found by the schema of the list, whichever form it becomes.
  const checked = tariffSchema.safeParse(entries);
  if (!checked.success) {
    const errors = checked.error.issues.map(({ path, message }) => ({
      line: rows[Number(path[0])]?.line ?? 1,
      key: '',
      message,
    }));
    return { errors: errors.slice(0, ERRORS_MAX) };
  }
  const wasList = before !== undefined && Array.isArray(hasLimit(before) ? before.prices : before);
  const prices: TariffPrices =
    wasList || entries.some(isConditional)
      ? [...entries]
      : Object.fromEntries(entries.map(({ prefix = '', price }) => [prefix, price]));
  const limited = before !== undefined && hasLimit(before);
  return { ok: limited ? { changeMax: before.changeMax, prices } : prices };
}
