import { z } from 'zod';

const WORDS_CHARS_MAX = 8 * 1024 * 1024; // some 500,000 words: ten times the largest list seen
const ENTRY_CHARS_MAX = 200; // a phrase of a few words
const LANGUAGE = /^[a-z]{2,3}$/;
const CATEGORY = /^[a-z][a-z0-9-]{0,31}$/;

/** A category of words: it stands in rules and in what they tell. */
export const category = z
  .string()
  .regex(CATEGORY, 'must be 1 to 32 lower-case letters, digits or "-", a letter first');

/** The file's words as a list; kept as lines, so that a list of 20,000 costs the store and the parser one value. */
const entries = z
  .array(z.string().min(1).max(ENTRY_CHARS_MAX))
  .transform((words) => words.map((word) => word.replaceAll('\n', ' ')).join('\n'));

/** A list of words in one language; see words/parse-words.ts for what a line of it may be. */
export const wordListSchema = z.strictObject({
  /** ISO 639: which inflection its words have, and in Arabic script whose letters. */
  language: z.string().regex(LANGUAGE, 'must be a language such as ar, en, ru or ur'),
  /** Of words before the first `[heading]`. */
  category: category.default('general'),
  words: z.union([z.string(), entries]).pipe(z.string().max(WORDS_CHARS_MAX)),
});

/** A word list as data. */
export type WordListSpec = z.output<typeof wordListSchema>;

/** Word lists that `file` may name: their text by the name of the file. */
export type WordFiles = ReadonlyMap<string, string>;

/**
 * A resources file in which each word list with a `file` has the words of that file instead; what is no word list is
 * left to the schema.
 */
export function withWordFiles(
  file: unknown,
  files: WordFiles,
): { readonly file: unknown; readonly unknown: readonly { list: string; message: string }[] } {
  const lists = isRecord(file) ? file.wordLists : undefined;
  if (!isRecord(file) || !isRecord(lists)) return { file, unknown: [] };
  const unknown: { list: string; message: string }[] = [];
  const filled = Object.entries(lists).map(([list, spec]) => {
    if (!isRecord(spec) || spec.file === undefined || spec.words !== undefined) return [list, spec];
    const { file: named, ...rest } = spec;
    const words = files.get(String(named));
    if (words === undefined) {
      const message = `no such file of words: there are ${[...files.keys()].join(', ')}`;
      unknown.push({ list, message });
    }
    return [list, { ...rest, words: words ?? '' }];
  });
  return { file: { ...file, wordLists: Object.fromEntries(filled) }, unknown };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
