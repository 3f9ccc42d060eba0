/** Characters of one row at most: what is longer is no table of ours, or a quote that is never closed. */
const ROW_CHARS_MAX = 100_000;

/** What is wrong with a CSV text, and in which line (from 1). */
export class CsvError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = 'CsvError';
    this.line = line;
  }
}

/** One row and the line it began in. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Reads CSV (RFC 4180; also with LF alone, a BOM, or ";" or tab between cells, whichever the first row has more of) as
 * it comes: memory is that of one row. Blank lines are no rows.
 */
export class CsvReader {
  #rest = '';
  #line = 1;
  #separator: string | undefined;

  /** Takes the next piece of the text and gives the rows that are whole. @throws CsvError */
  *push(text: string): Generator<CsvRow> {
    this.#rest += text;
    yield* this.#rows(false);
    if (this.#rest.length > ROW_CHARS_MAX)
      throw new CsvError(this.#line, `a row is longer than ${ROW_CHARS_MAX} characters`);
  }

  /** The last row, when no line break ends it. @throws CsvError when a quote is open */
  *end(): Generator<CsvRow> {
    yield* this.#rows(true);
  }

  *#rows(isLast: boolean): Generator<CsvRow> {
    let from = 0;
    for (;;) {
      const end = rowEnd(this.#rest, from);
      if (end === undefined && !(isLast && from < this.#rest.length)) break;
      const text = this.#rest.slice(from, end ?? this.#rest.length);
      if (end === undefined && isOpen(text))
        throw new CsvError(this.#line, 'a quote is not closed');
      from = end === undefined ? this.#rest.length : end + 1;
      const row = this.#row(text.endsWith('\r') ? text.slice(0, -1) : text);
      if (row !== undefined) yield row;
    }
    this.#rest = this.#rest.slice(from);
  }

  #row(raw: string): CsvRow | undefined {
    const line = this.#line;
    this.#line += 1 + countOf(raw, '\n');
    const text = line === 1 && raw.startsWith('\ufeff') ? raw.slice(1) : raw;
    if (text.trim() === '') return undefined;
    this.#separator ??= separatorOf(text);
    return { line, cells: cellsOf(text, this.#separator) };
  }
}

/**
 * What is wrong with a row that has more cells than its heading: nearly always a comma that wanted quotes, such as that of
 * a decimal. Undefined: nothing, empty cells at the end are none.
 */
export function surplusOf(row: CsvRow, heading: readonly string[]): string | undefined {
  const isSurplus = row.cells.slice(heading.length).some((cell) => cell !== '');
  return isSurplus
    ? `has ${row.cells.length} cells, the heading ${heading.length}: a comma inside a cell needs quotes around it`
    : undefined;
}

/** One row of CSV with its line break (RFC 4180: CRLF). Undefined cells are empty. */
export function csvLine(cells: readonly (string | number | bigint | undefined | null)[]): string {
  return `${cells.map((cell) => quoted(String(cell ?? ''))).join(',')}\r\n`;
}

/**
 * A text of somebody else's (a sender) as a cell: programs for tables take one that begins with = + - @ for a formula;
 * an apostrophe before it stops them.
 */
export function foreignCell(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function quoted(cell: string): string {
  return /[",;\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** The place of the line break that ends the row, outside of quotes. */
function rowEnd(text: string, from: number): number | undefined {
  let inside = false;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) inside = !inside;
    else if (code === LF && !inside) return i;
  }
  return undefined;
}

function isOpen(text: string): boolean {
  return countOf(text, '"') % 2 === 1;
}

function separatorOf(heading: string): string {
  const counted = [',', ';', '\t'].map((each) => [each, countOf(heading, each)] as const);
  return counted.toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? ',';
}

function cellsOf(text: string, separator: string): string[] {
  if (!text.includes('"')) return text.split(separator).map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = '';
  let inside = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      if (inside && text[i + 1] === '"') cell += text[i++];
      else inside = !inside;
    } else if (char === separator && !inside) {
      cells.push(cell.trim());
      cell = '';
    } else cell += char;
  }
  cells.push(cell.trim());
  return cells;
}

function countOf(text: string, what: string): number {
  let count = 0;
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + what.length)) count++;
  return count;
}

const QUOTE = 0x22;
const LF = 0x0a;
