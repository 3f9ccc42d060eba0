import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePdu, encodeOne, PduWriter } from '../../src/smpp/codec.ts';
import {
  type DefaultAlphabet,
  encodeText,
  smallestDataCoding,
} from '../../src/smpp/data-coding.ts';
import { hasUdh, partOf, textOctets, textOf } from '../../src/smpp/message.ts';
import { newPdu, PduError, type SubmitSm } from '../../src/smpp/pdu.ts';
import {
  countSegments,
  malformedMessage,
  type SegmentStyle,
  segmentsOf,
  splitPdu,
} from '../../src/smpp/segmentation.ts';
import { intTlv, makeIntTlv, makeOctetsTlv, tlvOf } from '../../src/smpp/tlv.ts';
import { hex } from './golden.ts';

const cutting: SegmentStyle[] = ['udh', 'udh16', 'sar'];

describe('segmentsOf', () => {
  /** 3GPP TS 23.040 §9.2.3.16 and §9.2.3.24.1: 140 octets, less 6 for the header of a part. */
  const counts: [string, number, number, ...[characters: number, segments: number][]][] = [
    ['GSM 7-bit', 0, 1, [0, 1], [160, 1], [161, 2], [306, 2], [307, 3], [459, 3], [460, 4]],
    ['8-bit', 4, 1, [0, 1], [140, 1], [141, 2], [268, 2], [269, 3]],
    ['Latin-1', 3, 1, [140, 1], [141, 2], [268, 2], [269, 3]],
    ['ASCII', 1, 1, [160, 1], [161, 2], [306, 2], [307, 3]],
    ['UCS-2', 8, 2, [70, 1], [71, 2], [134, 2], [135, 3], [201, 3], [202, 4]],
    ['flash GSM 7-bit', 0xf0, 1, [160, 1], [161, 2]],
    ['flash UCS-2', 0x18, 2, [70, 1], [71, 2]],
    ['class 1 8-bit', 0xf5, 1, [140, 1], [141, 2]],
  ];
  it.each(counts)('counts %s', (_, dataCoding, octetsEach, ...cases) => {
    for (const [characters, segments] of cases) {
      const octets = Buffer.alloc(characters * octetsEach, dataCoding === 8 ? 0x06 : 0x61);
      expect(segmentsOf(message(octets, dataCoding), 'gsm7'), `${characters}`).toBe(segments);
      expect(countSegments(octets, dataCoding, 'gsm7')).toBe(segments);
    }
  });

  it('counts the header of a 16-bit reference: 152, 133 and 66', () => {
    expect(segmentsOf(message(Buffer.alloc(304, 0x61), 0), 'gsm7', 'udh16')).toBe(2);
    expect(segmentsOf(message(Buffer.alloc(305, 0x61), 0), 'gsm7', 'udh16')).toBe(3);
    expect(segmentsOf(message(Buffer.alloc(266), 4), 'gsm7', 'udh16')).toBe(2);
    expect(segmentsOf(message(Buffer.alloc(267), 4), 'gsm7', 'udh16')).toBe(3);
    expect(segmentsOf(message(Buffer.alloc(264, 6), 8), 'gsm7', 'udh16')).toBe(2);
    expect(segmentsOf(message(Buffer.alloc(266, 6), 8), 'gsm7', 'udh16')).toBe(3);
  });

  it('counts an extension character as two septets', () => {
    const text = `${'a'.repeat(159)}€`;
    expect(segmentsOf(textMessage(text), 'gsm7')).toBe(2);
  });

  it('counts what the customer cut himself as one', () => {
    expect(segmentsOf(message(hex('050003b4020161'), 0, { esm_class: 0x40 }), 'gsm7')).toBe(1);
    expect(segmentsOf(message(hex('61'), 0, { tlvs: sarTlvs() }), 'gsm7')).toBe(1);
  });

  it('counts message_payload of up to 64 KiB and short_message alike', () => {
    const pdu = newPdu('data_sm', 1);
    pdu.tlvs = [makeOctetsTlv('message_payload', Buffer.alloc(153 * 10, 0x61))];
    expect(segmentsOf(pdu, 'gsm7')).toBe(10);
  });
});

describe('splitPdu', () => {
  it.each(cutting)(
    'gives as many parts as segmentsOf counts, and the message back in order (%s)',
    (style) => {
      fc.assert(
        fc.property(anyText, anyDefault, (text, alphabet) => {
          const pdu = textMessage(text, alphabet);
          const parts = splitPdu(pdu, style, 0x1234, alphabet);
          expect(parts.length).toBe(segmentsOf(pdu, alphabet, style));
          expect(parts.map((part) => textOf(part, alphabet)).join('')).toBe(text);
          if (parts.length > 1) checkPlaces(parts, style);
          for (const part of parts) checkPart(part, style, pdu);
        }),
        { numRuns: 150, seed: 12 },
      );
    },
  );

  it('does not cut an escape from its character', () => {
    for (const style of cutting) {
      for (let lead = 145; lead < 156; lead++) {
        const parts = splitPdu(textMessage('a'.repeat(lead) + '€'.repeat(20)), style, 1, 'gsm7');
        expect(textOctets(parts[0] as SubmitSm).at(-1), `${style} ${lead}`).not.toBe(0x1b);
      }
    }
  });

  it('does not cut a surrogate pair', () => {
    for (const style of cutting) {
      for (let lead = 60; lead < 70; lead++) {
        const parts = splitPdu(textMessage('я'.repeat(lead) + '👋'.repeat(10)), style, 1, 'gsm7');
        for (const part of parts)
          expect(textOf(part, 'gsm7').isWellFormed(), `${style} ${lead}`).toBe(true);
      }
    }
  });

  it('does not cut two-octet characters of Korean and Japanese', () => {
    const korean = message(Buffer.from(`61${'c7d1'.repeat(120)}`, 'hex'), 14);
    expect(splitPdu(korean, 'udh', 1, 'gsm7').map((part) => textOctets(part).length)).toEqual([
      133, 108,
    ]);
    // Shift JIS katakana of one octet (0xb1) before kanji of two.
    const japanese = message(Buffer.from(`b1${'93fa'.repeat(100)}`, 'hex'), 5);
    expect(splitPdu(japanese, 'udh', 1, 'gsm7').map((part) => textOctets(part).length)).toEqual([
      133, 68,
    ]);
  });

  it('gives one PDU with message_payload in the style payload, and short ones as short_message', () => {
    const long = textMessage('a'.repeat(500));
    const [one, ...others] = splitPdu(long, 'payload', 1, 'gsm7');
    expect(others).toEqual([]);
    expect(one?.short_message.length).toBe(0);
    expect(tlvOf(one as SubmitSm, 0x0424)).toEqual(Buffer.alloc(500, 0x61));
    expect(segmentsOf(long, 'gsm7', 'payload')).toBe(4);
    expect(splitPdu(textMessage('hi'), 'payload', 1, 'gsm7')[0]).toMatchObject({
      short_message: hex('6869'),
    });
  });

  it('keeps every field and foreign TLV in every part, and turns data_sm into submit_sm', () => {
    const tlvs = [{ tag: 0x1403, value: hex('01') }];
    const fields = {
      service_type: 'CMT',
      source_addr_ton: 5,
      source_addr: 'ACME',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: '966501234567',
      registered_delivery: 1,
    };
    const pdu = message(Buffer.alloc(200, 0x61), 0, {
      ...fields,
      protocol_id: 3,
      priority_flag: 2,
      validity_period: '000001000000000R',
      tlvs,
    });
    for (const part of splitPdu(pdu, 'udh', 1, 'gsm7')) {
      expect(part).toMatchObject({
        ...fields,
        protocol_id: 3,
        priority_flag: 2,
        validity_period: '000001000000000R',
        tlvs,
        esm_class: 0x40,
      });
    }
    const data = Object.assign(newPdu('data_sm', 1), fields);
    data.tlvs = [...tlvs, makeOctetsTlv('message_payload', Buffer.alloc(300, 0x61))];
    for (const part of splitPdu(data, 'sar', 1, 'gsm7')) {
      expect(part).toMatchObject({ command: 'submit_sm', command_id: 4, ...fields, esm_class: 0 });
      expect(tlvOf(part, 0x0424)).toBeUndefined();
      expect(tlvOf(part, 0x1403)).toEqual(hex('01'));
    }
  });

  it('gives what the customer cut himself as it is', () => {
    const own = message(hex('050003b4020161'), 0, { esm_class: 0x40 });
    expect(splitPdu(own, 'sar', 9, 'gsm7')).toEqual([{ ...own, sequence_number: 0 }]);
    const sar = message(hex('61'), 0, { tlvs: sarTlvs() });
    expect(splitPdu(sar, 'udh', 9, 'gsm7')).toEqual([{ ...sar, sequence_number: 0 }]);
  });

  it('gives 255 parts and refuses 256', () => {
    const most = message(Buffer.alloc(0), 0, {
      tlvs: [makeOctetsTlv('message_payload', Buffer.alloc(255 * 153, 0x61))],
    });
    expect(malformedMessage(most, 'gsm7')).toBeUndefined();
    expect(splitPdu(most, 'udh', 1, 'gsm7').length).toBe(255);
    const over = message(Buffer.alloc(0), 0, {
      tlvs: [makeOctetsTlv('message_payload', Buffer.alloc(255 * 153 + 1, 0x61))],
    });
    expect(malformedMessage(over, 'gsm7')).toMatchObject({ commandStatus: 0x01 });
    expect(() => splitPdu(over, 'udh', 1, 'gsm7')).toThrow(PduError);
  });
});

describe('malformedMessage', () => {
  it('refuses a part of the customer that does not fit one SMS, so that it cannot ride as one segment', () => {
    const udh = hex('050003b40201');
    const part = (octets: number, dataCoding: number) =>
      message(Buffer.concat([udh, Buffer.alloc(octets, 0x61)]), dataCoding, { esm_class: 0x40 });
    expect(malformedMessage(part(153, 0), 'gsm7')).toBeUndefined();
    expect(malformedMessage(part(154, 0), 'gsm7')).toMatchObject({ commandStatus: 0x01 });
    expect(malformedMessage(part(134, 4), 'gsm7')).toBeUndefined();
    expect(malformedMessage(part(135, 4), 'gsm7')).toMatchObject({ commandStatus: 0x01 });
    const payload = [...sarTlvs(), makeOctetsTlv('message_payload', Buffer.alloc(60_000, 0x61))];
    expect(malformedMessage(message(hex(''), 0, { tlvs: payload }), 'gsm7')).toMatchObject({
      commandStatus: 0x01,
    });
  });

  it('passes a plain message', () => {
    expect(malformedMessage(textMessage('hello'), 'gsm7')).toBeUndefined();
    expect(malformedMessage(textMessage(''), 'gsm7')).toBeUndefined();
  });
});

const anyDefault = fc.constantFrom<DefaultAlphabet>('gsm7', 'latin1', 'ascii');
const anyText = fc
  .array(fc.constantFrom('a', 'Z', '€', '{', 'é', 'ж', 'م', '👋', '한', ' '), { maxLength: 500 })
  .chain((characters) =>
    fc.constantFrom(
      characters,
      characters.filter((one) => /[aZ€{é ]/.test(one)),
    ),
  )
  .map((characters) => characters.join(''));

function message(octets: Buffer, dataCoding: number, fields: Partial<SubmitSm> = {}): SubmitSm {
  return Object.assign(
    newPdu('submit_sm', 7),
    { short_message: octets, data_coding: dataCoding },
    fields,
  );
}

/** Octets of any length as short_message: what the splitter sees, not what goes over the wire. */
function textMessage(text: string, alphabet: DefaultAlphabet = 'gsm7'): SubmitSm {
  const dataCoding = alphabet === 'gsm7' ? smallestDataCoding(text) : 8;
  const encoded = encodeText(text, dataCoding, alphabet);
  if ('misfit' in encoded) throw new Error(encoded.misfit);
  return message(encoded.octets, dataCoding);
}

function sarTlvs() {
  return [
    makeIntTlv('sar_msg_ref_num', 1),
    makeIntTlv('sar_total_segments', 2),
    makeIntTlv('sar_segment_seqnum', 1),
  ];
}

function checkPlaces(parts: SubmitSm[], style: SegmentStyle): void {
  const reference = style === 'udh' ? 0x34 : 0x1234;
  const expected = parts.map((_, index) => ({ reference, total: parts.length, part: index + 1 }));
  expect(parts.map((part) => partOf(part))).toEqual(expected);
  expect(parts.every((part) => hasUdh(part))).toBe(style !== 'sar');
  expect(parts.every((part) => intTlv(part, 'sar_total_segments') !== undefined)).toBe(
    style === 'sar',
  );
}

/** It fits one SMS on the air, and the wire. */
function checkPart(part: SubmitSm, style: SegmentStyle, whole: SubmitSm): void {
  const text = textOctets(part).length;
  const header = hasUdh(part)
    ? part.short_message.length - text
    : style === 'sar' && partOf(part)
      ? 6
      : 0;
  const onAir = whole.data_coding === 0 ? header + Math.ceil((text * 7) / 8) : header + text;
  expect(onAir).toBeLessThanOrEqual(140);
  const octets = encodeOne(part, new PduWriter());
  expect(decodePdu(octets, 0, octets.length)).toEqual(part);
}
