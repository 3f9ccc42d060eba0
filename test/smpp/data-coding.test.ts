import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DefaultAlphabet,
  decodeText,
  encodeText,
  parseDataCoding,
  smallestDataCoding,
} from '../../src/smpp/data-coding.ts';
import { gsm7Vectors, hex } from './golden.ts';

const anyDefault = fc.constantFrom<DefaultAlphabet>('gsm7', 'latin1', 'ascii');

describe('parseDataCoding', () => {
  const plain = { messageClass: undefined, compressed: false, messageWaiting: false };
  /** SMPP 3.4 §5.2.19 up to 0x0e; 3GPP TS 23.038 §4 above. */
  const cases: [number, object][] = [
    [0x00, { ...plain, alphabet: 'default' }],
    [0x01, { ...plain, alphabet: 'ascii' }],
    [0x02, { ...plain, alphabet: 'octets' }],
    [0x03, { ...plain, alphabet: 'latin1' }],
    [0x04, { ...plain, alphabet: 'octets' }],
    [0x05, { ...plain, alphabet: 'shift_jis' }],
    [0x06, { ...plain, alphabet: 'iso-8859-5' }],
    [0x07, { ...plain, alphabet: 'iso-8859-8' }],
    [0x08, { ...plain, alphabet: 'ucs2' }],
    [0x0a, { ...plain, alphabet: 'iso-2022-jp' }],
    [0x0d, { ...plain, alphabet: 'euc-jp' }],
    [0x0e, { ...plain, alphabet: 'euc-kr' }],
    [0x10, { ...plain, alphabet: 'default', messageClass: 0 }],
    [0x11, { ...plain, alphabet: 'default', messageClass: 1 }],
    [0x12, { ...plain, alphabet: 'default', messageClass: 2 }],
    [0x14, { ...plain, alphabet: 'octets', messageClass: 0 }],
    [0x18, { ...plain, alphabet: 'ucs2', messageClass: 0 }],
    [0x1b, { ...plain, alphabet: 'ucs2', messageClass: 3 }],
    // Bit 4 clear: bits 1 and 0 have no meaning.
    [0x0f, { ...plain, alphabet: 'default' }],
    [0x24, { ...plain, alphabet: 'octets', compressed: true }],
    [0x28, { ...plain, alphabet: 'ucs2', compressed: true }],
    [0x40, { ...plain, alphabet: 'default' }],
    [0x58, { ...plain, alphabet: 'ucs2', messageClass: 0 }],
    [0x80, { ...plain, alphabet: 'default' }],
    [0xb5, { ...plain, alphabet: 'default' }],
    [0xc8, { ...plain, alphabet: 'default', messageWaiting: true }],
    [0xd1, { ...plain, alphabet: 'default', messageWaiting: true }],
    [0xe0, { ...plain, alphabet: 'ucs2', messageWaiting: true }],
    [0xf0, { ...plain, alphabet: 'default', messageClass: 0 }],
    [0xf2, { ...plain, alphabet: 'default', messageClass: 2 }],
    [0xf5, { ...plain, alphabet: 'octets', messageClass: 1 }],
  ];
  it.each(cases)('reads 0x%s', (value, expected) => {
    expect(parseDataCoding(value)).toEqual(expected);
  });
});

describe('decodeText', () => {
  it.each(gsm7Vectors.vectors.map((vector) => [vector.text.slice(0, 30), vector] as const))(
    'reads the golden text %j in GSM 7-bit and UCS-2',
    (_, vector) => {
      expect(decodeText(hex(vector.gsm_unpacked), 0, 'gsm7')).toBe(vector.text);
      expect(decodeText(hex(vector.gsm_unpacked), 0xf1, 'gsm7')).toBe(vector.text);
      expect(decodeText(hex(vector.ucs2), 8, 'gsm7')).toBe(vector.text);
      expect(decodeText(hex(vector.ucs2), 0x18, 'gsm7')).toBe(vector.text);
    },
  );

  it('reads data_coding 0 in the alphabet that the peer calls its default', () => {
    expect(decodeText(hex('40 a3 5f'), 0, 'latin1')).toBe('@£_');
    expect(decodeText(hex('00 01 11'), 0, 'gsm7')).toBe('@£_');
    expect(decodeText(hex('40 a3 5f'), 0, 'ascii')).toBe('@\ufffd_');
  });

  it('reads the national alphabets of SMPP', () => {
    expect(decodeText(hex('bfe0d8d2d5e2'), 6, 'gsm7')).toBe('Привет');
    expect(decodeText(hex('f9ece5ed'), 7, 'gsm7')).toBe('שלום');
    expect(decodeText(hex('93fa967b'), 5, 'gsm7')).toBe('日本');
    expect(decodeText(hex('c7d1b1db'), 14, 'gsm7')).toBe('한글');
  });

  it('reads surrogate pairs, and replaces half ones and a last odd octet', () => {
    expect(decodeText(hex('d83ddc4b'), 8, 'gsm7')).toBe('👋');
    expect(decodeText(hex('d83d 0061'), 8, 'gsm7')).toBe('\ufffda');
    expect(decodeText(hex('0061 00'), 8, 'gsm7')).toBe('a\ufffd');
  });

  it('never throws, whatever octets come under whatever data_coding', () => {
    const anyOctets = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets));
    fc.assert(
      fc.property(
        anyOctets,
        fc.integer({ min: 0, max: 255 }),
        anyDefault,
        (octets, coding, alphabet) => {
          const text = decodeText(octets, coding, alphabet);
          expect(text.isWellFormed()).toBe(true);
          expect(text.length === 0).toBe(octets.length === 0 || text === '');
        },
      ),
      { numRuns: 400, seed: 9 },
    );
  });
});

describe('encodeText', () => {
  it.each(gsm7Vectors.literal_vectors.map((vector) => [vector.text, vector] as const))(
    'writes %j',
    (text, vector) => {
      expect(encodeText(text, 0, 'gsm7')).toEqual({ octets: hex(vector.gsm) });
      expect(encodeText(text, 8, 'gsm7')).toEqual({ octets: hex(vector.ucs2be) });
    },
  );

  it('says which character does not fit, and where', () => {
    expect(encodeText('a€', 3, 'gsm7')).toEqual({ misfit: '€', index: 1 });
    expect(encodeText('né', 1, 'gsm7')).toEqual({ misfit: 'é', index: 1 });
    expect(encodeText('hi 👋', 0, 'gsm7')).toEqual({ misfit: '👋', index: 3 });
    expect(encodeText('€', 6, 'gsm7')).toEqual({ misfit: '€', index: 0 });
    expect(encodeText('日', 5, 'gsm7')).toEqual({ misfit: '日', index: 0 });
  });

  it('writes Latin-1, Cyrillic and Hebrew', () => {
    expect(encodeText('né', 3, 'gsm7')).toEqual({ octets: hex('6ee9') });
    expect(encodeText('Привет', 6, 'gsm7')).toEqual({ octets: hex('bfe0d8d2d5e2') });
    expect(encodeText('שלום', 7, 'gsm7')).toEqual({ octets: hex('f9ece5ed') });
  });

  it('writes what decodeText reads as the same, or says what does not fit', () => {
    const coding = fc.constantFrom(0, 1, 3, 4, 6, 7, 8, 0x11, 0xf0);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        coding,
        anyDefault,
        (text, dataCoding, alphabet) => {
          const encoded = encodeText(text, dataCoding, alphabet);
          if ('octets' in encoded)
            expect(decodeText(encoded.octets, dataCoding, alphabet)).toBe(text);
          else expect(text.startsWith(encoded.misfit, encoded.index)).toBe(true);
        },
      ),
      { numRuns: 400, seed: 10 },
    );
  });
});

describe('smallestDataCoding', () => {
  it('takes UCS-2 only where GSM 7-bit lacks a character', () => {
    expect(smallestDataCoding('{€}')).toBe(0);
    expect(smallestDataCoding('مرحبا')).toBe(8);
  });
});
