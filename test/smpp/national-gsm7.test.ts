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

  it('leaves other headers and languages to the default alphabet', () => {
    expect(read([0x00, 3, 1, 2, 1], [0x41])).toBeUndefined();
    expect(read([0x25, 1, 1], [0x41])).toBeUndefined();
    expect(read([0x25, 2, 13, 13], [0x41])).toBeUndefined();
    expect(nationalText(Buffer.from([9, 0x25]), Buffer.from([0x41]))).toBeUndefined();
  });
});
