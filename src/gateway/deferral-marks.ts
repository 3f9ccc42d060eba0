/**
 * Numbers what is put on the waiting list, in the order in which it is given to its lane, and knows up to which number
 * that is committed: who asks the store about the list waits for the deferrals before, else it would not see them.
 */
export class DeferralMarks {
  #given = 0;
  #stored = 0;
  #waiters: { readonly mark: number; readonly resolve: () => void }[] = [];

  /** The number of the last one. */
  get last(): number {
    return this.#given;
  }

  /** One more is given to the lane. @returns its number */
  next(): number {
    return ++this.#given;
  }

  /** So many more are committed, in the order of their numbers. */
  onStored(count: number): void {
    this.#stored += count;
    if (this.#waiters.length === 0) return;
    const done = this.#waiters.filter(({ mark }) => this.isStored(mark));
    this.#waiters = this.#waiters.filter(({ mark }) => !this.isStored(mark));
    for (const { resolve } of done) resolve();
  }

  isStored(mark: number): boolean {
    return mark <= this.#stored;
  }

  /** Settles when all up to a number are committed. */
  whenStored(mark: number): Promise<void> {
    if (this.isStored(mark)) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ mark, resolve }));
  }
}
