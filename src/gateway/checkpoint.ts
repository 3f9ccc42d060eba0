/**
 * The database's clock as it was known when the oldest outcome that is still in the settle lane was given
 * to it. The lane answers in order, so a queue of (clock, how many) is enough; clocks change once a second.
 */
export class CheckpointLog {
  readonly #marks: { readonly dbMs: number; count: number }[] = [];

  /** One outcome goes to the lane. */
  begin(dbMs: number): void {
    const last = this.#marks.at(-1);
    if (last?.dbMs === dbMs) last.count++;
    else this.#marks.push({ dbMs, count: 1 });
  }

  /** The lane answered `count` of them. */
  end(count: number): void {
    let left = count;
    for (let first = this.#marks[0]; first !== undefined && left > 0; first = this.#marks[0]) {
      const taken = Math.min(left, first.count);
      first.count -= taken;
      left -= taken;
      if (first.count === 0) this.#marks.shift();
    }
  }

  /** Unix ms; undefined when nothing is in the lane. */
  oldestDbMs(): number | undefined {
    return this.#marks[0]?.dbMs;
  }
}
