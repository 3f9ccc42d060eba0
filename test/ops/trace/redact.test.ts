import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describePdu } from '../../../src/ops/trace/describe.ts';
import { hideNumber, redactPdu } from '../../../src/ops/trace/redact.ts';
import { decodePdu, encodeOne, PduWriter } from '../../../src/smpp/codec.ts';
import { type BindRequest, newPdu, type Pdu, type SubmitSm } from '../../../src/smpp/pdu.ts';
import { TLVS } from '../../../src/smpp/tlv.ts';
import { arbitraryPdu } from '../../smpp/arbitrary-pdu.ts';

const writer = new PduWriter();
const octetsOf = (pdu: Pdu): Buffer => Buffer.from(encodeOne(pdu, writer));
const none = { content: false, bound: true };
const all = { content: true, bound: true };

function bind(): BindRequest {
  const pdu = newPdu('bind_transceiver', 7);
  pdu.system_id = 'acme';
  pdu.password = 'hunter2!';
  pdu.tlvs = [{ tag: 0x1400, value: Buffer.from('hunter2!') }];
  return pdu;
}

function submit(): SubmitSm {
  const pdu = newPdu('submit_sm', 8);
  pdu.source_addr = 'Shop';
  pdu.destination_addr = '966500000001';
  pdu.short_message = Buffer.from('come at nine');
  return pdu;
}

describe('redactPdu', () => {
  it('overwrites a password and the TLVs of a bind in place, whoever looks', () => {
    const octets = octetsOf(bind());
    for (const allowed of [none, all, { content: true, bound: false }]) {
      const redacted = redactPdu(octets, allowed);
      expect(redacted.octets.includes('hunter2!')).toBe(false);
      expect(redacted.octets.length).toBe(octets.length);
      const read = decodePdu(redacted.octets, 0, octets.length);
      expect(read).toMatchObject({ system_id: 'acme', password: '********', sequence_number: 7 });
      expect(JSON.stringify(describePdu(redacted, { ...allowed, alphabet: 'gsm7' }))).not.toContain(
        'hunter2!',
      );
    }
    expect(octets.includes('hunter2!')).toBe(true); // the original is not touched
  });

  it('shows nothing of a bind that does not decode', () => {
    const cut = octetsOf(bind()).subarray(0, 30);
    cut.writeUInt32BE(30, 0);
    const redacted = redactPdu(cut, all);
    expect(redacted.pdu).toBeUndefined();
    expect(redacted.error).toMatch(/^ESME_R/);
    expect(redacted.octets.toString('latin1', 16)).toBe('*'.repeat(14));
    expect(redacted.octets.subarray(0, 16)).toEqual(cut.subarray(0, 16));
  });

  it('shows nothing of a bind that a peer sends back, as a response or under another command_id', () => {
    const octets = octetsOf(bind());
    for (const [id, status, bound] of [
      [0x80000009, 0x0d, false],
      [0x80000009, 0, true],
      [0x0b, 0, true],
      [0x7f, 0, false],
    ] as const) {
      octets.writeUInt32BE(id, 4);
      octets.writeUInt32BE(status, 8);
      expect(redactPdu(octets, { content: true, bound }).octets.includes('hunter2!')).toBe(false);
    }
  });

  it('hides texts and the last four digits of numbers, and leaves the rest', () => {
    const pdu = submit();
    pdu.tlvs = [
      { tag: TLVS.user_message_reference.tag, value: Buffer.from([0, 5]) },
      { tag: TLVS.callback_num.tag, value: Buffer.from('\x01\x01\x01966512345678', 'latin1') },
      { tag: 0x1402, value: Buffer.from('come at nine') },
    ];
    const { octets, pdu: read } = redactPdu(octetsOf(pdu), none);
    expect(read).toMatchObject({ source_addr: 'Shop', destination_addr: '96650000****' });
    expect(read && 'short_message' in read && read.short_message.toString()).toBe('*'.repeat(12));
    expect(octets.includes('come at nine')).toBe(false);
    expect(octets.includes('966512345678')).toBe(false);
    expect(octets.includes('00000001')).toBe(false);
    expect(decodePdu(octets, 0, octets.length).tlvs?.[0]?.value).toEqual(Buffer.from([0, 5]));
  });

  it('keeps a concatenation header, but no header that may hold text', () => {
    const pdu = submit();
    pdu.esm_class = 0x40;
    pdu.short_message = Buffer.concat([Buffer.from('050003a10201', 'hex'), Buffer.from('text')]);
    const kept = redactPdu(octetsOf(pdu), none).pdu as SubmitSm;
    expect(kept.short_message.toString('hex')).toBe(`050003a10201${'2a'.repeat(4)}`);
    // IEI 0x22 (reply address) holds a number.
    pdu.short_message = Buffer.concat([Buffer.from('0522039166f5', 'hex'), Buffer.from('text')]);
    const hidden = redactPdu(octetsOf(pdu), none).pdu as SubmitSm;
    expect(hidden.short_message.toString('hex')).toBe('2a'.repeat(10));
  });

  it('leaves the fields of a receipt and hides its text, whatever that looks like', () => {
    const pdu = newPdu('deliver_sm', 9);
    pdu.esm_class = 0x04;
    const shown =
      'id:42 sub:001 dlvrd:001 submit date:2611221703 done date:2611221704 stat:DELIVRD err:000 text:';
    pdu.short_message = Buffer.from(`${shown}id:7 stat:SECRET 966512345678`);
    const read = redactPdu(octetsOf(pdu), none).pdu as SubmitSm;
    expect(read.short_message.toString()).toBe(`${shown}${'*'.repeat(29)}`);
    pdu.short_message = Buffer.from('id:42 msisdn:966512345678 stat:DELIVRD');
    const other = redactPdu(octetsOf(pdu), none).pdu as SubmitSm;
    expect(other.short_message.toString()).toBe(`id:42 ${'*'.repeat(19)} stat:DELIVRD`);
    pdu.data_coding = 8;
    pdu.short_message = Buffer.from('id:42 text:abc', 'utf16le').swap16();
    expect(redactPdu(octetsOf(pdu), none).octets.includes('abc')).toBe(false);
    // Without the mark of a receipt it is a message that anybody may have written.
    pdu.esm_class = 0;
    pdu.data_coding = 0;
    pdu.short_message = Buffer.from(`${shown}x`);
    expect(redactPdu(octetsOf(pdu), none).octets.includes('DELIVRD')).toBe(false);
  });

  it('shows who may see content the very octets, malformed ones too, of what cannot hold a password', () => {
    const octets = octetsOf(submit());
    expect(redactPdu(octets, all).octets).toEqual(octets);
    const broken = Buffer.from(octets).subarray(0, 30);
    broken.writeUInt32BE(30, 0);
    expect(redactPdu(broken, all).octets).toEqual(broken);
    expect(redactPdu(broken, none).octets.includes('966500')).toBe(false);
  });

  it('keeps every PDU as long as it was and well-formed, and never fails', () => {
    fc.assert(
      fc.property(arbitraryPdu, fc.boolean(), (pdu, content) => {
        const octets = octetsOf(pdu);
        const redacted = redactPdu(octets, { content, bound: true });
        expect(redacted.octets.length).toBe(octets.length);
        expect(redacted.octets.subarray(0, 16)).toEqual(octets.subarray(0, 16));
        expect(redacted.error).toBeUndefined();
        describePdu(redacted, { content, alphabet: 'gsm7' });
      }),
      { numRuns: 2_000, seed: 12 },
    );
  });

  it('never fails on octets of any kind, nor shows a password that stands behind them', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 80 }),
        fc.nat(200),
        fc.boolean(),
        (noise, at, content) => {
          const octets = Buffer.from(noise);
          octets.writeUInt32BE(octets.length, 0);
          octets.writeUInt32BE([1, 2, 9, 0x0b][at % 4] as number, 4);
          octets.write('s3cr3t-!', Math.min(16 + at, octets.length - 8), 'latin1');
          const redacted = redactPdu(octets, { content, bound: false });
          // As a system_id it is the name by which the customer is known, not a password.
          const named =
            redacted.pdu !== undefined && JSON.stringify(redacted.pdu).includes('s3cr3t');
          if (!named) expect(redacted.octets.includes('s3cr3t-!', 16)).toBe(false);
          describePdu(redacted, { content, alphabet: 'gsm7' });
        },
      ),
      { numRuns: 5_000, seed: 12 },
    );
  });
});

describe('describePdu', () => {
  it('reads a text as its customer means the default alphabet', () => {
    const textOf = (octets: Buffer, alphabet: 'gsm7' | 'gsm7-packed' | 'latin1'): unknown => {
      const pdu = submit();
      pdu.short_message = octets;
      const shown = { content: true, alphabet };
      return describePdu(redactPdu(octetsOf(pdu), all), shown).fields.short_message;
    };
    // "€" is 1b 65 in GSM 7-bit (3GPP TS 23.038 §6.2.1.1), "é" e9 in Latin-1 (ISO 8859-1).
    expect(textOf(Buffer.from('1b65', 'hex'), 'gsm7')).toEqual({ octets: 2, text: '€' });
    expect(textOf(Buffer.from('e9', 'hex'), 'latin1')).toEqual({ octets: 1, text: 'é' });
    // "hellohello" packed by 3GPP TS 23.038 §6.1.2.1.
    const packed = Buffer.from('e8329bfd4697d9ec37', 'hex');
    expect(textOf(packed, 'gsm7-packed')).toEqual({ octets: 9, text: 'hellohello' });
  });
});

describe('hideNumber', () => {
  it('hides the last four digits wherever they stand', () => {
    expect(hideNumber('966500000001')).toBe('96650000****');
    expect(hideNumber('+9665-00-01')).toBe('+9665-**-**');
    expect(hideNumber('7070')).toBe('****');
    expect(hideNumber('Bank24')).toBe('Bank**');
    expect(hideNumber('')).toBe('');
  });
});
