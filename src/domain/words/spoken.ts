import type { Cells } from './cells.ts';
import { GAP_NONE } from './cells.ts';
import { ARABIC } from './characters.ts';

/** So many words for one language to each one for the other decide. */
const CLEARLY = 3;

const points = (letters: string): ReadonlySet<number> =>
  new Set(Array.from(letters, (letter) => letter.codePointAt(0) ?? 0));

/** Letters, folded, that only one of the two has (in its own keyboards and spellings). */
const URDU_ONLY = points('ٹڈڑںےپچگہھکیژ');
const ARABIC_ONLY = points('ةىكي');

/**
 * Whether a text in Arabic script is clearly Urdu (or Persian, which shares those letters) or clearly Arabic, told by
 * the letters of each word: neighbours decide, so that one disguised word does not. Undefined: it may be either.
 */
export function spokenIn(cells: Cells): 'ar' | 'ur' | undefined {
  let urdu = 0;
  let arabic = 0;
  let votes = 0;
  for (let at = 0; at < cells.length; at++) {
    if (at > 0 && cells.gapBefore(at) !== GAP_NONE) {
      if (votes > 0) urdu += 1;
      else if (votes < 0) arabic += 1;
      votes = 0;
    }
    if (cells.scripts[at] !== ARABIC) continue;
    const point = cells.points[at] ?? 0;
    if (URDU_ONLY.has(point)) votes += 1;
    else if (ARABIC_ONLY.has(point)) votes -= 1;
  }
  if (votes > 0) urdu += 1;
  else if (votes < 0) arabic += 1;
  if (urdu > 1 && urdu > arabic * CLEARLY) return 'ur';
  return arabic > 1 && arabic > urdu * CLEARLY ? 'ar' : undefined;
}
