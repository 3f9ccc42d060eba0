import { describe, expect, it } from 'vitest';
import { fromGsm7, losesNational, toGsm7 } from '../../src/smpp/default-alphabet.ts';
import { messageOctets } from '../../src/smpp/message.ts';
import { type DeliverSm, newPdu, type SubmitSm } from '../../src/smpp/pdu.ts';

function submit(shortMessage: Buffer, fields: Partial<SubmitSm> = {}): SubmitSm {
  return Object.assign(newPdu('submit_sm', 1), { short_message: shortMessage, ...fields });
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const hex = (pdu: SubmitSm): string => (messageOctets(pdu) as Buffer).toString('hex');

describe('toGsm7', () => {
  it('writes Latin-1 as GSM 7-bit septets (TS 23.038 §6.2.1), an extension as two', () => {
    const pdu = submit(latin1('@\xa3[\xe0'));
    expect(toGsm7(pdu, 'latin1')).toBeUndefined();
    expect(hex(pdu)).toBe('00011b3c7f');
    expect(pdu.data_coding).toBe(0);
  });

  it.each([
    { dataCoding: 0x00, ucs2: 0x08 },
    // General group with class 1 and the message class group: both keep their class (TS 23.038 §4).
    { dataCoding: 0x11, ucs2: 0x19 },
    { dataCoding: 0xf0, ucs2: 0x18 },
    // Message waiting, voicemail: the same indication in the UCS-2 group.
    { dataCoding: 0xd8, ucs2: 0xe8 },
  ])(
    'writes what GSM 7-bit has not as UCS-2 ($dataCoding becomes $ucs2)',
    ({ dataCoding, ucs2 }) => {
      const pdu = submit(latin1('\xea'), { data_coding: dataCoding });
      toGsm7(pdu, 'latin1');
      expect(hex(pdu)).toBe('00ea');
      expect(pdu.data_coding).toBe(ucs2);
    },
  );

  it.each([0x01, 0x03, 0x04, 0x08, 0xf5])('leaves data_coding %i alone', (dataCoding) => {
    const pdu = submit(latin1('\xe9'), { data_coding: dataCoding });
    toGsm7(pdu, 'latin1');
    expect(hex(pdu)).toBe('e9');
  });

  it('unpacks septets and drops the filling of the last octet', () => {
    // "hello" (five septets), and seven septets: 7 bits over, which TS 23.038 §6.1.2.3.1 fills with CR or zeros.
    const hello = submit(Buffer.from('e8329bfd06', 'hex'));
    toGsm7(hello, 'gsm7-packed');
    expect(hex(hello)).toBe(Buffer.from('hello').toString('hex'));
    for (const packed of ['31d98c56b3dd00', '31d98c56b3dd1a']) {
      const seven = submit(Buffer.from(packed, 'hex'));
      toGsm7(seven, 'gsm7-packed');
      expect(hex(seven)).toBe(Buffer.from('1234567').toString('hex'));
    }
  });

  it('keeps a user data header, behind which septets begin at their boundary', () => {
    // 050003010201 is six octets: one fill bit (TS 23.040 §9.2.3.24); "A" is 0x41, shifted by one bit 0x82.
    const pdu = submit(Buffer.from('05000301020182', 'hex'), { esm_class: 0x40 });
    toGsm7(pdu, 'gsm7-packed');
    expect(hex(pdu)).toBe('05000301020141');
  });

  it('moves a text that grew beyond short_message into message_payload', () => {
    const pdu = submit(latin1(`\xea${'a'.repeat(200)}`));
    toGsm7(pdu, 'latin1');
    expect(pdu.short_message).toHaveLength(0);
    expect(hex(pdu)).toHaveLength(201 * 4);
  });
});

describe('fromGsm7', () => {
  function deliver(shortMessage: Buffer, fields: Partial<DeliverSm> = {}): DeliverSm {
    return Object.assign(newPdu('deliver_sm', 1), { short_message: shortMessage, ...fields });
  }
  const octets = (pdu: DeliverSm): string => (messageOctets(pdu) as Buffer).toString('hex');

  it('writes septets as Latin-1, and what Latin-1 has not as UCS-2', () => {
    const plain = deliver(Buffer.from([0x00, 0x01, 0x1b, 0x3c, 0x7f]));
    fromGsm7(plain, 'latin1');
    expect([octets(plain), plain.data_coding]).toEqual(['40a35be0', 0]);
    const euro = deliver(Buffer.from([0x1b, 0x65]), { data_coding: 0x11 });
    fromGsm7(euro, 'latin1');
    expect([octets(euro), euro.data_coding]).toEqual(['20ac', 0x19]);
  });

  it('packs septets, behind a header from a septet boundary on', () => {
    const plain = deliver(Buffer.from('hello'));
    fromGsm7(plain, 'gsm7-packed');
    expect(octets(plain)).toBe('e8329bfd06'); // TS 23.038 §6.1.2.1.1
    const seven = deliver(Buffer.from('sevenab'));
    fromGsm7(seven, 'gsm7-packed');
    expect(octets(seven)).toHaveLength(14);
    expect((Number.parseInt(octets(seven).slice(-2), 16) >> 1) & 0x7f).toBe(0x0d);
  });

  it('is undone by toGsm7', () => {
    for (const text of ['', 'a', 'sevenab', 'eightabc', 'a longer text of several octets'])
      for (const udh of [undefined, Buffer.from([5, 0, 3, 7, 2, 1])]) {
        const whole =
          udh === undefined ? Buffer.from(text) : Buffer.concat([udh, Buffer.from(text)]);
        const pdu = deliver(whole, { esm_class: udh === undefined ? 0 : 0x40 });
        fromGsm7(pdu, 'gsm7-packed');
        const back = submit(pdu.short_message, { esm_class: pdu.esm_class });
        toGsm7(back, 'gsm7-packed');
        expect(hex(back)).toBe(whole.toString('hex'));
      }
  });

  // Septets by TS 23.038 annex A.3, elements by TS 23.040 §9.2.3.24.16.
  const behind = (header: string, septets: number[]) =>
    deliver(Buffer.concat([Buffer.from(header, 'hex'), Buffer.from(septets)]), { esm_class: 0x40 });
  const told = (pdu: DeliverSm) => [octets(pdu), pdu.data_coding, pdu.esm_class];
  const ucs2 = (text: string) => Buffer.from(text, 'utf16le').swap16().toString('hex');
  // ışık
  const TURKISH = [0x07, 0x1d, 0x07, 0x6b];

  it('tells what a header wrote by a national table, and names that no longer', () => {
    const sao = behind('03250103', [0x53, 0x7b, 0x6f, 0x20, 0x4a, 0x6f, 0x7b, 0x6f]);
    fromGsm7(sao, 'latin1', 'segment');
    expect(told(sao)).toEqual([latin1('São João').toString('hex'), 0, 0]);
    const part = behind('080003aa0201250103', [0x53, 0x7b, 0x6f]);
    fromGsm7(part, 'latin1', 'segment');
    expect(told(part)).toEqual([`050003aa0201${latin1('São').toString('hex')}`, 0, 0x40]);
  });

  it('goes over to UCS-2 for its letters where a part has room, and else not', () => {
    const part = behind('080003aa0201250101', TURKISH);
    fromGsm7(part, 'latin1', 'segment');
    expect(told(part)).toEqual([`050003aa0201${ucs2('ışık')}`, 8, 0x40]);
    const replaced = behind('080003aa0201250101', TURKISH);
    fromGsm7(replaced, 'ascii', true);
    expect(told(replaced)).toEqual([`050003aa0201${latin1('???k').toString('hex')}`, 0, 0x40]);
    // 6 octets of header and 67 characters are 140 octets.
    const septets = (n: number) => [...TURKISH, ...Buffer.from('a'.repeat(n - 4))];
    for (const [n, loses] of [
      [67, false],
      [68, true],
    ] as const) {
      const whole = Buffer.concat([
        Buffer.from('080003aa0201250101', 'hex'),
        Buffer.from(septets(n)),
      ]);
      expect(losesNational(submit(whole, { esm_class: 0x40 }), 'latin1')).toBe(loses);
      const segment = behind('080003aa0201250101', septets(n));
      fromGsm7(segment, 'latin1', 'segment');
      expect(segment.data_coding).toBe(loses ? 0 : 8);
    }
    const alone = Buffer.concat([Buffer.from('03250101', 'hex'), Buffer.from(septets(150))]);
    expect(losesNational(submit(alone, { esm_class: 0x40 }), 'latin1')).toBe(false);
  });

  it.each([0x01, 0x04, 0x08])('leaves data_coding %i alone', (dataCoding) => {
    const pdu = deliver(Buffer.from([0, 1]), { data_coding: dataCoding });
    fromGsm7(pdu, 'latin1');
    expect(octets(pdu)).toBe('0001');
  });
});
