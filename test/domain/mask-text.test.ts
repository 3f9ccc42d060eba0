import { describe, expect, it } from 'vitest';
import { maskText } from '../../src/domain/mask-text.ts';

const has = (...words: string[]) => {
  return (text: string) => words.some((word) => text.toLowerCase().includes(word));
};

describe('maskText', () => {
  it.each([
    { text: 'our Casino is open', words: ['casino'], masked: 'our ****** is open' },
    { text: 'casino, casino!', words: ['casino'], masked: '******* *******' },
    { text: 'win  big\nmoney', words: ['big\nmoney'], masked: 'win  ***\n*****' },
    {
      text: 'the big money and big apples',
      words: ['big money'],
      masked: 'the *** ***** and big apples',
    },
    { text: 'a c a s i n o b', words: ['c a s i n o'], masked: 'a * * * * * * b' },
    { text: 'نادي القمار هنا', words: ['القمار'], masked: 'نادي ****** هنا' },
    { text: 'clean', words: ['casino'], masked: 'clean' },
  ])('masks the fewest words that are found: $text', ({ text, words, masked }) => {
    expect(maskText(text, '*', has(...words))).toBe(masked);
  });

  it('gives up where it is still found, and where there are more words than it looks at', () => {
    expect(maskText('all of this', '*', () => true)).toBeUndefined();
    const spread = 'one two three four five six seven eight nine';
    expect(maskText(spread, '*', has(spread))).toBeUndefined();
    expect(maskText(`casino ${'x '.repeat(100)}`, '*', has('casino'))).toBeUndefined();
  });

  it('looks at each place of a text a stated number of times', () => {
    let asked = 0;
    maskText('x '.repeat(100), '*', () => {
      asked++;
      return asked % 900 === 0;
    });
    expect(asked).toBeLessThanOrEqual(8 * 101);
  });
});
