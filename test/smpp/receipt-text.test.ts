import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePdu } from '../../src/smpp/codec.ts';
import { type DeliverSm, newPdu } from '../../src/smpp/pdu.ts';
import {
  formatReceipt,
  formatReceiptText,
  parseReceipt,
  type ReceiptToFormat,
} from '../../src/smpp/receipt-text.ts';
import { makeIntTlv, makeOctetsTlv, makeTextTlv } from '../../src/smpp/tlv.ts';
import { hex, pduVectors, receiptVectors } from './golden.ts';

describe('parseReceipt', () => {
  it('reads text and TLVs each by itself (cloudhopper decodeDeliverSmAsDeliveryReceipt)', () => {
    expect(parseReceipt(golden('decodeDeliverSmAsDeliveryReceipt'))).toEqual({
      intermediate: false,
      idTlv: '38601fa',
      id: '0059113978',
      state: 2,
      stat: 'DELIVRD',
      err: '000',
      networkType: undefined,
      networkError: undefined,
      submitDate: '1002101730',
      submitDateMs: Date.UTC(2010, 1, 10, 17, 30),
      doneDate: '1002101731',
      doneDateMs: Date.UTC(2010, 1, 10, 17, 31),
      sub: '001',
      dlvrd: '001',
      text: '@$#!%&/:',
    });
  });

  it('reads a receipt in message_payload with a NUL behind it (jasmin)', () => {
    expect(parseReceipt(golden('test_deliver_sm_with_message_payload'))).toMatchObject({
      id: '0000436949',
      idTlv: '6aad5',
      err: '000',
      text: undefined,
    });
  });

  it('reads network_error_code', () => {
    expect(parseReceipt(golden('test_unknown_tag_value_0x1454'))).toMatchObject({
      networkType: 3,
      networkError: 0,
    });
  });

  it('takes a receipted_message_id for a receipt where esm_class does not say so', () => {
    const pdu = newPdu('deliver_sm', 1);
    pdu.tlvs = [makeTextTlv('receipted_message_id', 'abc'), makeIntTlv('message_state', 5)];
    expect(parseReceipt(pdu)).toMatchObject({
      idTlv: 'abc',
      state: 5,
      id: undefined,
      stat: undefined,
    });
  });

  it('takes no text of a handset for a receipt', () => {
    const pdu = newPdu('deliver_sm', 1);
    pdu.short_message = Buffer.from('id:1 stat:DELIVRD err:000');
    expect(parseReceipt(pdu)).toBeUndefined();
  });

  it('tells an intermediate notification', () => {
    const pdu = receiptPdu('id:1 stat:ENROUTE', 0x20);
    expect(parseReceipt(pdu)).toMatchObject({ intermediate: true, state: 1, id: '1' });
  });

  it('has nothing but undefined for a receipt that cannot be read', () => {
    expect(parseReceipt(receiptPdu('hello', 0x04))).toMatchObject({
      id: undefined,
      idTlv: undefined,
      state: undefined,
    });
    expect(parseReceipt(receiptPdu('id:1 stat:BADSTAT', 0x04))).toMatchObject({
      stat: 'BADSTAT',
      state: undefined,
    });
  });

  it('takes an empty receipted_message_id for none, and one without its NUL', () => {
    const pdu = receiptPdu('id:1 stat:DELIVRD', 0x04);
    pdu.tlvs = [{ tag: 0x001e, value: hex('00') }];
    expect(parseReceipt(pdu)?.idTlv).toBeUndefined();
    pdu.tlvs = [{ tag: 0x001e, value: Buffer.from('77') }];
    expect(parseReceipt(pdu)?.idTlv).toBe('77');
  });

  it('reads a receipt in UCS-2, and one in ASCII that says UCS-2', () => {
    const wide = receiptPdu('', 0x04);
    wide.data_coding = 8;
    wide.short_message = Buffer.from('id:12 stat:DELIVRD err:000', 'utf16le').swap16();
    expect(parseReceipt(wide)).toMatchObject({ id: '12', stat: 'DELIVRD' });
    const narrow = receiptPdu('id:12 stat:DELIVRD err:000', 0x04);
    narrow.data_coding = 8;
    expect(parseReceipt(narrow)).toMatchObject({ id: '12', stat: 'DELIVRD' });
  });

  it('never throws', () => {
    const anyOctets = (max: number) =>
      fc.uint8Array({ maxLength: max }).map((octets) => Buffer.from(octets));
    const anyTag = fc.constantFrom(0x001e, 0x0427, 0x0424, 0x0423);
    fc.assert(
      fc.property(
        anyOctets(200),
        anyTag,
        anyOctets(20),
        fc.nat(255),
        (octets, tag, value, coding) => {
          const pdu = receiptPdu('', 0x04);
          pdu.short_message = octets;
          pdu.data_coding = coding;
          pdu.tlvs = [{ tag, value }];
          expect(parseReceipt(pdu)).toBeDefined();
        },
      ),
      { numRuns: 300, seed: 13 },
    );
  });
});

describe('formatReceipt', () => {
  const receipt: ReceiptToFormat = {
    id: '1234567890123456789',
    sub: 1,
    dlvrd: 1,
    submitMs: Date.UTC(2026, 10, 22, 14, 0),
    doneMs: Date.UTC(2026, 10, 22, 14, 1, 59),
    zoneMinutes: 0,
    stat: 'DELIVRD',
    state: 2,
    err: '0',
    text: 'Your code is 123456. Do not share it',
    networkType: 3,
    networkError: 0x0102,
  };

  it('writes the text of SMPP 3.4 appendix B', () => {
    expect(formatReceiptText(receipt)).toBe(
      'id:1234567890123456789 sub:001 dlvrd:001 submit date:2611221400 done date:2611221401 stat:DELIVRD err:000 text:Your code is 123456.',
    );
  });

  it('writes what other suites read (cloudhopper toShortMessage)', () => {
    const golden = receiptVectors[0];
    const fields = {
      ...receipt,
      id: '0123456789',
      submitMs: Date.UTC(2010, 4, 23, 20, 39),
      doneMs: Date.UTC(2010, 4, 24, 23, 39),
      err: '012',
      text: 'This is a sample message',
    };
    expect(formatReceiptText(fields)).toBe(golden?.text);
  });

  it('shows dates in the customer\'s zone, and characters outside ASCII as "?"', () => {
    expect(formatReceiptText({ ...receipt, zoneMinutes: 180, text: 'Код €1\n2' })).toMatch(
      /submit date:2611221700 done date:2611221701 .* text:\?\?\? \?1\?2$/,
    );
  });

  it('writes TLVs and text that parseReceipt reads back', () => {
    const { short_message, tlvs } = formatReceipt({ ...receipt, sub: 3, dlvrd: 2 });
    expect(tlvs).toEqual([
      makeTextTlv('receipted_message_id', receipt.id),
      makeIntTlv('message_state', 2),
      makeOctetsTlv('network_error_code', hex('030102')),
    ]);
    const pdu = Object.assign(newPdu('deliver_sm', 1), { esm_class: 4, short_message, tlvs });
    expect(parseReceipt(pdu)).toMatchObject({
      id: receipt.id,
      idTlv: receipt.id,
      sub: '003',
      dlvrd: '002',
      state: 2,
      submitDateMs: receipt.submitMs,
      networkType: 3,
      networkError: 0x0102,
      text: 'Your code is 123456.',
    });
  });

  it('fits a short_message with the longest id', () => {
    expect(
      formatReceipt({ ...receipt, id: 'x'.repeat(64) }).short_message.length,
    ).toBeLessThanOrEqual(254);
  });
});

function receiptPdu(text: string, esmClass: number): DeliverSm {
  return Object.assign(newPdu('deliver_sm', 1), {
    esm_class: esmClass,
    short_message: Buffer.from(text, 'latin1'),
  });
}

function golden(test: string): DeliverSm {
  const vector = pduVectors.find(
    (candidate) => candidate.length_matches && candidate.id.endsWith(`#${test}`),
  );
  const octets = hex(vector?.hex ?? '');
  const pdu = decodePdu(octets, 0, octets.length);
  if (pdu.command !== 'deliver_sm') throw new Error(pdu.command);
  return pdu;
}
