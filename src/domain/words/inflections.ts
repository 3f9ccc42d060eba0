/**
 * How far a word may be led in by particles: none, the article alone, any.
 */
export const BARE = 0;
export const ARTICLE = 1;
export const CLITICS = 2;

/** One way in which a word is written: its stem, and what may follow it and lead it in. */
export interface Stem {
  readonly stem: string;
  /** '' among them: the stem alone is a form too. */
  readonly endings: readonly string[];
  readonly prefixes: typeof BARE | typeof ARTICLE | typeof CLITICS;
}

/** The languages whose words are found inflected. */
export type InflectedLanguage = 'ar' | 'en' | 'ru' | 'ur';

/** Particles that are written in one with an Arabic word, folded: with the article, and without. */
export const ARABIC_ARTICLES: readonly string[] = [
  ...['ال', 'وال', 'فال', 'بال', 'كال', 'لل', 'ولل', 'وبال', 'فلل', 'وكال', 'هال', 'عال'],
];
export const ARABIC_PARTICLES: readonly string[] = [
  'و',
  'ف',
  'ب',
  'ل',
  'ك',
  'وب',
  'ول',
  'وك',
  'فب',
];

/**
 * The ways in which a word is written by simple inflection: plurals, cases, verbs' regular endings, clitics. Never a
 * derived word but in a phrase ("drug dealing", "drug dealer"): "heroine" is not heroin, زبون not a plural.
 * @param word folded, in the letters of its alphabet
 * @param inPhrase its neighbours tell it: forms that alone are other words count too (игр, выбор)
 */
export function stemsOf(word: string, language: string, inPhrase: boolean): readonly Stem[] {
  if (language === 'en') return englishStems(word, inPhrase);
  if (language === 'ru') return russianStems(word, inPhrase);
  if (language === 'ar') return arabicStems(word, inPhrase);
  if (language === 'ur') return urduStems(word, inPhrase);
  return [exactly(word)];
}

/** The word as it stands and no other form. */
export function exactly(word: string): Stem {
  return { stem: word, endings: AS_IT_IS, prefixes: BARE };
}

const AS_IT_IS: readonly string[] = [''];

const VOWELS_EN = 'aeiou';

function englishStems(word: string, inPhrase: boolean): Stem[] {
  const doing = /^(.{3,})ing$/.exec(word)?.[1];
  const doer = /^(.{3,})er$/.exec(word)?.[1];
  const forms = englishForms(word, inPhrase);
  if (!inPhrase)
    return doing === undefined || doing.length < 5 ? forms : [...forms, bare(doing, ['ed'])];
  // Alone these are words of their own: a killing, an attacker.
  if (doing !== undefined) return [...forms, bare(doing, ['er', 'ers', 'ed'])];
  if (doer !== undefined) return [...forms, bare(doer, ['ing'])];
  if (word.length < 4 || word.endsWith('s')) return forms;
  return [...forms, bare(word.replace(/e$/, ''), ['er', 'ers'])];
}

function englishForms(word: string, inPhrase: boolean): Stem[] {
  const last = word.at(-1) ?? '';
  // "betting tips", "free spins": listed in the plural.
  if (inPhrase && word.length > 3 && /[^aiosu]s$/.test(word))
    return [bare(word.slice(0, -1), ['', 's'])];
  const before = word.at(-2) ?? '';
  if (word.length < 3) return [exactly(word)];
  if (word.endsWith('man') && word.length > 4) return [bare(word.slice(0, -2), ['an', 'en'])];
  if (last === 'y' && !VOWELS_EN.includes(before))
    return [bare(word.slice(0, -1), ['y', 'ies', 'ied', 'ying'])];
  if (last === 'e') return [bare(word.slice(0, -1), ['e', 'es', 'ed', 'ing'])];
  // A short vowel before one consonant doubles it: betting, fatted.
  const doubles =
    VOWELS_EN.includes(before) &&
    !`${VOWELS_EN}wxy`.includes(last) &&
    !VOWELS_EN.includes(word.at(-3) ?? '');
  const endings = ['', 's', 'ed', 'ing', ...(/([sxzo]|[cs]h)$/.test(word) ? ['es'] : [])];
  return [bare(word, doubles ? [...endings, `${last}ed`, `${last}ing`] : endings)];
}

const HARD = ['', 'а', 'у', 'ом', 'е', 'ы', 'ов', 'ам', 'ами', 'ах'];
const VELAR = ['', 'а', 'у', 'ом', 'е', 'и', 'ов', 'ам', 'ами', 'ах'];
const SIBILANT = ['', 'а', 'у', 'ом', 'ем', 'е', 'и', 'ы', 'еи', 'ев', 'ам', 'ами', 'ах'];
const SOFT = ['ь', 'и', 'ью', 'еи', 'я', 'ю', 'ем', 'е', 'ям', 'ями', 'ях'];
const FEMININE = ['а', 'ы', 'и', 'е', 'у', 'ои', 'ою', 'ам', 'ами', 'ах'];
const FEMININE_SOFT = ['я', 'и', 'е', 'ю', 'еи', 'еу', 'ям', 'ями', 'ях'];
/** хуй, хентай. */
const MASCULINE_SOFT = ['и', 'я', 'ю', 'ем', 'е', 'ев', 'ям', 'ями', 'ях'];
const NEUTER = ['о', 'а', 'у', 'ом', 'е', 'ам', 'ами', 'ах'];
/** насилие, мошеннические действия. */
const NEUTER_SOFT = ['е', 'я', 'ю', 'ем', 'и', 'ям', 'ями', 'ях'];
const ADJECTIVE = [
  'ыи',
  'ии',
  'ои',
  'ая',
  'яя',
  'ое',
  'ее',
  'ые',
  'ие',
  'ого',
  'его',
  'ому',
  'ему',
  'ую',
  'юю',
  'ым',
].concat(['им', 'ом', 'ем', 'ых', 'их', 'ыми', 'ими', 'ою']);
const VERB = ['ть', 'л', 'ла', 'ло', 'ли', 'ться', 'лся', 'лась', 'лись'];
/** Of short ones these are other words: срам, стан. */
const LONG_VERB = [...VERB, 'м', 'н', 'на', 'ны'];
/** трахает, убиваете. */
const PRESENT = ['ю', 'ешь', 'ет', 'ем', 'ете', 'ют', 'ется', 'ются', 'и', 'ите'];
/** грабит, курят. */
const PRESENT_SOFT = ['ишь', 'ит', 'им', 'ите', 'ят', 'ат', 'ится', 'ятся'];
/** ебет, врут. */
const PRESENT_SHORT = ['у', 'ешь', 'ет', 'ем', 'ете', 'ут'];
const PLURAL = ['и', 'ы', 'ам', 'ами', 'ах', 'ов'];
const VOWELS_RU = 'аеиоуыэюя';

/** Letters are folded: й is и, ё is е. */
function russianStems(word: string, inPhrase: boolean): Stem[] {
  const last = word.at(-1) ?? '';
  const stem = word.slice(0, -1);
  if (word.length <= 3)
    return VOWELS_RU.includes(last) && last !== 'и' ? [exactly(word)] : shortRussian(word);
  if (word.endsWith('ие') && word.length > 5)
    return [bare(word.slice(0, -2), ADJECTIVE), bare(stem, NEUTER_SOFT)];
  if (/(ыи|ии|ои|ая|ое|ые)$/.test(word) && word.length > (inPhrase ? 4 : 5))
    return [bare(word.slice(0, -2), ADJECTIVE)];
  if (/[аеиоуыя]ть$/.test(word)) return russianVerb(word);
  if (last === 'а') {
    const endings = 'жшчщц'.includes(stem.at(-1) ?? '') ? [...FEMININE, 'еи', 'ею'] : FEMININE;
    return [...feminine(stem, endings), ...fleeting(stem)];
  }
  if (last === 'я') return [bare(stem, FEMININE_SOFT)];
  if (last === 'о') return [bare(stem, stem.endsWith('ств') ? ['', ...NEUTER] : NEUTER)];
  if (last === 'ь') return [bare(stem, SOFT)];
  if (last === 'ы' || last === 'и') return russianPlural(word, stem, inPhrase);
  // купить закладку: what is done to it.
  if (inPhrase && last === 'у' && word.length > 4)
    return [bare(stem, ['', ...FEMININE]), ...fleeting(stem)];
  if (VOWELS_RU.includes(last)) return [exactly(word)];
  return [bare(word, consonantEndings(last)), ...droppedVowel(word)];
}

function russianVerb(word: string): Stem[] {
  const stem = word.slice(0, -2);
  const root = stem.slice(0, -1);
  if (word.length <= 5) {
    const present = word.endsWith('ать') ? [bare(root, PRESENT_SHORT)] : [];
    return [bare(stem, VERB), exactly(word), ...present];
  }
  if (word.endsWith('ить'))
    return [bare(stem, LONG_VERB), bare(root, PRESENT_SOFT), exactly(word), exactly(iDo(root))];
  return [bare(stem, [...LONG_VERB, ...PRESENT]), exactly(word)];
}

/** What the first person makes of a root in -ить: куплю, вожу, колочу, ношу, пущу. */
function iDo(root: string): string {
  for (const [ends, becomes] of SOFTENED)
    if (root.endsWith(ends)) return root.slice(0, -ends.length) + becomes;
  return `${root}${'жшчщ'.includes(root.at(-1) ?? '') ? 'у' : 'ю'}`;
}

const SOFTENED: readonly (readonly [string, string])[] = [
  ['п', 'плю'],
  ['б', 'блю'],
  ['в', 'влю'],
  ['м', 'млю'],
  ['ф', 'флю'],
  ['ст', 'щу'],
  ['т', 'чу'],
  ['д', 'жу'],
  ['з', 'жу'],
  ['с', 'шу'],
];

/** ублюдок, ублюдка; of nouns that keep their vowel (подлец, подлеца) these are no words. */
function droppedVowel(word: string): Stem[] {
  const [, head, last = ''] = /^(.{3,})[ое]([кц])$/.exec(word) ?? [];
  if (head === undefined || VOWELS_RU.includes(head.at(-1) ?? '')) return [];
  return [bare(`${head}${last}`, consonantEndings(last).slice(1))];
}

/** хуй, лох: whole nouns of three letters; й folds to и. */
function shortRussian(word: string): Stem[] {
  const last = word.at(-1) ?? '';
  if (last === 'и') return [bare(word.slice(0, -1), MASCULINE_SOFT)];
  return word.length < 3 ? [exactly(word)] : [bare(word, consonantEndings(last))];
}

/** A zero ending only of a long stem: сук and рук are other words. */
function feminine(stem: string, endings: readonly string[]): Stem[] {
  return [bare(stem, stem.length > 3 ? ['', ...endings] : endings)];
}

/** проститутка, проституток; деньги, денег. */
function fleeting(stem: string): Stem[] {
  const [before, last] = [stem.at(-2) ?? '', stem.at(-1) ?? ''];
  const isSoft = before === 'ь';
  if ((last !== 'к' && !(isSoft && last === 'г')) || VOWELS_RU.includes(before) || stem.length < 4)
    return [];
  const vowel = isSoft || 'жшчщ'.includes(before) ? 'е' : 'о';
  const head = isSoft ? stem.slice(0, -2) : stem.slice(0, -1);
  return [exactly(`${head}${vowel}${last}`)];
}

/** Listed in the plural: ставки, автоматы, деньги; foreign words in -и (наци) take no ending. */
function russianPlural(word: string, stem: string, inPhrase: boolean): Stem[] {
  const last = stem.at(-1) ?? '';
  if (stem.length < (inPhrase ? 3 : 4)) return [exactly(word)];
  if (word.endsWith('ии')) return [bare(stem, ['и', 'я', 'ю', 'еи', 'ям', 'ями', 'ях'])];
  // хентай: й is folded to и.
  if (/[аеу]и$/.test(word)) return [bare(stem, MASCULINE_SOFT)];
  if (word.endsWith('и') && !'гкхжшчщ'.includes(last))
    return inPhrase ? [bare(stem, SOFT)] : [exactly(word)];
  const plural = [...PLURAL, 'а', 'у', 'ои', 'е', ...('жшчщ'.includes(last) ? ['еи', 'ем'] : [])];
  return [bare(stem, inPhrase ? ['', ...plural] : plural), ...fleeting(stem)];
}

function consonantEndings(last: string): readonly string[] {
  if ('гкх'.includes(last)) return VELAR;
  return 'жшчщц'.includes(last) ? SIBILANT : HARD;
}

const PRONOUNS = ['ك', 'كم', 'كن', 'ه', 'ها', 'هم', 'هن', 'نا'];

/** ة is folded to ه, ى and ئ to ي, أ to ا. */
function arabicStems(word: string, inPhrase: boolean): Stem[] {
  const broken = brokenPlurals(word, inPhrase).map(
    (plural): Stem => ({ stem: plural, endings: ['', ...PRONOUNS], prefixes: CLITICS }),
  );
  return [...soundForms(word, inPhrase), ...broken];
}

/** The word, its sound plurals, and what is written in one with them. */
function soundForms(word: string, inPhrase: boolean): Stem[] {
  const last = word.at(-1) ?? '';
  if (word.length < 3)
    return [
      {
        stem: word,
        endings: ['', 'ك', 'ها', 'هم', 'كم'],
        prefixes: inPhrase ? CLITICS : ARTICLE,
      },
    ];
  if (last === 'ه' && word.length > 3) {
    const ofIt = ['ت', 'ات'].flatMap((end) => PRONOUNS.map((pronoun) => end + pronoun));
    const stem = word.slice(0, -1);
    const feminine: Stem = { stem, endings: ['ه', 'ات', ...ofIt], prefixes: CLITICS };
    // اباحيه, اباحي: of another noun.
    return inPhrase ? [feminine, { stem, endings: [''], prefixes: ARTICLE }] : [feminine];
  }
  if (word.length === 3) {
    const ofThem = ['ك', 'كم', 'ها', 'هم'];
    const endings = ['', ...ofThem, 'ات'];
    if (inPhrase) return [{ stem: word, endings, prefixes: CLITICS }];
    return [
      { stem: word, endings, prefixes: ARTICLE },
      { stem: word, endings: ofThem, prefixes: CLITICS },
    ];
  }
  const stems: Stem[] = [
    {
      stem: word,
      endings: [
        '',
        ...PRONOUNS,
        'ات',
        'اتهم',
        'اتنا',
        'ين',
        'ون',
        ...(last === 'و' ? ['هات'] : []),
        // انتحاري; but قماري is a dove.
        ...(word.length > 4 ? ['ي'] : []),
      ],
      prefixes: CLITICS,
    },
  ];
  // مراهنات: listed in the plural, one of it with ه.
  if (word.endsWith('ات') && word.length > (inPhrase ? 3 : 5))
    stems.push({ stem: word.slice(0, -2), endings: ['ه'], prefixes: CLITICS });
  return stems;
}

/** Plurals that change the word, where its letters tell them: of three or four consonants, and of doers (فاعل). */
function brokenPlurals(word: string, inPhrase: boolean): string[] {
  // شرموطه, شراميط; صاروخ, صواريخ
  const [, first, second, third, fourth] = /^(.)(.)(.)[وي](.)ه?$/.exec(word) ?? [];
  if (first !== undefined) {
    const middle = second === 'ا' ? 'وا' : `${second}ا`;
    return 'اوي'.includes(third ?? '') ? [] : [`${first}${middle}${third}ي${fourth}`];
  }
  // قنبله, قنابل
  const four = /^(.)([^اوي])([^اوي])([^اوي])ه$/.exec(word);
  if (four !== null) return [`${four[1]}${four[2]}ا${four[3]}${four[4]}`];
  // داعش, دواعش; in a phrase قاتل, قتله
  const doer = /^(.)ا([^اوي])([^اوي])ه?$/.exec(word);
  if (doer !== null) {
    const [, one, two, three] = doer;
    return [`${one}وا${two}${three}`, ...(inPhrase ? [`${one}${two}${three}ه`] : [])];
  }
  if (inPhrase && word === 'ابن') return ['ابنا', 'ابناء'];
  // طيز, اطياز
  const three = /^([^اوي])(.)([^اوي])$/.exec(word);
  return three === null ? [] : [`ا${three[1]}${three[2]}ا${three[3]}`];
}

/** ہ stands for ھ and ة too. */
function urduStems(word: string, inPhrase: boolean): Stem[] {
  const last = word.at(-1) ?? '';
  const stem = word.slice(0, -1);
  if (inPhrase && word === 'کا') return [bare(stem, ['ا', 'ے', 'ی'])];
  // کال گرلز: listed in the plural.
  if (inPhrase && last === 'ز' && word.length > 3) return [bare(stem, ['', 'ز'])];
  // چودنا: چودتا, چودی.
  const doing = ['تا', 'تی', 'تے', 'تیں', 'ا', 'ی', 'ے', 'یں', 'و', 'وں'];
  const verb = word.endsWith('نا') && word.length > 4 ? [bare(stem.slice(0, -1), doing)] : [];
  // کتیا, کتیاں, کتیاؤں; جوا, جوئے (ئ is folded to ی, ؤ to و).
  const own = stem.endsWith('ی') ? ['اں', 'اوں'] : stem.endsWith('و') ? ['یے'] : [];
  const feminine = word.length > 4 ? ['ی', ...(last === 'ہ' ? ['اوں', 'اییں'] : [])] : [];
  if ((last === 'ا' || last === 'ہ') && word.length > 2)
    return [bare(stem, [last, 'ے', 'وں', 'و', ...own, ...feminine]), ...verb];
  // گولیاں: listed in the plural.
  if (word.endsWith('یاں') && word.length > 4)
    return [bare(word.slice(0, -3), ['ی', 'یاں', 'یوں', 'یو'])];
  // ننگی تصویریں: the same.
  if (inPhrase && word.endsWith('یں') && word.length > 4)
    return [bare(word.slice(0, -2), ['', 'یں', 'وں'])];
  // قمار بازی: who does it, قمار باز; زانی, زانیہ.
  const doers = inPhrase && word.length > 3 ? ['', 'وں'] : [];
  const feminineDoer = word.length > 3 ? ['یہ'] : [];
  if (last === 'ی' && word.length > 2)
    return [bare(stem, ['ی', 'یاں', 'یوں', 'یو', 'یز', 'ے', ...doers, ...feminineDoer])];
  if (last === 'ے' && word.length > 3) return [bare(stem, ['ے', 'وں', 'ا', 'و'])];
  if (word.length < 3) return [bare(word, ['', 'وں'])];
  // شراب, شرابی; جیکٹ, جیکٹس (but نوٹس is no plural of نوٹ).
  const ofIt = word.length > 3 ? ['ی', 'س'] : inPhrase ? ['ی'] : [];
  return [bare(word, ['', 'وں', 'یں', 'و', 'ز', 'ے', 'یوں', ...ofIt])];
}

function bare(stem: string, endings: readonly string[]): Stem {
  return { stem, endings, prefixes: BARE };
}
