/** The scripts' languages of the labelled set. */
export type Language = 'ar' | 'en' | 'ru' | 'ur';

/** A table from a letter to what people put in its place. */
export type Substitutes = Record<string, string>;

// Every table here was written by hand from what evasive SMS and forum posts look like, before
// the normaliser existed; none is derived from its code or from Unicode's confusables data.

/** Letters of other scripts, or other languages of the same script, that look the same. */
export const lookalikes: Record<Language, Substitutes> = {
  en: {
    a: 'аα',
    b: 'Ьβ',
    c: 'сϲ',
    d: 'ԁ',
    e: 'еє',
    g: 'ɡ',
    h: 'һн',
    i: 'іιӏ',
    j: 'ј',
    k: 'кκ',
    l: 'ӏΙ',
    m: 'м',
    n: 'пη',
    o: 'оο',
    p: 'рρ',
    s: 'ѕ',
    t: 'тτ',
    u: 'υ',
    v: 'ν',
    w: 'ѡω',
    x: 'хχ',
    y: 'уγ',
    z: 'Ζ',
  },
  ru: {
    а: 'aaα',
    в: 'B',
    г: 'r',
    е: 'ee',
    и: 'u',
    к: 'kkκ',
    м: 'mM',
    н: 'H',
    о: 'ooο',
    п: 'nπ',
    р: 'ppρ',
    с: 'cc',
    т: 'tTτ',
    у: 'yy',
    ф: 'φ',
    л: 'λ',
    х: 'xxχ',
    ш: 'w',
    ь: 'b',
  },
  ar: {
    ا: 'ٱٲ',
    ب: 'پٮ',
    ت: 'ټٺ',
    د: 'ډڊ',
    ر: 'ړڔ',
    ز: 'ژ',
    س: 'ڛښ',
    ش: 'ڜ',
    ص: 'ڝ',
    غ: 'ڠ',
    ف: 'ڤڡ',
    ق: 'ڨڧٯ',
    ك: 'ڪڪڪ',
    ل: 'ڵ',
    ن: 'ڼں',
    ه: 'ە',
    ة: 'ۃ',
    و: 'ۆۅۊ',
    ي: 'ېێۍ',
  },
  ur: {
    ا: 'ٱٲ',
    ٹ: 'ټ',
    د: 'ڊ',
    ڈ: 'ډ',
    ڑ: 'ړ',
    ر: 'ڔ',
    س: 'ڛ',
    ش: 'ڜ',
    غ: 'ڠ',
    ف: 'ڤڡ',
    ق: 'ڧٯ',
    ک: 'ڪڪ',
    گ: 'ګ',
    ل: 'ڵ',
    ن: 'ڼ',
    ہ: 'ە',
    و: 'ۆۅ',
    ی: 'ېێۍ',
  },
};

/** Spellings of one letter that readers of the language do not tell apart. */
export const variants: Record<'ar' | 'ur', Substitutes> = {
  ar: {
    ا: 'أإآ',
    أ: 'ااإ',
    إ: 'ااأ',
    ي: 'یی',
    ك: 'ک',
    ه: 'ہھ',
    ؤ: 'و',
    و: 'ؤ',
    ئ: 'ي',
  },
  ur: { ا: 'أآ', ی: 'يي', ک: 'ك', ہ: 'ه', ھ: 'ه', و: 'ؤ' },
};

/** What replaces a letter at the end of a word instead of `variants`. */
export const finalVariants: Record<'ar' | 'ur', Substitutes> = {
  ar: { ي: 'ىى', ة: 'هه', ه: 'ة' },
  ur: { ی: 'يى', ہ: 'هة' },
};

/**
 * Digits and symbols for letters. In Arabic script 7, 5, 3, 6, 9 and 2 are the Arabizi digits
 * (ح خ ع ط ص ء), all others are shapes (alef as a stroke, heh as a circle); Urdu has shapes only.
 */
export const digits: Record<Language, Substitutes> = {
  en: {
    a: '@@4',
    b: '8',
    c: '(',
    e: '33',
    g: '9',
    i: '11!|',
    l: '1|',
    o: '00',
    s: '$$5',
    t: '7+',
    z: '2',
  },
  ru: {
    а: '@@4',
    б: '6',
    в: '8',
    е: '3',
    з: '33',
    и: '1',
    о: '00',
    с: '$',
    т: '7',
    ч: '4',
  },
  ar: { ا: '1١١|', أ: '2', ح: '77', خ: '55', ط: '6', ع: '33', ص: '9', ه: '0٥', ة: '0٥' },
  ur: { ا: '1۱۱|', ہ: '0٥' },
};

/** Precomposed letters with a mark that neither language uses there. */
export const accented: Record<'en' | 'ru', Substitutes> = {
  en: {
    a: 'áàäâãåā',
    c: 'çćč',
    d: 'ďđ',
    e: 'éèêëēę',
    g: 'ğģ',
    h: 'ĥ',
    i: 'íìïîī',
    k: 'ķ',
    l: 'ĺľł',
    n: 'ñńň',
    o: 'óòöôõøō',
    r: 'ŕř',
    s: 'śšş',
    t: 'ťţ',
    u: 'úùüûů',
    w: 'ŵ',
    y: 'ýÿ',
    z: 'žźż',
  },
  ru: {
    а: 'ӑӓ',
    г: 'ѓ',
    е: 'ѐӗё',
    ж: 'ӝ',
    з: 'ӟ',
    и: 'ѝӣӥ',
    к: 'ќ',
    о: 'ӧ',
    у: 'ўӯӱ',
    ч: 'ӵ',
    ы: 'ӹ',
    э: 'ӭ',
  },
};

/** Zero-width and bidi control characters (kind `invisible`). */
export const invisibles = [
  '\u200b',
  '\u200c',
  '\u200d',
  '\u200e',
  '\u200f',
  '\u2060',
  '\ufeff',
  '\u061c',
  '\u202a',
  '\u202b',
  '\u202c',
  '\u2066',
  '\u2067',
  '\u2068',
  '\u2069',
];

/** Characters that show as nothing though they are no format controls of text (`padding`). */
export const fillers = [
  '\u00ad',
  '\u034f',
  '\u115f',
  '\u180e',
  '\u2062',
  '\u2063',
  '\u206a',
  '\u2800',
  '\u3164',
  '\uffa0',
  '\ufe0f',
  '\u{e0020}',
];

/** Markup that a handset's or a mail relay's HTML drops (`padding`). */
export const markup = [
  '<b></b>',
  '<i></i>',
  '<!-- -->',
  '<wbr>',
  '<span>',
  '&shy;',
  '&#8203;',
  '&zwnj;',
  '<em></em>',
  '<u></u>',
];

/** Signs set between letters (`separators`); a blank and the emoji among them. */
export const separators = ['.', '.', ' ', ' ', '-', '-', '_', '_', '*', '/', '·', '~', '. '];

/** Emoji set between letters. */
export const emoji = ['🔥', '💎', '🎰', '❤️', '⭐', '🙈', '🌿', '💋', '👍🏽', '🍀'];

/** Arabic vowel signs (`marks`) and signs of recitation that nobody writes in an SMS. */
export const tashkeel = ['\u064b', '\u064e', '\u064f', '\u0650', '\u0651', '\u0652', '\u0670'];
export const recitation = ['\u06d6', '\u06d7', '\u06da', '\u06e1', '\u0615', '\u06df'];

/** Combining marks of general use: accents, strokes through a letter, lines under, enclosures. */
export const combining = ['\u0300', '\u0301', '\u0302', '\u0303', '\u0307', '\u0308', '\u030a'];
export const strokes = ['\u0335', '\u0336', '\u0337', '\u0338', '\u0332', '\u0333', '\u20dd'];
