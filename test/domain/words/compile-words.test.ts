import { describe, expect, it } from 'vitest';
import { compileWords, type WordSource } from '../../../src/domain/words/compile-words.ts';

const list = (words: string[], language = 'en', name = 'list'): WordSource => ({
  name,
  language,
  category: 'general',
  words: words.join('\n'),
});
const compiled = (...lists: WordSource[]) => compileWords(lists, async () => {});

describe('foundIn', () => {
  it.each([
    'class',
    'Scunthorpe',
    'assassin in Essex',
    'pass it, assess it',
    'met her at 5.30',
    'c l a s s',
    'gl@ss',
    'A.S.A.P.',
  ])('never finds a listed word inside "%s"', async (text) => {
    const words = await compiled(list(['ass', 'cunt', 'sex', 'tit', 'meth']));
    expect(words.foundIn(text)).toEqual([]);
  });

  it.each([
    ['cаsino', 'a Cyrillic letter'],
    ['c4s1n0', 'digits'],
    ['c.a.s.i.n.o', 'full stops'],
    ['cas-ino', 'one sign'],
    ['c|a|s|i|n|o', 'a sign that may be a letter'],
    ['caaasiiino', 'letters in a row'],
    ['c\u200bas\u2066ino', 'characters that nobody sees'],
    ['🅲🅰🆂🅸🅽🅾', 'letters in squares'],
    ['ca<b>s</b>ino', 'markup'],
    ['CASINOS', 'its plural'],
    ['casino777', 'digits behind a long word'],
    ['play c a s i n o now', 'blanks'],
  ])('finds "%s": %s', async (text) => {
    const words = await compiled(list(['casino']));
    expect(words.foundIn(`Visit ${text} today`)).toEqual([{ list: 'list', category: 'general' }]);
  });

  it('says which list and category', async () => {
    const words = await compiled(
      list(['# of two kinds', '[gambling]', 'casino', '[adult]', 'porn'], 'en', 'one'),
      list(['казино'], 'ru', 'two'),
    );
    expect(words.foundIn('porn, казино')).toEqual([
      { list: 'one', category: 'adult' },
      { list: 'two', category: 'general' },
    ]);
  });

  it('knows what is exact and what is never found', async () => {
    const words = await compiled(
      list(['=bet', 'сука', '!суке'], 'ru'),
      list(['heroin', '!heroins']),
    );
    expect(words.foundIn('bets')).toEqual([]);
    expect(words.foundIn('bet')).toHaveLength(1);
    expect(words.foundIn('heroins')).toEqual([]);
    expect(words.foundIn('heroin')).toHaveLength(1);
  });

  it('finds phrases whatever stands between their words, each inflected', async () => {
    const words = await compiled(list(['loan shark']), list(['поддельный паспорт'], 'ru', 'ru'));
    expect(words.foundIn('LOAN -- sharks')).toHaveLength(1);
    expect(words.foundIn('продаю поддельные паспорта')).toHaveLength(1);
    expect(words.foundIn('shark loan')).toEqual([]);
  });

  it('asks the language of a text where a short Arabic word is another one in Urdu', async () => {
    const words = await compiled(list(['كس'], 'ar'));
    expect(words.foundIn('يا ابن كس لا ترجع إلى هنا')).toHaveLength(1);
    expect(words.foundIn('یہ کس کی کتاب ہے')).toEqual([]);
  });

  it('finds words of other scripts whole', async () => {
    const words = await compiled(list(['賭博', 'קזינו'], 'he'));
    expect(words.foundIn('賭博')).toHaveLength(1);
    expect(words.foundIn('בוא לקזינו')).toEqual([]);
    expect(words.foundIn('קזינו')).toHaveLength(1);
  });

  it('is linear in the text, and a nasty one cannot stall it', async () => {
    const words = await compiled(
      list(Array.from({ length: 5_000 }, (_, i) => `${'il'.repeat(3)}${i.toString(36)}`)),
    );
    const cpu = (text: string) => {
      const start = process.cpuUsage();
      words.foundIn(text);
      const { user, system } = process.cpuUsage(start);
      return user + system;
    };
    const nasty = (length: number) => '1|'.repeat(length / 2);
    cpu(nasty(2_000));
    expect(cpu(nasty(60_000))).toBeLessThan(Math.max(cpu(nasty(6_000)), 2_000) * 40);
  });

  it('pauses while it compiles', async () => {
    let pauses = 0;
    const many = list(Array.from({ length: 5_000 }, (_, i) => `word${i}`));
    await compileWords([many], async () => {
      pauses += 1;
    });
    expect(pauses).toBeGreaterThanOrEqual(50);
  });
});
