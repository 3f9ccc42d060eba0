import { ALPHABETS, type Alphabet, type AlphabetName } from './alphabets.ts';
import {
  Cells,
  GAP_BLANK,
  GAP_DOT,
  GAP_NONE,
  GAP_SIGN,
  GAP_WIDE,
  isSolid,
  isSymbol,
} from './cells.ts';
import { DIGIT, LETTER } from './characters.ts';
import { BARE } from './inflections.ts';
import { spokenIn } from './spoken.ts';
import type { Phrase, Terminal, WordIndex } from './word-index.ts';

/** Steps for one start, and for each letter of a text: no disguise of a real word took a tenth of it. */
const STEPS_OF_START = 600;
const STEPS_OF_LETTER = 60;
/** The longest word with its disguise, in letters. */
const LETTERS_MAX = 64;
/** A word of so many letters may have one sign among its letters, or digits in one with it. */
const LONG_WORD = 4;
const LONG_BESIDE_DIGITS = 5;
/** Words of so many letters mean the same in Arabic and Urdu, or nothing in one: the text's language is not asked. */
const SHARED_WORD = 5;

/** Words that are one letter: they may stand beside a word whose letters stand apart. */
const LETTER_WORDS = new Set('aiuіавиксоуяو'.split('').map((letter) => letter.charCodeAt(0)));

/**
 * Finds the words of an index in texts. Each text is read once into cells; at every cell where a word may start, the
 * tree of letters is walked with all that the cell may stand for. Whether the letters stand together or apart decides
 * at the end what counts as a whole word:
 *
 * - together: nothing that is a letter or digit before or after;
 * - some apart by signs: from four letters on, and no letter joined by a sign before or after;
 * - all apart, by signs or blanks: the row of single letters is the word.
 */
export class WordFinder {
  readonly #index: WordIndex;
  readonly #cells = new Cells();
  #alphabet: Alphabet = ALPHABETS.latin;
  #root = 0;
  /** The text is mostly of the alphabet's script: letters of others stand for its own. */
  #main = false;
  #start = 0;
  #steps = 0;
  #phrase: Phrase | undefined;
  /** Lists found where the walk started, and whether a word stands there that is never found. */
  readonly #here: number[] = [];
  #exempt = false;
  #skipShort = false;

  constructor(index: WordIndex) {
    this.#index = index;
  }

  /** The lists that have a word of the text, each once, ascending. */
  listsIn(text: string): readonly number[] {
    const cells = this.#cells;
    cells.read(text);
    const found = new Set<number>();
    const { latin, cyrillic, arabic, urdu } = this.#index.roots;
    const [, latins = 0, cyrillics = 0, arabics = 0] = cells.letters;
    if (latins > 0) this.#scan('latin', latin, latins >= cyrillics + arabics, found);
    if (cyrillics > 0) this.#scan('cyrillic', cyrillic, cyrillics >= latins, found);
    if (arabics > 0) {
      const spoken = spokenIn(cells);
      this.#skipShort = spoken === 'ur';
      this.#scan('arabic', arabic, arabics >= latins, found);
      this.#skipShort = spoken === 'ar';
      this.#scan('urdu', urdu, arabics >= latins, found);
      this.#skipShort = false;
    }
    return found.size === 0 ? NOTHING_FOUND : [...found].sort((a, b) => a - b);
  }

  /** @param main the text is mostly of this script: words all in look-alikes count as well */
  #scan(name: AlphabetName, root: number, main: boolean, found: Set<number>): void {
    const cells = this.#cells;
    const { length } = cells;
    const index = this.#index;
    this.#alphabet = ALPHABETS[name];
    this.#root = root;
    this.#main = main;
    this.#steps = length * STEPS_OF_LETTER;
    const particles = name === 'arabic' ? index.prefixRoot : 0;
    for (let at = 0; at < length && this.#steps > 0; at++) {
      if (!startsAt(cells, at) || !(main || this.#hasOwn(at))) continue;
      const spent = this.#steps;
      this.#steps = Math.min(spent, STEPS_OF_START);
      const allowed = this.#steps;
      this.#start = at;
      this.#phrase = undefined;
      this.#here.length = 0;
      this.#exempt = false;
      this.#walk(at, root, BARE, 0, 0, 0, GAP_NONE, 0);
      if (particles !== 0 && this.#steps > 0) this.#lead(at, particles, 0, 0, GAP_NONE, 0);
      this.#steps = spent - (allowed - this.#steps);
      if (!this.#exempt) for (const list of this.#here) found.add(list);
    }
  }

  /** Whether the word at a cell has a letter of the alphabet's script, within its first letters. */
  #hasOwn(at: number): boolean {
    const { script } = this.#alphabet;
    const { scripts, length } = this.#cells;
    for (let i = at; i < length && i < at + LETTERS_MAX; i++) {
      if (i > at && this.#cells.gapBefore(i) >= GAP_WIDE) return false;
      if (
        i > at + 1 &&
        this.#cells.gapBefore(i) >= GAP_BLANK &&
        this.#cells.gapBefore(i - 1) === GAP_NONE
      )
        return false;
      if (scripts[i] === script) return true;
    }
    return false;
  }

  /** Reads particles, and the word from wherever they may end. */
  #lead(
    at: number,
    node: number,
    letters: number,
    gaps: number,
    widest: number,
    own: number,
  ): void {
    if (this.#steps-- <= 0 || at >= this.#cells.length) return;
    const gap = letters === 0 ? GAP_NONE : this.#cells.gapBefore(at);
    if (gap >= GAP_WIDE) return;
    const codes = this.#alphabet.readings(this.#cells.points[at] ?? 0);
    const mine = own + this.#ownAt(at);
    const apart = gaps + (gap > GAP_NONE ? 1 : 0);
    const wide = Math.max(widest, gap);
    for (let i = 0; i < codes.length; i++) {
      const next = this.#index.next(node, codes[i] ?? 0);
      if (next === 0) continue;
      const once = this.#cells.runs[at] !== 2;
      if (once) this.#led(at + 1, next, letters + 1, apart, wide, mine);
      const twice = (this.#cells.runs[at] ?? 1) > 1 ? this.#index.next(next, codes[i] ?? 0) : 0;
      if (twice !== 0) this.#led(at + 1, twice, letters + 2, apart, wide, mine);
    }
  }

  #led(at: number, node: number, letters: number, gaps: number, widest: number, own: number): void {
    const kind = this.#index.particlesAt(node);
    if (kind !== 0) this.#walk(at, this.#root, kind, 0, letters, gaps, widest, own);
    this.#lead(at, node, letters, gaps, widest, own);
  }

  /**
   * @param particles what led the word in
   * @param word its terminal, once its stem is whole: what follows is its ending; 0 until then
   * @param letters read so far; `gaps` of them stand apart from the one before; `widest` of these gaps
   * @param own letters of the alphabet's script
   */
  #walk(
    at: number,
    node: number,
    particles: number,
    word: Terminal,
    letters: number,
    gaps: number,
    widest: number,
    own: number,
  ): void {
    if (this.#steps-- <= 0 || letters > LETTERS_MAX) return;
    const index = this.#index;
    if (word === 0) {
      for (let to = index.terminalAt(node); to !== 0; to = index.nextTerminal(to))
        if (particles <= index.prefixesOf(to))
          this.#walk(at, index.endingsOf(to), particles, to, letters, gaps, widest, own);
    } else if (index.isEnding(node)) this.#end(at, word, letters, gaps, widest, own);
    const cells = this.#cells;
    if (at >= cells.length) return;
    const gap = letters === 0 ? GAP_NONE : cells.gapBefore(at);
    if (gap >= GAP_WIDE || (gap >= GAP_BLANK && gaps < letters - 1)) return;
    const codes = this.#alphabet.readings(cells.points[at] ?? 0);
    const run = cells.runs[at] ?? 1;
    const apart = gaps + (gap > GAP_NONE ? 1 : 0);
    const wide = gap > widest ? gap : widest;
    const mine = own + this.#ownAt(at);
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i] ?? 0;
      const next = index.next(node, code);
      if (next === 0) continue;
      if (run !== 2) this.#walk(at + 1, next, particles, word, letters + 1, apart, wide, mine);
      if (run === 1) continue;
      // A row of a letter counts as one that stands together, also where all others stand apart.
      const joined = gaps > 0 && gaps === letters - 1 ? apart + 1 : apart;
      const twice = index.next(next, code);
      if (twice !== 0) this.#walk(at + 1, twice, particles, word, letters + 2, joined, wide, mine);
      if (word !== 0) continue;
      // The row has the last letter of a stem and the first of its ending.
      for (let to = index.terminalAt(next); to !== 0; to = index.nextTerminal(to)) {
        const inEnding = index.next(index.endingsOf(to), code);
        if (inEnding !== 0 && particles <= index.prefixesOf(to))
          this.#walk(at + 1, inEnding, particles, to, letters + 2, joined, wide, mine);
      }
    }
    // A sign that may be a letter may also be what separates.
    if (
      letters > 0 &&
      isSymbol(cells, at) &&
      at + 1 < cells.length &&
      cells.gapBefore(at + 1) === GAP_NONE
    )
      this.#over(at, node, particles, word, letters, gaps, widest, own);
  }

  /** 1: a letter of the alphabet's script, or what passes for one in a text of that script. */
  #ownAt(at: number): number {
    const { scripts, kinds } = this.#cells;
    if (scripts[at] === this.#alphabet.script) return 1;
    return this.#main && kinds[at] === LETTER ? 1 : 0;
  }

  /** Goes on behind a sign as if it were a separator. */
  #over(
    at: number,
    node: number,
    particles: number,
    word: Terminal,
    letters: number,
    gaps: number,
    widest: number,
    own: number,
  ): void {
    const cells = this.#cells;
    const codes = this.#alphabet.readings(cells.points[at + 1] ?? 0);
    if (cells.runs[at + 1] === 2) return;
    const mine = own + this.#ownAt(at + 1);
    for (let i = 0; i < codes.length; i++) {
      const next = this.#index.next(node, codes[i] ?? 0);
      if (next !== 0)
        this.#walk(
          at + 2,
          next,
          particles,
          word,
          letters + 1,
          gaps + 1,
          Math.max(widest, GAP_SIGN),
          mine,
        );
    }
  }

  /** A form of a word ends before `at`: whether it is a whole word there. */
  #end(
    at: number,
    word: Terminal,
    letters: number,
    gaps: number,
    widest: number,
    own: number,
  ): void {
    if (own === 0) return;
    if (this.#skipShort && this.#index.lettersOf(word) < SHARED_WORD) return;
    const cells = this.#cells;
    if (gaps === 0) {
      if (!endsAt(cells, this.#start, at, letters)) return;
    } else if (!isRow(cells, this.#start, at, letters, gaps, widest)) return;
    if (this.#phrase !== undefined) return this.#goOn(at, this.#phrase, word);
    // Short words with signs among them are common in initials and names of hosts; in a phrase they are not.
    if (gaps === 0 || isTelling(letters, gaps, widest)) {
      if (this.#index.isExempt(word)) this.#exempt = true;
      this.#index.listsOf(word, this.#here);
    }
    if (this.#index.isInPhrase(word)) this.#goOn(at, this.#index.phrases, word);
  }

  /** The word is the next of a phrase: reads the one after it. */
  #goOn(at: number, phrase: Phrase, word: Terminal): void {
    const next = phrase.next.get(word);
    if (next === undefined) return;
    for (const list of next.lists) this.#here.push(list);
    if (next.next.size === 0 || at >= this.#cells.length) return;
    const [before, start] = [this.#phrase, this.#start];
    this.#phrase = next;
    this.#start = at;
    this.#walk(at, this.#root, BARE, 0, 0, 0, GAP_NONE, 0);
    if (this.#alphabet === ALPHABETS.arabic)
      this.#lead(at, this.#index.prefixRoot, 0, 0, GAP_NONE, 0);
    this.#phrase = before;
    this.#start = start;
  }
}

const NOTHING_FOUND: readonly number[] = [];
/** No letter or digit stands in one with the cell before it. */
function startsAt(cells: Cells, at: number): boolean {
  if (cells.gapBefore(at) !== GAP_NONE || at === 0) return true;
  // "777casino": digits before a letter; whether the word is long enough is seen at its end.
  if (cells.kinds[at - 1] === DIGIT) return cells.kinds[at] === LETTER;
  if (!isSymbol(cells, at - 1)) return false;
  return !isJoining(cells, at - 1);
}

/** A sign such as "@" or "$" between letters is one of them; brackets and exclamation marks are not. */
function isJoining(cells: Cells, at: number): boolean {
  const joined =
    at > 0 &&
    cells.gapBefore(at) === GAP_NONE &&
    isSolid(cells, at - 1) &&
    !PUNCTUATION.has(cells.points[at] ?? 0);
  return joined && at + 1 < cells.length && cells.gapBefore(at + 1) === GAP_NONE;
}

const PUNCTUATION = new Set('!|+('.split('').map((sign) => sign.charCodeAt(0)));

/** A word of letters that stand together is whole. */
function endsAt(cells: Cells, start: number, at: number, letters: number): boolean {
  if (
    start > 0 &&
    cells.gapBefore(start) === GAP_NONE &&
    cells.kinds[start - 1] === DIGIT &&
    letters < LONG_BESIDE_DIGITS
  )
    return false;
  if (at >= cells.length || cells.gapBefore(at) !== GAP_NONE) return true;
  if (isSymbol(cells, at)) return !isJoining(cells, at);
  return cells.kinds[at] === DIGIT && letters >= LONG_BESIDE_DIGITS;
}

/** A word whose letters, or some of them, stand apart is no part of something longer. */
function isRow(
  cells: Cells,
  start: number,
  at: number,
  letters: number,
  gaps: number,
  widest: number,
): boolean {
  if (widest >= GAP_BLANK)
    return gaps === letters - 1 && isRowStart(cells, start) && isRowEnd(cells, at);
  return (
    (start === 0 || cells.gapBefore(start) >= GAP_BLANK) &&
    (at >= cells.length || cells.gapBefore(at) >= GAP_BLANK)
  );
}

/** Whether letters that stand apart tell a word: enough of them, or all apart. */
function isTelling(letters: number, gaps: number, widest: number): boolean {
  if (widest >= GAP_BLANK) return letters > 2;
  if (letters >= LONG_WORD) return true;
  return gaps === letters - 1 && (letters > 2 || widest !== GAP_DOT);
}

/** The cell before is no single letter of the same row. */
function isRowStart(cells: Cells, start: number): boolean {
  const gap = cells.gapBefore(start);
  if (start === 0 || gap >= GAP_WIDE) return true;
  if (gap < GAP_BLANK) return false;
  if (start > 1 && cells.gapBefore(start - 1) === GAP_NONE) return true;
  return LETTER_WORDS.has(cells.points[start - 1] ?? 0);
}

function isRowEnd(cells: Cells, at: number): boolean {
  const gap = cells.gapBefore(at);
  if (at >= cells.length || gap >= GAP_WIDE) return true;
  if (gap < GAP_BLANK) return false;
  const isAlone = cells.gapBefore(at + 1) !== GAP_NONE;
  return !isAlone || LETTER_WORDS.has(cells.points[at] ?? 0);
}
