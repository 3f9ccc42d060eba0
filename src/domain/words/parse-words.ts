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

/**
 * The categories that have an entry. Of each heading's entries only the first is read, so that half a million take about a
 * millisecond.
 */
export function categoriesOf(words: string, category: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (let at = 0; at < words.length; ) {
    const next = nextHeading(words, at);
    const [first] = parseWords(words.slice(at, next), category);
    if (first !== undefined) found.add(first.category);
    at = next;
  }
  return found;
}

/** Where the next line begins that is a heading, behind the line at `from`; the end where there is none. */
function nextHeading(words: string, from: number): number {
  let line = lineEnd(words, from) + 1;
  for (;;) {
    const open = words.indexOf('[', line);
    if (open < 0) return words.length;
    const end = lineEnd(words, open);
    const start = words.lastIndexOf('\n', open) + 1;
    const text = words.slice(start, end).trim();
    if (text.startsWith('[') && text.endsWith(']')) return start;
    line = end + 1;
  }
}

function lineEnd(words: string, from: number): number {
  const end = words.indexOf('\n', from);
  return end < 0 ? words.length : end;
}
