import { describe, expect, it } from 'vitest';
import { compileOptOutWords, START_WORDS, STOP_WORDS } from '../../src/domain/opt-out-words.ts';

const words = compileOptOutWords(STOP_WORDS, START_WORDS);

describe('compileOptOutWords', () => {
  it.each([
    'STOP',
    'stop',
    'Stop!',
    ' "STOP" ',
    'stop all',
    'STOPALL',
    'Unsubscribe',
    'cancel',
    'End.',
    'QUIT',
    'ＳＴＯＰ',
    'стоп',
    'Отписаться',
    'إلغاء',
    'الغاء الاشتراك',
    'توقف',
    'بند کریں',
  ])('%s opts out', (text) => {
    expect(words.wishOf(text)).toBe('out');
  });

  it.each(['START', 'unstop', 'Старт', 'اشتراك', 'شروع'])('%s opts in', (text) => {
    expect(words.wishOf(text)).toBe('in');
  });

  it.each([
    '',
    '...',
    'stop it',
    "don't stop",
    'nonstop',
    'The end',
    'cancel my order',
    'stop'.repeat(100),
  ])('%s asks nothing', (text) => {
    expect(words.wishOf(text)).toBeUndefined();
  });

  it('takes words of a policy in place of the usual ones', () => {
    const own = compileOptOutWords(['basta'], []);
    expect([own.wishOf('Basta'), own.wishOf('stop')]).toEqual(['out', undefined]);
  });
});
