import { encodePdu, PduWriter } from '../smpp/codec.ts';
import { newPdu, type Pdu } from '../smpp/pdu.ts';
import { makeIntTlv, makeTextTlv } from '../smpp/tlv.ts';

/** Digits of a message's number at the end of every destination: a hundred million messages. */
export const numberDigits = 8;
/** Country and operator in front of them: 13 digits in all, an international number of E.164. */
export const destinationPrefix = '96650';
/** Digits of the lean carrier's message ids. */
export const idDigits = 15;
/** Octets of every text, as the figures demand. */
export const textOctets = 60;

const numberMark = '77777777';
const idMark = '777777777777777';
const dateMark = '7777777777';

/** An encoded submit_sm whose number is to be put at two places: in the destination and in the text. */
export interface SubmitTemplate {
  pdu: Buffer;
  destinationAt: number;
  textAt: number;
}

/** Encodes the submit_sm that every message of the load is a copy of: 60 octets of GSM 7-bit text, registered_delivery 1, to `prefix` and the number. */
export function submitTemplate(sender: string, prefix = destinationPrefix): SubmitTemplate {
  const pdu = newPdu('submit_sm', 0);
  pdu.source_addr_ton = 5; // alphanumeric, SMPP 3.4 §5.2.5
  pdu.source_addr = sender;
  pdu.dest_addr_ton = 1;
  pdu.dest_addr_npi = 1;
  pdu.destination_addr = prefix + numberMark;
  pdu.registered_delivery = 1;
  const text = `Your parcel ${numberMark} will be with you today between 2 and 4 pm.`;
  pdu.short_message = Buffer.from(text.slice(0, textOctets).padEnd(textOctets, '.'), 'latin1');
  const octets = encode(pdu);
  const destinationAt = octets.indexOf(numberMark);
  return { pdu: octets, destinationAt, textAt: octets.indexOf(numberMark, destinationAt + 1) };
}

/** An encoded receipt (SMPP 3.4 appendix B, DELIVRD) and the places to be filled. */
export interface ReceiptTemplate {
  pdu: Buffer;
  /** Of the message's destination, in source_addr: `numberDigits` digits. */
  destinationAt: number;
  /** The id in the text and in receipted_message_id: `idDigits` digits. */
  idAt: readonly [number, number];
}

/** Encodes the receipt for messages that `sender` submitted, with the dates of `unixMs`. */
export function receiptTemplate(
  sender: string,
  senderTon: number,
  senderNpi: number,
  unixMs: number,
): ReceiptTemplate {
  const pdu = newPdu('deliver_sm', 0);
  pdu.source_addr_ton = 1;
  pdu.source_addr_npi = 1;
  pdu.source_addr = destinationPrefix + numberMark;
  pdu.dest_addr_ton = senderTon;
  pdu.dest_addr_npi = senderNpi;
  pdu.destination_addr = sender;
  pdu.esm_class = 0x04;
  const date = new Date(unixMs)
    .toISOString()
    .replace(/\D/g, '')
    .slice(2, 2 + dateMark.length);
  const text = `id:${idMark} sub:001 dlvrd:001 submit date:${date} done date:${date} stat:DELIVRD err:000 text:`;
  pdu.short_message = Buffer.from(text, 'latin1');
  pdu.tlvs = [makeTextTlv('receipted_message_id', idMark), makeIntTlv('message_state', 2)];
  const octets = encode(pdu);
  const first = octets.indexOf(`id:${idMark}`) + 3;
  return {
    pdu: octets,
    destinationAt: octets.indexOf(numberMark),
    idAt: [first, octets.indexOf(idMark, first + 1)],
  };
}

/** Encodes one PDU. */
export function encode(pdu: Pdu): Buffer {
  const writer = new PduWriter();
  encodePdu(writer, pdu);
  return Buffer.from(writer.take());
}
