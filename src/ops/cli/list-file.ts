import { createReadStream } from 'node:fs';
import { CliError } from './io.ts';

/** How a file is cut and sent. */
export interface SendOptions {
  /** Of one request. */
  readonly lines: number;
  /** After which a request ends with its line, however few they are. */
  readonly characters: number;
  /** Requests at once: while the database writes one, the daemon reads the next. */
  readonly underWay: number;
  /** Lines are about numbers, and of two about the same one the last counts: such requests go one after the other. */
  readonly lastOfNumberCounts?: boolean;
}

/** For lists of which the order of lines counts: a quarter of a second of the database each; the API takes 8 MiB. */
export const IN_ORDER: SendOptions = { lines: 20_000, characters: 2 * 1024 * 1024, underWay: 1 };

/**
 * The same of lines about numbers, which seldom stand in two requests. The API takes 500,000 of them and 16 MiB: a
 * character has three octets at the most.
 */
export const IN_ORDER_OF_NUMBERS: SendOptions = {
  lines: 100_000,
  characters: 5 * 1024 * 1024,
  underWay: 2,
  lastOfNumberCounts: true,
};

/** Lines of a file as a request takes them. */
export interface ListPart {
  readonly type: 'text/csv' | 'application/x-ndjson';
  /** Begins with the names of the columns where the file does. */
  readonly text: string;
}

/**
 * Sends a file of any size in parts. CSV, or JSON lines when the first one begins with a brace.
 * @throws CliError with the lines of the file that are wrong, or that it cannot be read
 */
export async function sendListFile(
  file: string,
  options: SendOptions,
  send: (part: ListPart) => Promise<void>,
): Promise<void> {
  const sending = new Map<Promise<void>, Numbers>();
  let fault: { readonly error: unknown } | undefined;
  for await (const part of partsOf(file, options)) {
    const numbers = options.lastOfNumberCounts === true ? numbersOf(part) : new Set<string>();
    // What comes next is read and looked through while these are under way.
    if (sending.size >= options.underWay) await Promise.race(sending.keys());
    for (const [before, theirs] of [...sending]) if (haveCommon(numbers, theirs)) await before;
    if (fault !== undefined) break;
    const sent = send(part)
      .catch((error: unknown) => {
        fault ??= { error: error instanceof CliError ? located(error, part) : error };
      })
      .finally(() => sending.delete(sent));
    sending.set(sent, numbers);
  }
  await Promise.all(sending.keys());
  if (fault !== undefined) throw fault.error;
}

interface FilePart extends ListPart {
  /** Of the file, before its first one. */
  readonly linesBefore: number;
  /** That are not the file's: the names of the columns again. */
  readonly addedLines: number;
}

async function* partsOf(file: string, options: SendOptions): AsyncGenerator<FilePart> {
  const cut = new LineCutter(options);
  const input = createReadStream(file, 'utf8');
  let heading: Heading | undefined;
  let linesBefore = 0;
  const partOf = ({ text, lines }: Cut): FilePart => {
    heading ??= headingOf(text);
    const isFirst = linesBefore === 0;
    const part = {
      type: heading.type,
      text: isFirst ? text : heading.columns + text,
      linesBefore,
      addedLines: isFirst || heading.columns === '' ? 0 : 1,
    };
    linesBefore += lines;
    return part;
  };
  try {
    for await (const chunk of input) for (const part of cut.add(chunk)) yield partOf(part);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${file} cannot be read: ${(error as Error).message}`);
  } finally {
    input.destroy();
  }
  const last = cut.end();
  if (last.text.trim() !== '') yield partOf(last);
}

interface Cut {
  readonly text: string;
  readonly lines: number;
}

/** Cuts a text that comes in chunks after every so many lines. */
class LineCutter {
  readonly #options: SendOptions;
  #text = '';
  #lines = 0;

  constructor(options: SendOptions) {
    this.#options = options;
  }

  *add(chunk: string): Generator<Cut> {
    const { lines, characters } = this.#options;
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', end + 1)) {
      this.#lines++;
      if (this.#lines < lines && this.#text.length + end - from < characters) continue;
      yield { text: this.#text + chunk.slice(from, end + 1), lines: this.#lines };
      this.#text = '';
      this.#lines = 0;
      from = end + 1;
    }
    this.#text += chunk.slice(from);
  }

  end(): Cut {
    return { text: this.#text, lines: this.#lines + 1 };
  }
}

interface Heading {
  readonly type: ListPart['type'];
  /** The line that names them, or ''. */
  readonly columns: string;
}

function headingOf(text: string): Heading {
  const end = text.indexOf('\n');
  const first = end < 0 ? text : text.slice(0, end + 1);
  if (first.trimStart().startsWith('{')) return { type: 'application/x-ndjson', columns: '' };
  return { type: 'text/csv', columns: /\b(number|sender)\b/i.test(first) ? first : '' };
}

/** What lines are about, in digits as the API would read them; undefined: not known. */
type Numbers = ReadonlySet<string> | undefined;

function haveCommon(some: Numbers, others: Numbers): boolean {
  if (some === undefined || others === undefined) return true;
  for (const number of some) if (others.has(number)) return true;
  return false;
}

function numbersOf({ type, text, addedLines, linesBefore }: FilePart): Numbers {
  const numbers = new Set<string>();
  const lines = text.split('\n');
  const isCsv = type === 'text/csv';
  const hasHeading =
    isCsv && (addedLines > 0 || linesBefore === 0) && /number/i.test(lines[0] ?? '');
  const names = hasHeading ? (lines.shift() ?? '').split(/[,;]/) : [];
  const column = Math.max(
    0,
    names.findIndex((name) => name.trim().replaceAll('"', '').toLowerCase() === 'number'),
  );
  for (const line of lines) {
    if (line.trim() === '') continue;
    const field = isCsv ? csvField(line, column) : JSON_NUMBER.exec(line)?.[1];
    const digits = field === undefined || DIGITS.test(field) ? field : digitsOf(field);
    if (digits === undefined || digits === '') return undefined;
    numbers.add(digits);
  }
  return numbers;
}

const DIGITS = /^[1-9]\d*$/;

function digitsOf(field: string): string {
  return field.replace(/\D/g, '').replace(/^0+/, '');
}

const JSON_NUMBER = /"number"\s*:\s*"?([^",}]*)/;

const FIRST_FIELD = /^[^,;]*/;

/** undefined: a separator may stand in quotes before it. */
function csvField(line: string, column: number): string | undefined {
  if (column === 0) return FIRST_FIELD.exec(line)?.[0];
  return line.includes('"') ? undefined : line.split(/[,;]/, column + 1)[column];
}

/** The API counts lines from the part's first one. */
function located({ message }: CliError, { linesBefore, addedLines }: FilePart): CliError {
  const text = message.replace(
    /^line (\d+)/gm,
    (_, line) => `line ${Number(line) - addedLines + linesBefore}`,
  );
  return new CliError(
    linesBefore === 0 ? text : `${text}\n(lines before line ${linesBefore + 1} may be taken)`,
  );
}
