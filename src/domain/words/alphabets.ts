import { ARABIC, CYRILLIC, characterOf, FOLDED_MASK, LATIN } from './characters.ts';
import { ARABIC_LOOKALIKES, CYRILLIC_LOOKALIKES, LATIN_LOOKALIKES } from './lookalikes.ts';

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

  /** The letter of a code. */
  letter(code: number): string {
    return this.#letters[code - 1] ?? '';
  }

  #find(folded: number): Uint8Array {
    this.#byPoint ??= merged(this.#readings());
    const own = this.#codes.get(folded);
    const others = Array.from(this.#byPoint.get(folded) ?? '', (letter) => this.code(letter));
    const codes = [...new Set([...(own === undefined ? [] : [own]), ...others])];
    return codes.length === 0 ? NONE : Uint8Array.from(codes.filter((code) => code > 0));
  }
}

const NONE = new Uint8Array(0);

function merged(readings: readonly (readonly [string, string])[]): ReadonlyMap<number, string> {
  const all = new Map<number, string>();
  for (const [chars, letters] of readings)
    for (const char of chars) {
      // Tables have capitals and styled letters too: what the text has of them is folded as well.
      const folded = characterOf(char.codePointAt(0) ?? 0) & FOLDED_MASK;
      all.set(folded, (all.get(folded) ?? '') + letters);
    }
  return all;
}

function lookalikes(table: Readonly<Record<string, string>>): (readonly [string, string])[] {
  return Object.entries(table).map(([letter, chars]) => [chars, letter] as const);
}

/** What stands there, and for each the letters it may stand for, with a blank between; "-": for none. */
function rows(from: string, to: string): (readonly [string, string])[] {
  const letters = to.split(' ');
  return Array.from(from, (char, i) => [char, (letters[i] ?? '').replace('-', '')] as const);
}

/** Digits and signs by shape or by how they are read, as chat and forum users write them. */
const LATIN_DIGITS = rows('0123456789@$!|+(€£¥¢', 'o li z e a s bg tl b gq a s il il t c e l y c');
const CYRILLIC_DIGITS = rows('0123456789@$!|+(€', 'о ил з зе ча б б тг в дя а с и и т с ес');
/** Digits as in Arabizi (2 hamza, 3 ain, 5 kha, 6 ta, 7 ha, 8 qaf, 9 sad), and those that look like a letter. */
const ARABIC_DIGITS = rows(
  '0123456789@$!|loi٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹',
  'ه ا اي ع شذ خه ط ح ق صق اه س ا ا ا ه ا ه ا اي ع ش هخ ط ح ق صق ه ا اي ع ش هخ ط ح ق صق',
);

/** Beside what looks alike in print: small letters whose capital, or whose written form, does. */
const CYRILLIC_FOR_LATIN = rows(
  'абвгдеёжзийклмнопрстуфхцчшщъыьэюяієѕјһӏԁԛԝѡґұғҳ',
  'a b bv gr dg e e - ze uin u k l m hn o np pr cs t yu f xh u - w w b b b e o r i e s j h li d q w w r y f x',
);
const GREEK_FOR_LATIN = rows(
  'αβγδεζηθικλμνξοπρσςτυφχψω',
  'a b yg d e z nh o il k l um vn e o np pr os cs t uy fo x y w',
);
const LATIN_FOR_CYRILLIC = rows(
  'abcdefghijklmnopqrstuvwxyz',
  'а вьб с д е ф дг нх и й к ли мт пин о рп д гр с т иу ву шв х у з',
);
const GREEK_FOR_CYRILLIC = rows(
  'αβγδεζηθικλμνξοπρστυφχψω',
  'а в гу дб е з пн о и к л мц ви з о п р со т уи ф х ч шо',
);
const OTHER_CYRILLIC = rows(
  'іїѕјєґғҕқҝҟҡңҥөүұҳҷҹһӌәҙҫҭҽѣӏѵѳѡѝ',
  'и и с й еэ г г г к к к к н н о у у х ч ч хн ч э з с т е еь ли ив ф о и',
);

/** Spellings that a reader of either language takes for the same, and letters of sisters that differ by their dots. */
const ARABIC_DOTS = rows(
  'ٮټٺډڊړڔڕښڛڜڠڤڡڢڧڨٯڞڟڙږڗېێۍؽںڻڼ',
  'بتثني ت تث د د رز ر ر سش س شس غ فق فق ف قف قف قف صض طظ رز رز زر ي ي ي ي نب ن ن',
);
const URDU_FOR_ARABIC = rows('یىےےکگھہةپچژٹڈڑءۀۂ', 'ي ي ي ي ك كق ه ه ه ب ج ز ت د ر ء ه ه');
const URDU_DOTS = rows(
  'ٮټٺډڊړڔڕښڛڜڠڤڡڢڧڨٯڞڟڙږڗېێۍؽڻڼګڳݐ',
  'بتثنیپ ٹت تٹ ڈد دڈ ڑر ر ر سش س شس غ فق فق ف قف قف قف صض طظ رز رز زر یے ی ی ی ںن نں گ گ ب',
);
const ARABIC_FOR_URDU = rows('يىكهھةۃۀ', 'ی ی ک ہ ہ ہ ہ ہ');

/** Names of the alphabets; a word of a list is compared in one. */
export type AlphabetName = 'latin' | 'cyrillic' | 'arabic' | 'urdu';

/** The alphabets by name. */
export const ALPHABETS: Readonly<Record<AlphabetName, Alphabet>> = {
  latin: new Alphabet(LATIN, 'abcdefghijklmnopqrstuvwxyz', () => [
    ...CYRILLIC_FOR_LATIN,
    ...GREEK_FOR_LATIN,
    ...LATIN_DIGITS,
    ...lookalikes(LATIN_LOOKALIKES),
  ]),
  cyrillic: new Alphabet(CYRILLIC, 'абвгдежзиклмнопрстуфхцчшщъыьэюя', () => [
    ...[['й', 'и'] as const, ['ё', 'е'] as const],
    ...LATIN_FOR_CYRILLIC,
    ...GREEK_FOR_CYRILLIC,
    ...OTHER_CYRILLIC,
    ...CYRILLIC_DIGITS,
    ...lookalikes(CYRILLIC_LOOKALIKES),
  ]),
  arabic: new Alphabet(ARABIC, 'ءابتثجحخدذرزسشصضطظعغفقكلمنهوي', () => [
    ...URDU_FOR_ARABIC,
    ...ARABIC_DOTS,
    ...ARABIC_DIGITS,
    ...lookalikes(ARABIC_LOOKALIKES),
  ]),
  urdu: new Alphabet(ARABIC, 'ءابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہیے', () => [
    ...ARABIC_FOR_URDU,
    ...URDU_DOTS,
    ...ARABIC_DIGITS.map(
      ([char, letters]) => [char, letters.replaceAll('ه', 'ہ').replaceAll('ي', 'ی')] as const,
    ),
    ...lookalikes(ARABIC_LOOKALIKES).map(
      ([chars, letter]) => [chars, URDU_OF[letter] ?? letter] as const,
    ),
  ]),
};

const URDU_OF: Readonly<Record<string, string>> = { ك: 'ک', ي: 'ی', ه: 'ہ' };
