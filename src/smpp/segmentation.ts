import { type Alphabet, alphabetOf, type DefaultAlphabet } from './data-coding.ts';
import { GSM7_ESCAPE } from './gsm7.ts';
import { hasUdh, MalformedMessage, messageOctets, partOf } from './message.ts';
import {
  type DataSm,
  NO_OCTETS,
  newPdu,
  PduError,
  type SubmitMulti,
  type SubmitSm,
} from './pdu.ts';
import { ESME_RINVMSGLEN } from './status.ts';
import { makeIntTlv, makeOctetsTlv, TLVS, type Tlv } from './tlv.ts';
import { concatUdh, ESM_CLASS_UDHI, udhOctets } from './udh.ts';

/**
 * How a long message is told apart on the way to a carrier: a UDH with an 8-bit or a 16-bit
 * reference, the sar_* TLVs, or one PDU with message_payload that the carrier cuts itself.
 */
export type SegmentStyle = 'udh' | 'udh16' | 'sar' | 'payload';

/** The greatest number of parts: one octet holds it in a UDH and in sar_total_segments. */
export const MAX_SEGMENTS = 255;

/** What a customer submits. */
export type SubmittedPdu = SubmitSm | DataSm | SubmitMulti;

/** TP-User-Data holds 140 octets (3GPP TS 23.040 §9.2.3.16), or 160 septets in the same room. */
const SMS_OCTETS = 140;
const SMS_SEPTETS = 160;
/** Octets that the concatenation header takes out of those, on the air. */
const CONCAT_HEADER_OCTETS: Readonly<Record<SegmentStyle, number>> = {
  udh: 6,
  udh16: 7,
  // The carrier makes the header from what the TLVs say; the shorter one is usual.
  sar: 6,
  payload: 6,
};

/**
 * What makes a submitted message impossible to charge and send, or undefined: both short_message
 * and message_payload, a UDH that is not whole, a part of a customer's own (UDH or sar_*) that
 * does not fit one SMS, a message of over 255 segments. Ask this before the functions below.
 */
export function malformedMessage(
  pdu: SubmittedPdu,
  defaultAlphabet: DefaultAlphabet,
): MalformedMessage | undefined {
  const octets = messageOctets(pdu);
  if (octets instanceof MalformedMessage) return octets;
  const alphabet = alphabetOf(pdu.data_coding, defaultAlphabet);
  if (isOnePart(pdu)) return fitsOneSms(pdu, octets, alphabet) ? undefined : TOO_LONG_PART;
  return countParts(octets, alphabet, 'udh') > MAX_SEGMENTS ? TOO_MANY_PARTS : undefined;
}

/**
 * How many SMS a submitted message is on the air, which is what is charged: the length of what
 * `splitPdu` gives with the same style. (With 'payload' that is one PDU, which the carrier cuts
 * into as many.) A malformed message counts 1.
 */
export function segmentsOf(
  pdu: SubmittedPdu,
  defaultAlphabet: DefaultAlphabet,
  style: SegmentStyle = 'udh',
): number {
  if (isOnePart(pdu)) return 1;
  const octets = messageOctets(pdu);
  if (octets instanceof MalformedMessage) return 1;
  return countParts(octets, alphabetOf(pdu.data_coding, defaultAlphabet), style);
}

/** The same for octets without a PDU (replace_sm: the data_coding is the original message's). */
export function countSegments(
  octets: Buffer,
  dataCoding: number,
  defaultAlphabet: DefaultAlphabet,
  style: SegmentStyle = 'udh',
): number {
  return countParts(octets, alphabetOf(dataCoding, defaultAlphabet), style);
}

/**
 * The submit_sm PDUs that carry a message to a carrier, in order, with sequence_number 0. They
 * share strings and TLV values with `pdu`; a part's octets are a view into the message where no
 * header goes before them. message_payload becomes short_message except with style 'payload',
 * and the other TLVs go with every part. What a customer cut himself goes as it is.
 *
 * @param reference is cut to the 8 or 16 bits of the style; the caller varies it per destination.
 * @throws PduError (recoverable) for what `malformedMessage` refuses.
 */
export function splitPdu(
  pdu: SubmitSm | DataSm,
  style: SegmentStyle,
  reference: number,
  defaultAlphabet: DefaultAlphabet,
): SubmitSm[] {
  const refusal = malformedMessage(pdu, defaultAlphabet);
  const octets = messageOctets(pdu);
  if (refusal !== undefined || octets instanceof MalformedMessage) throw asPduError(refusal, pdu);
  if (isOnePart(pdu)) return [wholePdu(pdu, octets)];
  const alphabet = alphabetOf(pdu.data_coding, defaultAlphabet);
  const ends = partEnds(octets, alphabet, style);
  if (ends.length === 1) return [wholePdu(pdu, octets)];
  if (style === 'payload') return [payloadPdu(pdu, octets)];
  if (ends.length > MAX_SEGMENTS) throw asPduError(TOO_MANY_PARTS, pdu);
  const parts: SubmitSm[] = [];
  for (let index = 0; index < ends.length; index++) {
    const text = octets.subarray(index === 0 ? 0 : ends[index - 1], ends[index]);
    parts.push(partPdu(pdu, text, style, { reference, total: ends.length, part: index + 1 }));
  }
  return parts;
}

const TOO_LONG_PART = new MalformedMessage(
  ESME_RINVMSGLEN,
  'a part with a UDH or sar_* does not fit one SMS',
);
const TOO_MANY_PARTS = new MalformedMessage(
  ESME_RINVMSGLEN,
  `a message of over ${MAX_SEGMENTS} segments`,
);
const SAR_TAGS: ReadonlySet<number> = new Set([
  TLVS.sar_msg_ref_num.tag,
  TLVS.sar_total_segments.tag,
  TLVS.sar_segment_seqnum.tag,
]);

/** Whether the customer cut the message himself, or addresses it by a UDH: then it is one SMS. */
function isOnePart(pdu: SubmittedPdu): boolean {
  return hasUdh(pdu) || partOf(pdu) !== undefined;
}

/** Behind a UDH septets begin at a septet boundary: 7 bits each in what the header leaves of 140 octets. */
function fitsOneSms(pdu: SubmittedPdu, octets: Buffer, alphabet: Alphabet): boolean {
  const header = hasUdh(pdu) ? (udhOctets(octets) ?? 0) : 0;
  return octets.length - header <= roomOf(alphabet, header);
}

/** Octets (septets, one in an octet, for 7-bit alphabets) that fit one SMS behind a header. */
function roomOf(alphabet: Alphabet, headerOctets: number): number {
  if (isSevenBit(alphabet)) return Math.floor(((SMS_OCTETS - headerOctets) * 8) / 7);
  return SMS_OCTETS - headerOctets;
}

/** GSM 7-bit, and ASCII, which carriers map to it: 160 characters an SMS. */
function isSevenBit(alphabet: Alphabet): boolean {
  return alphabet === 'gsm7' || alphabet === 'ascii';
}

function countParts(octets: Buffer, alphabet: Alphabet, style: SegmentStyle): number {
  const single = isSevenBit(alphabet) ? SMS_SEPTETS : SMS_OCTETS;
  return octets.length <= single ? 1 : partEnds(octets, alphabet, style).length;
}

/** Where each part ends: the one place that decides how a message is cut. */
function partEnds(octets: Buffer, alphabet: Alphabet, style: SegmentStyle): number[] {
  const single = isSevenBit(alphabet) ? SMS_SEPTETS : SMS_OCTETS;
  if (octets.length <= single) return [octets.length];
  const room = roomOf(alphabet, CONCAT_HEADER_OCTETS[style]);
  const ends: number[] = [];
  let start = 0;
  while (start < octets.length) {
    start =
      octets.length - start <= room
        ? octets.length
        : cutBefore(octets, alphabet, start, start + room);
    ends.push(start);
  }
  return ends;
}

/** The last place at or before `limit` that is not inside a character. */
function cutBefore(octets: Buffer, alphabet: Alphabet, start: number, limit: number): number {
  switch (alphabet) {
    case 'gsm7':
      return isInsideEscapePair(octets, start, limit) ? limit - 1 : limit;
    case 'ucs2':
      return cutUcs2(octets, start, limit);
    case 'shift_jis':
    case 'euc-jp':
    case 'euc-kr':
      return cutDoubleOctets(octets, alphabet, start, limit);
    default:
      return limit;
  }
}

/** An odd number of escapes before the cut: the last one belongs to what follows. */
function isInsideEscapePair(octets: Buffer, start: number, limit: number): boolean {
  let escapes = 0;
  while (limit - escapes > start && octets[limit - escapes - 1] === GSM7_ESCAPE) escapes++;
  return escapes % 2 === 1;
}

function cutUcs2(octets: Buffer, start: number, limit: number): number {
  const even = limit - ((limit - start) & 1);
  const isHigh = ((octets[even - 2] as number) & 0xfc) === 0xd8;
  const isLow = ((octets[even] ?? 0) & 0xfc) === 0xdc;
  return isHigh && isLow ? even - 2 : even;
}

type DoubleOctetAlphabet = 'shift_jis' | 'euc-jp' | 'euc-kr';

function cutDoubleOctets(
  octets: Buffer,
  alphabet: DoubleOctetAlphabet,
  start: number,
  limit: number,
): number {
  let position = start;
  while (position < limit) {
    const size = isLead(octets[position] as number, alphabet) ? 2 : 1;
    if (position + size > limit) return position;
    position += size;
  }
  return position;
}

/** The octets that take the next one with them; Shift JIS has one-octet katakana at 0xa1-0xdf. */
function isLead(octet: number, alphabet: DoubleOctetAlphabet): boolean {
  if (alphabet === 'shift_jis')
    return octet > 0x80 && octet < 0xfd && (octet < 0xa0 || octet > 0xdf);
  return octet > 0x80;
}

function wholePdu(pdu: SubmitSm | DataSm, octets: Buffer): SubmitSm {
  const whole = submitSmOf(pdu);
  whole.short_message = octets;
  whole.tlvs = tlvsWithout(pdu.tlvs, PAYLOAD_TAGS);
  return whole;
}

function payloadPdu(pdu: SubmitSm | DataSm, octets: Buffer): SubmitSm {
  const whole = submitSmOf(pdu);
  const tlvs = tlvsWithout(pdu.tlvs, PAYLOAD_TAGS) ?? [];
  tlvs.push(makeOctetsTlv('message_payload', octets));
  whole.tlvs = tlvs;
  return whole;
}

function partPdu(
  pdu: SubmitSm | DataSm,
  text: Buffer,
  style: 'udh' | 'udh16' | 'sar',
  place: { reference: number; total: number; part: number },
): SubmitSm {
  const part = submitSmOf(pdu);
  const tlvs = tlvsWithout(pdu.tlvs, PAYLOAD_AND_SAR_TAGS);
  if (style === 'sar') {
    part.short_message = text;
    part.tlvs = (tlvs ?? []).concat(
      makeIntTlv('sar_msg_ref_num', place.reference & 0xffff),
      makeIntTlv('sar_total_segments', place.total),
      makeIntTlv('sar_segment_seqnum', place.part),
    );
    return part;
  }
  part.esm_class |= ESM_CLASS_UDHI;
  part.short_message = Buffer.concat([concatUdh(style === 'udh' ? 8 : 16, place), text]);
  part.tlvs = tlvs;
  return part;
}

/** A submit_sm with the fields of another, without its message and TLVs. data_sm lacks some: they stay 0. */
function submitSmOf(pdu: SubmitSm | DataSm): SubmitSm {
  const copy = newPdu('submit_sm', 0);
  copy.service_type = pdu.service_type;
  copy.source_addr_ton = pdu.source_addr_ton;
  copy.source_addr_npi = pdu.source_addr_npi;
  copy.source_addr = pdu.source_addr;
  copy.dest_addr_ton = pdu.dest_addr_ton;
  copy.dest_addr_npi = pdu.dest_addr_npi;
  copy.destination_addr = pdu.destination_addr;
  copy.esm_class = pdu.esm_class;
  copy.registered_delivery = pdu.registered_delivery;
  copy.data_coding = pdu.data_coding;
  copy.short_message = NO_OCTETS;
  if (pdu.command === 'data_sm') return copy;
  copy.protocol_id = pdu.protocol_id;
  copy.priority_flag = pdu.priority_flag;
  copy.schedule_delivery_time = pdu.schedule_delivery_time;
  copy.validity_period = pdu.validity_period;
  copy.replace_if_present_flag = pdu.replace_if_present_flag;
  copy.sm_default_msg_id = pdu.sm_default_msg_id;
  return copy;
}

const PAYLOAD_TAGS: ReadonlySet<number> = new Set([TLVS.message_payload.tag]);
const PAYLOAD_AND_SAR_TAGS: ReadonlySet<number> = new Set([...PAYLOAD_TAGS, ...SAR_TAGS]);

function tlvsWithout(tlvs: Tlv[] | undefined, tags: ReadonlySet<number>): Tlv[] | undefined {
  if (tlvs === undefined) return undefined;
  const kept = tlvs.filter((tlv) => !tags.has(tlv.tag));
  return kept.length === 0 ? undefined : kept;
}

function asPduError(refusal: MalformedMessage | undefined, pdu: SubmitSm | DataSm): PduError {
  const { commandStatus, detail } = refusal ?? TOO_MANY_PARTS;
  return new PduError('recoverable', commandStatus, detail, pdu.command_id, pdu.sequence_number);
}
