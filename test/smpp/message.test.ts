import { describe, expect, it } from 'vitest';
import {
  MalformedMessage,
  messageOctets,
  ownOctets,
  partOf,
  textOf,
} from '../../src/smpp/message.ts';
import { newPdu, type SubmitSm } from '../../src/smpp/pdu.ts';
import { makeIntTlv, makeOctetsTlv } from '../../src/smpp/tlv.ts';
import { hex } from './golden.ts';

describe('messageOctets', () => {
  it('takes short_message or message_payload', () => {
    expect(messageOctets(submit({ short_message: hex('6161') }))).toEqual(hex('6161'));
    const payload = [makeOctetsTlv('message_payload', hex('6262'))];
    expect(messageOctets(submit({ tlvs: payload }))).toEqual(hex('6262'));
    const data = newPdu('data_sm', 1);
    data.tlvs = payload;
    expect(messageOctets(data)).toEqual(hex('6262'));
    expect(messageOctets(newPdu('data_sm', 1))).toEqual(hex(''));
  });

  it('refuses both at once with ESME_RTLVNOTALLWD, unless one is empty', () => {
    const payload = [makeOctetsTlv('message_payload', hex('6262'))];
    expect(messageOctets(submit({ short_message: hex('61'), tlvs: payload }))).toMatchObject({
      commandStatus: 0xc1,
    });
    const empty = [makeOctetsTlv('message_payload', hex(''))];
    expect(messageOctets(submit({ short_message: hex('61'), tlvs: empty }))).toEqual(hex('61'));
  });

  it('refuses two message_payload with ESME_RTLVNOTALLWD: the policy would read one, the carrier send the other', () => {
    const twice = [hex('6262'), hex('6363')].map((octets) =>
      makeOctetsTlv('message_payload', octets),
    );
    expect(messageOctets(submit({ tlvs: twice }))).toMatchObject({ commandStatus: 0xc1 });
    const hidden = [hex(''), hex('6363')].map((octets) => makeOctetsTlv('message_payload', octets));
    expect(messageOctets(submit({ short_message: hex('61'), tlvs: hidden }))).toMatchObject({
      commandStatus: 0xc1,
    });
  });

  it('refuses a UDH that is not whole with ESME_RINVESMCLASS', () => {
    for (const octets of ['', '05000301']) {
      const refused = messageOctets(submit({ esm_class: 0x40, short_message: hex(octets) }));
      expect(refused).toBeInstanceOf(MalformedMessage);
      expect(refused).toMatchObject({ commandStatus: 0x43 });
    }
  });
});

describe('ownOctets', () => {
  it('lets go of the chunk that a message came in', () => {
    const chunk = Buffer.alloc(65_536, 0x61);
    const pdu = submit({
      short_message: chunk.subarray(100, 160),
      tlvs: [makeOctetsTlv('message_payload', chunk.subarray(300, 340))],
    });
    ownOctets(pdu);
    expect(pdu.short_message).toEqual(Buffer.alloc(60, 0x61));
    expect(pdu.tlvs?.[0]?.value).toEqual(Buffer.alloc(40, 0x61));
    for (const octets of [pdu.short_message, pdu.tlvs?.[0]?.value])
      expect(octets?.buffer).not.toBe(chunk.buffer);
  });

  it('keeps a small one: a copy would cost as much', () => {
    const chunk = Buffer.from(new ArrayBuffer(200));
    const pdu = submit({ short_message: chunk.subarray(100, 160) });
    ownOctets(pdu);
    expect(pdu.short_message.buffer).toBe(chunk.buffer);
  });
});

describe('textOf', () => {
  it('leaves the UDH out', () => {
    expect(
      textOf(submit({ esm_class: 0x40, short_message: hex('050003b4020161 1b65') }), 'gsm7'),
    ).toBe('a€');
    expect(
      textOf(
        submit({ esm_class: 0x43, data_coding: 8, short_message: hex('050003b40201 0416') }),
        'gsm7',
      ),
    ).toBe('Ж');
  });

  it('has no text for a malformed message', () => {
    expect(textOf(submit({ esm_class: 0x40, short_message: hex('ff61') }), 'gsm7')).toBe('');
  });
});

describe('partOf', () => {
  const sar = (total: number, part: number) => [
    makeIntTlv('sar_msg_ref_num', 0x1234),
    makeIntTlv('sar_total_segments', total),
    makeIntTlv('sar_segment_seqnum', part),
  ];

  it('reads a UDH', () => {
    const pdu = submit({ esm_class: 0x40, short_message: hex('050003b4020161') });
    expect(partOf(pdu)).toEqual({ reference: 0xb4, total: 2, part: 1 });
  });

  it('reads sar_* TLVs (SMPP 3.4 §5.3.2.22-24), all three', () => {
    expect(partOf(submit({ tlvs: sar(3, 2) }))).toEqual({ reference: 0x1234, total: 3, part: 2 });
    expect(partOf(submit({ tlvs: sar(3, 2).slice(1) }))).toBeUndefined();
    expect(partOf(submit({ tlvs: sar(3, 4) }))).toBeUndefined();
    expect(partOf(submit({ tlvs: sar(3, 0) }))).toBeUndefined();
  });

  it('is undefined for a whole message, also one with octets that look like a UDH', () => {
    expect(partOf(submit({ short_message: hex('050003b4020161') }))).toBeUndefined();
    expect(
      partOf(submit({ esm_class: 0x40, short_message: hex('0605041581158161') })),
    ).toBeUndefined();
  });
});

function submit(fields: Partial<SubmitSm>): SubmitSm {
  return Object.assign(newPdu('submit_sm', 1), fields);
}
