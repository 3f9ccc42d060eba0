/** Numbers that depend on a seed alone (mulberry32), so that a run can be seen again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** In [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** @throws RangeError when there is nothing to choose from */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new RangeError('nothing to choose from');
    return picked;
  }

  octets(length: number): Buffer {
    const octets = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) octets[at] = this.below(256);
    return octets;
  }

  /** A generator of its own, for one connection: what others draw does not change it. */
  fork(): Random {
    return new Random(this.below(0x7fffffff));
  }
}
