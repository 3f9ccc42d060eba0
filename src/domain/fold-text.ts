/**
 * A text in the form in which words are compared: compatibility forms made plain (NFKC: full width, ligatures,
 * mathematical letters) and case folded (ß as ss, ς as σ). Lengths and offsets change.
 */
export function foldText(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  // Upper case first: it is what opens ß and the other letters whose fold is longer (Unicode, CaseFolding.txt status F).
  return text.normalize('NFKC').toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFKC');
}

/**
 * A text by which it is known again: folded, without what nobody sees, and each run of blanks and line breaks as one,
 * none at its ends. The same on every node; what was said stands by it in the store.
 */
export function foldWording(text: string): string {
  return foldText(text).replace(UNSEEN, '').replace(ODD_BLANKS, ' ').trim();
}

/** Starts or continues a word: letters and digits of any script. */
export const WORD = 1;
/** Continues a word but starts none: combining marks. */
export const MARK = 2;

/** What the character at an offset is to a word: {@link WORD}, {@link MARK}, or 0: it ends one. */
export function isWordChar(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  const kind = KINDS[unit] ?? 0;
  return kind === SURROGATE ? kindOfPair(text, at) : kind;
}

/** Joiners, marks of direction, forms of emoji, the soft hyphen (Unicode, DerivedCoreProperties.txt). */
const UNSEEN = /\p{Default_Ignorable_Code_Point}+/gu;
/** All but single spaces: those are nearly all, and stay. */
const ODD_BLANKS = /[^\S ]\s*| \s+/g;
const ASCII = /^[\0-\x7f]*$/;
const WORD_CHAR = /^[\p{L}\p{N}]$/u;
const MARK_CHAR = /^\p{M}$/u;
const SURROGATE = 3;
const KINDS = kindsOfUnits();

/** Of every UTF-16 unit, once: a table costs a nanosecond where an expression costs a hundred. */
function kindsOfUnits(): Uint8Array {
  const kinds = new Uint8Array(0x10000);
  for (let unit = 0; unit < kinds.length; unit++) {
    kinds[unit] = unit >= 0xd800 && unit <= 0xdfff ? SURROGATE : kindOf(String.fromCharCode(unit));
  }
  return kinds;
}

/** Both halves of a pair have the kind of the character; half a pair ends a word. */
function kindOfPair(text: string, at: number): number {
  const low = text.charCodeAt(at) >= 0xdc00;
  const point = text.codePointAt(low ? at - 1 : at) ?? 0;
  return point > 0xffff ? kindOf(String.fromCodePoint(point)) : 0;
}

function kindOf(char: string): number {
  if (WORD_CHAR.test(char)) return WORD;
  return MARK_CHAR.test(char) ? MARK : 0;
}
