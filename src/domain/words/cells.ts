import {
  BLANK,
  characterOf,
  DIGIT,
  expansionOf,
  FOLDED_MASK,
  isFlag,
  KIND_UNIT,
  LETTER,
  NOTHING,
  SEVERAL,
  STOP,
  SYMBOL,
  scriptOf,
} from './characters.ts';
import { joinedWords } from './joined-words.ts';
import { tagsOf, withoutMarkup } from './markup.ts';
import {
  APOSTROPHE,
  BOX,
  boxedUnits,
  DOT,
  GLYPH,
  glyphPoint,
  glyphUnits,
  ORTHOGRAPHIC,
  PAIR,
  pairUnits,
  rolesOf,
} from './signs.ts';

/** What stands before a cell: nothing, signs, a clause's end, a blank, or a wide blank; four bits. */
export const GAP_NONE = 0;
export const GAP_SIGN = 1;
/** An apostrophe alone. */
export const GAP_APOSTROPHE = 2;
/** One sign that may stand for a letter: "f*ck". */
export const GAP_MASK = 3;
/** A full stop or slash, as between initials and in names of hosts. */
export const GAP_DOT = 4;
/** A comma and what else ends a clause, and no blank. */
export const GAP_COMMA = 5;
/** Signs and one blank, and what follows does not begin a sentence: "mass. acre". */
export const GAP_BROKEN = 6;
/** The end of a clause or sentence and one blank. */
export const GAP_STOP = 7;
/** A sign between two blanks. */
export const GAP_PARTED = 8;
export const GAP_BLANK = 9;
/** Two blanks; each more is one more. */
export const GAP_WIDE = 10;
const GAP_WIDEST = 15;

/** The longest text of a message, in characters: a message_payload of 64 KiB; the rest is not looked at. */
const CELLS_MAX = 65_536;
/** Letters of a row whose blanks are several. */
const ROW_LEAST = 3;
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
  /** What nobody sees stands behind the last sign or blank of the gap. */
  #isUnseen = false;
  /** A sign stands behind a blank: one more blank belongs to the gap. */
  #isSigned = false;
  #wasFlag = false;
  #hasWide = false;

  /** Reads a text in place of the one before. */
  read(text: string): void {
    this.length = 0;
    this.letters.fill(0);
    this.others = 0;
    this.#gap = GAP_WIDE;
    this.#isUnseen = false;
    this.#isSigned = false;
    this.#wasFlag = false;
    this.#hasWide = false;
    this.#readPart(withoutMarkup(text));
    for (const part of [...joinedWords(text), ...tagsOf(text)]) {
      this.#gap = GAP_WIDE;
      this.#readPart(part);
    }
    if (this.#hasWide) this.#narrow();
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
      if (point === CAPITAL_I && isBesideSmall(text, at)) point = CLICK;
      if (point > 0xffff && isFlag(point) && isFlagAt(text, at - 1)) {
        this.#sign(GAP_SIGN);
        at += 2;
        continue;
      }
      const character = characterOf(point);
      const kind = (character / KIND_UNIT) | 0;
      if (kind === NOTHING) {
        this.#isUnseen = true;
        continue;
      }
      if (kind === SEVERAL) this.#readPart(expansionOf(point));
      else if (kind === BLANK) this.#blank();
      else if (kind === LETTER || kind === DIGIT) {
        const units = rolesOf(point) & PAIR ? this.#readPair(text, at) : 0;
        if (units === 0) this.#add(character & FOLDED_MASK, kind, point);
        else at += units - 1;
      } else at += this.#readSign(text, at, point, kind);
    }
  }

  /** @returns the units of the pair that starts here; 0: none does */
  #readPair(text: string, at: number): number {
    const units = pairUnits(text, at);
    if (units > 0) this.#add(glyphPoint(text, at, units), SYMBOL, 0);
    return units;
  }

  /** @returns how many more units of the text it took */
  #readSign(text: string, at: number, point: number, kind: number): number {
    const roles = rolesOf(point);
    const boxed = (roles & BOX) === 0 ? 0 : boxedUnits(text, at);
    if (
      boxed > 0 &&
      mayBeBoxed(text, at + 1, point) &&
      !(point === BAR && isAmongLetters(text, at))
    ) {
      this.#sign(GAP_SIGN);
      this.#readPart(text.slice(at + 1, at + 1 + boxed));
      this.#sign(GAP_SIGN);
      return boxed + 1;
    }
    const units = (roles & GLYPH) === 0 ? 0 : glyphUnits(text, at);
    if (units > 0) {
      this.#add(glyphPoint(text, at, units), SYMBOL, point);
      return units - 1;
    }
    if (kind === SYMBOL) this.#add(characterOf(point) & FOLDED_MASK, kind, point);
    else if (kind === STOP) this.#stop();
    else if (roles & DOT) this.#sign(GAP_DOT);
    else if (roles & APOSTROPHE) this.#sign(GAP_APOSTROPHE);
    else this.#sign(roles & ORTHOGRAPHIC ? GAP_SIGN : GAP_MASK);
    return 0;
  }

  /** A blank behind another one makes a wide blank, but not where something that shows as nothing is set apart. */
  #blank(): void {
    const isUnseen = this.#isUnseen;
    this.#isUnseen = false;
    if (isUnseen && this.#gap >= GAP_BROKEN) return;
    if (this.#isSigned) this.#isSigned = false;
    else if (this.#gap === GAP_NONE) this.#gap = GAP_BLANK;
    else if (this.#gap === GAP_COMMA) this.#gap = GAP_STOP;
    else if (this.#gap < GAP_BROKEN) this.#gap = GAP_BROKEN;
    else this.#gap = this.#gap < GAP_WIDE ? GAP_WIDE : Math.min(this.#gap + 1, GAP_WIDEST);
  }

  #stop(): void {
    if (this.#gap === GAP_BLANK) this.#signBehindBlank();
    else this.#gap = Math.max(this.#gap, this.#gap < GAP_BROKEN ? GAP_COMMA : GAP_STOP);
  }

  #sign(gap: number): void {
    if (this.#isUnseen && this.#gap !== GAP_NONE) return;
    if (this.#gap === GAP_NONE) this.#gap = gap;
    else if (this.#gap <= GAP_MASK) this.#gap = GAP_SIGN;
    else if (this.#gap === GAP_BROKEN) this.#gap = GAP_STOP;
    else if (this.#gap === GAP_BLANK) this.#signBehindBlank();
  }

  #signBehindBlank(): void {
    this.#gap = GAP_PARTED;
    this.#isSigned = true;
  }

  #add(folded: number, kind: number, point: number): void {
    if (point > 0xffff || this.#wasFlag) this.#flag(point, kind);
    const last = this.length - 1;
    if (this.#gap === GAP_NONE && last >= 0 && this.points[last] === folded) {
      const run = this.runs[last] ?? 0;
      if (run < 255) this.runs[last] = run + 1;
      return;
    }
    if (this.#gap === GAP_BROKEN && beginsSentence(point, folded, kind)) this.#gap = GAP_STOP;
    if (this.length === this.points.length) this.#grow();
    const at = this.length++;
    this.points[at] = folded;
    this.kinds[at] = kind;
    this.runs[at] = folded === SHARP_S ? SHARP_S_RUN : 1;
    this.gaps[at] = this.#gap;
    if (this.#gap >= GAP_WIDE && at > 0) this.#hasWide = true;
    const script = kind === LETTER ? scriptOf(folded) : 0;
    this.scripts[at] = script;
    if (script > 0) this.letters[script] = (this.letters[script] ?? 0) + 1;
    else if (kind === LETTER) this.others += 1;
    this.#gap = GAP_NONE;
    this.#isUnseen = false;
    this.#isSigned = false;
  }

  /** Single letters that stand as far apart as each other are a row, as with one blank: "d  r  u  g". */
  #narrow(): void {
    for (let at = 1; at + 1 < this.length; at++) {
      const gap = this.gaps[at] ?? GAP_NONE;
      if (gap < GAP_WIDE || this.gapBefore(at - 1) === GAP_NONE) continue;
      let end = at;
      while (end < this.length && this.gaps[end] === gap && this.gapBefore(end + 1) !== GAP_NONE)
        end += 1;
      if (end - at >= ROW_LEAST - 1) this.gaps.fill(GAP_BLANK, at, end);
      at = Math.max(at, end - 1);
    }
  }

  /** A flag is no part of the word beside it. */
  #flag(point: number, kind: number): void {
    if (kind !== LETTER || isFlag(point) === this.#wasFlag) return;
    this.#wasFlag = !this.#wasFlag;
    if (this.#gap === GAP_NONE) this.#gap = GAP_SIGN;
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

/** Two regional indicators and no more start at an offset: a flag, and not letters of a word that is spelt with them. */
function isFlagAt(text: string, at: number): boolean {
  const isHalf = (unit: number) => isFlag(text.codePointAt(unit) ?? 0);
  return isHalf(at + 2) && !isHalf(at + 4) && !(at > 1 && isHalf(at - 2));
}

/** A letter; in brackets also what stands for one: between bars it would be a part of "|-|". */
function mayBeBoxed(text: string, at: number, box: number): boolean {
  const kind = (characterOf(text.codePointAt(at) ?? 0) / KIND_UNIT) | 0;
  return kind === LETTER || (box !== BAR && (kind === DIGIT || kind === SYMBOL));
}

/** The box at an offset has a letter before and behind it: its bars are what separates, or letters themselves. */
function isAmongLetters(text: string, at: number): boolean {
  const isLetter = (unit: number) =>
    ((characterOf(text.charCodeAt(unit)) / KIND_UNIT) | 0) === LETTER;
  return at > 0 && isLetter(at - 1) && at + 3 < text.length && isLetter(at + 3);
}

const BAR = 0x7c;
const CAPITAL_I = 0x49;
/** A letter of one bar, which is i and l. */
const CLICK = 0x1c0;

/** A capital I beside a small letter looks like a small l. */
function isBesideSmall(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1) === CAPITAL_I ? at - 2 : at - 1;
  return isSmall(text.charCodeAt(before)) || isSmall(text.charCodeAt(at + 1));
}

function isSmall(unit: number): boolean {
  return unit >= 0x61 && unit <= 0x7a;
}

/** Sharp s counts as one s, as two, and as what looks like it: like a letter in a row. */
const SHARP_S = 0xdf;
const SHARP_S_RUN = 3;

/** A capital, or no letter at all. */
function beginsSentence(point: number, folded: number, kind: number): boolean {
  if (point === CLICK) return true;
  if (kind !== LETTER || point === folded) return kind !== LETTER;
  const char = String.fromCodePoint(point);
  return char !== char.toLowerCase();
}

/** A letter or digit stands at a cell: not a sign that may be a letter. */
export function isSolid(cells: Cells, at: number): boolean {
  const kind = cells.kinds[at];
  return kind === LETTER || kind === DIGIT;
}

/** Whether a sign stands at a cell that may be a letter. */
export function isSymbol(cells: Cells, at: number): boolean {
  return cells.kinds[at] === SYMBOL;
}
