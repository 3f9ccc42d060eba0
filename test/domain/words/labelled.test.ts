import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileWords } from '../../../src/domain/words/compile-words.ts';
import {
  type MeasuredKind,
  measureWords,
  tableRows,
} from '../../../src/domain/words/measure-words.ts';

const rows = (set: string, name: string) =>
  tableRows(readFileSync(join(import.meta.dirname, '../../policy', set, name), 'utf8'));
const texts = (set: string, name: string) =>
  rows(set, name).map(({ kind = '', text = '' }) => ({ kind, text }));
const sum = (kinds: readonly MeasuredKind[], key: 'found' | 'of') =>
  kinds.reduce((all, kind) => all + kind[key], 0);

async function listed(set: string, languages: readonly string[]) {
  const lists = languages.map((language) => ({
    name: language,
    language,
    category: 'general',
    words: rows(set, `${language}.words.tsv`)
      .map((row) => row.listed)
      .join('\n'),
  }));
  return compileWords(lists, async () => {});
}

/** The sets, and how few texts a kind of disguise may have in it. */
const SETS = [
  ['labelled', 30],
  ['labelled-2', 15],
  ['labelled-3', 30],
  ['labelled-4', 30],
  ['labelled-5', 30],
  ['labelled-6', 40],
] as const;
const cells = SETS.flatMap(([set, least]) =>
  ['ar', 'en', 'ru', 'ur'].map((language) => [set, language, least] as const),
);

describe.each(cells)('the set %s of %s', (set, language, least) => {
  it('is caught: 95 % of all, and 85 % of each kind of disguise', async () => {
    const kinds = measureWords(
      await listed(set, [language]),
      texts(set, `${language}.positives.tsv`),
    );
    expect(kinds.length).toBeGreaterThan(10);
    for (const { kind, found, of } of kinds) {
      expect(of, kind).toBeGreaterThanOrEqual(least);
      expect(found / of, kind).toBeGreaterThanOrEqual(0.85);
    }
    expect(sum(kinds, 'found') / sum(kinds, 'of')).toBeGreaterThanOrEqual(0.95);
  });

  it('has under 0.5 % of its innocents refused', async () => {
    const kinds = measureWords(
      await listed(set, [language]),
      texts(set, `${language}.innocents.tsv`),
    );
    expect(sum(kinds, 'of')).toBeGreaterThan(400);
    expect(sum(kinds, 'found') / sum(kinds, 'of')).toBeLessThan(0.005);
  });

  it('has under 1 % of its innocents refused by the lists of all four languages', async () => {
    const words = await listed(set, ['ar', 'en', 'ru', 'ur']);
    const kinds = measureWords(words, texts(set, `${language}.innocents.tsv`));
    expect(sum(kinds, 'found') / sum(kinds, 'of')).toBeLessThan(0.01);
  });
});
