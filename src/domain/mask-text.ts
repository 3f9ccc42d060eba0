/** Beyond so many words a text is not masked: each may be looked at eight times. 100 are some four SMS. */
const WORDS_MAX = 100;
/** Words in a row that are looked at together: a phrase, or a word with blanks between its letters. */
const WINDOW_MAX = 8;
/** What stands between words stays as it is. */
const WORD = /\S+/g;

/**
 * A text with signs in place of each character of the words for which something is found in it: the fewest words in a
 * row that are found by themselves.
 *
 * @param isFound whether something is found in a text, or a part of it
 * @returns undefined: there are more than 100 words, or something is still found
 */
export function maskText(
  text: string,
  sign: string,
  isFound: (text: string) => boolean,
): string | undefined {
  const words = [...text.matchAll(WORD)];
  if (words.length > WORDS_MAX) return undefined;
  let masked = text;
  for (let window = 1; window <= Math.min(WINDOW_MAX, words.length); window++) {
    for (let first = 0; first + window <= words.length; first++) {
      const from = words[first]?.index ?? 0;
      const last = words[first + window - 1];
      const to = (last?.index ?? 0) + (last?.[0].length ?? 0);
      const some = masked.slice(from, to);
      if (isFound(some)) masked = masked.slice(0, from) + maskAll(some, sign) + masked.slice(to);
    }
    if (!isFound(masked)) return masked;
  }
  return undefined;
}

/** A sign for each unit of UTF-16, so that places stay. */
function maskAll(text: string, sign: string): string {
  return text.replace(/[^\s]/g, sign);
}
