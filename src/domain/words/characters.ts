import { ARABIC_LOOKALIKES, CYRILLIC_LOOKALIKES, LATIN_LOOKALIKES } from './lookalikes.ts';
import { SIGN_LETTERS } from './signs.ts';

/*
 * What single characters are to a word: letters of some script, digits, signs that stand for letters, what separates,
 * and what nobody sees.
 */

/** A letter of any script. */
export const LETTER = 1;
export const DIGIT = 2;
/** A sign that may stand for a letter: "$" for s. */
export const SYMBOL = 3;
/** Any other sign: it may stand between the letters of a word. */
export const SIGN = 4;
/** What ends a clause: between the letters of a word only where each stands alone. */
export const STOP = 5;
export const BLANK = 6;
/** Shows as nothing, or as an ornament of the letter before. */
export const NOTHING = 7;
/** Stands for several characters: see {@link expansionOf}. */
export const SEVERAL = 8;

/** Scripts with words of ours. */
export const LATIN = 1;
export const CYRILLIC = 2;
export const ARABIC = 3;

/**
 * A code point, folded, with its kind above it: `kind * 2 ** 21 + folded`. Folded: without case, style and marks
 * (NFKD, lower case), so that "Ｆ", "𝓕", "f̈" and "Ḟ" are all "f".
 */
export function characterOf(point: number): number {
  if (point < 0x10000) {
    const known = BMP[point] ?? 0;
    if (known !== 0) return known;
    const found = classify(point);
    BMP[point] = found;
    return found;
  }
  return astralOf(point);
}

/** The folded code point of what {@link characterOf} returned. */
export const FOLDED_MASK = 0x1fffff;
export const KIND_UNIT = 0x200000;

/** The characters that one stands for, of those whose kind is {@link SEVERAL}. */
export function expansionOf(point: number): string {
  return SPELT[String.fromCodePoint(point)] ?? baseOf(String.fromCodePoint(point));
}

/** The script of a folded code point; 0: none of ours. */
export function scriptOf(folded: number): number {
  if (folded < 0x0250) return folded >= 0x61 ? LATIN : 0;
  if (folded >= 0x0400 && folded < 0x0530) return CYRILLIC;
  if (folded >= 0x0620 && folded < 0x0700) return ARABIC;
  if (folded >= 0x0750 && folded < 0x0780) return ARABIC;
  if (folded >= 0x0870 && folded < 0x0900) return ARABIC;
  return folded >= 0x1e00 && folded < 0x1f00 ? LATIN : 0;
}

const BMP = new Int32Array(0x10000);
const ASTRAL = new Map<number, number>();
/** Styled letters and emoji of a few texts; more are worked out each time. */
const ASTRAL_MAX = 20_000;

const IS_LETTER = /^\p{L}$/u;
const IS_DIGIT = /^\p{N}$/u;
const IS_MARK = /\p{M}/gu;
const IS_UNSEEN = /^[\p{Cf}\p{Cc}\p{M}\p{Variation_Selector}]$/u;
const IS_BLANK = /^[\p{Z}\t\n\v\f\r\u0085]$/u;

/** Shown as nothing though they are letters or signs: tatweel, Hangul fillers, the empty Braille cell, high hamza. */
const UNSEEN = new Set('\u0640\u115f\u1160\u3164\uffa0\u2800\u0674');
/** Beside digits: what is set for a letter because it looks like it. */
const SYMBOLS = new Set(
  [
    ...SIGN_LETTERS.map(([sign]) => sign),
    ...[LATIN_LOOKALIKES, CYRILLIC_LOOKALIKES, ARABIC_LOOKALIKES].flatMap(Object.values),
    '@$!|+(€£¥¢',
  ].join(''),
);
/** Of the letters in squares these are on keyboards of emoji: as likely set between letters as for one. */
const EMOJI_LETTERS = new Set('🅰🅱🅾🅿');
/** The marks at which a clause ends, in the scripts of our lists, and quotation. */
const STOPS = new Set(',;:?"،؛؟۔«»“”…{}[]<>=&%');

/** Regional indicators: a pair of them shows as a flag. */
const FIRST_FLAG = 0x1f1e6;

/** Whether a code point is one half of a flag: no part of a word beside it, though a row of them may spell one. */
export function isFlag(point: number): boolean {
  return point >= FIRST_FLAG && point < FIRST_FLAG + 26;
}

/** What NFKD leaves as it is, or spells with brackets. */
const SPELT: Readonly<Record<string, string>> = {
  æ: 'ae',
  // A c by shape, which NFKD takes for an s.
  Ϲ: 'ς',
  œ: 'oe',
  ...inSequence(0x249c, 26),
  ...inSequence(0x1f110, 26),
  ...inSequence(0x1f150, 26),
  ...inSequence(0x1f170, 26),
  ...inSequence(FIRST_FLAG, 26),
  // Digits in circles that NFKD leaves as they are.
  ...inSequence(0x24f5, 9, 0x31),
  ...inSequence(0x2776, 9, 0x31),
  ...inSequence(0x2780, 9, 0x31),
  ...inSequence(0x278a, 9, 0x31),
  ...paired('ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ', 'abcdefghijklmnoprstuvwyz'),
  ...paired('ɐǝɥᴉɹʇʍʎɑɡıłøđħŧ', 'aehirtwyagilodht'),
};

function inSequence(first: number, count: number, from = 0x61): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      String.fromCodePoint(first + i),
      String.fromCharCode(from + i),
    ]),
  );
}

function paired(from: string, to: string): Record<string, string> {
  return Object.fromEntries(Array.from(from, (char, i) => [char, to[i] ?? char]));
}

function astralOf(point: number): number {
  const known = ASTRAL.get(point);
  if (known !== undefined) return known;
  const found = classify(point);
  if (ASTRAL.size < ASTRAL_MAX) ASTRAL.set(point, found);
  return found;
}

function classify(point: number): number {
  const char = String.fromCodePoint(point);
  const base = SPELT[char] ?? baseOf(char);
  if (base === '') return NOTHING * KIND_UNIT + point;
  if (base.length > 2 || (base.length === 2 && (base.codePointAt(0) ?? 0) < 0x10000))
    return base === char ? SIGN * KIND_UNIT + point : SEVERAL * KIND_UNIT + point;
  const kind = EMOJI_LETTERS.has(char) ? SYMBOL : kindOf(base);
  return kind * KIND_UNIT + (base.codePointAt(0) ?? 0);
}

/** Without style, marks and case. */
function baseOf(char: string): string {
  const plain = char.normalize('NFKD').toLowerCase().normalize('NFKD').replaceAll(IS_MARK, '');
  return SPELT[plain] ?? plain;
}

function kindOf(base: string): number {
  if (UNSEEN.has(base)) return NOTHING;
  if (IS_BLANK.test(base)) return BLANK;
  if (IS_UNSEEN.test(base)) return NOTHING;
  if (IS_LETTER.test(base)) return LETTER;
  if (IS_DIGIT.test(base)) return DIGIT;
  if (SYMBOLS.has(base)) return SYMBOL;
  return STOPS.has(base) ? STOP : SIGN;
}
