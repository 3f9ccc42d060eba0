import { decodeText } from '../../smpp/data-coding.ts';
import type { FieldSpec } from '../../smpp/fields.ts';
import { HEADER_OCTETS } from '../../smpp/framing.ts';
import { COMMANDS, commandNameOf, type Pdu } from '../../smpp/pdu.ts';
import { statusName } from '../../smpp/status.ts';
import { TLVS, type Tlv, tlvName, tlvSpec } from '../../smpp/tlv.ts';
import { ESM_CLASS_UDHI, udhOctets } from '../../smpp/udh.ts';
import { isHarmlessTlv, isReceipt, type RedactedPdu } from './redact.ts';

/** A PDU for people and their tools: the specification's names and words. */
export interface PduDescription {
  /** Of no version: "0x" and hex. */
  readonly command: string;
  readonly status: string;
  readonly sequence: number;
  readonly octets: number;
  /** Mandatory fields in wire order. A message is `{octets, text}`, the text only where it may be seen. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly tlvs: readonly { readonly name: string; readonly value: unknown }[];
  /** Why it does not decode. */
  readonly error: string | undefined;
}

/** Describes a PDU out of redactPdu. @param content as it was redacted */
export function describePdu(redacted: RedactedPdu, content: boolean): PduDescription {
  const { octets, pdu, error } = redacted;
  const commandId = octets.readUInt32BE(4);
  return {
    command: commandNameOf(commandId) ?? `0x${commandId.toString(16).padStart(8, '0')}`,
    status: statusName(octets.readUInt32BE(8)),
    sequence: octets.readUInt32BE(12),
    octets: octets.length,
    fields: pdu === undefined || octets.length === HEADER_OCTETS ? {} : fieldsOf(pdu, content),
    tlvs: (pdu?.tlvs ?? []).map((tlv) => ({
      name: tlvName(tlv.tag),
      value: pdu === undefined ? undefined : tlvValue(tlv, pdu, content),
    })),
    error,
  };
}

function fieldsOf(pdu: Pdu, content: boolean): Record<string, unknown> {
  const specs: readonly FieldSpec[] = COMMANDS[pdu.command].fields;
  const values = pdu as unknown as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    specs.map(({ name, type }) => [
      name,
      type === 'octets8' ? messageOf(values[name] as Buffer, pdu, content) : values[name],
    ]),
  );
}

function tlvValue(tlv: Tlv, pdu: Pdu, content: boolean): unknown {
  const { tag, value } = tlv;
  if (tag === TLVS.message_payload.tag) return messageOf(value, pdu, content);
  const type = tlvSpec(tag)?.type;
  if (type === 'int' && value.length > 0 && value.length <= 4)
    return value.readUIntBE(0, value.length);
  if (type === 'cstring') return value.toString('latin1').replace(/\0.*$/s, '');
  return content || isHarmlessTlv(tag) ? value.toString('hex') : { octets: value.length };
}

function messageOf(
  octets: Buffer,
  pdu: Pdu,
  content: boolean,
): { readonly octets: number; readonly text?: string } {
  if (octets.length === 0 || !(content || isReceipt(pdu))) return { octets: octets.length };
  const udhi = 'esm_class' in pdu && (pdu.esm_class & ESM_CLASS_UDHI) !== 0;
  const body = octets.subarray(udhi ? (udhOctets(octets) ?? 0) : 0);
  const dataCoding = 'data_coding' in pdu ? pdu.data_coding : 0;
  const text = isReceipt(pdu) ? body.toString('latin1') : decodeText(body, dataCoding, 'gsm7');
  return { octets: octets.length, text };
}
