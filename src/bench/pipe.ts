/** A bounded queue between one producer and one consumer: `put` waits while it is full, `take` while it is empty. */
export class Pipe<Item> {
  readonly #capacity: number;
  readonly #items: Item[] = [];
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async put(item: Item): Promise<void> {
    while (this.#items.length >= this.#capacity) await this.#change();
    this.#items.push(item);
    this.#notify();
  }

  /** The oldest item; undefined once it is closed and empty. */
  async take(): Promise<Item | undefined> {
    while (this.#items.length === 0 && !this.#isClosed) await this.#change();
    const item = this.#items.shift();
    this.#notify();
    return item;
  }

  /** No more will be put. */
  close(): void {
    this.#isClosed = true;
    this.#notify();
  }

  /** Of the two ends one at most waits at a time: it cannot be full and empty at once. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
