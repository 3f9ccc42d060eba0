import { readFileSync } from 'node:fs';
import { CsvError, CsvReader, type CsvRow } from '../../domain/csv.ts';
import { CliError } from './io.ts';

/** What customers call the column of our message_ids, in lower case. */
const ID_COLUMNS = ['message_id', 'messageid', 'message id', 'msg_id', 'msgid', 'message', 'id'];

/**
 * The message_ids of a campaign: one a line, or CSV of any columns with a heading that names theirs (`message_id`,
 * `message`, `id`). Without a heading the first column counts. An id that stands twice is one.
 * @throws CliError that names the line
 */
export function campaignIds(file: string): string[] {
  const rows = rowsOf(file);
  const heading = rows[0]?.cells.map((cell) => cell.toLowerCase()) ?? [];
  const named = ID_COLUMNS.map((name) => heading.indexOf(name)).find((at) => at >= 0);
  const ids = new Set<string>();
  for (const { line, cells } of named === undefined ? rows : rows.slice(1)) {
    const id = cells[named ?? 0] ?? '';
    if (id === '') throw new CliError(`${file}, line ${line}: has no id`);
    ids.add(id);
  }
  return [...ids];
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
