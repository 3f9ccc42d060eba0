/*
 * Signs that are set for letters because they look like them: single ones (of currencies, of mathematics, of trade;
 * their shapes in the charts of Unicode), and those that take several of ASCII, as forum users write them.
 */

/** A sign, and the letters that it may stand for: in Latin, in Cyrillic. */
type SignRow = readonly [sign: string, latin: string, cyrillic: string];

/** Single signs. Those that also are digits or letters have their readings in the alphabets. */
export const SIGN_LETTERS: readonly SignRow[] = [
  ...signs('₳∆△▲', 'a', 'ад'),
  ...signs('฿₿', 'b', 'вб'),
  ...signs('₡©₵∁', 'c', 'с'),
  ...signs('∈∊∃∑℮', 'e', 'е'),
  ...signs('∋∍', '', 'э'),
  ...signs('∂', 'da', 'дб'),
  ...signs('∫', 'fs', ''),
  ...signs('₣', 'f', ''),
  ...signs('₲', 'g', ''),
  ...signs('¡¦‖∣', 'il', 'и'),
  ...signs('₭', 'k', 'к'),
  ...signs('₤', 'le', ''),
  ...signs('₥₼', 'm', 'м'),
  ...signs('₦', 'n', 'ин'),
  ...signs('∩∏', 'n', 'п'),
  ...signs('¤°∅○●◯◎◉◌⊕⊗⊙⭕⚪⚫◊□■', 'o', 'о'),
  ...signs('₱₽¶', 'p', 'р'),
  ...signs('®₹', 'r', 'р'),
  ...signs('§₴', 's', 'с'),
  ...signs('†‡₮₸₺✝✞✟✚✛➕⊤', 't', 'т'),
  ...signs('∪⋃', 'u', 'и'),
  ...signs('√∨▽▼', 'v', 'в'),
  ...signs('₩', 'w', 'ш'),
  ...signs('×✕✖✗✘❌☓╳', 'x', 'х'),
  ['¥', 'y', 'у'],
];

function signs(all: string, latin: string, cyrillic: string): SignRow[] {
  return Array.from(all, (sign) => [sign, latin, cyrillic] as const);
}

/** Several signs that are one letter. */
const GLYPHS: readonly SignRow[] = [
  ['/\\', 'a', 'ал'],
  ['/-\\', 'a', 'ад'],
  ['|3', 'b', 'вб'],
  ['|)', 'd', ''],
  ['|]', 'd', ''],
  ['[)', 'd', ''],
  ['|=', 'f', ''],
  ['|-|', 'h', 'н'],
  ['_|', 'j', ''],
  ['_/', 'j', ''],
  ['|<', 'k', 'к'],
  ['|{', 'k', 'к'],
  ['|(', 'k', 'к'],
  ['|_', 'l', ''],
  ['|\\/|', 'm', 'м'],
  ['/\\/\\', 'm', 'м'],
  ['(\\/)', 'm', 'м'],
  ['|\\|', 'n', 'ин'],
  ['/\\/', 'n', 'и'],
  ['/|/', 'n', 'и'],
  ['|/|', 'n', 'и'],
  ['()', 'o', 'о'],
  ['[]', 'o', 'о'],
  ['{}', 'o', 'о'],
  ['<>', 'o', 'о'],
  ['(|)', 'o', 'ф'],
  ['|()', '', 'ю'],
  ['|>', 'p', 'р'],
  ['|*', 'p', 'р'],
  ['|2', 'r', ''],
  ["'|'", 't', 'т'],
  ['|_|', 'u', 'иц'],
  ['(_)', 'u', 'о'],
  ['\\_/', 'u', ''],
  ['\\/', 'v', ''],
  ['\\/\\/', 'w', 'ш'],
  ['|_|_|', 'w', 'шщ'],
  ['><', 'x', 'х'],
  [')(', 'x', 'х'],
  ['}{', 'x', 'х'],
  ['>|<', 'x', 'ж'],
  ['}|{', 'x', 'ж'],
  [')|(', 'x', 'ж'],
  ["'/", 'y', 'у'],
  ['`/', 'y', 'у'],
  ['|`', '', 'г'],
  ['|¯', '', 'г'],
  ['|¯|', '', 'п'],
  ['|^|', '', 'п'],
  ['|O', '', 'ю'],
  ['|О', '', 'ю'],
  ['|0', '', 'ю'],
  ['|-O', '', 'ю'],
  ['|-О', '', 'ю'],
  ['|-0', '', 'ю'],
];

/** Letters and bars that are one Cyrillic letter, beside another one: read so nowhere else. */
const PAIRS: readonly SignRow[] = [
  ...['bI', 'bl', 'b|', 'b1', 'ьI', 'ьl', 'ь|', 'ь1', 'ЬI', 'Ьl', 'Ь|', 'Ь1'].map(cyrillic('ы')),
  ...['IO', 'IО', 'I0', 'lO', 'lО', 'l0', '1O', '1О'].map(cyrillic('ю')),
  ...['JI', 'Jl', 'J|'].map(cyrillic('л')),
  ...['LLI', 'LLl', 'LL|', 'III', 'LII'].map(cyrillic('ш')),
  ...['II', 'll'].map(cyrillic('п')),
  ...['9|', '9I', '9l', 'q|'].map(cyrillic('я')),
];

function cyrillic(letter: string) {
  return (sign: string): SignRow => [sign, '', letter];
}

/** Of the private use area: what stands for a glyph among cells. No text has one, they are signs there. */
const FIRST_GLYPH = 0xe000;
const GLYPH_UNITS_MAX = 5;

const ALL = [...GLYPHS, ...PAIRS];
const POINTS = new Map(ALL.map(([glyph], i) => [glyph, FIRST_GLYPH + i] as const));

/** How glyphs are read, by their code points. */
export const GLYPH_LETTERS: readonly SignRow[] = ALL.map(
  ([, latin, cyrillic], i) => [String.fromCodePoint(FIRST_GLYPH + i), latin, cyrillic] as const,
);

/** The units of the longest glyph that starts at an offset; 0: none. */
export function glyphUnits(text: string, at: number): number {
  if (at + 1 >= text.length || !has(text.charCodeAt(at + 1), GOES_ON)) return 0;
  for (let units = GLYPH_UNITS_MAX; units > 1; units--)
    if (at + units <= text.length && POINTS.has(text.slice(at, at + units))) return units;
  return 0;
}

/** The units of the pair at an offset that is one Cyrillic letter; 0: none. */
export function pairUnits(text: string, at: number): number {
  if (at + 1 >= text.length || !has(text.charCodeAt(at + 1), PAIR_GOES_ON)) return 0;
  for (let units = 3; units > 1; units--) {
    const isPair = at + units <= text.length && POINTS.has(text.slice(at, at + units));
    if (isPair && (isCyrillic(text, at - 1) || isCyrillic(text, at + units))) return units;
  }
  return 0;
}

function isCyrillic(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0x400 && unit < 0x530;
}

/** The code point of the glyph at an offset. */
export function glyphPoint(text: string, at: number, units: number): number {
  return POINTS.get(text.slice(at, at + units)) ?? 0;
}

const BOXES = new Map(
  ['()', '[]', '{}', '<>', '||', '""', '«»', '“”', '‹›', '（）', '【】'].map(
    ([open = '', close = '']) => [open, close] as const,
  ),
);

/** The units of one character in a box, "(a)", that starts at an offset; 0: none. */
export function boxedUnits(text: string, at: number): number {
  const units = (text.codePointAt(at + 1) ?? 0) > 0xffff ? 2 : 1;
  return text[at + 1 + units] === BOXES.get(text[at] ?? '') ? units : 0;
}

/** What a character of the BMP may begin or be besides itself: bits. */
export const BOX = 1;
export const GLYPH = 2;
export const PAIR = 4;
export const DOT = 8;
export const APOSTROPHE = 16;
/** It has a place inside or right between words of some orthography: it is never set for a letter. */
export const ORTHOGRAPHIC = 32;
const GOES_ON = 64;
const PAIR_GOES_ON = 128;

const ROLES = new Uint8Array(0x10000);
const mark = (units: Iterable<string>, role: number) => {
  for (const unit of units) ROLES[unit.charCodeAt(0)] = (ROLES[unit.charCodeAt(0)] ?? 0) | role;
};
for (const [glyph] of GLYPHS) {
  mark([glyph], GLYPH);
  mark([glyph.slice(1)], GOES_ON);
}
for (const [pair] of PAIRS) {
  mark([pair], PAIR);
  mark([pair.slice(1)], PAIR_GOES_ON);
}
mark(BOXES.keys(), BOX);
mark('./:\\', DOT);
mark("'’‘ʼ`´", APOSTROPHE);
mark("'’‘ʼ`´-‐‑‒–—−_~^·•", ORTHOGRAPHIC);

/** The roles of a code point; one beyond the BMP has none. */
export function rolesOf(point: number): number {
  return point < 0x10000 ? (ROLES[point] ?? 0) : 0;
}

function has(unit: number, role: number): boolean {
  return ((ROLES[unit] ?? 0) & role) !== 0;
}
