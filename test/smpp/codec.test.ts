import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePdu, encodeOne, encodePdu, PduWriter } from '../../src/smpp/codec.ts';
import { newPdu, newResponse, type Pdu, PduError } from '../../src/smpp/pdu.ts';
import { arbitraryPdu, arbitraryPduOf, commandNames } from './arbitrary-pdu.ts';
import { hex } from './golden.ts';

/** The submit_sm of cloudhopper's decodeSubmitSm, in pieces that a test can spoil. */
const SUBMIT = {
  addresses: '00 01 01 343034303400 01 01 343439353133363139323000',
  middle: '00 00 00 00 00 01 00 00 00',
  message: '08 4024232125262f3a',
};

describe('decodePdu', () => {
  it('reads a submit_sm (cloudhopper decodeSubmitSm, SMPP 3.4 §4.4.1)', () => {
    const pdu = decode(pduHex(0x04, `${SUBMIT.addresses}${SUBMIT.middle}${SUBMIT.message}`));
    expect(pdu).toEqual({
      command: 'submit_sm',
      command_id: 4,
      command_status: 0,
      sequence_number: 7,
      service_type: '',
      source_addr_ton: 1,
      source_addr_npi: 1,
      source_addr: '40404',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: '44951361920',
      esm_class: 0,
      protocol_id: 0,
      priority_flag: 0,
      schedule_delivery_time: '',
      validity_period: '',
      registered_delivery: 1,
      replace_if_present_flag: 0,
      data_coding: 0,
      sm_default_msg_id: 0,
      short_message: hex('4024232125262f3a'),
      tlvs: undefined,
    });
  });

  it('reads any PDU inside a larger buffer without looking outside it', () => {
    const octets = pduHex(0x04, `${SUBMIT.addresses}${SUBMIT.middle}${SUBMIT.message}`);
    const around = Buffer.concat([Buffer.alloc(9, 0xff), octets, Buffer.alloc(9, 0xff)]);
    expect(decodePdu(around, 9, 9 + octets.length)).toEqual(decode(octets));
  });

  it('keeps unknown and repeated TLVs in order', () => {
    const tlvs = '1403 0005 3338363336  0204 0002 0001  1403 0000  0204 0002 0002';
    const pdu = decode(pduHex(0x04, `${SUBMIT.addresses}${SUBMIT.middle}${SUBMIT.message}${tlvs}`));
    expect(pdu.tlvs).toEqual([
      { tag: 0x1403, value: hex('3338363336') },
      { tag: 0x0204, value: hex('0001') },
      { tag: 0x1403, value: hex('') },
      { tag: 0x0204, value: hex('0002') },
    ]);
  });

  const address21 = '31'.repeat(21);
  const rest = `${SUBMIT.middle}${SUBMIT.message}`;
  const refusals: [string, number, Buffer][] = [
    [
      'a service_type over 6 octets',
      0x15,
      pduHex(4, `414141414141 00 0101 3100 0101 3100 ${rest}`),
    ],
    ['a source_addr over 21 octets', 0x0a, pduHex(4, `00 0101 ${address21}00 0101 3100 ${rest}`)],
    [
      'a destination_addr over 21 octets',
      0x0b,
      pduHex(4, `00 0101 3100 0101 ${address21}00 ${rest}`),
    ],
    [
      'a schedule_delivery_time over 17 octets',
      0x61,
      pduHex(4, `${SUBMIT.addresses} 000000 ${'30'.repeat(17)}00`),
    ],
    [
      'a validity_period over 17 octets',
      0x62,
      pduHex(4, `${SUBMIT.addresses} 00000000 ${'30'.repeat(17)}00`),
    ],
    [
      'an sm_length beyond the PDU',
      0x01,
      pduHex(4, `${SUBMIT.addresses}${SUBMIT.middle}09 4024232125262f3a`),
    ],
    ['a PDU that ends before sm_length', 0x02, pduHex(4, `${SUBMIT.addresses}${SUBMIT.middle}`)],
    ['a PDU that ends in an address', 0x0b, pduHex(4, '00 0101 3100 0101 3132')],
    ['a header only', 0x02, pduHex(4, '')],
    ['a TLV head that is cut', 0xc0, pduHex(4, `${SUBMIT.addresses}${rest} 0204 00`)],
    ['a TLV beyond the PDU', 0xc0, pduHex(4, `${SUBMIT.addresses}${rest} 0204 0003 0001`)],
    [
      'a user_message_reference of one octet',
      0xc2,
      pduHex(4, `${SUBMIT.addresses}${rest} 0204 0001 01`),
    ],
    [
      'a receipted_message_id of 66 octets',
      0xc2,
      pduHex(5, `${SUBMIT.addresses}${rest} 001e 0042 ${'31'.repeat(66)}`),
    ],
    ['octets behind an enquire_link', 0x02, pduHex(0x15, '0102 0001 00')],
    ['a system_id over 16 octets', 0x0f, pduHex(9, `${'61'.repeat(16)}00 00 00 34 00 00 00`)],
    ['a password over 9 octets', 0x0e, pduHex(9, `00 ${'61'.repeat(9)}00 00 34 00 00 00`)],
    ['a system_type over 13 octets', 0x53, pduHex(9, `00 00 ${'61'.repeat(13)}00 34 00 00 00`)],
    ['an address_range over 41 octets', 0xc2, pduHex(9, `00 00 00 34 00 00 ${'61'.repeat(41)}00`)],
    ['a message_id over 65 octets', 0x0c, pduHex(3, `${'31'.repeat(65)}00 01 01 3100`)],
    ['a submit_multi without destinations', 0x33, pduHex(0x21, `00 0101 3100 00 ${rest}`)],
    ['a dest_flag of 3', 0x40, pduHex(0x21, `00 0101 3100 01 03 0101 3100 ${rest}`)],
    ['a dl_name over 21 octets', 0x34, pduHex(0x21, `00 0101 3100 01 02 ${address21}00 ${rest}`)],
    ['an unknown command_id', 0x03, pduHex(0x110, '')],
    ['a malformed body of a good response', 0x0c, pduHex(0x80000004, '3132')],
    ['a positive query_sm_resp that is a header only', 0x02, pduHex(0x80000003, '')],
    ['a positive submit_multi_resp that is a header only', 0x02, pduHex(0x80000021, '')],
    ['an ms_validity of two octets', 0xc2, pduHex(4, `${SUBMIT.addresses}${rest} 1204 0002 0001`)],
    [
      'a broadcast_end_time without its NUL (5.0 §4.8.4.9)',
      0xc2,
      pduHex(0x80000112, `3100 0609 0011 ${'30'.repeat(17)}`),
    ],
    [
      'a broadcast_end_time that ends before its last octet',
      0xc2,
      pduHex(0x80000112, `3100 0609 0011 ${'30'.repeat(8)}00${'30'.repeat(7)}00`),
    ],
    [
      'more TLVs than any PDU has',
      0xc0,
      pduHex(4, `${SUBMIT.addresses}${rest}${'14000000'.repeat(256)}`),
    ],
  ];
  for (const [what, status, octets] of refusals) {
    it(`refuses ${what} with status 0x${status.toString(16)} and the header's values`, () => {
      expect(errorOf(() => decode(octets))).toMatchObject({
        kind: 'recoverable',
        commandStatus: status,
        commandId: octets.readUInt32BE(4),
        sequenceNumber: 7,
      });
    });
  }

  it('is fatal when command_length is not the length it is given', () => {
    const octets = pduHex(0x15, '');
    octets.writeUInt32BE(17, 0);
    expect(errorOf(() => decode(octets))).toMatchObject({ kind: 'fatal', commandStatus: 0x02 });
  });

  it('reads a 255-octet short_message (SMPP 5.0 §4.7.28) and the longest fields', () => {
    const address = '31'.repeat(20);
    const body = `${'61'.repeat(5)}00 0101 ${address}00 0101 ${address}00 ${SUBMIT.middle} ff ${'aa'.repeat(255)}`;
    expect(decode(pduHex(4, body))).toMatchObject({
      service_type: 'aaaaa',
      source_addr: '1'.repeat(20),
      short_message: Buffer.alloc(255, 0xaa),
    });
  });

  it('reads a message_id of 64 characters, and of any Latin-1', () => {
    const pdu = decode(pduHex(0x80000004, `${'ff'.repeat(64)}00`));
    expect(pdu).toMatchObject({ message_id: 'ÿ'.repeat(64), bodyOmitted: false });
  });

  it('reads a response that is a header only, with and without an error', () => {
    const omitted = { message_id: '', bodyOmitted: true, tlvs: undefined };
    expect(decode(pduHex(0x80000005, ''))).toMatchObject({ ...omitted, command_status: 0 });
    expect(decode(pduHex(0x80000004, '', 0x58))).toMatchObject({
      ...omitted,
      command_status: 0x58,
    });
    expect(decode(pduHex(0x80000021, '', 8))).toMatchObject({
      message_id: '',
      unsuccess_sme: [],
      bodyOmitted: true,
    });
    expect(decode(pduHex(0x80000009, '', 0x0e))).toMatchObject({
      system_id: '',
      bodyOmitted: true,
    });
  });

  it('reads the sequence numbers that carriers use beyond the specification', () => {
    const octets = pduHex(0x15, '');
    octets.writeUInt32BE(0xa2859f22, 12);
    expect(decode(octets).sequence_number).toBe(0xa2859f22);
  });
});

describe('encodePdu', () => {
  for (const command of commandNames) {
    it(`writes what decodePdu reads as the same ${command}`, () => {
      const writer = new PduWriter();
      fc.assert(
        fc.property(arbitraryPduOf(command), (pdu) => {
          const octets = encodeOne(pdu, writer);
          const read = decode(octets);
          // A response without fields or TLVs is a header; both readings of it are the same octets.
          if (octets.length === 16 && 'bodyOmitted' in pdu)
            Object.assign(pdu, { bodyOmitted: 'bodyOmitted' in read && read.bodyOmitted });
          expect(read).toEqual(pdu);
        }),
        { numRuns: 60, seed: 20260101 },
      );
    });
  }

  it('writes PDUs one behind the other, for any number of takes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(arbitraryPdu, fc.boolean()), { maxLength: 30 }), (list) => {
        const together = new PduWriter();
        const taken: Buffer[] = [];
        const expected: Buffer[] = [];
        for (const [pdu, take] of list) {
          encodePdu(together, pdu);
          expected.push(encodeOne(pdu, new PduWriter()));
          if (take) taken.push(together.take());
        }
        taken.push(together.take());
        expect(together.length).toBe(0);
        expect(Buffer.concat(taken)).toEqual(Buffer.concat(expected));
      }),
      { numRuns: 40, seed: 20260102 },
    );
  });

  it('leaves what was taken untouched when it writes on, also over its first slab', () => {
    const writer = new PduWriter();
    const pdu = newPdu('submit_sm', 1);
    pdu.short_message = Buffer.alloc(200, 0x61);
    encodePdu(writer, pdu);
    const first = writer.take();
    const before = Buffer.from(first);
    for (let count = 0; count < 1000; count++) encodePdu(writer, pdu);
    expect(first).toEqual(before);
    expect(writer.length).toBe(1000 * before.length);
    const rest = writer.take();
    for (let at = 0; at < rest.length; at += before.length) {
      expect(rest.compare(before, 0, before.length, at, at + before.length)).toBe(0);
    }
  });

  it('keeps every octet where the longest PDUs cross from one slab into the next', () => {
    const multi = newPdu('submit_multi', 1);
    const address = { dest_flag: 1 as const, dest_addr_ton: 1, dest_addr_npi: 1 };
    multi.dest_address = Array.from({ length: 255 }, () => ({
      ...address,
      destination_addr: '9'.repeat(20),
    }));
    multi.short_message = Buffer.alloc(255, 0x62);
    const single = encodeOne(multi, new PduWriter());
    expect(decode(single)).toEqual(multi);
    const writer = new PduWriter();
    for (let count = 0; count < 200; count++) {
      expect(encodeOne(multi, writer).equals(single)).toBe(true);
      // Shifts the place in the slab, so that it ends at every field in turn.
      for (let filler = 0; filler < count % 7; filler++)
        encodeOne(newPdu('enquire_link', 1), writer);
    }
  });

  const wrong: [string, number, () => Pdu][] = [
    [
      'a source_addr of 21 characters',
      0x0a,
      () => Object.assign(newPdu('submit_sm', 3), { source_addr: '1'.repeat(21) }),
    ],
    [
      'a NUL in a destination_addr',
      0x0b,
      () => Object.assign(newPdu('submit_sm', 3), { destination_addr: '1\0' }),
    ],
    [
      'a character over U+00FF',
      0x0c,
      () => Object.assign(newPdu('submit_sm_resp', 3), { message_id: 'ж' }),
    ],
    [
      'a message_id of 65 characters',
      0x0c,
      () => Object.assign(newPdu('submit_sm_resp', 3), { message_id: '1'.repeat(65) }),
    ],
    [
      'a short_message of 256 octets',
      0x01,
      () => Object.assign(newPdu('deliver_sm', 3), { short_message: Buffer.alloc(256) }),
    ],
    [
      'a number over one octet',
      0xc2,
      () => Object.assign(newPdu('submit_sm', 3), { esm_class: 256 }),
    ],
    [
      'a TLV over its length',
      0xc2,
      () =>
        Object.assign(newPdu('submit_sm', 3), { tlvs: [{ tag: 0x0427, value: Buffer.alloc(2) }] }),
    ],
    [
      'a TLV of 65,536 octets',
      0xc2,
      () =>
        Object.assign(newPdu('submit_sm', 3), {
          tlvs: [{ tag: 0x1400, value: Buffer.alloc(0x10000) }],
        }),
    ],
    [
      'a TLV on an enquire_link',
      0xc1,
      () =>
        Object.assign(newPdu('enquire_link', 3), {
          tlvs: [{ tag: 0x1400, value: Buffer.alloc(1) }],
        }),
    ],
    ['a submit_multi of no destination', 0x33, () => newPdu('submit_multi', 3)],
  ];
  for (const [what, status, pdu] of wrong) {
    it(`refuses ${what} and writes nothing of it`, () => {
      const writer = new PduWriter();
      encodePdu(writer, newPdu('enquire_link', 1));
      const error = errorOf(() => encodePdu(writer, pdu()));
      expect(error).toMatchObject({
        kind: 'recoverable',
        commandStatus: status,
        sequenceNumber: 3,
      });
      encodePdu(writer, newPdu('unbind', 2));
      expect(writer.take()).toEqual(
        hex('00000010 00000015 00000000 00000001 00000010 00000006 00000000 00000002'),
      );
    });
  }

  it('writes an error response as a header only (SMPP 3.4 §4.4.2)', () => {
    const octets = encodeOne(newResponse('submit_sm_resp', 0x0a342ee1, 0x30), new PduWriter());
    expect(octets).toEqual(hex('0000001080000004000000300a342ee1'));
  });

  it('writes a message_payload of 65,535 octets', () => {
    const pdu = newPdu('data_sm', 9);
    pdu.tlvs = [{ tag: 0x0424, value: Buffer.alloc(0xffff, 0x42) }];
    const octets = encodeOne(pdu, new PduWriter());
    expect(decode(octets)).toEqual(pdu);
  });
});

function decode(octets: Buffer): Pdu {
  return decodePdu(octets, 0, octets.length);
}

function pduHex(commandId: number, body: string, status = 0): Buffer {
  const octets = Buffer.concat([Buffer.alloc(16), hex(body)]);
  octets.writeUInt32BE(octets.length, 0);
  octets.writeUInt32BE(commandId, 4);
  octets.writeUInt32BE(status, 8);
  octets.writeUInt32BE(7, 12);
  return octets;
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    if (error instanceof PduError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
