import { decodePdu, encodePdu, PduWriter } from '../../smpp/codec.ts';
import { parseDataCoding } from '../../smpp/data-coding.ts';
import { HEADER_OCTETS } from '../../smpp/framing.ts';
import { COMMANDS, type Pdu, PduError, RESPONSE_BIT } from '../../smpp/pdu.ts';
import { statusName } from '../../smpp/status.ts';
import { TLVS, type Tlv, tlvSpec } from '../../smpp/tlv.ts';
import { ESM_CLASS_UDHI, parseUdh, udhOctets } from '../../smpp/udh.ts';

/** A PDU as a trace may show it. */
export interface RedactedPdu {
  /** As long as on the wire. */
  readonly octets: Buffer;
  /** Undefined when it does not decode. */
  readonly pdu: Pdu | undefined;
  /** Why it does not decode. */
  readonly error: string | undefined;
}

/** What may be shown besides the protocol itself. */
export interface Allowed {
  /** Texts and whole numbers. Passwords never. */
  readonly content: boolean;
  /** The session is bound: what does not decode is no bind that went wrong. */
  readonly bound: boolean;
}

/**
 * Takes out of a PDU what must not be seen; every octet taken out becomes `*`, so that the PDU stays as long and, where
 * it was well-formed, well-formed.
 *
 * - Passwords: always. So are all TLVs of a bind, which no standard defines and some peers put tokens in, and all of a
 *   bind that does not decode.
 * - Without `content`: texts (of receipts only what follows `text:` and whatever is no field of a receipt), the last four
 *   digits of every number, and every TLV that is not known to be harmless. Of what does not decode only the header is left.
 *
 * @param octets one whole PDU; it is not changed and not kept
 */
export function redactPdu(octets: Buffer, allowed: Allowed): RedactedPdu {
  const own = Buffer.from(octets);
  let pdu: Pdu;
  try {
    pdu = decodePdu(own, 0, own.length);
  } catch (error) {
    if (!(error instanceof PduError)) throw error;
    const words = `${statusName(error.commandStatus)}: ${error.message}`;
    return { octets: withoutBody(own, allowed), pdu: undefined, error: words };
  }
  if (allowed.content && !bindsOrAnswersBind(pdu.command_id)) {
    return { octets: own, pdu, error: undefined };
  }
  hideSecrets(pdu);
  if (!allowed.content) hideContent(pdu);
  const encoded = encodeAlone(pdu);
  // Shorter: the codec tolerated a body that it did not read. Nobody knows what stands in that.
  const whole = encoded !== undefined && encoded.length === own.length;
  return { octets: whole ? encoded : withoutBody(own, allowed), pdu, error: undefined };
}

/** Hides the last four digits of a number, all of one that has no more: "966500000001" is "96650000****". */
export function hideNumber(number: string): string {
  let left = HIDDEN_DIGITS;
  let shown = '';
  for (let at = number.length - 1; at >= 0; at--) {
    const digit = /[0-9]/.test(number.charAt(at));
    shown = (digit && left-- > 0 ? '*' : number.charAt(at)) + shown;
  }
  return shown;
}

/** Whether a TLV may be seen by whoever may trace at all. */
export function isHarmlessTlv(tag: number): boolean {
  const type = tlvSpec(tag)?.type;
  return type === 'int' || type === 'flag' || HARMLESS.has(tag);
}

/** Whether a PDU is a receipt or an intermediate notification by its esm_class (SMPP 3.4 §5.2.12). */
export function isReceipt(pdu: Pdu): boolean {
  if (pdu.command !== 'deliver_sm' && pdu.command !== 'data_sm') return false;
  const type = pdu.esm_class & MESSAGE_TYPE;
  return type === DELIVERY_RECEIPT || type === INTERMEDIATE;
}

const HIDDEN_DIGITS = 4;
const STAR = 0x2a;
const MESSAGE_TYPE = 0x3c;
const DELIVERY_RECEIPT = 0x04;
const INTERMEDIATE = 0x20;
/** Octets of a callback_num before its digits: digit mode, type, plan (SMPP 3.4 §5.3.2.36). */
const CALLBACK_HEADER = 3;

/** Beside numbers and flags. Their values are ids, codes and nodes of networks. */
const HARMLESS: ReadonlySet<number> = new Set(
  [
    TLVS.receipted_message_id,
    TLVS.network_error_code,
    TLVS.source_network_id,
    TLVS.dest_network_id,
    TLVS.source_node_id,
    TLVS.dest_node_id,
    TLVS.its_session_info,
    TLVS.ms_validity,
  ].map((spec) => spec.tag),
);

const BINDS: ReadonlySet<number> = new Set([
  COMMANDS.bind_receiver.id,
  COMMANDS.bind_transmitter.id,
  COMMANDS.bind_transceiver.id,
  COMMANDS.outbind.id,
]);

/** Elements of a UDH that say how parts belong together, which port they are for, and the language: no text. */
const HARMLESS_ELEMENTS: ReadonlySet<number> = new Set([0x00, 0x04, 0x05, 0x08, 0x24, 0x25]);

/** Fields of a receipt's text (SMPP 3.4 appendix B); what stands between them is not known to be one. */
const RECEIPT_FIELDS =
  /\b(?:id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err)\s*:\s?[^\s*]*|\btext\s*:|\s/gi;

const WRITER = new PduWriter();

function bindsOrAnswersBind(commandId: number): boolean {
  return BINDS.has(commandId) || BINDS.has(commandId - RESPONSE_BIT);
}

function withoutBody(own: Buffer, allowed: Allowed): Buffer {
  const secret = !allowed.bound || bindsOrAnswersBind(own.readUInt32BE(4));
  return allowed.content && !secret ? own : Buffer.from(own).fill(STAR, HEADER_OCTETS);
}

function hideSecrets(pdu: Pdu): void {
  if (!BINDS.has(pdu.command_id)) return;
  if ('password' in pdu) pdu.password = '*'.repeat(pdu.password.length);
  for (const tlv of pdu.tlvs ?? []) tlv.value = stars(tlv.value);
}

function hideContent(pdu: Pdu): void {
  if ('source_addr' in pdu) pdu.source_addr = hideNumber(pdu.source_addr);
  if ('destination_addr' in pdu) pdu.destination_addr = hideNumber(pdu.destination_addr);
  if ('esme_addr' in pdu) pdu.esme_addr = hideNumber(pdu.esme_addr);
  if ('dest_address' in pdu) {
    for (const dest of pdu.dest_address)
      if (dest.dest_flag === 1) dest.destination_addr = hideNumber(dest.destination_addr);
  }
  if ('unsuccess_sme' in pdu) {
    for (const failure of pdu.unsuccess_sme)
      failure.destination_addr = hideNumber(failure.destination_addr);
  }
  if ('short_message' in pdu) pdu.short_message = hideMessage(pdu.short_message, pdu);
  for (const tlv of pdu.tlvs ?? []) tlv.value = hiddenTlv(tlv, pdu);
}

function hiddenTlv(tlv: Tlv, pdu: Pdu): Buffer {
  const { tag, value } = tlv;
  if (isHarmlessTlv(tag)) return value;
  if (tag === TLVS.message_payload.tag) return hideMessage(value, pdu);
  if (tag === TLVS.callback_num.tag) return hideCallback(value);
  if (tag === TLVS.additional_status_info_text.tag)
    return Buffer.from(value.toString('latin1').replace(/[0-9]{5,}/g, hideNumber), 'latin1');
  return stars(value);
}

/** short_message or message_payload: its UDH where that is harmless, of a receipt its fields, `*` for the rest. */
function hideMessage(octets: Buffer, pdu: Pdu): Buffer {
  const esmClass = 'esm_class' in pdu ? pdu.esm_class : 0;
  const wide = 'data_coding' in pdu && parseDataCoding(pdu.data_coding).alphabet === 'ucs2';
  if (isReceipt(pdu) && !wide && (esmClass & ESM_CLASS_UDHI) === 0) return hideReceiptText(octets);
  const from = (esmClass & ESM_CLASS_UDHI) === 0 ? 0 : harmlessUdhOctets(octets);
  const hidden = Buffer.from(octets).fill(STAR, from);
  // A star of two octets each.
  if (wide) for (let at = from; at + 1 < hidden.length; at += 2) hidden[at] = 0;
  return hidden;
}

function harmlessUdhOctets(octets: Buffer): number {
  const elements = parseUdh(octets);
  const harmless = elements?.every((element) => HARMLESS_ELEMENTS.has(element.id)) === true;
  return harmless ? (udhOctets(octets) ?? 0) : 0;
}

function hideReceiptText(octets: Buffer): Buffer {
  const text = octets.toString('latin1');
  const message = /\btext\s*:/i.exec(text);
  const end = message === null ? text.length : message.index + message[0].length;
  const hidden = stars(octets);
  for (const field of text.slice(0, end).matchAll(RECEIPT_FIELDS))
    hidden.write(field[0], field.index, 'latin1');
  return hidden;
}

/** The last four octets of its digits, of one digit each (ASCII) or two (BCD). */
function hideCallback(value: Buffer): Buffer {
  const from = Math.max(CALLBACK_HEADER, value.length - HIDDEN_DIGITS);
  return Buffer.from(value).fill(STAR, from);
}

function stars(value: Buffer): Buffer {
  return Buffer.alloc(value.length, STAR);
}

function encodeAlone(pdu: Pdu): Buffer | undefined {
  try {
    encodePdu(WRITER, pdu);
  } catch (error) {
    if (!(error instanceof PduError)) throw error;
    return undefined; // read with tolerance, and not to be written by us
  }
  return Buffer.from(WRITER.take());
}
