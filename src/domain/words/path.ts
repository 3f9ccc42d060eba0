import { GAP_NONE } from './cells.ts';

/**
 * How a word was read so far, in one number, since it is handed on at every step of a walk: letters (7 bits), how many
 * of them stand apart from the one before (7), the widest of these gaps (4), whether a letter of the alphabet's own
 * script was among them (1), letters hidden by a sign (2), the particles that led it in (2), whether one of its letters stood
 * there three times or more (1), how often two of a letter were read as one (2), and how often a blank cuts it (2).
 */
export type Path = number;

export const LETTER_READ = 1;
const GAP_READ = 0x80;
/** A letter of the alphabet's script was read. */
export const OWN = 0x40000;
/** A sign hides a letter. */
export const HIDDEN = 0x80000;
const PARTICLES = 0x200000;
const PARTICLES_MASK = 3 * PARTICLES;
const ROW = 0x800000;
const PAIR = 0x1000000;
const PAIRS_MASK = 3 * PAIR;
const CUT = 0x4000000;
const CUTS_MASK = 3 * CUT;
const WIDEST_SHIFT = 14;
const WIDEST_MASK = 15 << WIDEST_SHIFT;
/** What fits in. */
export const HIDDEN_MAX = 3;

export function lettersOf(path: Path): number {
  return path & 0x7f;
}

/** Letters that stand apart from the one before. */
export function gapsOf(path: Path): number {
  return (path >> 7) & 0x7f;
}

/** The widest of the gaps between its letters. */
export function widestOf(path: Path): number {
  return (path >> WIDEST_SHIFT) & 15;
}

export function hiddenOf(path: Path): number {
  return (path >> 19) & 3;
}

export function particlesOf(path: Path): number {
  return (path & PARTICLES_MASK) / PARTICLES;
}

/** The same, led in by particles of a kind. */
export function ledBy(path: Path, particles: number): Path {
  return (path & ~PARTICLES_MASK) + particles * PARTICLES;
}

/** Each letter stands apart from the one before. */
export function isAllApart(path: Path): boolean {
  return gapsOf(path) === lettersOf(path) - 1;
}

/** With one more letter behind a gap. */
export function withLetter(path: Path, gap: number): Path {
  return withGap(path, gap) + LETTER_READ;
}

/** With one more gap, within the row of a letter that was read. */
export function withGap(path: Path, gap: number): Path {
  return gap === GAP_NONE ? path : withWidest(path, gap) + GAP_READ;
}

/** With the second of two same letters in a row: it counts as one that stands apart where all others do. */
export function withSame(path: Path): Path {
  return path + LETTER_READ + (gapsOf(path) > 0 && isAllApart(path) ? GAP_READ : 0);
}

/** With a gap that counts for no letter. */
export function withWidest(path: Path, gap: number): Path {
  return gap <= widestOf(path) ? path : (path & ~WIDEST_MASK) + (gap << WIDEST_SHIFT);
}

/** With a letter that a sign hides: the gap that the sign makes is none. */
export function withHidden(path: Path): Path {
  return path + LETTER_READ + HIDDEN;
}

/** How often a blank cuts it: "cas ino" once. */
export function cutsOf(path: Path): number {
  return (path & CUTS_MASK) / CUT;
}

/** Cut by the blank that comes now. */
export function withCut(path: Path): Path {
  return path + CUT;
}

/** Its letters stand together and are what they seem: it may be cut, up to three times. */
export function mayBeCut(path: Path): boolean {
  return lettersOf(path) > 0 && gapsOf(path) === 0 && hiddenOf(path) === 0 && cutsOf(path) < 3;
}

/** How often two of a letter were read as one, 3 at the most: "parrlay". */
export function pairsOf(path: Path): number {
  return (path & PAIRS_MASK) / PAIR;
}

/** Whether a letter of it stood there three times or more: "fffuck". */
export function hasRow(path: Path): boolean {
  return (path & ROW) !== 0;
}

/** With a letter read once that stands there so often in a row. */
export function withRun(path: Path, run: number): Path {
  if (run === 1) return path;
  if (run > 2) return path | ROW;
  return (path & PAIRS_MASK) === PAIRS_MASK ? path : path + PAIR;
}
