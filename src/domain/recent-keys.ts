import { randomInt } from 'node:crypto';

/**
 * Counts of keys within a time of the first, for one account. Keys are short texts, or what {@link keyOf} makes of long
 * ones; beyond `most` the one counted first is forgotten.
 */
export class RecentKeys {
  readonly #most: number;
  readonly #seed = randomInt(2 ** 32);
  readonly #counts = new Map<string | number, Count>();

  constructor(most: number) {
    this.#most = most;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#counts.size;
  }

  /** A key of several texts: 53 bits, by a seed of this process, so that nobody can make two messages look the same. */
  keyOf(...texts: readonly string[]): number {
    let high = this.#seed;
    let low = ~this.#seed;
    for (const text of texts) {
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        high = Math.imul(high ^ code, 0x85ebca6b);
        high ^= high >>> 13;
        low = Math.imul(low ^ code, 0xc2b2ae35);
        low ^= low >>> 16;
      }
      high = Math.imul(high ^ text.length, 0x9e3779b1);
    }
    return (high >>> 0) * 2 ** 21 + ((low >>> 0) & (2 ** 21 - 1));
  }

  /** Counts a key once more, within `withinMs` of the first time. @returns how often it came, this time included */
  countUp(key: string | number, atMs: number, withinMs: number): number {
    const known = this.#counts.get(key);
    if (known !== undefined && atMs < known.sinceMs + withinMs) return ++known.count;
    // Anew, at the end: entries stand in the order in which they began, and the first ones are over first.
    if (known !== undefined) this.#counts.delete(key);
    this.#counts.set(key, { count: 1, sinceMs: atMs });
    this.#forget(atMs - withinMs);
    return 1;
  }

  #forget(overMs: number): void {
    for (const [key, { sinceMs }] of this.#counts) {
      if (sinceMs > overMs && this.#counts.size <= this.#most) return;
      this.#counts.delete(key);
    }
  }
}

interface Count {
  count: number;
  readonly sinceMs: number;
}
