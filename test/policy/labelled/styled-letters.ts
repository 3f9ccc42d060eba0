import type { Dice } from './disguises.ts';

/** The word in full-width, mathematical, circled or parenthesised letters, all or some of them. */
export function styleLatin(word: string, dice: Dice): string {
  const alphabet = latinAlphabets[dice(latinAlphabets.length)] ?? 0xff41;
  const whole = dice(3) > 0;
  const first = dice(word.length);
  return [...word]
    .map((c, i) => {
      const offset = c.charCodeAt(0) - 'a'.charCodeAt(0);
      if (offset < 0 || offset > 25 || !(whole || i === first || dice(2) === 0)) return c;
      return String.fromCodePoint(alphabet + offset);
    })
    .join('');
}

// Where the 26 small letters of each alphabet start; the alphabets with holes are left out.
const latinAlphabets = [
  0xff41, // full-width
  0xff41,
  0xff41,
  0xff21, // full-width capitals
  0x1d41a, // bold
  0x1d482, // bold italic
  0x1d4ea, // bold script
  0x1d51e, // fraktur
  0x1d552, // double-struck
  0x1d5ba, // sans-serif
  0x1d68a, // monospace
  0x1d468, // bold italic capitals
  0x24d0, // circled
  0x249c, // parenthesised
];

/** The word in presentation forms, joined as a reader expects them, or in mathematical letters. */
export function styleArabic(word: string, dice: Dice): string {
  const mathematical = dice(3) === 0;
  const letters = [...word];
  return letters
    .map((c, i) => {
      const symbols = mathematical ? mathematicalOf(c) : [];
      if (symbols.length > 0) return symbols[dice(symbols.length)] ?? c;
      return shape(c, joinsOn(letters[i - 1]), formsOf(letters[i + 1]).length > 1);
    })
    .join('');
}

function shape(letter: string, joinedBefore: boolean, joinedAfter: boolean): string {
  const forms = formsOf(letter);
  const after = joinedAfter && forms.length === 4;
  const form = (after ? 2 : 0) + (joinedBefore ? 1 : 0);
  return forms[form] ?? letter;
}

function joinsOn(letter: string | undefined): boolean {
  return formsOf(letter).length === 4;
}

// Isolated, final, initial, medial: the order of the Unicode blocks; a letter that joins only to
// the one before has the first two.
function formsOf(letter: string | undefined): string[] {
  if (letter === undefined) return [];
  return [...range(0xfb50, 0xfbff), ...range(0xfe80, 0xfef4)].filter(
    (form) => form.normalize('NFKC') === letter,
  );
}

function mathematicalOf(letter: string): string[] {
  return range(0x1ee00, 0x1eebb).filter((symbol) => symbol.normalize('NFKC') === letter);
}

function range(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i));
}
