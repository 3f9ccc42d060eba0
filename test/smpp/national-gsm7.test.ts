import { describe, expect, it } from 'vitest';
import { nationalText } from '../../src/smpp/national-gsm7.ts';

/** A header of these elements (TS 23.040 §9.2.3.24), and the septets behind it. */
function read(elements: number[], septets: number[]): string | undefined {
  return nationalText(Buffer.from([elements.length, ...elements]), Buffer.from(septets));
}

const LOCKING = [0x25, 1, 13];
const SINGLE = [0x24, 1, 13];

describe('nationalText', () => {
  it('reads Urdu of the locking shift table (TS 23.038 annex A.3.13)', () => {
    // ا 0x00, ب 0x02, ت 0x07, س 0x3d, ک 0x47, ن 0x4f, ے 0x5b, ـ of no table
    expect(read(LOCKING, [0x00, 0x02, 0x07])).toBe('ابت');
    expect(read(LOCKING, [0x3d, 0x47, 0x4f, 0x5b])).toBe('سکنے');
    expect(read(LOCKING, [...Buffer.from('code 12')])).toBe('code 12');
    expect(read(LOCKING, [0x60, 0x7b, 0x7f])).toBe('\u0654\u0655\u0670');
    // Behind an escape stands the default extension table, and what it lacks is of the table in force.
    expect(read(LOCKING, [0x1b, 0x28, 0x1b, 0x00, 0x1b])).toBe('{ا ');
  });

  it('reads Urdu of the single shift table (annex A.2.13) behind an escape', () => {
    // ۰ 0x1c, ۹ 0x25, ؟ 0x33, tatweel 0x34, ۔ 0x3f, A 0x41, € 0x65
    const shifted = [0x1c, 0x25, 0x33, 0x34, 0x3f, 0x41, 0x5a, 0x65].flatMap((one) => [0x1b, one]);
    expect(read(SINGLE, [0x41, ...shifted])).toBe('A۰۹؟ـ۔AZ€');
    expect(read([...LOCKING, ...SINGLE], [0x02, 0x1b, 0x34, 0x07])).toBe('بـت');
  });

  it('has one character for each septet', () => {
    const all = read(
      LOCKING,
      Array.from({ length: 128 }, (_, i) => i).filter((i) => i !== 0x1b),
    );
    expect([...(all ?? '')]).toHaveLength(127);
    expect(new Set(all).size).toBe(127);
    expect(read(LOCKING, [0x80])).toBe('\ufffd');
  });

  // Septets by the columns of annex A.3: 0x4d is row D of column 4.
  it.each([
    [1, 'İstanbul ışığı', [0x40, ...Buffer.from('stanbul '), 0x07, 0x1d, 0x07, 0x0c, 0x07]],
    [3, 'São João', [0x53, 0x7b, 0x6f, 0x20, 0x4a, 0x6f, 0x7b, 0x6f]],
    [4, 'বাংলা', [0x40, 0x50, 0x01, 0x46, 0x50]],
    [5, 'ગુજરાતી', [0x17, 0x53, 0x1d, 0x44, 0x50, 0x27, 0x52]],
    [6, 'हिन्दी', [0x4d, 0x51, 0x2f, 0x5f, 0x2b, 0x52]],
    [7, 'ಕನ್ನಡ', [0x15, 0x2f, 0x5f, 0x2f, 0x24]],
    [8, 'മലയാളം', [0x42, 0x46, 0x43, 0x50, 0x47, 0x01]],
    [9, 'ଓଡିଆ', [0x13, 0x24, 0x51, 0x04]],
    [10, 'ਪੰਜਾਬੀ', [0x3d, 0x7b, 0x1d, 0x50, 0x40, 0x52]],
    [11, 'தமிழ்', [0x27, 0x42, 0x51, 0x48, 0x5f]],
    [12, 'తెలుగు', [0x27, 0x58, 0x46, 0x53, 0x17, 0x53]],
  ])('reads the locking shift table of language %i: %s', (language, text, septets) => {
    expect(read([0x25, 1, language], septets)).toBe(text);
    // Latin letters are small ones, and a blank and digits are where they always are.
    expect(read([0x25, 1, language], [...Buffer.from('code 12')])).toBe('code 12');
  });

  // By annex A.2.
  it.each([
    [1, 'ĞİŞçğış', [0x47, 0x49, 0x53, 0x63, 0x67, 0x69, 0x73]],
    [2, 'çÁÍÓÚáíóú', [0x09, 0x41, 0x49, 0x4f, 0x55, 0x61, 0x69, 0x6f, 0x75]],
    [3, 'êÀãõâ', [0x05, 0x41, 0x7b, 0x7c, 0x7f]],
    [4, '০৯\u09df', [0x19, 0x23, 0x24]],
    [5, '।૦૯', [0x19, 0x1c, 0x25]],
    [6, '।०ॱ', [0x19, 0x1c, 0x3a]],
    [7, '೦ೲ', [0x1c, 0x2a]],
    [8, '൦ൿ', [0x1c, 0x34]],
    [9, '୦ୱ', [0x1c, 0x2c]],
    [10, '੦ੵ', [0x1c, 0x2d]],
    [11, '௦௺', [0x1c, 0x2e]],
    [12, '౦౿', [0x1c, 0x32]],
  ])('reads the single shift table of language %i: %s', (language, text, septets) => {
    const shifted = septets.flatMap((septet) => [0x1b, septet]);
    expect(read([0x24, 1, language], shifted)).toBe(text);
    // Behind an escape all have capital letters or leave them to the default alphabet, and the euro.
    expect(read([0x24, 1, language], [0x1b, 0x42, 0x1b, 0x65, 0x42])).toBe('B€B');
  });

  it('goes by the last element of a kind, and by the default alphabet where a language has no table', () => {
    expect(read([0x25, 1, 13, 0x25, 1, 6], [0x4d])).toBe('ह');
    // Spanish has no locking shift table; 14 is reserved.
    expect(read([0x25, 1, 2, 0x24, 1, 2], [0x41, 0x1b, 0x61])).toBe('Aá');
    expect(read([0x25, 1, 14], [0x41])).toBeUndefined();
  });

  it('reads an escape behind an escape, and what a table leaves empty, as a blank', () => {
    expect(read(LOCKING, [0x02, 0x1b, 0x1b, 0x02])).toBe('ب ب');
    expect(read(SINGLE, [0x1b, 0x1b])).toBe(' ');
    expect(read([0x25, 1, 12], [0x0c])).toBe(' ');
  });

  it('leaves other headers to the default alphabet', () => {
    expect(read([0x00, 3, 1, 2, 1], [0x41])).toBeUndefined();
    expect(read([0x25, 2, 13, 13], [0x41])).toBeUndefined();
    expect(nationalText(Buffer.from([9, 0x25]), Buffer.from([0x41]))).toBeUndefined();
  });
});
