import { describe, expect, it } from 'vitest';
import { decodePdu, encodeOne, PduWriter } from '../../src/smpp/codec.ts';
import { hasUdh, messageOctets, partOf, textOf } from '../../src/smpp/message.ts';
import { type Pdu, PduError } from '../../src/smpp/pdu.ts';
import { TLVS, tlvOf, tlvSpec } from '../../src/smpp/tlv.ts';
import { hex, type PduVector, pduVectors } from './golden.ts';

const whole = pduVectors.filter((vector) => vector.length_matches);

/**
 * Whole frames that are refused, with the status of SMPP 3.4 §5.1.3 for each. The first three are
 * refused by the suites they come from as well; gosmpp writes a password over the 9 octets of
 * 3.4 §4.1.7.1 (outbind), go-smpp sends a submit_sm that is a header only.
 */
const refused: Record<string, number> = {
  'fizzed/cloudhopper-smpp#decodeUnsupportedResponseCommandId': 0x03,
  'fizzed/cloudhopper-smpp#decodeSubmitSmRespWithNoNullByteForMessageId': 0x0c,
  'mozes/smpp.pdu#test_decode_command_length_too_long': 0x02,
  'mozes/smpp.pdu#test_decode_bad_message_ends_in_middle_of_option': 0xc0,
  'linxGnu/gosmpp#TestOutbind': 0x0e,
  'fiorix/go-smpp#L120': 0x02,
};

describe('decodePdu on golden PDUs', () => {
  for (const [index, vector] of whole.entries()) {
    const name = `${vector.id} (${index})`;
    const status = refused[vector.id];
    if (status !== undefined) {
      it(`refuses ${name} with status 0x${status.toString(16)}`, () => {
        expect(errorOf(vector)).toMatchObject({ kind: 'recoverable', commandStatus: status });
      });
      continue;
    }
    it(`reads ${name} as Wireshark does`, () => {
      const pdu = decode(vector);
      expect(pdu.sequence_number).toBe(vector.sequence_number);
      expect(pdu.command_status).toBe(Number(vector.command_status));
      for (const [key, value] of Object.entries(vector.wireshark ?? {}))
        checkField(pdu, key, [value].flat());
    });
    it(`writes ${name} back octet by octet`, () => {
      expect(encodeOne(decode(vector), new PduWriter()).toString('hex')).toBe(vector.hex);
    });
  }

  it('has read every Wireshark field name it knows of', () => {
    expect([...unchecked].sort()).toEqual([]);
  });

  it('drops the malformed body of an error response and keeps its status (smppex)', () => {
    const octets = hex('00000021800000040000000b000000023041303030303030413344333233413100aa');
    octets.writeUInt32BE(octets.length, 0);
    expect(decodePdu(octets, 0, octets.length)).toMatchObject({
      command_status: 0x0b,
      bodyOmitted: true,
    });
  });

  it('reads the TLVs of an error response with an empty message_id (ruby-smpp)', () => {
    const octets = hex(
      '00000031800000040000042e4da8e9a10021530002017721670016536f7572636520616464726573732064656e6965642e',
    );
    const pdu = decodePdu(octets, 0, octets.length);
    expect(pdu).toMatchObject({ message_id: '', bodyOmitted: false, command_status: 0x42e });
    expect(tlvOf(pdu, 0x2167)?.toString()).toBe('Source address denied.');
  });
});

function decode(vector: PduVector): Pdu {
  const octets = hex(vector.hex);
  return decodePdu(octets, 0, octets.length);
}

function errorOf(vector: PduVector): PduError {
  try {
    decode(vector);
  } catch (error) {
    if (error instanceof PduError) return error;
    throw error;
  }
  throw new Error('it was read');
}

const unchecked = new Set<string>();

/** Fields that Wireshark derives from others, or renders in a way that says less than the octets. */
const DERIVED =
  /^(command_length|opt_params|message_text|dcs\..*|esm\.submit\.features|.*_(time|period)(_r)?)$/;
/** TLVs by Wireshark's name where it differs. */
const TLV_NAMES: Record<string, number> = {
  SC_interface_version: TLVS.sc_interface_version.tag,
};

function checkField(pdu: Pdu, key: string, values: string[]): void {
  const name = key.replace(/^smpp\./, '');
  const [expected = ''] = values;
  const fields = pdu as unknown as Record<string, unknown>;
  if (DERIVED.test(name)) return;
  if (name === 'command_id' || name === 'command_status')
    expect(fields[name]).toBe(Number(expected));
  else if (name === 'service_type')
    expect(fields[name]).toBe(expected === '(Default)' ? '' : expected);
  else if (name in fields) checkMandatory(fields[name], expected, name);
  else if (checkList(pdu, name, values) || checkTlv(pdu, name, values)) return;
  else if (!checkMessage(pdu, name, expected)) unchecked.add(name);
}

function checkMandatory(value: unknown, expected: string, name: string): void {
  if (typeof value === 'number') expect(value, name).toBe(Number(expected));
  else expect(value, name).toBe(expected);
}

function checkMessage(pdu: Pdu, name: string, expected: string): boolean {
  if (!('esm_class' in pdu) && !('short_message' in pdu)) return false;
  switch (name) {
    case 'esm.submit.msg_mode':
      expect('esm_class' in pdu && pdu.esm_class & 3).toBe(Number(expected));
      return true;
    case 'esm.submit.msg_type':
      expect('esm_class' in pdu && (pdu.esm_class >> 2) & 15).toBe(Number(expected));
      return true;
    case 'regdel.receipt':
      expect('registered_delivery' in pdu && pdu.registered_delivery & 3).toBe(Number(expected));
      return true;
    case 'regdel.acks':
      expect('registered_delivery' in pdu && (pdu.registered_delivery >> 2) & 3).toBe(
        Number(expected),
      );
      return true;
    case 'regdel.notif':
      expect('registered_delivery' in pdu && (pdu.registered_delivery >> 4) & 1).toBe(
        Number(expected),
      );
      return true;
    case 'sm_length':
      expect('short_message' in pdu && pdu.short_message.length).toBe(Number(expected));
      return true;
    case 'message':
      expect(colons('short_message' in pdu ? pdu.short_message : Buffer.alloc(0))).toBe(expected);
      return true;
    default:
      return false;
  }
}

/** What stands in dest_address and unsuccess_sme, once for each entry that has it. */
function checkList(pdu: Pdu, name: string, expected: string[]): boolean {
  if (pdu.command !== 'submit_multi' && pdu.command !== 'submit_multi_resp') return false;
  const entries: object[] = pdu.command === 'submit_multi' ? pdu.dest_address : pdu.unsuccess_sme;
  const values = entries
    .filter((entry) => name in entry)
    .map((entry) => entry[name as keyof typeof entry]);
  if (values.length === 0) return false;
  expect(values).toEqual(
    expected.map((value) => (typeof values[0] === 'number' ? Number(value) : value)),
  );
  return true;
}

function checkTlv(pdu: Pdu, name: string, values: string[]): boolean {
  const [expected = ''] = values;
  const tlvs = pdu.tlvs ?? [];
  if (name === 'opt_param_tag') expect(tlvs.map((tlv) => tlv.tag)).toEqual(values.map(Number));
  else if (name === 'opt_param_len')
    expect(tlvs.map((tlv) => tlv.value.length)).toEqual(values.map(Number));
  else if (name === 'vendor_op' || name === 'reserved_op') {
    const unknown = tlvs.filter((tlv) => tlvSpec(tlv.tag) === undefined);
    expect(unknown.map((tlv) => colons(tlv.value))).toEqual(values);
  } else if (name === 'network_error.type') {
    expect(tlvOf(pdu, TLVS.network_error_code.tag)?.[0]).toBe(Number(expected));
  } else if (name === 'network_error.code') {
    expect(tlvOf(pdu, TLVS.network_error_code.tag)?.readUInt16BE(1)).toBe(Number(expected));
  } else return checkStandardTlv(pdu, name, expected);
  return true;
}

function checkStandardTlv(pdu: Pdu, name: string, expected: string): boolean {
  const tag = TLV_NAMES[name] ?? (name in TLVS ? TLVS[name as keyof typeof TLVS].tag : undefined);
  const spec = tag === undefined ? undefined : tlvSpec(tag);
  if (tag === undefined || spec === undefined) return false;
  const value = tlvOf(pdu, tag) ?? Buffer.from('absent');
  if (spec.type === 'int') expect(value.readUIntBE(0, value.length)).toBe(Number(expected));
  else if (spec.type === 'cstring')
    expect(value.toString('latin1').replace(/\0$/, '')).toBe(expected);
  else expect(colons(value)).toBe(expected);
  return true;
}

function colons(octets: Buffer): string {
  return (octets.toString('hex').match(/../g) ?? []).join(':');
}

describe('messageOctets on golden PDUs', () => {
  it('tells the UDH of a concatenated deliver_sm from its text (gosmpp)', () => {
    const vector = whole.find(
      (candidate) => candidate.id.endsWith('TestDeliverSMwithUDH') && candidate.hex.length > 40,
    );
    const pdu = decode(vector as PduVector);
    if (pdu.command !== 'deliver_sm') throw new Error(pdu.command);
    expect(hasUdh(pdu)).toBe(true);
    expect(partOf(pdu)).toEqual({ reference: 254, total: 2, part: 1 });
    expect(textOf(pdu, 'gsm7')).toBe('nghắ nghiêng nghiễng ngả');
    expect((messageOctets(pdu) as Buffer).subarray(0, 6)).toEqual(hex('050003fe0201'));
  });
});
