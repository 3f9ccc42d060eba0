import { describe, expect, it } from 'vitest';
import type { WordSource } from '../../src/domain/words/compile-words.ts';
import { compileWordsApart } from '../../src/gateway/words-thread.ts';

/** So many that they are compiled on a thread of their own. */
const CONSONANTS = 'bcdfghjklmnpqrtvwxz';
const MANY = Array.from({ length: 5_000 }, (_, n) =>
  [n, n / 19, n / 361].map((part) => `${CONSONANTS[Math.floor(part) % 19]}o`).join(''),
);

function list(name: string, language: string, words: readonly string[]): WordSource {
  return { name, language, category: 'general', words: words.join('\n') };
}

describe('compileWordsApart', () => {
  it('finds words, phrases, what is exempt and other scripts when lists are long', async () => {
    const words = await compileWordsApart([
      list('en', 'en', [...MANY, '[threats]', 'kill', 'burn the house', 'burn the car', '!kilt']),
      list('more', 'en', ['kill', 'burn the house down', '彩票']),
      list('ru', 'ru', ['казино']),
    ]);
    expect(words.foundIn('bodofo')).toEqual([{ list: 'en', category: 'general' }]);
    expect(words.foundIn('we will k1ll you')).toEqual([
      { list: 'en', category: 'threats' },
      { list: 'more', category: 'general' },
    ]);
    expect(words.foundIn('he wore a kilt')).toEqual([]);
    expect(words.foundIn('burn the house')).toEqual([{ list: 'en', category: 'threats' }]);
    expect(words.foundIn('burn the house down')).toEqual([
      { list: 'en', category: 'threats' },
      { list: 'more', category: 'general' },
    ]);
    expect(words.foundIn('burn the candle')).toEqual([]);
    expect(words.foundIn('Лучшее к а з и н о')).toEqual([{ list: 'ru', category: 'general' }]);
    expect(words.foundIn('买 彩票 吧')).toEqual([{ list: 'more', category: 'general' }]);
    expect(words.counts.get('more')).toBe(3);
  });

  it('holds thousands of phrases, each under every list that has it', async () => {
    const phrases = Array.from({ length: 3_000 }, (_, n) => `north ${MANY[n]} ${MANY[n + 1]}`);
    const words = await compileWordsApart([
      list('a', 'en', phrases),
      list('b', 'en', phrases.slice(1_000)),
    ]);
    for (const at of [0, 999, 1_000, 2_999])
      expect(
        words.foundIn(`go ${phrases[at]} now`).map((found) => found.list),
        phrases[at],
      ).toEqual(at < 1_000 ? ['a'] : ['a', 'b']);
    expect(words.foundIn(`north ${MANY[5]}`)).toEqual([]);
  });
});
