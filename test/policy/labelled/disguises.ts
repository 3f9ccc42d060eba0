import type { Language, Substitutes } from './letter-tables.ts';
import * as tables from './letter-tables.ts';
import { styleArabic, styleLatin } from './styled-letters.ts';

/** Answers a number from 0 up to, not including, `below`. */
export type Dice = (below: number) => number;

/** The kinds made by script, per language; `plain` and `inflected` need none. README.md says why
 * a language leaves a kind out. */
export const kinds: Record<Language, readonly Kind[]> = {
  en: [
    'case',
    'invisible',
    'lookalike',
    'styled',
    'repeat',
    'digits',
    'separators',
    'accents',
    'combining',
    'padding',
  ],
  ru: [
    'case',
    'invisible',
    'lookalike',
    'repeat',
    'digits',
    'separators',
    'accents',
    'combining',
    'padding',
  ],
  ar: [
    'marks',
    'letters',
    'invisible',
    'lookalike',
    'styled',
    'repeat',
    'digits',
    'separators',
    'combining',
    'padding',
  ],
  ur: [
    'marks',
    'letters',
    'invisible',
    'lookalike',
    'styled',
    'repeat',
    'digits',
    'separators',
    'combining',
    'padding',
  ],
};

export type Kind =
  | 'case'
  | 'marks'
  | 'letters'
  | 'invisible'
  | 'lookalike'
  | 'styled'
  | 'repeat'
  | 'digits'
  | 'separators'
  | 'accents'
  | 'combining'
  | 'padding';

/** The word in this disguise; undefined when it has no letter that the disguise can change. */
export function disguise(
  kind: Kind,
  language: Language,
  word: string,
  dice: Dice,
): string | undefined {
  const made = make(kind, language, word, dice);
  return made === word ? undefined : made;
}

function make(kind: Kind, language: Language, word: string, dice: Dice): string | undefined {
  switch (kind) {
    case 'case':
      return changeCase(word, dice);
    case 'marks':
      return vocalise(word, dice);
    case 'letters':
      return language === 'ar' || language === 'ur' ? respell(language, word, dice) : undefined;
    case 'invisible':
      return insert(word, tables.invisibles, dice);
    case 'lookalike':
      // Half the letters at most, so that a reader still sees the word.
      return replace(word, tables.lookalikes[language], Math.ceil(word.length / 2), dice);
    case 'styled':
      return language === 'en' ? styleLatin(word, dice) : styleArabic(word, dice);
    case 'repeat':
      return stretch(word, dice);
    case 'digits':
      return leet(word, tables.digits[language], dice);
    case 'separators':
      return separate(word, dice);
    case 'accents':
      return language === 'en' || language === 'ru'
        ? replace(word, tables.accented[language], 4, dice)
        : undefined;
    case 'combining':
      return combine(language, word, dice);
    case 'padding':
      return pad(word, dice);
  }
}

function changeCase(word: string, dice: Dice): string {
  const letters = [...word];
  switch (dice(4)) {
    case 0:
      return word.toUpperCase();
    case 1:
      return word.replace(/(^|\s)\S/gu, (first) => first.toUpperCase());
    case 2:
      return letters.map((c, i) => (i % 2 === 0 ? c : c.toUpperCase())).join('');
    default: {
      const last = letters.findLastIndex((c) => c !== ' ');
      return letters.map((c, i) => (i === last || dice(2) === 0 ? c.toUpperCase() : c)).join('');
    }
  }
}

// Letters that join to the next one, after which a tatweel can stand.
const joining = new Set('بتثجحخسشصضطظعغفقكلمنهيئپٹچکگہھی');

function vocalise(word: string, dice: Dice): string {
  const letters = [...word];
  const gaps = letters.flatMap((c, i) => (joining.has(c) && isLetter(letters[i + 1]) ? [i] : []));
  const stretched = gaps.length > 0 && dice(2) === 0 ? pickSome(gaps, 2, dice) : [];
  const voweled = stretched.length === 0 || dice(3) === 0;
  return letters
    .map((c, i) => {
      const vowel = voweled && c !== ' ' && dice(5) > 0 ? one(tables.tashkeel, dice) : '';
      return c + vowel + (stretched.includes(i) ? 'ـ'.repeat(1 + dice(5)) : '');
    })
    .join('');
}

function respell(language: 'ar' | 'ur', word: string, dice: Dice): string | undefined {
  const letters = [...word];
  const choices = letters.map((c, i) => {
    const last = !isLetter(letters[i + 1]);
    return (last && tables.finalVariants[language][c]) || tables.variants[language][c];
  });
  return substitute(letters, choices, 3, dice);
}

function replace(word: string, table: Substitutes, most: number, dice: Dice): string | undefined {
  const letters = [...word];
  return substitute(
    letters,
    letters.map((c) => table[c]),
    most,
    dice,
  );
}

// One to three digits, a letter at least stays, and a stroke that reads as punctuation at the
// end of a word is not put there.
function leet(word: string, table: Substitutes, dice: Dice): string | undefined {
  const letters = [...word];
  const made = substitute(
    letters,
    letters.map((c, i) =>
      isLetter(letters[i + 1]) && isLetter(letters[i - 1])
        ? table[c]
        : table[c]?.replaceAll(/[!|(+]/g, ''),
    ),
    Math.min(3, letters.length - 1),
    dice,
  );
  return made !== undefined && /\p{L}/u.test(made) ? made : undefined;
}

function substitute(
  letters: string[],
  choices: (string | undefined)[],
  most: number,
  dice: Dice,
): string | undefined {
  const open = choices.flatMap((c, i) => (c === undefined || c === '' ? [] : [i]));
  if (open.length === 0) return undefined;
  const chosen = pickSome(open, most, dice);
  return letters
    .map((c, i) => (chosen.includes(i) ? one([...(choices[i] ?? c)], dice) : c))
    .join('');
}

function insert(word: string, signs: string[], dice: Dice): string {
  const letters = [...word];
  const gaps = letters.flatMap((c, i) => (c !== ' ' && isLetter(letters[i + 1]) ? [i] : []));
  const chosen = dice(3) === 0 ? gaps : pickSome(gaps, 2, dice);
  return letters.map((c, i) => (chosen.includes(i) ? c + one(signs, dice) : c)).join('');
}

function stretch(word: string, dice: Dice): string {
  const letters = [...word];
  const open = letters.flatMap((c, i) => (c === ' ' ? [] : [i]));
  const chosen = pickSome(open, 2, dice);
  return letters.map((c, i) => (chosen.includes(i) ? c.repeat(3 + dice(3)) : c)).join('');
}

function separate(word: string, dice: Dice): string {
  const sign = dice(5) === 0 ? one(tables.emoji, dice) : one(tables.separators, dice);
  const letters = [...word];
  // One sign alone in a word of four letters or more, and never a blank or a full stop with a
  // blank: that is how innocent words stand beside each other.
  if (!sign.includes(' ') && letters.length > 3 && dice(4) === 0) {
    const gap = 1 + dice(letters.length - 1);
    if (isLetter(letters[gap - 1]) && isLetter(letters[gap])) {
      return letters.slice(0, gap).join('') + sign + letters.slice(gap).join('');
    }
  }
  const words = word.split(' ').map((part) => [...part].join(sign));
  return words.join(sign.endsWith(' ') ? '  ' : ' ');
}

function combine(language: Language, word: string, dice: Dice): string {
  const arabic = language === 'ar' || language === 'ur';
  const set = dice(2) === 0 ? (arabic ? tables.recitation : tables.combining) : tables.strokes;
  const depth = 1 + dice(3);
  const every = dice(2) === 0;
  const open = [...word].flatMap((c, i) => (c === ' ' ? [] : [i]));
  const chosen = every ? open : pickSome(open, 3, dice);
  const marks = () => Array.from({ length: depth }, () => one(set, dice)).join('');
  return [...word].map((c, i) => (chosen.includes(i) ? c + marks() : c)).join('');
}

function pad(word: string, dice: Dice): string {
  switch (dice(5)) {
    case 0:
    case 1:
      return insert(word, tables.fillers, dice);
    case 2: {
      const letters = [...word];
      const at = 1 + dice(letters.length - 1);
      const tag = one(['b', 'i', 'u', 'font'], dice);
      return letters.map((c, i) => (i === at ? `<${tag}>${c}</${tag}>` : c)).join('');
    }
    case 3: {
      const letters = [...word];
      const at = letters.findIndex((c, i) => c !== ' ' && (i > 1 || letters.length < 3));
      const coded = `&#${letters[at]?.codePointAt(0)};`;
      return letters.map((c, i) => (i === at ? coded : c)).join('');
    }
    default: {
      const letters = [...word];
      const gaps = letters.flatMap((c, i) => (c !== ' ' && isLetter(letters[i + 1]) ? [i] : []));
      const chosen = pickSome(gaps, 2, dice);
      return letters
        .map((c, i) => (chosen.includes(i) ? c + one(tables.markup, dice) : c))
        .join('');
    }
  }
}

function isLetter(character: string | undefined): boolean {
  return character !== undefined && /\p{L}/u.test(character);
}

function one(from: string[], dice: Dice): string {
  const picked = from[dice(from.length)];
  if (picked === undefined) throw new Error('nothing to choose from');
  return picked;
}

// From one to `most` of the positions, each at most once.
function pickSome(positions: number[], most: number, dice: Dice): number[] {
  const left = [...positions];
  const count = Math.min(left.length, 1 + dice(most));
  return Array.from({ length: count }, () => left.splice(dice(left.length), 1)[0] ?? 0);
}
