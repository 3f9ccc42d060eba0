import type { CompiledWords } from './compile-words.ts';

/** One text of a labelled set. */
export interface LabelledText {
  readonly kind: string;
  readonly text: string;
}

/** How many of a kind were found. */
export interface MeasuredKind {
  readonly kind: string;
  readonly found: number;
  readonly of: number;
}

/** How many texts of each kind have a word of the lists, in the kinds' order. */
export function measureWords(words: CompiledWords, texts: readonly LabelledText[]): MeasuredKind[] {
  const kinds = new Map<string, { found: number; of: number }>();
  for (const { kind, text } of texts) {
    const counts = kinds.get(kind) ?? { found: 0, of: 0 };
    kinds.set(kind, counts);
    counts.of += 1;
    if (words.foundIn(text).length > 0) counts.found += 1;
  }
  return [...kinds].map(([kind, counts]) => ({ kind, ...counts }));
}

/** Rows of a table with a line of headings, as objects; fields are neither trimmed nor quoted. */
export function tableRows(text: string): Readonly<Record<string, string>>[] {
  const [head = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const names = head.split('\t');
  return lines.map((line) => {
    const fields = line.split('\t');
    return Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']));
  });
}
