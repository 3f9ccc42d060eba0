import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A line of a simulator's book, its values not yet looked at. */
export interface BookLine {
  event?: unknown;
  at?: unknown;
  n?: unknown;
  id?: unknown;
  answerId?: unknown;
  session?: unknown;
  status?: unknown;
  state?: unknown;
  how?: unknown;
  unfit?: unknown;
  err?: unknown;
  part?: unknown;
  destination?: unknown;
  intermediate?: unknown;
  textHash?: unknown;
}

/** The lines of a book in their order. One that was cut short at the end (the process was killed) is passed over. */
export async function* bookLines(file: string): AsyncGenerator<BookLine> {
  for await (const line of createInterface({
    input: createReadStream(file),
    crlfDelay: Infinity,
  })) {
    const event = parsed(line);
    if (event) yield event;
  }
}

function parsed(line: string): BookLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
