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
const starts = new Uint8Array(128);
const goesOn = new Uint8Array(0x500);
for (const [glyph] of GLYPHS) {
  starts[glyph.charCodeAt(0)] = 1;
  goesOn[glyph.charCodeAt(1)] = 1;
}

/** How glyphs are read, by their code points. */
export const GLYPH_LETTERS: readonly SignRow[] = ALL.map(
  ([, latin, cyrillic], i) => [String.fromCodePoint(FIRST_GLYPH + i), latin, cyrillic] as const,
);

/** The units of the longest glyph that starts at an offset; 0: none. */
export function glyphUnits(text: string, at: number): number {
  if (starts[text.charCodeAt(at)] !== 1 || goesOn[text.charCodeAt(at + 1)] !== 1) return 0;
  for (let units = GLYPH_UNITS_MAX; units > 1; units--)
    if (at + units <= text.length && POINTS.has(text.slice(at, at + units))) return units;
  return 0;
}

const PAIR_STARTS = new Set(PAIRS.map(([sign]) => sign.charCodeAt(0)));

/** Whether a pair of letters and bars may start with a code point. */
export function mayStartPair(point: number): boolean {
  return PAIR_STARTS.has(point);
}

/** The units of the pair at an offset that is one Cyrillic letter; 0: none. */
export function pairUnits(text: string, at: number): number {
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

/** Signs that have a place inside or right between words of some orthography: never set for a letter. */
const ORTHOGRAPHIC = new Set("'’‘ʼ`´-‐‑‒–—−./\\_~^:·•".split('').map((sign) => sign.charCodeAt(0)));

/** Whether one such sign between two letters may hide a letter: "f*ck". */
export function mayMask(sign: number): boolean {
  return !ORTHOGRAPHIC.has(sign);
}

const BOXES = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
  ['<', '>'],
  ['|', '|'],
  ['"', '"'],
  ['«', '»'],
  ['“', '”'],
  ['‹', '›'],
  ['（', '）'],
  ['【', '】'],
]);
const boxUnits = new Set(Array.from(BOXES.keys(), (sign) => sign.charCodeAt(0)));

/** The units of one character in a box, "(a)", that starts at an offset; 0: none. */
export function boxedUnits(text: string, at: number): number {
  if (!boxUnits.has(text.charCodeAt(at))) return 0;
  const units = (text.codePointAt(at + 1) ?? 0) > 0xffff ? 2 : 1;
  return text[at + 1 + units] === BOXES.get(text[at] ?? '') ? units : 0;
}
