import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compileReceiptDialect } from '../../src/domain/receipt-dialect.ts';
import { receiptDialect as shape } from '../../src/domain/receipt-dialect-schema.ts';
import { type DeliverSm, newPdu } from '../../src/smpp/pdu.ts';
import { parseDialectDate, parseDialectText } from '../../src/smpp/receipt-dialect.ts';
import { parseReceipt, type ReceiptFields } from '../../src/smpp/receipt-text.ts';
import { makeIntTlv, makeOctetsTlv, makeTextTlv, type Tlv } from '../../src/smpp/tlv.ts';
import { receiptVectors } from './golden.ts';

const NAMED = { names: new Map(), columns: undefined };

function dialect(spec: object) {
  const compiled = compileReceiptDialect(z.object(shape).parse(spec));
  if (compiled === undefined) throw new Error('a dialect was given');
  return compiled;
}

/** A deliver_sm as a carrier would send it. */
function receipt(
  text: string | Buffer,
  given: { esmClass?: number; dataCoding?: number; tlvs?: Tlv[] } = {},
): DeliverSm {
  const pdu = newPdu('deliver_sm', 1);
  pdu.esm_class = given.esmClass ?? 0x04;
  pdu.data_coding = given.dataCoding ?? 0;
  pdu.short_message = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  pdu.tlvs = given.tlvs;
  return pdu;
}

function read(spec: object, pdu: DeliverSm): ReceiptFields {
  const fields = parseReceipt(pdu, dialect(spec));
  if (fields === undefined) throw new Error('it is a receipt');
  return fields;
}

describe('parseDialectText', () => {
  for (const [index, vector] of receiptVectors.entries()) {
    it(`reads what appendix B has, as well: golden receipt ${index}`, () => {
      const given = vector.expect;
      const expected =
        'fields' in given && typeof given.fields === 'object'
          ? given.fields
          : (given as Record<string, string>);
      const { submitDate, doneDate, ...rest } = parseDialectText(vector.text, NAMED);
      const nothing = { id: undefined, sub: undefined, dlvrd: undefined, stat: undefined };
      expect({ ...rest, submit_date: submitDate, done_date: doneDate }).toEqual({
        ...nothing,
        err: undefined,
        text: undefined,
        submit_date: undefined,
        done_date: undefined,
        ...expected,
      });
    });
  }

  it('reads other names, separators, quotes and dates with blanks, in any order', () => {
    const fields = {
      id: '77-1',
      stat: 'DELIVERED',
      err: '0',
      submitDate: '2026-11-22 20:17:00',
      doneDate: '2026-11-22 20:18:00',
    };
    const names = new Map<string, 'submitDate' | 'doneDate'>([
      ['submittime', 'submitDate'],
      ['finaltime', 'doneDate'],
    ]);
    for (const text of [
      'Status: Delivered; Error: 0; Message ID: 77-1; Submit Time: 2026-11-22 20:17:00; Final Time: 2026-11-22 20:18:00',
      'msgid=77-1&status=DELIVERED&submit_time=2026-11-22 20:17:00&final_time=2026-11-22 20:18:00&error=0',
      '{"messageId":"77-1","status":"delivered","errorCode":"0","submitTime":"2026-11-22 20:17:00","finalTime":"2026-11-22 20:18:00"}',
      'finaltime = 2026-11-22 20:18:00 | submittime = 2026-11-22 20:17:00 | ERR = 0 | MSG_ID = 77-1 | STATE = DELIVERED',
    ])
      expect(parseDialectText(text, { names, columns: undefined })).toMatchObject(fields);
  });

  it('leaves what looks like fields in the text of the message alone', () => {
    expect(
      parseDialectText('id:1 stat:UNDELIV err:000 text:id:2 status=DELIVRD', NAMED),
    ).toMatchObject({ id: '1', stat: 'UNDELIV', text: 'id:2 status=DELIVRD' });
  });

  it('reads fields by their place (the format quoted on the Kannel list, 2002)', () => {
    // https://www.mail-archive.com/devel@kannel.org/msg02229.html, example 6.
    const text = '00,0210021543,0210021500,,447887123456,10110200000000,we2345678i9o03er45ty67u';
    const fields = read(
      {
        receiptDialect: {
          columns: {
            separator: ',',
            fields: ['stat', 'doneDate', 'submitDate', 'err', '-', '-', 'id'],
          },
          states: { '00': 'DELIVRD' },
        },
      },
      receipt(text),
    );
    expect(fields).toMatchObject({
      id: 'we2345678i9o03er45ty67u',
      state: 2,
      err: '',
      doneDateMs: Date.UTC(2002, 9, 2, 15, 43),
      submitDateMs: Date.UTC(2002, 9, 2, 15, 0),
    });
  });

  it('never throws, whatever the octets and the dialect', () => {
    const dialects = [
      dialect({ receiptDialect: {} }),
      dialect({ receiptDialect: { octets: 'ucs2', dates: ['iso', 'epoch', 'DD/MM/YYYY hh:mm'] } }),
      dialect({ receiptDialect: { octets: 'gsm7-packed', err: { base: 'hex', from: 'tlv' } } }),
      dialect({ receiptMarks: { final: [0, 4], text: true } }),
    ];
    const pieces = fc.constantFrom(
      'id:',
      'stat=',
      'done date:',
      ' ',
      ':',
      '=',
      '"',
      '\0',
      '9',
      'é',
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 200 }),
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(255),
        fc.nat(255),
        (words, octets, esmClass, dataCoding) => {
          const text = Buffer.concat([Buffer.from(words.join(''), 'latin1'), octets]);
          for (const each of dialects) parseReceipt(receipt(text, { esmClass, dataCoding }), each);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes linear time: 64 KiB of separators in message_payload are read at once', () => {
    const garbage = Buffer.from('a b c d:='.repeat(7_000));
    const pdu = receipt('', { tlvs: [makeOctetsTlv('message_payload', garbage)] });
    const before = process.cpuUsage();
    for (let i = 0; i < 100; i++) read({ receiptDialect: {} }, pdu);
    expect(process.cpuUsage(before).user).toBeLessThan(3_000_000);
  });
});

describe('parseDialectDate', () => {
  const at = Date.UTC(2026, 10, 22, 20, 17, 22);

  it.each([
    ['261122201722', 'YYMMDDhhmmss', at],
    ['20261122201722', 'YYYYMMDDhhmmss', at],
    ['22/11/2026 20:17:22', 'DD/MM/YYYY hh:mm:ss', at],
    ['2026-11-22T20:17:22Z', 'iso', at],
    ['2026-11-22T23:17:22+03:00', 'iso', at],
    ['2026-11-22 20:17:22.5', 'iso', at],
    ['1795378642', 'epoch', at],
    ['1795378642000', 'epochMs', at],
    ['2611222017', 'YYMMDDhhmmss', undefined],
    ['20261322201722', 'YYYYMMDDhhmmss', undefined],
    ['2026-02-30T00:00:00Z', 'iso', undefined],
    ['99999999999999', 'epochMs', undefined],
    ['', 'iso', undefined],
  ])('%s as %s', (date, format, ms) => {
    expect(parseDialectDate(date, [format], undefined)).toBe(ms);
  });

  it('reads a date without a zone in the carrier’s, and one with a zone in that', () => {
    const riyadh = (wallMs: number): number => wallMs - 3 * 3_600_000;
    expect(parseDialectDate('2611222317', ['YYMMDDhhmm'], riyadh)).toBe(at - 22_000);
    expect(parseDialectDate('2026-11-22T20:17:22Z', ['iso'], riyadh)).toBe(at);
  });
});

describe('parseReceipt with a dialect', () => {
  const TEXT =
    'id:1 sub:001 dlvrd:001 submit date:2611222017 done date:2611222018 stat:DELIVRD err:1F text:';

  it('reads states in other words and numbers', () => {
    const states = { receiptDialect: { states: { '7': 'UNDELIV', Zugestellt: 'DELIVRD' } } };
    expect(read(states, receipt('id:1 stat:7 err:0')).state).toBe(5);
    expect(read(states, receipt('id:1 status:zugestellt')).state).toBe(2);
    expect(read(states, receipt('id:1 stat:2')).state).toBe(2);
    expect(read(states, receipt('id:1 stat:no-such')).state).toBeUndefined();
  });

  it('reads err in hex, or out of network_error_code with its type', () => {
    const hex = read({ receiptDialect: { err: { base: 'hex' } } }, receipt(TEXT));
    expect([hex.err, hex.errNumber]).toEqual(['1F', 31]);
    const tlvs = [makeOctetsTlv('network_error_code', Buffer.from([3, 0, 27]))];
    const pdu = receipt(TEXT, { tlvs });
    expect(read({ receiptDialect: { err: { from: 'tlv' } } }, pdu)).toMatchObject({
      err: '27',
      errNumber: 27,
    });
    expect(read({ receiptDialect: { err: { from: 'tlv+type' } } }, pdu).err).toBe('3:27');
  });

  it('reads the TLVs alone, or the text alone', () => {
    const tlvs = [makeTextTlv('receipted_message_id', 'ff'), makeIntTlv('message_state', 5)];
    const pdu = receipt(TEXT, { tlvs });
    expect(read({ receiptDialect: { read: 'tlv' } }, pdu)).toMatchObject({
      idTlv: 'ff',
      id: undefined,
      state: 5,
    });
    expect(read({ receiptDialect: { read: 'text' } }, pdu)).toMatchObject({
      idTlv: undefined,
      id: '1',
      state: 2,
    });
  });

  it.each([
    ['latin1 under a binary data_coding', 'latin1', 0xf5, Buffer.from(TEXT, 'latin1')],
    ['UTF-16BE whatever data_coding says', 'ucs2', 0, Buffer.from(TEXT, 'utf16le').swap16()],
    ['UTF-16LE', 'ucs2le', 8, Buffer.from(TEXT, 'utf16le')],
    ['ASCII under UCS-2', 'auto', 8, Buffer.from(TEXT, 'latin1')],
    // "id:1 stat:DELIVRD" packed by 3GPP TS 23.038 §6.1.2.1.
    ['packed septets', 'gsm7-packed', 0, Buffer.from('69b22e069ad3c3741db1c84c5aa544', 'hex')],
  ])('reads octets as %s', (_, octets, dataCoding, text) => {
    const fields = read({ receiptDialect: { octets } }, receipt(text, { dataCoding }));
    expect(fields).toMatchObject({ id: '1', state: 2 });
  });

  it('reads dates in the zone of the carrier', () => {
    const fields = read({ receiptDialect: { timeZone: 'Asia/Riyadh' } }, receipt(TEXT));
    expect(fields.submitDateMs).toBe(Date.UTC(2026, 10, 22, 17, 17));
    const iso = read(
      { receiptDialect: { dates: ['iso'], timeZone: '+05:30' } },
      receipt('id:1 stat:DELIVRD done date:2026-11-22 20:18:00'),
    );
    expect(iso.doneDateMs).toBe(Date.UTC(2026, 10, 22, 14, 48));
  });
});

describe('marks of a receipt', () => {
  const TEXT =
    'id:1 sub:001 dlvrd:001 submit date:2611222017 done date:2611222018 stat:DELIVRD err:000 text:';

  it('are esm_class 0x04 and 0x20 unless told otherwise', () => {
    const usual = dialect({ receiptDialect: {} });
    expect(parseReceipt(receipt(TEXT, { esmClass: 0 }), usual)).toBeUndefined();
    expect(parseReceipt(receipt(TEXT, { esmClass: 0x08 }), usual)).toBeUndefined();
    expect(parseReceipt(receipt(TEXT, { esmClass: 0x20 }), usual)?.intermediate).toBe(true);
  });

  it('may be other values: 0x20 for a final receipt, 0x08 for an intermediate one', () => {
    const other = dialect({ receiptMarks: { final: ['0x04', '0x20'], intermediate: [8] } });
    expect(parseReceipt(receipt(TEXT, { esmClass: 0x20 }), other)?.intermediate).toBe(false);
    expect(parseReceipt(receipt(TEXT, { esmClass: 0x08 }), other)?.intermediate).toBe(true);
  });

  it('may be the text itself, where it reads as a receipt and not where a person wrote', () => {
    const byText = dialect({ receiptMarks: { text: true } });
    expect(parseReceipt(receipt(TEXT, { esmClass: 0 }), byText)?.state).toBe(2);
    for (const text of ['id:1 stat:great', 'status: ok, see you at 10:00', 'stat:DELIVRD', ''])
      expect(parseReceipt(receipt(text, { esmClass: 0 }), byText)).toBeUndefined();
  });
});
