const HASHTAG = /[#＃]([\p{L}\p{N}]+)/gu;
/** Between a small letter and a capital, and before the last capital of several: "FREE|Chips|UK". */
const WORD_START = /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/gu;

/** Hashtags whose words are told by their capitals ("#BestSlotMachine"), each with blanks between these. */
export function partedHashtags(text: string): readonly string[] {
  if (!(text.includes('#') || text.includes('＃'))) return NONE;
  return Array.from(text.matchAll(HASHTAG), ([, tag = '']) => tag.replace(WORD_START, ' ')).filter(
    (tag) => tag.includes(' '),
  );
}

const NONE: readonly string[] = [];
