/**
 * Longest-prefix lookup over digits, without allocation: a trie of ten-way nodes in one Int32Array.
 * Ten thousand prefixes of eight digits take some 3 MB; a lookup visits at most one node a digit.
 */
export class PrefixTable<T> {
  readonly #next: Int32Array;
  readonly #values: (T | undefined)[];

  /** @param entries pairs of prefix (digits, "" for all) and value; a later one replaces an earlier one of the same prefix */
  constructor(entries: Iterable<readonly [prefix: string, value: T]>) {
    const next: number[] = new Array(RADIX).fill(0);
    const values: (T | undefined)[] = [undefined];
    for (const [prefix, value] of entries) {
      let node = 0;
      for (let i = 0; i < prefix.length; i++) {
        const digit = prefix.charCodeAt(i) - ZERO_CODE;
        if (!(digit >= 0 && digit < RADIX)) throw new RangeError('a prefix is digits only');
        const slot = node * RADIX + digit;
        let child = next[slot] ?? 0;
        if (child === 0) {
          child = values.push(undefined) - 1;
          next[slot] = child;
          for (let j = 0; j < RADIX; j++) next.push(0);
        }
        node = child;
      }
      values[node] = value;
    }
    this.#next = Int32Array.from(next);
    this.#values = values;
  }

  /** The value of the longest prefix of `digits`; undefined when none fits. Anything but a digit ends the search. */
  longest(digits: string): T | undefined {
    let node = 0;
    let found = this.#values[0];
    for (let i = 0; i < digits.length; i++) {
      const digit = digits.charCodeAt(i) - ZERO_CODE;
      if (digit < 0 || digit >= RADIX) return found;
      node = this.#next[node * RADIX + digit] ?? 0;
      if (node === 0) return found;
      const value = this.#values[node];
      if (value !== undefined) found = value;
    }
    return found;
  }
}

const RADIX = 10;
const ZERO_CODE = 48;
