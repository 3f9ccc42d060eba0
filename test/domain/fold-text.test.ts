import { describe, expect, it } from 'vitest';
import { foldText, isWordChar, MARK, WORD } from '../../src/domain/fold-text.ts';

describe('foldText', () => {
  it.each([
    ['Casino', 'casino'],
    ['ＣＡＳＩＮＯ', 'casino'], // full width
    ['𝐂𝐚𝐬𝐢𝐧𝐨', 'casino'], // mathematical letters
    ['STRASSE', foldText('straße')],
    ['ΟΔΟΣ', foldText('οδος')],
    ['КАЗИНО', 'казино'],
    ['ﬁnance', 'finance'], // ligature
    ['e\u0301', 'é'], // composed
  ])('makes %s the same as %s', (text, folded) => {
    expect(foldText(text)).toBe(folded);
  });
});

describe('isWordChar', () => {
  it.each([
    ['a', WORD],
    ['7', WORD],
    ['ж', WORD],
    ['ع', WORD],
    ['字', WORD],
    ['\u064b', MARK], // Arabic fathatan
    ['\ufe0f', MARK], // variation selector
    [' ', 0],
    ['_', 0],
    ['-', 0],
    ['🔥', 0],
    ['\ud83d', 0], // half a pair
  ])('tells what "%s" is to a word', (char, kind) => {
    expect(isWordChar(char, 0)).toBe(kind);
  });

  it('has both halves of a pair of one kind', () => {
    expect(isWordChar('𠀋', 0)).toBe(WORD);
    expect(isWordChar('𠀋', 1)).toBe(WORD);
  });
});
