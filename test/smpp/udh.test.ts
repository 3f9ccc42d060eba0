import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildUdh, concatOf, concatUdh, parseUdh, udhOctets } from '../../src/smpp/udh.ts';
import { hex } from './golden.ts';

describe('parseUdh', () => {
  it('reads the ports of a ringtone (smpp.pdu, TS 23.040 §9.2.3.24.4)', () => {
    expect(parseUdh(hex('06 05 04 1581 1581 024a3a5d'))).toEqual([
      { id: 5, data: hex('15811581') },
    ]);
  });

  it('reads several elements, an empty one among them', () => {
    expect(parseUdh(hex('07 00 03 b4 02 01 24 00'))).toEqual([
      { id: 0, data: hex('b40201') },
      { id: 0x24, data: hex('') },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['a header beyond the message', '05 00 03 b4 02'],
    ['an element beyond the header', '05 00 04 b4 02 01 61'],
    ['an element without its length', '06 00 03 b4 02 01 24'],
  ])('is undefined for %s', (_, octets) => {
    expect(parseUdh(hex(octets))).toBeUndefined();
  });

  it('reads what buildUdh writes', () => {
    const element = fc.record({
      id: fc.integer({ min: 0, max: 255 }),
      data: fc.uint8Array({ maxLength: 30 }).map((data) => Buffer.from(data)),
    });
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), (elements) => {
        const udh = buildUdh(elements);
        expect(udhOctets(Buffer.concat([udh, hex('6161')]))).toBe(udh.length);
        expect(parseUdh(udh)).toEqual(elements);
      }),
      { seed: 11 },
    );
  });
});

describe('buildUdh', () => {
  it('refuses over 255 octets', () => {
    expect(() => buildUdh([{ id: 1, data: Buffer.alloc(254) }])).toThrow(RangeError);
  });
});

describe('concatUdh', () => {
  it('writes 8-bit and 16-bit references (TS 23.040 §9.2.3.24.1 and .8)', () => {
    const place = { reference: 0x12b4, total: 2, part: 1 };
    expect(concatUdh(8, place)).toEqual(hex('050003b40201'));
    expect(concatUdh(16, place)).toEqual(hex('06080412b40201'));
  });
});

describe('concatOf', () => {
  it('reads both widths, also behind another element', () => {
    expect(concatOf(hex('050003b40201'))).toEqual({ reference: 0xb4, total: 2, part: 1 });
    expect(concatOf(hex('06080412b40202'))).toEqual({ reference: 0x12b4, total: 2, part: 2 });
    expect(concatOf(hex('0b 0504 15811581 0003 b40302'))).toEqual({
      reference: 0xb4,
      total: 3,
      part: 2,
    });
  });

  it.each([
    ['part 0', '050003b40200'],
    ['a part over the total', '050003b40203'],
    ['no concatenation', '06050415811581'],
    ['a wrong length', '04000 2b402'],
    ['a header that is cut', '050003b402'],
  ])('ignores %s', (_, octets) => {
    expect(concatOf(hex(octets))).toBeUndefined();
  });
});
