import { closeSync, openSync, readSync } from 'node:fs';

/** Most octets read in one go; the rest counts the next time. */
const chunkOctets = 4 * 1024 * 1024;
/** A positive answer as `simulate customer --log` writes it. */
const positiveAnswer = /"event":"answer".*"status":0,/;

/** Counts the positive answers that come to the customers, from what is added to their books. */
export class LoadMeter {
  readonly #books: { descriptor: number; at: number; rest: string }[];
  readonly #chunk = Buffer.alloc(chunkOctets);

  /** @param files the books; they must exist. */
  constructor(files: readonly string[]) {
    this.#books = files.map((file) => ({ descriptor: openSync(file, 'r'), at: 0, rest: '' }));
  }

  /** How many were added since the last call. */
  read(): number {
    return this.#books.reduce((count, book) => count + this.#readBook(book), 0);
  }

  close(): void {
    for (const { descriptor } of this.#books.splice(0)) closeSync(descriptor);
  }

  #readBook(book: { descriptor: number; at: number; rest: string }): number {
    const octets = readSync(book.descriptor, this.#chunk, 0, chunkOctets, book.at);
    book.at += octets;
    const lines = (book.rest + this.#chunk.toString('latin1', 0, octets)).split('\n');
    book.rest = lines.pop() ?? '';
    return lines.filter((line) => positiveAnswer.test(line)).length;
  }
}
