import type { IdBase } from './carrier-options.ts';

/** Digits of padded ids: decimals as a 32-bit counter has at most, hex of 32 bits. */
const padded = { decimal: 10, hex: 8 };

/** Writes a carrier's message number in a base. Text: "S-" and base 36. */
export function carrierId(number: number, base: IdBase): string {
  switch (base) {
    case 'text':
      return `S-${number.toString(36)}`;
    case 'decimal':
      return String(number);
    case 'decimal-padded':
      return String(number).padStart(padded.decimal, '0');
    case 'hex':
      return number.toString(16);
    case 'hex-upper':
      return number.toString(16).toUpperCase();
    case 'hex-padded':
      return number.toString(16).padStart(padded.hex, '0');
    case 'hex-upper-padded':
      return number.toString(16).toUpperCase().padStart(padded.hex, '0');
  }
}

/** The carrier's counter of messages: goes on from `first`, and starts there again after `inAll`. */
export class IdCounter {
  readonly #first: number;
  readonly #inAll: number;
  #given = 0;

  constructor(first: number, inAll = Number.MAX_SAFE_INTEGER) {
    this.#first = first;
    this.#inAll = Math.max(1, inAll);
  }

  /** The next number, or the last one once more. */
  next(again: boolean): number {
    if (again && this.#given > 0) return this.#first + ((this.#given - 1) % this.#inAll);
    this.#given += 1;
    return this.#first + ((this.#given - 1) % this.#inAll);
  }
}

/** Reads the number of an id that `carrierId` wrote. */
export function numberOf(id: string, base: IdBase): number {
  if (base === 'text') return Number.parseInt(id.slice(2), 36);
  return Number.parseInt(id, base.startsWith('hex') ? 16 : 10);
}
