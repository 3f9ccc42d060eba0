import { decodeText } from '../../smpp/data-coding.ts';
import { type PeerAlphabet, toGsm7 } from '../../smpp/default-alphabet.ts';
import type { FieldSpec } from '../../smpp/fields.ts';
import { HEADER_OCTETS } from '../../smpp/framing.ts';
import { textOf } from '../../smpp/message.ts';
import { COMMANDS, commandNameOf, type Pdu, type SubmitSm } from '../../smpp/pdu.ts';
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

/** How a PDU was redacted, and what its peer means by the default alphabet. */
export interface Shown {
  readonly content: boolean;
  readonly alphabet: PeerAlphabet;
}

/** Describes a PDU out of redactPdu. */
export function describePdu(redacted: RedactedPdu, shown: Shown): PduDescription {
  const { octets, pdu, error } = redacted;
  const commandId = octets.readUInt32BE(4);
  return {
    command: commandNameOf(commandId) ?? `0x${commandId.toString(16).padStart(8, '0')}`,
    status: statusName(octets.readUInt32BE(8)),
    sequence: octets.readUInt32BE(12),
    octets: octets.length,
    fields: pdu === undefined || octets.length === HEADER_OCTETS ? {} : fieldsOf(pdu, shown),
    tlvs: (pdu?.tlvs ?? []).map((tlv) => ({
      name: tlvName(tlv.tag),
      value: pdu === undefined ? undefined : tlvValue(tlv, pdu, shown),
    })),
    error,
  };
}

function fieldsOf(pdu: Pdu, shown: Shown): Record<string, unknown> {
  const specs: readonly FieldSpec[] = COMMANDS[pdu.command].fields;
  const values = pdu as unknown as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    specs.map(({ name, type }) => [
      name,
      type === 'octets8' ? messageOf(values[name] as Buffer, pdu, shown) : values[name],
    ]),
  );
}

function tlvValue(tlv: Tlv, pdu: Pdu, shown: Shown): unknown {
  const { tag, value } = tlv;
  if (tag === TLVS.message_payload.tag) return messageOf(value, pdu, shown);
  const type = tlvSpec(tag)?.type;
  if (type === 'int' && value.length > 0 && value.length <= 4)
    return value.readUIntBE(0, value.length);
  if (type === 'cstring') return value.toString('latin1').replace(/\0.*$/s, '');
  return shown.content || isHarmlessTlv(tag) ? value.toString('hex') : { octets: value.length };
}

function messageOf(
  octets: Buffer,
  pdu: Pdu,
  shown: Shown,
): { readonly octets: number; readonly text?: string } {
  if (octets.length === 0 || !(shown.content || isReceipt(pdu))) return { octets: octets.length };
  return { octets: octets.length, text: textIn(octets, pdu, shown.alphabet) };
}

/** @param octets short_message or message_payload */
function textIn(octets: Buffer, pdu: Pdu, alphabet: PeerAlphabet): string {
  const dataCoding = 'data_coding' in pdu ? pdu.data_coding : 0;
  if (isReceipt(pdu)) return decodeText(octets, dataCoding, 'latin1');
  if (pdu.command === 'submit_sm') {
    const copy: SubmitSm = { ...pdu };
    toGsm7(copy, alphabet);
    return textOf(copy, 'gsm7');
  }
  const udhi = 'esm_class' in pdu && (pdu.esm_class & ESM_CLASS_UDHI) !== 0;
  const body = octets.subarray(udhi ? (udhOctets(octets) ?? 0) : 0);
  return decodeText(body, dataCoding, 'gsm7');
}
