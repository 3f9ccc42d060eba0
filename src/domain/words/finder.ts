import { ALPHABETS, type Alphabet, type AlphabetName } from './alphabets.ts';
import {
  Cells,
  GAP_BLANK,
  GAP_BROKEN,
  GAP_DOT,
  GAP_MASK,
  GAP_NONE,
  GAP_PARTED,
  GAP_SIGN,
  GAP_STOP,
  GAP_WIDE,
  isSymbol,
} from './cells.ts';
import { LETTER } from './characters.ts';
import { ARTICLE } from './inflections.ts';
import {
  cutsOf,
  HIDDEN_MAX,
  hiddenOf,
  isAllApart,
  LETTER_READ,
  ledBy,
  lettersOf,
  mayBeCut,
  OWN,
  type Path,
  particlesOf,
  widestOf,
  withCut,
  withGap,
  withHidden,
  withLetter,
  withRun,
  withSame,
  withWidest,
} from './path.ts';
import { isAmong, rowApart, rowInShapes, widestGap } from './rows.ts';
import { spokenIn } from './spoken.ts';
import {
  isClosed,
  isJoiningSign,
  isNumber,
  isOneWord,
  isOpened,
  isTelling,
  startsAt,
} from './whole-words.ts';
import { NO_PHRASE, type Phrase, type Terminal, type WordIndex } from './word-index.ts';

/** Steps for one start, and for each letter of a text: no disguise of a real word took a tenth of it. */
const STEPS_OF_START = 600;
const STEPS_OF_LETTER = 60;
/** The longest word with its disguise, in letters. */
const LETTERS_MAX = 64;
/** What trying every letter costs. */
const STEPS_OF_MASK = 8;

/** Words of so many letters mean the same in Arabic and Urdu, or nothing in one: the text's language is not asked. */
const SHARED_WORD = 5;

/**
 * Finds the words of an index in texts. Each text is read once into cells; at every cell where a word may start, the
 * tree of letters is walked with all that the cell may stand for. Whether the letters stand together or apart decides
 * at the end what counts as a whole word:
 *
 * - together: nothing that is a letter or digit before or after;
 * - some apart by signs: from four letters on, and no letter joined by a sign before or after;
 * - cut by blanks: from four letters on, twice and thrice from six on, where no part is a common word;
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
  #phrase: Phrase = NO_PHRASE;
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
      if (cells.kinds[at] !== LETTER && isNumber(cells, at)) continue;
      const spent = this.#steps;
      this.#steps = Math.min(spent, STEPS_OF_START);
      const allowed = this.#steps;
      this.#start = at;
      this.#phrase = NO_PHRASE;
      this.#here.length = 0;
      this.#exempt = false;
      this.#walk(at, root, 0, 0);
      if (particles !== 0 && this.#steps > 0) this.#lead(at, particles, 0);
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
        this.#cells.gapBefore(i) >= GAP_STOP &&
        this.#cells.gapBefore(i - 1) === GAP_NONE
      )
        return false;
      if (scripts[i] === script) return true;
    }
    return false;
  }

  /** Reads particles, and the word from wherever they may end. */
  #lead(at: number, node: number, path: Path): void {
    if (this.#steps-- <= 0 || at >= this.#cells.length) return;
    const gap = path === 0 ? GAP_NONE : this.#cells.gapBefore(at);
    if (gap >= GAP_WIDE) return;
    this.#leadBy(at, gap, node, path);
    // As in #walk: it may be what separates.
    if (path !== 0 && isSymbol(this.#cells, at) && this.#cells.gapBefore(at + 1) === GAP_NONE)
      this.#leadBy(at + 1, GAP_SIGN, node, path);
  }

  #leadBy(at: number, gap: number, node: number, path: Path): void {
    const codes = this.#codesAt(at);
    const run = this.#cells.runs[at] ?? 1;
    const read = withLetter(path, gap) | this.#ownAt(at);
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i] ?? 0;
      const next = this.#index.next(node, code);
      if (next === 0) continue;
      this.#led(at + 1, next, withRun(read, run));
      const twice = run > 1 ? this.#index.next(next, code) : 0;
      if (twice !== 0) this.#led(at + 1, twice, read + LETTER_READ);
      if (run > 1) this.#ledInRow(at + 1, next, code, read);
      const after = isAllApart(read) ? this.#apartAgain(at + 1, code) : 0;
      if (after !== 0)
        this.#led(after, next, withWidest(read, widestGap(this.#cells, at + 1, after)));
    }
  }

  /** A row has the last letter of the particles and the first of the word: "اللوطي". */
  #ledInRow(at: number, node: number, code: number, path: Path): void {
    const kind = this.#index.particlesAt(node);
    const first = kind === 0 ? 0 : this.#index.next(this.#root, code);
    if (first === 0) return;
    // "ببغاء": as likely one letter that stands there twice.
    const read = kind === ARTICLE ? path : withRun(path, 2);
    this.#walk(at, first, 0, ledBy(read + LETTER_READ, kind));
  }

  #led(at: number, node: number, path: Path): void {
    const kind = this.#index.particlesAt(node);
    if (kind !== 0) this.#walk(at, this.#root, 0, ledBy(path, kind));
    this.#lead(at, node, path);
  }

  /** @param word its terminal, once its stem is whole: what follows is its ending; 0 until then */
  #walk(at: number, node: number, word: Terminal, path: Path): void {
    if (this.#steps-- <= 0 || lettersOf(path) > LETTERS_MAX) return;
    const index = this.#index;
    if (word === 0) {
      for (let to = index.terminalAt(node); to !== 0; to = index.nextTerminal(to))
        if (particlesOf(path) <= index.prefixesOf(to))
          this.#walk(at, index.endingsOf(to), to, path);
    } else if (index.isEnding(node)) this.#end(at, word, path);
    const cells = this.#cells;
    if (at >= cells.length) return;
    const isFirst = lettersOf(path) === 0;
    const gap = isFirst ? GAP_NONE : (cells.gaps[at] ?? GAP_WIDE);
    // As if the blank were none.
    if (isCutting(gap) && mayBeCut(path)) this.#read(at, GAP_NONE, node, word, withCut(path));
    if (gap >= GAP_STOP && (gap >= GAP_WIDE || !isAllApart(path))) return;
    this.#read(at, gap, node, word, path);
    if (isFirst) return;
    if (gap === GAP_MASK) this.#masked(at, at, node, word, path);
    if (!isSymbol(cells, at) || at + 1 >= cells.length || cells.gaps[at + 1] !== GAP_NONE) return;
    // A sign that may be a letter may also be what separates, or hide another letter.
    this.#read(at + 1, GAP_SIGN, node, word, path);
    if (isJoiningSign(cells.points[at] ?? 0) && gap === GAP_NONE)
      this.#masked(at, at + 1, node, word, path);
  }

  /** Goes on with all that a cell may stand for, once or in a row. */
  #read(at: number, gap: number, node: number, word: Terminal, path: Path): void {
    const index = this.#index;
    const cells = this.#cells;
    const codes = this.#codesAt(at);
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i] ?? 0;
      const next = index.next(node, code);
      if (next === 0) continue;
      const read = withLetter(path, gap) | this.#ownAt(at);
      // Nearly always: one letter, and another one or the end of the word behind it.
      const after = cells.gapBefore(at + 1);
      const isAlone =
        cells.runs[at] === 1 &&
        (after === GAP_NONE ? !isAmong(code, this.#codesAt(at + 1)) : after > GAP_DOT) &&
        (after === GAP_NONE || !isAllApart(read));
      if (isAlone) this.#walk(at + 1, next, word, read);
      else this.#take(at, next, code, word, read);
    }
  }

  /** A letter fits: it may count once or twice where it stands in a row, with what repeats it. */
  #take(at: number, node: number, code: number, word: Terminal, path: Path): void {
    const run = this.#cells.runs[at] ?? 1;
    const gap = this.#cells.gapBefore(at + 1);
    const isRow = gap !== GAP_NONE && isAllApart(path);
    this.#walk(at + 1, node, word, isRow ? path : withRun(path, run));
    if (run > 1) {
      this.#double(at + 1, node, code, word, path);
      this.#pair(at, node, code, word, path);
    }
    // The same letter again: in another shape, or apart as all of them are.
    const again = gap <= GAP_DOT ? this.#again(at, code) : 0;
    if (again !== 0) {
      const gapped = withGap(path, widestGap(this.#cells, at + 1, again));
      this.#walk(again, node, word, gapped);
      this.#double(again, node, code, word, gapped);
    }
    if (!isRow) return;
    const after = this.#apartAgain(at + 1, code);
    // "i i l d": what repeats it ends where another letter begins that may be the same.
    const same = after === 0 ? 0 : this.#apartAgain(at + 1, code, this.#cells.points[at]);
    for (const end of same === after ? [after] : [after, same])
      if (end !== 0)
        this.#walk(end, node, word, withWidest(path, widestGap(this.#cells, at + 1, end)));
  }

  /** A row of a letter as two of it. */
  #double(at: number, node: number, code: number, word: Terminal, path: Path): void {
    const index = this.#index;
    const twice = index.next(node, code);
    if (twice !== 0) this.#walk(at, twice, word, withSame(path));
    if (word !== 0) return;
    // The row has the last letter of a stem and the first of its ending.
    for (let to = index.terminalAt(node); to !== 0; to = index.nextTerminal(to)) {
      const inEnding = index.next(index.endingsOf(to), code);
      if (inEnding !== 0 && particlesOf(path) <= index.prefixesOf(to))
        this.#walk(at, inEnding, to, withSame(path));
    }
  }

  /** A row of a sign as two letters: "d11do". */
  #pair(at: number, node: number, first: number, word: Terminal, path: Path): void {
    const codes = this.#codesAt(at);
    for (let i = 0; i < codes.length; i++) {
      const next = codes[i] === first ? 0 : this.#index.next(node, codes[i] ?? 0);
      if (next !== 0) this.#walk(at + 1, next, word, withSame(path));
    }
  }

  /** Goes on with every letter in place of the sign before the cell `to`. */
  #masked(at: number, to: number, node: number, word: Terminal, path: Path): void {
    const { kinds } = this.#cells;
    if (hiddenOf(path) === HIDDEN_MAX || kinds[to] !== LETTER || kinds[at - 1] !== LETTER) return;
    this.#steps -= STEPS_OF_MASK;
    const index = this.#index;
    const hidden = withHidden(path);
    for (let code = 1; code < this.#alphabet.count; code++) {
      const next = index.next(node, code);
      if (next === 0) continue;
      this.#read(to, GAP_NONE, next, word, hidden);
      if (word !== 0) continue;
      for (let stem = index.terminalAt(next); stem !== 0; stem = index.nextTerminal(stem))
        if (particlesOf(path) <= index.prefixesOf(stem))
          this.#read(to, GAP_NONE, index.endingsOf(stem), stem, hidden);
    }
  }

  #again(at: number, code: number): number {
    const after = rowInShapes(this.#cells, this.#alphabet, at, code);
    this.#steps -= Math.max(0, after - at);
    return after;
  }

  #apartAgain(from: number, code: number, only = 0): number {
    const after = rowApart(this.#cells, this.#alphabet, from, code, only);
    this.#steps -= Math.max(0, after - from);
    return after;
  }

  /** What a cell may stand for in the alphabet. */
  #codesAt(at: number): Uint8Array {
    return this.#alphabet.readings(this.#cells.points[at] ?? 0);
  }

  /** OWN: a letter of the alphabet's script, or what passes for one in a text of that script. */
  #ownAt(at: number): number {
    const { scripts, kinds } = this.#cells;
    if (scripts[at] === this.#alphabet.script) return OWN;
    return this.#main && kinds[at] === LETTER ? OWN : 0;
  }

  /** A form of a word ends before `at`: whether it is a whole word there. */
  #end(at: number, word: Terminal, path: Path): void {
    if ((path & OWN) === 0 && this.#phrase === NO_PHRASE) return;
    if (this.#skipShort && this.#index.lettersOf(word) < SHARED_WORD) return;
    const hidden = hiddenOf(path);
    if (hidden > 0 && lettersOf(path) <= hidden * 2) return;
    if (widestOf(path) >= GAP_STOP && !isAllApart(path)) return;
    const cells = this.#cells;
    const isWhole = isClosed(cells, at, path);
    if (cutsOf(path) > 0 && !(isWhole && isOneWord(cells, this.#start, at, path))) return;
    if (this.#phrase !== NO_PHRASE) return this.#goOn(at, this.#phrase, word, isWhole);
    if (!isOpened(cells, this.#start, path)) return;
    if (isWhole && isTelling(cells, this.#start, at, path)) {
      if (this.#index.isExempt(word)) this.#exempt = true;
      this.#index.listsOf(word, this.#here);
    }
    if (this.#index.isInPhrase(word)) this.#goOn(at, NO_PHRASE, word, false);
  }

  /**
   * The word is the next of a phrase: reads the one after it, whatever stands between them, be it nothing.
   * @param isWhole nothing goes on behind the word, so that the phrase may end with it
   */
  #goOn(at: number, phrase: Phrase, word: Terminal, isWhole: boolean): void {
    const next = this.#index.phraseWith(phrase, word);
    if (next === NO_PHRASE) return;
    if (isWhole) this.#index.listsOfPhrase(next, this.#here);
    if (!this.#index.goesOn(next) || at >= this.#cells.length) return;
    const [before, start] = [this.#phrase, this.#start];
    this.#phrase = next;
    this.#nextWord(at);
    if (isSymbol(this.#cells, at) && at + 1 < this.#cells.length) this.#nextWord(at + 1);
    this.#phrase = before;
    this.#start = start;
  }

  #nextWord(at: number): void {
    this.#start = at;
    this.#walk(at, this.#root, 0, 0);
    if (this.#alphabet === ALPHABETS.arabic) this.#lead(at, this.#index.prefixRoot, 0);
  }
}

/** A blank, with a sign on it or not, but no end of a sentence. */
function isCutting(gap: number): boolean {
  return gap === GAP_BLANK || gap === GAP_PARTED || gap === GAP_BROKEN;
}

const NOTHING_FOUND: readonly number[] = [];
