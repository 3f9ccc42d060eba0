import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../src/domain/steps.ts';
import { compileWordList as compileSteps } from '../../src/domain/word-list.ts';

const compileWordList = (entries: readonly string[]) => atOnce(compileSteps(entries));

const list = compileWordList([
  'casino',
  'free money',
  'free money now please',
  'Ставка',
  'قمار',
  "don't pay",
  '賭博',
]);

describe('foundIn', () => {
  it.each([
    'Visit our CASINO today',
    'casino',
    '(casino)',
    'la-casino-royale',
    'FREE\n money!',
    'free... money',
    'free free money',
    'ＣＡＳＩＮＯ',
    'ставка 100',
    'لعبة قمار هنا',
    "Don't pay now",
    '🔥casino🔥',
    '❤️casino', // a variation selector before the word
    '賭博',
  ])('finds a listed word or phrase in "%s"', (text) => {
    expect(list.foundIn(text)).toBe(true);
  });

  it.each([
    'casinos',
    'mycasino',
    'cas ino',
    'free lunch, money back',
    'moneyfree',
    'free',
    'ставками',
    '',
    '100',
    'casino5',
  ])('finds none in "%s": only whole words count', (text) => {
    expect(list.foundIn(text)).toBe(false);
  });

  it('finds nothing with an empty list, or one of entries without letters', () => {
    expect(compileWordList([]).foundIn('casino')).toBe(false);
    expect(compileWordList(['---', '🔥']).foundIn('--- 🔥')).toBe(false);
  });

  it('agrees with a search through all words and phrases', () => {
    const word = fc.constantFrom('a', 'b', 'cd', 'é', 'ж');
    const phrase = fc.array(word, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(phrase, { maxLength: 6 }),
        fc.array(word, { maxLength: 12 }),
        (phrases, words) => {
          const text = ` ${words.join(' ')} `;
          const expected = phrases.some((each) => text.includes(` ${each.join(' ')} `));
          expect(
            compileWordList(phrases.map((each) => each.join(' '))).foundIn(words.join('  ')),
          ).toBe(expected);
        },
      ),
    );
  });

  it('is linear in the text: a hundred times the text, far below a thousand times the time', () => {
    const nasty = compileWordList([
      'a a a a a a a a a b',
      ...Array.from({ length: 20_000 }, (_, i) => `word${i}`),
    ]);
    /** Microseconds of CPU. */
    const cpu = (text: string) => {
      const start = process.cpuUsage();
      expect(nasty.foundIn(text)).toBe(false);
      return process.cpuUsage(start).user;
    };
    cpu('a '.repeat(10_000)); // warm
    const small = Math.max(cpu('a '.repeat(1_000)), 200);
    expect(cpu('a '.repeat(100_000))).toBeLessThan(small * 1000);
  });
});
