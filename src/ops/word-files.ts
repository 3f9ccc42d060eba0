import { readdirSync, readFileSync } from 'node:fs';
import type { WordFiles } from '../domain/word-list-schema.ts';

/** Shipped with the product, beside `dist` as beside `src`. */
const FOLDER = new URL('../../config/word-lists/', import.meta.url);

/** The starter word lists by the name of their file, read once: what `wordLists.NAME.file` may name. */
export function wordFiles(): WordFiles {
  known ??= new Map(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith('.txt'))
      .sort()
      .map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]),
  );
  return known;
}

let known: WordFiles | undefined;
