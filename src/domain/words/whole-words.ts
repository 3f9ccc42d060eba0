import {
  type Cells,
  GAP_APOSTROPHE,
  GAP_BROKEN,
  GAP_COMMA,
  GAP_DOT,
  GAP_NONE,
  GAP_WIDE,
  isSolid,
  isSymbol,
} from './cells.ts';
import { DIGIT, LATIN, LETTER } from './characters.ts';
import { isCommonWord, wordOf } from './common-words.ts';
import {
  cutsOf,
  gapsOf,
  hasRow,
  hiddenOf,
  isAllApart,
  lettersOf,
  type Path,
  pairsOf,
  particlesOf,
  widestOf,
} from './path.ts';

/*
 * Where words may start and what is a whole one: by what stands before, behind and between their letters.
 */

/** A word of so many letters may have one sign among its letters, or digits in one with it. */
const LONG_WORD = 4;
const LONG_BESIDE_DIGITS = 5;
/** Of so many letters: it may be cut where a sentence could end. */
const LONG_BROKEN = 5;
/** Of so many letters: it may be cut by a blank. */
const LONG_CUT = 4;
/** By several, in parts of two letters at the least. */
const LONG_CUTS = 6;
/** Of so many letters: one of them may stand there twice. Shorter ones are other words: Cassino, rapping. */
const LONG_PAIRED = 7;
/** Of so many: several may. */
const LONG_PAIRS = 5;
/** Of which so many are its particles', as a rule: "ال". */
const PARTICLE_LETTERS = 2;
/** How far a number is looked through for a letter. */
const NUMBER_MAX = 64;

/** Words that are one letter: they may stand beside a word whose letters stand apart. */
const LETTER_WORDS = new Set('aiuіавиксоуяو'.split('').map((letter) => letter.charCodeAt(0)));

/** No letter or digit stands in one with the cell before it. */
export function startsAt(cells: Cells, at: number): boolean {
  if (cells.gapBefore(at) !== GAP_NONE || at === 0) return true;
  // "777casino": digits before a letter; whether the word is long enough is seen at its end.
  if (cells.kinds[at - 1] === DIGIT) return cells.kinds[at] === LETTER;
  if (!isSymbol(cells, at - 1)) return false;
  return !isJoining(cells, at - 1);
}

/** Digits and signs without a letter, up to the next blank: no word, and the dearest to read as one. */
export function isNumber(cells: Cells, at: number): boolean {
  const end = Math.min(cells.length, at + NUMBER_MAX);
  for (let i = at; i < end; i++) {
    // One alone may be the first of a row of single letters.
    if (i > at && (cells.gaps[i] ?? GAP_WIDE) >= GAP_BROKEN) return i > at + 1;
    if (cells.kinds[i] === LETTER) return false;
  }
  return true;
}

/** A sign such as "@" or "$" between letters is one of them; brackets and exclamation marks are not. */
function isJoining(cells: Cells, at: number): boolean {
  const joined =
    at > 0 &&
    cells.gapBefore(at) === GAP_NONE &&
    isSolid(cells, at - 1) &&
    isJoiningSign(cells.points[at] ?? 0);
  return joined && at + 1 < cells.length && cells.gapBefore(at + 1) === GAP_NONE;
}

export function isJoiningSign(point: number): boolean {
  return JOINING.has(point);
}

const JOINING = new Set('@$€£¥¢'.split('').map((sign) => sign.charCodeAt(0)));

/** Nothing that is a letter or a digit stands before the word; nor before its row when its letters stand apart. */
export function isOpened(cells: Cells, start: number, path: Path): boolean {
  if (gapsOf(path) > 0) {
    if (start > 0 && isDigitBeside(cells, start - 1, start, path)) return true;
    if (widestOf(path) >= GAP_BROKEN && isAllApart(path)) return isRowStart(cells, start);
    return start === 0 || sets(cells.gapBefore(start), path);
  }
  if (start === 0 || cells.gapBefore(start) !== GAP_NONE) return true;
  return cells.kinds[start - 1] !== DIGIT || isLongBesideDigits(cells, start, path);
}

/** The same behind it. */
export function isClosed(cells: Cells, at: number, path: Path): boolean {
  if (gapsOf(path) > 0) {
    if (isDigitBeside(cells, at, at, path)) return true;
    if (widestOf(path) >= GAP_BROKEN && isAllApart(path)) return isRowEnd(cells, at);
    return at >= cells.length || sets(cells.gapBefore(at), path);
  }
  if (at >= cells.length || cells.gapBefore(at) !== GAP_NONE) return true;
  if (isSymbol(cells, at)) return !isJoining(cells, at);
  return cells.kinds[at] === DIGIT && isLongBesideDigits(cells, at - lettersOf(path), path);
}

/**
 * A digit stands in one with a long word whose letters stand apart: "c-a-s-i-n-o24".
 * @param digit the cell beside the word
 * @param later of the two: this one, or the word's first
 */
function isDigitBeside(cells: Cells, digit: number, later: number, path: Path): boolean {
  if (lettersOf(path) < LONG_BESIDE_DIGITS) return false;
  return cells.kinds[digit] === DIGIT && cells.gapBefore(later) === GAP_NONE;
}

/** Long enough, or no digit read as one of its letters: "A5512" is the number of an order. */
function isLongBesideDigits(cells: Cells, from: number, path: Path): boolean {
  const letters = lettersOf(path);
  if (letters >= LONG_BESIDE_DIGITS) return true;
  if (letters < LONG_BESIDE_DIGITS - (cells.scripts[from] === LATIN ? 1 : 2)) return false;
  for (let at = from; at < from + letters; at++) if (cells.kinds[at] !== LETTER) return false;
  return true;
}

/** Whether a gap beside a word with signs among its letters is none of those. */
function sets(gap: number, path: Path): boolean {
  return gap >= GAP_BROKEN || (gap === GAP_COMMA && widestOf(path) < GAP_COMMA);
}

/**
 * Whether what was read tells a word that stands alone: short ones with signs among them are common in initials and
 * names of hosts. In a phrase its neighbours tell it.
 */
export function isTelling(cells: Cells, start: number, at: number, path: Path): boolean {
  const letters = lettersOf(path);
  if (hiddenOf(path) > 0 && letters < LONG_WORD) return false;
  if (!isMeantSo(path)) return false;
  const gaps = gapsOf(path);
  if (gaps === 0) return true;
  const widest = widestOf(path);
  if (widest >= GAP_BROKEN && isAllApart(path)) return letters > 2;
  if (widest >= GAP_BROKEN) return letters >= LONG_BROKEN && !isCutAtEdge(cells, start, at);
  if (gaps === 1 && letters === LONG_WORD - 1 && isShortOne(cells, start, at, widest)) return true;
  if (gaps === 1 && widest >= GAP_APOSTROPHE && letters > 2)
    return isOneAround(cells, start, at, widest) && letters >= LONG_WORD;
  if (letters >= LONG_WORD) return true;
  return isAllApart(path) && (letters > 2 || widest < GAP_DOT);
}

/** Letters that stand there twice tell a long word, and any where others stand there more often or nearly all do. */
function isMeantSo(path: Path): boolean {
  const pairs = pairsOf(path);
  if (pairs === 0 || pairs === 3 || hasRow(path)) return true;
  const particle = particlesOf(path) === 0 ? 0 : PARTICLE_LETTERS;
  return lettersOf(path) - particle >= (pairs === 1 ? LONG_PAIRED : LONG_PAIRS);
}

/** Whether a word with one sign in it is neither a contraction nor two common words around a comma. */
function isOneAround(cells: Cells, start: number, at: number, widest: number): boolean {
  const cut = cutOf(cells, start, at);
  if (widest === GAP_APOSTROPHE) return !isContraction(cells, cut, at);
  return widest < GAP_COMMA || !(isCommonWord(cells, start, cut) && isCommonWord(cells, cut, at));
}

/**
 * Whether three letters with one sign among them are a word: "س-كس". Not in Latin, where they are mostly initials, nor
 * around a full stop, nor where a half is a word.
 */
function isShortOne(cells: Cells, start: number, at: number, widest: number): boolean {
  if (widest === GAP_APOSTROPHE || widest === GAP_DOT || widest > GAP_COMMA) return false;
  if (cells.scripts[start] === LATIN || !isSolid(cells, start) || !isSolid(cells, at - 1))
    return false;
  const cut = cutOf(cells, start, at);
  const isWord = (from: number, to: number) =>
    isCommonWord(cells, from, to) || (to === from + 1 && LETTER_WORDS.has(cells.points[from] ?? 0));
  return !isWord(start, cut) && !isWord(cut, at);
}

/** The cell behind the first gap of a word. */
function cutOf(cells: Cells, start: number, at: number): number {
  let cut = start + 1;
  while (cut < at && cells.gaps[cut] === GAP_NONE) cut += 1;
  return cut;
}

/**
 * Whether a word that blanks cut is one word: long enough, nothing but letters, and no part a common word. What is written so
 * by chance mostly has one of those: "lot to do", "hero in", "be headed".
 */
export function isOneWord(cells: Cells, start: number, at: number, path: Path): boolean {
  if (gapsOf(path) > 0 || hiddenOf(path) > 0) return false;
  const isOnce = cutsOf(path) === 1;
  if (lettersOf(path) < (isOnce ? LONG_CUT : LONG_CUTS)) return false;
  for (let from = start, to = start; from < at; from = to) {
    if (cells.kinds[to++] !== LETTER) return false;
    for (; to < at && cells.gaps[to] === GAP_NONE; to++)
      if (cells.kinds[to] !== LETTER) return false;
    if (isCommonWord(cells, from, to) || (!isOnce && to < from + 2)) return false;
  }
  return true;
}

/** "poke. r u there": one letter alone before or behind the end of a sentence. */
function isCutAtEdge(cells: Cells, start: number, at: number): boolean {
  return cells.gapBefore(start + 1) === GAP_BROKEN || cells.gapBefore(at - 1) === GAP_BROKEN;
}

/** What follows the apostrophe of "who're" and its sisters. */
const CONTRACTIONS: ReadonlySet<string> = new Set(['s', 're', 'll', 've', 'd', 'm', 't', 'er']);

/** "who're" is no whore. */
function isContraction(cells: Cells, gap: number, at: number): boolean {
  return CONTRACTIONS.has(wordOf(cells, gap, at));
}

/** The cell before is no single letter of the same row. */
function isRowStart(cells: Cells, start: number): boolean {
  const gap = cells.gapBefore(start);
  if (start === 0 || gap >= GAP_WIDE) return true;
  if (gap < GAP_BROKEN) return false;
  if (start > 1 && cells.gapBefore(start - 1) === GAP_NONE) return true;
  return LETTER_WORDS.has(cells.points[start - 1] ?? 0);
}

function isRowEnd(cells: Cells, at: number): boolean {
  const gap = cells.gapBefore(at);
  if (at >= cells.length || gap >= GAP_WIDE) return true;
  if (gap < GAP_BROKEN) return false;
  const isAlone = cells.gapBefore(at + 1) !== GAP_NONE;
  return !isAlone || LETTER_WORDS.has(cells.points[at] ?? 0);
}
