import { decodeText, encodeText, parseDataCoding } from './data-coding.ts';
import { decodeGsm7, encodeGsm7, packSeptets, unpackSeptets } from './gsm7.ts';
import { hasUdh, MalformedMessage, messageOctets, partOf, textOctets, textOf } from './message.ts';
import { nationalText, withoutShifts } from './national-gsm7.ts';
import { type DeliverSm, NO_OCTETS, type SubmitSm } from './pdu.ts';
import { countSegments } from './segmentation.ts';
import { makeOctetsTlv, TLVS } from './tlv.ts';
import { ESM_CLASS_UDHI, udhOctets } from './udh.ts';

/**
 * What a peer means by the default alphabet (data_coding 0 and the GSM groups that have it): GSM 7-bit with one
 * septet in an octet, the same packed as on the air (3GPP TS 23.038 §6.1.2.1), Latin-1 or ASCII.
 */
export type PeerAlphabet = 'gsm7' | 'gsm7-packed' | 'latin1' | 'ascii';

/** short_message holds 254 octets (SMPP 3.4 §4.4.1); what is longer goes into message_payload. */
const SHORT_MESSAGE_OCTETS = 254;
/** User data of one SMS (TS 23.040 §9.2.3.24). */
const SMS_OCTETS = 140;
const SEPTET_CR = 0x0d;
const DATA_CODING_UCS2 = 0x08;

/**
 * Rewrites a message in the default alphabet so that it is unpacked GSM 7-bit. Latin-1 with a character that GSM
 * 7-bit has not becomes UCS-2 with the same message class, which is how it will be on the air. Anything else stays.
 * @returns the message's own fault, when it has one
 */
export function toGsm7(
  pdu: SubmitSm | DeliverSm,
  alphabet: PeerAlphabet,
): MalformedMessage | undefined {
  if (alphabet === 'gsm7') return undefined;
  const coding = parseDataCoding(pdu.data_coding);
  if (coding.alphabet !== 'default' || coding.compressed) return undefined;
  const octets = messageOctets(pdu);
  if (octets instanceof MalformedMessage) return octets;
  const header = hasUdh(pdu) ? (udhOctets(octets) ?? 0) : 0;
  const text = octets.subarray(header);
  let rewritten =
    alphabet === 'gsm7-packed' ? unpack(text, header) : encodeGsm7(text.toString('latin1'));
  if (rewritten === undefined) {
    rewritten = Buffer.from(text.toString('latin1'), 'utf16le').swap16();
    pdu.data_coding = asUcs2(pdu.data_coding);
  }
  setOctets(pdu, header === 0 ? rewritten : Buffer.concat([octets.subarray(0, header), rewritten]));
  return undefined;
}

/**
 * Writes another text into a message without a UDH: in its own data_coding, or in UCS-2 of the same message class where
 * that lacks a character. Its default alphabet is GSM 7-bit.
 */
export function writeText(pdu: SubmitSm, text: string): void {
  const encoded = encodeText(text, pdu.data_coding, 'gsm7');
  if ('octets' in encoded) return setOctets(pdu, encoded.octets);
  pdu.data_coding = asUcs2(pdu.data_coding);
  setOctets(pdu, Buffer.from(text.toWellFormed(), 'utf16le').swap16());
}

/** How many segments a message is whose text `writeText` wrote. */
export function textSegments(text: string, dataCoding: number): number {
  const encoded = encodeText(text, dataCoding, 'gsm7');
  if ('octets' in encoded) return countSegments(encoded.octets, dataCoding, 'gsm7');
  const octets = Buffer.from(text.toWellFormed(), 'utf16le').swap16();
  return countSegments(octets, DATA_CODING_UCS2, 'gsm7');
}

/**
 * The data_coding in which a peer of Latin-1 submitted a message that `toGsm7` may have rewritten: the default alphabet
 * where the text is all Latin-1 and not all GSM 7-bit, which is what becomes UCS-2. (Latin-1 in a UCS-2 of his own
 * cannot be told from it; he has no reason to write that.)
 */
export function codingFromLatin1(pdu: SubmitSm): number {
  if (parseDataCoding(pdu.data_coding).alphabet !== 'ucs2') return pdu.data_coding;
  const text = decodeText(textOctets(pdu), DATA_CODING_UCS2, 'gsm7');
  const isLatin1 = [...text].every((char) => char <= '\xff') && encodeGsm7(text) === undefined;
  return isLatin1 ? asDefault(pdu.data_coding) : pdu.data_coding;
}

/** What `asUcs2` made a UCS-2 data_coding of. */
function asDefault(dataCoding: number): number {
  const group = dataCoding >> 4;
  if (group === 0xe) return 0xc0 | (dataCoding & 0x0f);
  return dataCoding === DATA_CODING_UCS2 ? 0 : dataCoding & ~0x0c;
}

/**
 * The other way: rewrites a message in unpacked GSM 7-bit for a peer whose default alphabet is another. What that
 * has not makes the message UCS-2, or with `replace` a question mark. What is written by national language tables is told
 * in the peer's alphabet, its header without them. Anything else, and what is malformed, stays.
 * @param replace `segment`: what a segment has not goes as UCS-2 only where a header named such tables, and it has room
 */
export function fromGsm7(
  pdu: SubmitSm | DeliverSm,
  alphabet: PeerAlphabet,
  replace: boolean | 'segment' = false,
): void {
  if (alphabet === 'gsm7') return;
  const coding = parseDataCoding(pdu.data_coding);
  const octets = messageOctets(pdu);
  if (coding.alphabet !== 'default' || coding.compressed || octets instanceof MalformedMessage)
    return;
  const header = hasUdh(pdu) ? (udhOctets(octets) ?? 0) : 0;
  const septets = octets.subarray(header);
  let udh = octets.subarray(0, header);
  let rewritten: Buffer;
  if (alphabet === 'gsm7-packed') rewritten = pack(septets, header);
  else {
    const beyond = beyondOf(alphabet);
    const national = header === 0 ? undefined : nationalText(octets, septets);
    if (national !== undefined) udh = withoutShifts(udh);
    if (udh.length === 0) pdu.esm_class &= ~ESM_CLASS_UDHI;
    const whole = national ?? decodeGsm7(septets);
    const hasRoom = national !== undefined && udh.length + 2 * whole.length <= SMS_OCTETS;
    const isKept = replace === false || (replace === 'segment' && hasRoom);
    const text = isKept ? whole : whole.replace(beyond, '?');
    const fits = text.search(beyond) < 0;
    rewritten = fits ? Buffer.from(text, 'latin1') : Buffer.from(text, 'utf16le').swap16();
    if (!fits) pdu.data_coding = asUcs2(pdu.data_coding);
  }
  setOctets(pdu, udh.length === 0 ? rewritten : Buffer.concat([udh, rewritten]));
}

/**
 * Whether a message that its sender cut, or that has a header for other things, is written by national language tables
 * and has letters for which a peer's default alphabet has no sign and UCS-2 no room.
 */
export function losesNational(pdu: SubmitSm, alphabet: PeerAlphabet): boolean {
  if (!hasUdh(pdu) || !hasUnwritable(pdu, alphabet)) return false;
  const octets = messageOctets(pdu);
  if (octets instanceof MalformedMessage) return false;
  const header = udhOctets(octets) ?? 0;
  const text = nationalText(octets, octets.subarray(header));
  const left = withoutShifts(octets.subarray(0, header)).length;
  const isWhole = left === 0 && partOf(pdu) === undefined;
  return text !== undefined && !isWhole && left + 2 * text.length > SMS_OCTETS;
}

/** Whether a message has no header, or one that names national language tables alone. */
export function isPlain(pdu: SubmitSm): boolean {
  if (!hasUdh(pdu)) return true;
  const octets = messageOctets(pdu);
  if (octets instanceof MalformedMessage) return false;
  const header = octets.subarray(0, udhOctets(octets) ?? 0);
  return withoutShifts(header).length === 0 && nationalText(octets, NO_OCTETS) !== undefined;
}

function beyondOf(alphabet: 'latin1' | 'ascii'): RegExp {
  return alphabet === 'ascii' ? BEYOND_ASCII : BEYOND_LATIN1;
}

const BEYOND_LATIN1 = /[^\0-\xff]/g;
const BEYOND_ASCII = /[^\0-\x7f]/g;

/** Whether a message in unpacked GSM 7-bit has a character that the peer's default alphabet has not. */
export function hasUnwritable(pdu: SubmitSm, alphabet: PeerAlphabet): boolean {
  if (alphabet === 'gsm7' || alphabet === 'gsm7-packed') return false;
  const coding = parseDataCoding(pdu.data_coding);
  if (coding.alphabet !== 'default' || coding.compressed) return false;
  return textOf(pdu, 'gsm7').search(beyondOf(alphabet)) >= 0;
}

/** Seven bits left over at the end are filled with a carriage return (TS 23.038 §6.1.2.3.1). */
function pack(septets: Buffer, headerOctets: number): Buffer {
  const fillBits = (7 - ((headerOctets * 8) % 7)) % 7;
  const isFilled = septets.length > 0 && (septets.length * 7 + fillBits) % 8 === 1;
  const filled = isFilled ? Buffer.concat([septets, Buffer.from([SEPTET_CR])]) : septets;
  return packSeptets(filled, fillBits);
}

/** Septets behind a header begin at a septet boundary (TS 23.040 §9.2.3.24). */
function unpack(packed: Buffer, headerOctets: number): Buffer {
  const fillBits = (7 - ((headerOctets * 8) % 7)) % 7;
  const septets = unpackSeptets(packed, undefined, fillBits);
  const last = septets.at(-1);
  // Seven bits over are no character: zeros, or the carriage return that TS 23.038 §6.1.2.3.1 asks for.
  const isWhole = (septets.length * 7 + fillBits) % 8 === 0;
  const isFilling = isWhole && (last === 0 || last === SEPTET_CR);
  return isFilling ? septets.subarray(0, -1) : septets;
}

/** The data_coding of UCS-2 in the same group, its message class or waiting indication kept (TS 23.038 §4). */
function asUcs2(dataCoding: number): number {
  const group = dataCoding >> 4;
  if (group === 0xc || group === 0xd) return 0xe0 | (dataCoding & 0x0f);
  if (group === 0xf) return 0x18 | (dataCoding & 0x03);
  return group < 8 && group > 0 ? (dataCoding & 0xf3) | 0x08 : DATA_CODING_UCS2;
}

/** In short_message where it fits, unless the message was in message_payload: a peer who takes that cuts it himself. */
function setOctets(pdu: SubmitSm | DeliverSm, octets: Buffer): void {
  const others = pdu.tlvs?.filter((tlv) => tlv.tag !== TLVS.message_payload.tag) ?? [];
  const wasPayload = others.length !== (pdu.tlvs?.length ?? 0) && pdu.short_message.length === 0;
  const isShort = octets.length <= SHORT_MESSAGE_OCTETS && !wasPayload;
  pdu.short_message = isShort ? octets : Buffer.alloc(0);
  if (!isShort) others.push(makeOctetsTlv('message_payload', octets));
  pdu.tlvs = others.length === 0 ? undefined : others;
}
