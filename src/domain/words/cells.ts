import {
  BLANK,
  characterOf,
  DIGIT,
  expansionOf,
  FOLDED_MASK,
  KIND_UNIT,
  LETTER,
  NOTHING,
  SEVERAL,
  SIGN,
  STOP,
  SYMBOL,
  scriptOf,
} from './characters.ts';
import { withoutMarkup } from './markup.ts';

/** What stands before a cell: nothing, signs, a blank (or a clause's end), or a wide blank. */
export const GAP_NONE = 0;
export const GAP_SIGN = 1;
/** A full stop or slash, as between initials and in names of hosts. */
export const GAP_DOT = 2;
export const GAP_BLANK = 3;
export const GAP_WIDE = 4;

/** The longest text of a message, in characters: a message_payload of 64 KiB; the rest is not looked at. */
const CELLS_MAX = 65_536;
const CELLS_FIRST = 512;

/**
 * A text as words see it: letters, digits and signs that may be letters, folded; with what stood between them, and how
 * often each came in a row. One object is used for text after text.
 */
export class Cells {
  length = 0;
  /** Folded code points. */
  points = new Int32Array(CELLS_FIRST);
  /** LETTER, DIGIT or SYMBOL. */
  kinds = new Uint8Array(CELLS_FIRST);
  scripts = new Uint8Array(CELLS_FIRST);
  /** How often in a row, nothing between. */
  runs = new Uint8Array(CELLS_FIRST);
  /** What stands before it; before the first: a blank. */
  gaps = new Uint8Array(CELLS_FIRST);
  /** Letters of each script. */
  readonly letters = new Int32Array(4);
  /** Letters of no script of ours. */
  others = 0;
  #gap = GAP_WIDE;

  /** Reads a text in place of the one before. */
  read(text: string): void {
    this.length = 0;
    this.letters.fill(0);
    this.others = 0;
    this.#gap = GAP_WIDE;
    this.#readPart(withoutMarkup(text));
  }

  /** The kind of gap before a cell; after the last: wide. */
  gapBefore(at: number): number {
    return at >= this.length ? GAP_WIDE : (this.gaps[at] ?? GAP_WIDE);
  }

  #readPart(text: string): void {
    for (let at = 0; at < text.length && this.length < CELLS_MAX; at++) {
      let point = text.charCodeAt(at);
      if (point >= 0xd800 && point < 0xdc00) {
        point = text.codePointAt(at) ?? 0;
        if (point > 0xffff) at += 1;
      }
      const character = characterOf(point);
      const kind = (character / KIND_UNIT) | 0;
      if (kind === NOTHING) continue;
      if (kind === SEVERAL) this.#readPart(expansionOf(point));
      else if (kind === BLANK) this.#gap = this.#gap >= GAP_BLANK ? GAP_WIDE : GAP_BLANK;
      else if (kind === STOP) this.#gap = Math.max(this.#gap, GAP_BLANK);
      else if (kind === SIGN) {
        const gap = DOTS.has(point) ? GAP_DOT : GAP_SIGN;
        if (this.#gap < GAP_SIGN) this.#gap = gap;
      } else this.#add(character & FOLDED_MASK, kind);
    }
  }

  #add(folded: number, kind: number): void {
    const last = this.length - 1;
    if (this.#gap === GAP_NONE && last >= 0 && this.points[last] === folded) {
      const run = this.runs[last] ?? 0;
      if (run < 255) this.runs[last] = run + 1;
      return;
    }
    if (this.length === this.points.length) this.#grow();
    const at = this.length++;
    this.points[at] = folded;
    this.kinds[at] = kind;
    this.runs[at] = 1;
    this.gaps[at] = this.#gap;
    const script = kind === LETTER ? scriptOf(folded) : 0;
    this.scripts[at] = script;
    if (script > 0) this.letters[script] = (this.letters[script] ?? 0) + 1;
    else if (kind === LETTER) this.others += 1;
    this.#gap = GAP_NONE;
  }

  #grow(): void {
    const length = this.points.length * 2;
    const larger = <T extends Int32Array | Uint8Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.points = larger(this.points, new Int32Array(length));
    this.kinds = larger(this.kinds, new Uint8Array(length));
    this.scripts = larger(this.scripts, new Uint8Array(length));
    this.runs = larger(this.runs, new Uint8Array(length));
    this.gaps = larger(this.gaps, new Uint8Array(length));
  }
}

const DOTS = new Set(['.', '/', ':', '\\'].map((char) => char.charCodeAt(0)));

/** A letter or digit stands at a cell: not a sign that may be a letter. */
export function isSolid(cells: Cells, at: number): boolean {
  const kind = cells.kinds[at];
  return kind === LETTER || kind === DIGIT;
}

/** Whether a sign stands at a cell that may be a letter. */
export function isSymbol(cells: Cells, at: number): boolean {
  return cells.kinds[at] === SYMBOL;
}
