import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

/**
 * A book of JSON lines that is written before anything is done that rests on
 * it: lines gathered in one turn of the event loop go out in one write, and
 * only then the continuations given to `afterWritten` run, in their order.
 * So what a peer was told always stands in the book (the reverse is not
 * promised: the last lines may tell of something not yet sent).
 *
 * Memory: at most the lines of one turn. Errors of the file (disk full) are
 * thrown from the turn: a simulator that cannot keep its book must stop.
 */
export class Journal {
  #descriptor: number | undefined;
  readonly #sync: boolean;
  #lines = '';
  #continuations: (() => void)[] = [];
  #scheduled = false;

  /** @param path appended to; undefined: no file, only the order of continuations. @param sync fsync each write (survives power loss, costs 1 ms and more a turn). */
  constructor(path: string | undefined, sync = false) {
    this.#descriptor = path === undefined ? undefined : openSync(path, 'a', 0o644);
    this.#sync = sync;
  }

  /** Adds one line; written at the end of this turn. */
  append(event: object): void {
    if (this.#descriptor === undefined) return;
    this.#lines += `${JSON.stringify(event)}\n`;
    this.#schedule();
  }

  /** Runs `then` once every line appended so far is written. */
  afterWritten(then: () => void): void {
    this.#continuations.push(then);
    this.#schedule();
  }

  /** Writes what is left, runs what waits for it and closes the file. Lines after that are dropped. */
  close(): void {
    this.#flush();
    const descriptor = this.#descriptor;
    // Forgotten before it is closed: its number will be another file's.
    this.#descriptor = undefined;
    this.#lines = '';
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#descriptor !== undefined && this.#lines !== '') {
      const lines = this.#lines;
      this.#lines = '';
      writeSync(this.#descriptor, lines);
      if (this.#sync) fsyncSync(this.#descriptor);
    }
    const continuations = this.#continuations;
    if (continuations.length === 0) return;
    this.#continuations = [];
    for (const then of continuations) then();
  }
}
