import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileWords } from '../../../src/domain/words/compile-words.ts';
import {
  type MeasuredKind,
  measureWords,
  tableRows,
} from '../../../src/domain/words/measure-words.ts';

const folder = join(import.meta.dirname, '../../policy/labelled');
const rows = (name: string) => tableRows(readFileSync(join(folder, name), 'utf8'));
const texts = (name: string) => rows(name).map(({ kind = '', text = '' }) => ({ kind, text }));
const sum = (kinds: readonly MeasuredKind[], key: 'found' | 'of') =>
  kinds.reduce((all, kind) => all + kind[key], 0);

async function listed(languages: readonly string[]) {
  const lists = languages.map((language) => ({
    name: language,
    language,
    category: 'general',
    words: rows(`${language}.words.tsv`)
      .map((row) => row.listed)
      .join('\n'),
  }));
  return compileWords(lists, async () => {});
}

describe.each(['ar', 'en', 'ru', 'ur'])('the labelled set of %s', (language) => {
  it('is caught: 95 % of all, and 85 % of each kind of disguise', async () => {
    const kinds = measureWords(await listed([language]), texts(`${language}.positives.tsv`));
    expect(kinds.length).toBeGreaterThan(10);
    for (const { kind, found, of } of kinds) {
      expect(of, kind).toBeGreaterThanOrEqual(30);
      expect(found / of, kind).toBeGreaterThanOrEqual(0.85);
    }
    expect(sum(kinds, 'found') / sum(kinds, 'of')).toBeGreaterThanOrEqual(0.95);
  });

  it('has under 0.5 % of its innocents refused', async () => {
    const kinds = measureWords(await listed([language]), texts(`${language}.innocents.tsv`));
    expect(sum(kinds, 'of')).toBeGreaterThan(400);
    expect(sum(kinds, 'found') / sum(kinds, 'of')).toBeLessThan(0.005);
  });

  it('has under 1 % of its innocents refused by the lists of all four languages', async () => {
    const words = await listed(['ar', 'en', 'ru', 'ur']);
    const kinds = measureWords(words, texts(`${language}.innocents.tsv`));
    expect(sum(kinds, 'found') / sum(kinds, 'of')).toBeLessThan(0.01);
  });
});
