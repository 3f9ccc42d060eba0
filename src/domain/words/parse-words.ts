/** An entry of a list. */
export interface WordEntry {
  readonly text: string;
  readonly category: string;
  /** `=`: in no other form; `!`: never found. */
  readonly mark: '' | '=' | '!';
}

/**
 * The entries of a list, one a line: a word or phrase; `=word` in this form alone; `!word` is never found (an innocent
 * form of a listed word). `# ...` is a comment, `[category]` heads the entries after it.
 */
export function* parseWords(words: string, category: string): Generator<WordEntry> {
  let current = category;
  for (let at = 0; at <= words.length; ) {
    const end = words.indexOf('\n', at);
    const line = words.slice(at, end < 0 ? words.length : end).trim();
    at = end < 0 ? words.length + 1 : end + 1;
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[') && line.endsWith(']')) {
      current = line.slice(1, -1).trim() || category;
      continue;
    }
    const mark = line.startsWith('=') ? '=' : line.startsWith('!') ? '!' : '';
    yield { text: line.slice(mark.length), category: current, mark };
  }
}
