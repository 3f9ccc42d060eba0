/** A small letter before a capital: without it no words are told by their capitals. */
const HUMP = /\p{Ll}\p{Lu}/u;
/** A word, with the sign of a hashtag or a handle before it. */
const WORD = /([#＃@]?)([\p{L}\p{N}]+)/gu;
/** Between a small letter and a capital, and before the last capital of several: "FREE|Chips|UK". */
const WORD_START = /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/gu;
/** Two make a name ("VanDyke"), three do not. */
const THREE_WORDS = /^(?:\p{Lu}\p{Ll}{2,}){3}/u;

/** Words in one that are told by their capitals ("#BestSlotMachine", "MegaCasinoBonus"), with blanks between them. */
export function joinedWords(text: string): readonly string[] {
  if (!HUMP.test(text)) return NONE;
  const found: string[] = [];
  for (const [, sign, word = ''] of text.matchAll(WORD))
    if (HUMP.test(word) && (sign !== '' || THREE_WORDS.test(word)))
      found.push(word.replace(WORD_START, ' '));
  return found;
}

const NONE: readonly string[] = [];
