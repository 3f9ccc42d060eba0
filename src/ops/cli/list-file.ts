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
}

/** For lists of which the order of lines counts: a quarter of a second of the database each; the API takes 8 MiB. */
export const IN_ORDER: SendOptions = { lines: 20_000, characters: 2 * 1024 * 1024, underWay: 1 };

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
  const sending = new Set<Promise<void>>();
  let fault: { readonly error: unknown } | undefined;
  for await (const part of partsOf(file, options)) {
    const sent = send(part)
      .catch((error: unknown) => {
        fault ??= { error: error instanceof CliError ? located(error, part) : error };
      })
      .finally(() => sending.delete(sent));
    sending.add(sent);
    if (sending.size >= options.underWay) await Promise.race(sending);
    if (fault !== undefined) break;
  }
  await Promise.all(sending);
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
