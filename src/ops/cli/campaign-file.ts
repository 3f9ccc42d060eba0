import { readFileSync } from 'node:fs';
import { CsvError, CsvReader, type CsvRow } from '../../domain/csv.ts';
import { CliError } from './io.ts';

/** What customers call the column of our message_ids: their heading in lower case, without blanks and dashes. */
const ID_COLUMNS = ['messageid', 'msgid', 'message', 'id'];
/** As an id may look; a column `message` may as well be of texts. */
const ID = /^[\x21-\x7e]{1,65}$/;

/**
 * The message_ids of a campaign: one a line, or CSV of any columns with a heading that names theirs (`message_id`,
 * `message`, `id`). Without a heading the first column counts. An id that stands twice is one.
 * @throws CliError that names the line
 */
export function campaignIds(file: string): string[] {
  const [first, ...others] = rowsOf(file);
  if (first === undefined) return [];
  const column = columnOf(first, others);
  const ids = new Set<string>();
  for (const { line, cells } of column === undefined ? [first, ...others] : others) {
    const id = cells[column ?? 0] ?? '';
    if (id === '') throw new CliError(`${file}, line ${line}: has no id`);
    ids.add(id);
  }
  return [...ids];
}

/** Of several columns that may be it the first one that has nothing but ids. Undefined: there is no heading. */
function columnOf(heading: CsvRow, rows: readonly CsvRow[]): number | undefined {
  const names = heading.cells.map((cell) => cell.toLowerCase().replaceAll(/[\s_.-]/g, ''));
  const columns = ID_COLUMNS.map((name) => names.indexOf(name)).filter((at) => at >= 0);
  const hasIds = (at: number) => rows.every(({ cells }) => ID.test(cells[at] ?? ''));
  return columns.find(hasIds) ?? columns[0];
}

function rowsOf(file: string): CsvRow[] {
  try {
    const reader = new CsvReader();
    return [...reader.push(readFileSync(file, 'utf8')), ...reader.end()];
  } catch (error) {
    if (error instanceof CsvError)
      throw new CliError(`${file}, line ${error.line}: ${error.message}`);
    throw new CliError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
