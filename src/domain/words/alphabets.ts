import { ARABIC, CYRILLIC, characterOf, FOLDED_MASK, LATIN } from './characters.ts';
import {
  ARABIC_LOOKALIKES,
  ARABIC_SHAPES,
  CYRILLIC_LOOKALIKES,
  CYRILLIC_SISTERS,
  LATIN_LOOKALIKES,
  LATIN_SISTERS,
} from './lookalikes.ts';
import { GLYPH_LETTERS, SIGN_LETTERS } from './signs.ts';

/** Codes of letters are below it: an edge of the word index is `node * 64 + code`. */
export const CODES_MAX = 64;

/**
 * The letters in which words of some languages are compared, and what else may stand for each. Arabic and Urdu share a
 * script and differ: what is a spelling to one reader (پ for ب) is another letter to the other.
 */
export class Alphabet {
  readonly script: number;
  readonly #codes = new Map<number, number>();
  readonly #letters: string[] = [];
  readonly #readings: () => readonly (readonly [string, string])[];
  /** By folded code point of the BMP: 0 not asked for yet, else an index of `sets`. */
  readonly #setOf = new Uint16Array(0x10000);
  readonly sets: Uint8Array[] = [NONE, NONE];
  #byPoint: ReadonlyMap<number, string> | undefined;

  /** @param readings what may stand (first) for which letters (second); all of them folded */
  constructor(
    script: number,
    letters: string,
    readings: () => readonly (readonly [string, string])[],
  ) {
    this.script = script;
    for (const letter of `${letters}0123456789`) {
      this.#codes.set(letter.codePointAt(0) ?? 0, this.#letters.length + 1);
      this.#letters.push(letter);
    }
    this.#readings = readings;
  }

  /** The codes that a folded code point can stand for, its own first; empty: none. */
  readings(folded: number): Uint8Array {
    if (folded > 0xffff) return this.#find(folded);
    let set = this.#setOf[folded] ?? 0;
    if (set === 0) {
      const found = this.#find(folded);
      set = found.length === 0 ? 1 : this.sets.push(found) - 1;
      this.#setOf[folded] = set;
    }
    return this.sets[set] ?? NONE;
  }

  /** The code of a letter of ours; 0: it is none. */
  code(letter: string): number {
    return this.#codes.get(letter.codePointAt(0) ?? 0) ?? 0;
  }

  /** Codes are below it. */
  get count(): number {
    return this.#letters.length + 1;
  }

  /** The letter of a code. */
  letter(code: number): string {
    return this.#letters[code - 1] ?? '';
  }

  #find(folded: number): Uint8Array {
    this.#byPoint ??= merged(this.#readings(), this.#codes);
    const own = this.#codes.get(folded);
    const others = Array.from(this.#byPoint.get(folded) ?? '', (letter) => this.code(letter));
    const codes = [...new Set([...(own === undefined ? [] : [own]), ...others])];
    return codes.length === 0 ? NONE : Uint8Array.from(codes.filter((code) => code > 0));
  }
}

const NONE = new Uint8Array(0);

/** A letter of ours is itself alone: what a foreign one folds to it for has no say. */
function merged(
  readings: readonly (readonly [string, string])[],
  ours: ReadonlyMap<number, number>,
): ReadonlyMap<number, string> {
  const all = new Map<number, string>();
  for (const [chars, letters] of readings)
    for (const char of chars) {
      // Tables have capitals and styled letters too: what the text has of them is folded as well.
      const folded = characterOf(char.codePointAt(0) ?? 0) & FOLDED_MASK;
      if (ours.has(folded) && char !== String.fromCodePoint(folded)) continue;
      all.set(folded, (all.get(folded) ?? '') + letters);
    }
  return all;
}

function lookalikes(
  table: Readonly<Record<string, string>>,
  ours: Readonly<Record<string, string>> = {},
): (readonly [string, string])[] {
  return Object.entries(table).map(([letter, chars]) => [chars, ours[letter] ?? letter] as const);
}

/** What stands there, and for each the letters it may stand for, with a blank between; "-": for none. */
function rows(from: string, to: string): (readonly [string, string])[] {
  const letters = to.split(' ');
  return Array.from(from, (char, i) => [char, (letters[i] ?? '').replace('-', '')] as const);
}

/** Digits and signs by shape or by how they are read, as chat and forum users write them. */
const LATIN_DIGITS = rows('0123456789@$!|+(€£¥¢', 'o li z e a s bg tl b gq a s il il t c e l y c');
const CYRILLIC_DIGITS = rows('0123456789@$!|+(€', 'о ил з зеэ ча б б тг в дя а с и и т с ес');
/** Digits as in Arabizi (2 hamza, 3 ain, 5 kha, 6 ta, 7 ha, 8 qaf, 9 sad), and those that look like a letter. */
const ARABIC_DIGITS = rows(
  '0123456789@$!|loi٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹',
  'ه ا اي ع شذع خه ط ح ق صقو اه س اي اي ال ه ا ه ا اي عس شع هخ ط ح ق صقو ه ا اي عس شع هخ ط ح ق صقو',
);

/** Letters of other scripts that have the shape of an Arabic one. */
const LETTERS_FOR_ARABIC = rows('jegquоοօıіιӏєεɛзэ', 'ل ع و و ن ه ه ه ا ا ا ا ع ع ع ع ع');

const LATIN_FOR_ARABIC = [...ARABIC_DIGITS, ...LETTERS_FOR_ARABIC];

/** Beside what looks alike in print: small letters whose capital, or whose written form, does. */
const CYRILLIC_FOR_LATIN = rows(
  'абвгдеёжзийклмнопрстуфхцчшщъыьэюяієѕјһӏԁԛԝѡґұғҳ',
  'a b bv gr dga e e xk ze uin u k la m hn o np pr cs t yu fo xh u ch w w b b b e o r i e s j h li d q w w r y f x',
);
const GREEK_FOR_LATIN = rows(
  'αβγδεζηθικλμνξοπρσςτυφχψω',
  'a b ygr da e z nh o il k lav um vn ex o np pr ose cs t uy fo x y wo',
);
const LATIN_FOR_CYRILLIC = rows(
  'abcdefghijklmnopqrstuvwxyz',
  'а вьб с д е ф дг нх и й к ли мт пин о рп д гря с т иу ву шв х у з',
);
const GREEK_FOR_CYRILLIC = rows(
  'αβγδεζηθικλμνξοπρσςτυφχψω',
  'а в гу дба е з пн о и к ла мц ви з о п р сое с т уи ф х ч шо',
);
const OTHER_CYRILLIC = rows('іїѕјєґҥөһҽѣӏѵѳѡѝ', 'и и с и еэ г н о хн е еь ли ив фо ош и');
/** By shape, where the data of Unicode have nothing: a small lambda without its bar, Armenian letters. */
const OTHERS_FOR_LATIN = rows('ᴧժ', 'av d');
const OTHERS_FOR_CYRILLIC = rows('ᴧաɜ', 'л ш э');

/** What looks like a Latin letter and is no Russian one reads as that Latin letter does: the Armenian vo as n, п. */
const FOREIGN_TO_CYRILLIC = Object.fromEntries(
  Object.entries(LATIN_LOOKALIKES).map(([letter, chars]) => [
    letter,
    chars.replace(/\p{Script=Cyrillic}/gu, ''),
  ]),
);

/** Spellings that a reader of either language takes for the same, and letters of sisters that differ by their dots. */
const ARABIC_DOTS = rows('ٮںڤڡڢڧڨٯ', 'بتثني نب فق فق فق قف قف قف');
const URDU_FOR_ARABIC = rows('یىےےکگھہةپچژٹڈڑءۀۂ', 'ي ي ي ي ك كق ه ه ه ب ج ز ت د ر ء ه ه');
const URDU_DOTS = rows('ٮںڤڡڢڧڨٯ', 'بتثنی ن فق فق فق قف قف قف');
const ARABIC_FOR_URDU = rows('يىكهھةۃۀۓن', 'ی ی ک ہ ہ ہ ہ ہ ے ں');

/** Reads foreign letters as any of our letters of their shape; those in `known` are read as it says. */
function shapes(ours: string, known: readonly (readonly [string, string])[]) {
  const own = new Set(`${ours}${known.map(([char]) => char).join('')}`);
  return ARABIC_SHAPES.map((shape) => {
    const foreign = Array.from(shape).filter((letter) => !own.has(letter));
    return [
      foreign.join(''),
      Array.from(shape)
        .filter((letter) => ours.includes(letter))
        .join(''),
    ] as const;
  });
}

/** What was made from letters of another script is read as these are. */
function sisters(
  table: Readonly<Record<string, string>>,
  readings: readonly (readonly [string, string])[],
) {
  const letters = new Map(readings);
  return Object.entries(table).map(
    ([letter, chars]) => [chars, letters.get(letter) ?? ''] as const,
  );
}

const ARABIC_LETTERS = 'ءابتثجحخدذرزسشصضطظعغفقكلمنهوي';
const URDU_LETTERS = 'ءابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہیے';
/** Letters of sister languages that the table by shape has for Russian ones. */
const RUSSIAN_OF: Readonly<Record<string, string>> = { і: 'и', є: 'е', ѕ: 'с', ј: 'и' };

/** Names of the alphabets; a word of a list is compared in one. */
export type AlphabetName = 'latin' | 'cyrillic' | 'arabic' | 'urdu';

/** The alphabets by name. */
export const ALPHABETS: Readonly<Record<AlphabetName, Alphabet>> = {
  latin: new Alphabet(LATIN, 'abcdefghijklmnopqrstuvwxyz', () => [
    ...CYRILLIC_FOR_LATIN,
    ...GREEK_FOR_LATIN,
    ...LATIN_DIGITS,
    ...lookalikes(LATIN_LOOKALIKES),
    ...lookalikes(LATIN_SISTERS),
    ...sisters(CYRILLIC_SISTERS, CYRILLIC_FOR_LATIN),
    ...OTHERS_FOR_LATIN,
    ...[...SIGN_LETTERS, ...GLYPH_LETTERS].map(([sign, latin]) => [sign, latin] as const),
    ['ß', 'sb'] as const,
    // A small l for a capital I, and v for u as in inscriptions.
    ['l', 'i'] as const,
    ['v', 'u'] as const,
  ]),
  cyrillic: new Alphabet(CYRILLIC, 'абвгдежзиклмнопрстуфхцчшщъыьэюя', () => [
    ...[['й', 'и'] as const, ['ё', 'е'] as const],
    ...LATIN_FOR_CYRILLIC,
    ...GREEK_FOR_CYRILLIC,
    ...OTHER_CYRILLIC,
    ...CYRILLIC_DIGITS,
    ...lookalikes(CYRILLIC_LOOKALIKES, RUSSIAN_OF),
    ...lookalikes(CYRILLIC_SISTERS),
    ...sisters(LATIN_SISTERS, LATIN_FOR_CYRILLIC),
    ...sisters(FOREIGN_TO_CYRILLIC, LATIN_FOR_CYRILLIC),
    ...OTHERS_FOR_CYRILLIC,
    ...[...SIGN_LETTERS, ...GLYPH_LETTERS].map(([sign, , letters]) => [sign, letters] as const),
    ['ß', 'в'] as const,
  ]),
  arabic: new Alphabet(ARABIC, ARABIC_LETTERS, () => [
    ...URDU_FOR_ARABIC,
    ...ARABIC_DOTS,
    ...LATIN_FOR_ARABIC,
    ...shapes(ARABIC_LETTERS, URDU_FOR_ARABIC),
    ...lookalikes(ARABIC_LOOKALIKES),
    ...sisters(LATIN_LOOKALIKES, LATIN_FOR_ARABIC),
  ]),
  urdu: new Alphabet(ARABIC, URDU_LETTERS, () => [
    ...ARABIC_FOR_URDU,
    ...URDU_DOTS,
    ...[...LATIN_FOR_ARABIC, ...sisters(LATIN_LOOKALIKES, LATIN_FOR_ARABIC)].map(
      ([char, letters]) => [char, letters.replaceAll('ه', 'ہ').replaceAll('ي', 'ی')] as const,
    ),
    ...shapes(URDU_LETTERS, ARABIC_FOR_URDU),
    ...lookalikes(ARABIC_LOOKALIKES, URDU_OF),
  ]),
};

const URDU_OF: Readonly<Record<string, string>> = { ك: 'ک', ي: 'ی', ه: 'ہ' };
