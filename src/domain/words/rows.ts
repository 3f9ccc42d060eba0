import type { Alphabet } from './alphabets.ts';
import { type Cells, GAP_DOT, GAP_NONE, GAP_WIDE } from './cells.ts';

/*
 * Letters in a row beyond what a cell counts itself: "aa4", "a-aa", "c-c-a-a-s-h".
 */

/** Repetitions of a letter that are skipped: of more the rest is another word. */
const REPEATS_MAX = 16;

/** Where the row of a letter ends that goes on in another shape or behind a sign; 0: it does not, or is no row. */
export function rowInShapes(cells: Cells, alphabet: Alphabet, at: number, code: number): number {
  let run = cells.runs[at] ?? 1;
  let after = at + 1;
  while (after < cells.length && after <= at + REPEATS_MAX) {
    if ((cells.gaps[after] ?? GAP_WIDE) > GAP_DOT) break;
    if (!isAmong(code, alphabet.readings(cells.points[after] ?? 0))) break;
    run += cells.runs[after] ?? 1;
    after += 1;
  }
  return after > at + 1 && run > 2 ? after : 0;
}

/**
 * Where the row of a letter ends whose repetitions stand apart; 0: it does not go on.
 * @param only the point that repeats it; 0: whatever may be the letter
 */
export function rowApart(
  cells: Cells,
  alphabet: Alphabet,
  from: number,
  code: number,
  only = 0,
): number {
  let after = from;
  while (after < cells.length && after < from + REPEATS_MAX) {
    const gap = cells.gaps[after] ?? GAP_WIDE;
    if (gap === GAP_NONE || gap >= GAP_WIDE || cells.gapBefore(after + 1) === GAP_NONE) break;
    const point = cells.points[after] ?? 0;
    if (only > 0 ? point !== only : !isAmong(code, alphabet.readings(point))) break;
    after += 1;
  }
  return after > from ? after : 0;
}

/** The widest gap before any of the cells from one to another. */
export function widestGap(cells: Cells, from: number, to: number): number {
  let widest = GAP_NONE;
  for (let at = from; at < to; at++) widest = Math.max(widest, cells.gapBefore(at));
  return widest;
}

export function isAmong(code: number, codes: Uint8Array): boolean {
  for (let i = 0; i < codes.length; i++) if (codes[i] === code) return true;
  return false;
}
