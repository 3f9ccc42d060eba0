import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeGsm7,
  encodeGsm7,
  gsm7Length,
  gsm7Misfit,
  packSeptets,
  unpackSeptets,
} from '../../src/smpp/gsm7.ts';
import { gsm7Vectors, hex } from './golden.ts';

const alphabet = [...Object.values(gsm7Vectors.basic), ...Object.values(gsm7Vectors.extension)];
const arbitraryText = fc
  .array(fc.constantFrom(...alphabet))
  .map((characters) => characters.join(''));

describe('decodeGsm7', () => {
  it('knows every septet of the basic table', () => {
    for (const [octet, character] of Object.entries(gsm7Vectors.basic)) {
      expect(decodeGsm7(hex(octet)), octet).toBe(character);
    }
  });

  it('knows every septet of the extension table', () => {
    for (const [octet, character] of Object.entries(gsm7Vectors.extension)) {
      expect(decodeGsm7(hex(`1b${octet}`)), octet).toBe(character);
    }
  });

  it.each(gsm7Vectors.vectors.map((vector) => [vector.text.slice(0, 30), vector] as const))(
    'reads the golden text %j',
    (_, vector) => {
      expect(decodeGsm7(hex(vector.gsm_unpacked))).toBe(vector.text);
    },
  );

  it('shows an unknown extension as the basic character and a last escape as a space (TS 23.038 §6.2.1)', () => {
    expect(decodeGsm7(hex('1b61'))).toBe('a');
    expect(decodeGsm7(hex('61 1b'))).toBe('a ');
  });

  it('replaces octets that are no septets', () => {
    expect(decodeGsm7(hex('61 80 ff 1b ff 62'))).toBe('a\ufffd\ufffd\ufffdb');
  });
});

describe('encodeGsm7', () => {
  it.each(
    [...gsm7Vectors.vectors, ...gsm7Vectors.literal_vectors].map(
      (vector) => [vector.text.slice(0, 30), vector] as const,
    ),
  )('writes the golden text %j', (_, vector) => {
    const unpacked = 'gsm' in vector ? vector.gsm : vector.gsm_unpacked;
    expect(encodeGsm7(vector.text)?.toString('hex')).toBe(unpacked);
    expect(gsm7Length(vector.text)).toBe(unpacked.length / 2);
  });

  it('round-trips every text of its alphabet', () => {
    fc.assert(
      fc.property(arbitraryText, (text) => {
        expect(decodeGsm7(encodeGsm7(text) as Buffer)).toBe(text);
      }),
      { seed: 7 },
    );
  });

  it('says where a character is not in the alphabet', () => {
    expect(encodeGsm7('naïve')).toBeUndefined();
    expect(gsm7Misfit('naïve')).toBe(2);
    expect(gsm7Length('naïve')).toBe(-1);
    expect(gsm7Misfit('nave')).toBe(-1);
    expect(encodeGsm7('`')).toBeUndefined();
    expect(encodeGsm7('\x1b')).toBeUndefined();
  });
});

describe('packSeptets', () => {
  it.each(gsm7Vectors.vectors.map((vector) => [vector.text.slice(0, 30), vector] as const))(
    'packs and unpacks the golden text %j',
    (_, vector) => {
      const unpacked = hex(vector.gsm_unpacked);
      const packed = hex(vector.gsm_packed);
      expect(packSeptets(unpacked).toString('hex')).toBe(vector.gsm_packed);
      expect(unpackSeptets(packed, unpacked.length).toString('hex')).toBe(vector.gsm_unpacked);
    },
  );

  it('round-trips with the fill bits of any header', () => {
    const septets = fc
      .uint8Array({ max: 127, maxLength: 170 })
      .map((values) => Buffer.from(values));
    fc.assert(
      fc.property(septets, fc.integer({ min: 0, max: 6 }), (unpacked, fill) => {
        const packed = packSeptets(unpacked, fill);
        expect(packed.length).toBe(Math.ceil((unpacked.length * 7 + fill) / 8));
        expect(unpackSeptets(packed, unpacked.length, fill)).toEqual(unpacked);
      }),
      { seed: 8 },
    );
  });

  it('unpacks as many septets as fit without a count, and never more', () => {
    expect(unpackSeptets(hex('e8329bfd4697d9ec37')).toString()).toBe('hellohello');
    expect(unpackSeptets(hex('e832'), 100).length).toBe(2);
    expect(unpackSeptets(Buffer.alloc(0)).length).toBe(0);
  });
});
