import { hash } from 'node:crypto';
import type { Message, Pdu } from 'smpp';

/** What the simulator notes of a message's content. */
export interface MessageContent {
  /** First 16 hex digits of the SHA-256 of the text in UTF-8 (of the octets where data_coding is not a text). Without the user data header. */
  textHash: string;
  /** The text's first 20 characters, as a receipt repeats them (SMPP 3.4 appendix B). */
  head: string;
  /** Set for a part of a long message, from the header (3GPP TS 23.040 §9.2.3.24) or the sar_* TLVs. */
  part?: { reference: number; total: number; number: number };
}

/** Hashes and describes the content of a decoded submit_sm, deliver_sm or data_sm. */
export function messageContent(pdu: Pdu): MessageContent {
  const { message, udh } = contentOf(pdu);
  const content: MessageContent = {
    textHash: textHash(message),
    head: typeof message === 'string' ? message.slice(0, 20) : '',
  };
  const part = partFromHeader(udh) ?? partFromTlvs(pdu);
  if (part) content.part = part;
  return content;
}

/** The hash under which both books note a text: see MessageContent.textHash. */
export function textHash(text: string | Buffer): string {
  return hash('sha256', text, 'hex').slice(0, 16);
}

function contentOf(pdu: Pdu): Message {
  const short = pdu.short_message;
  const isEmpty = short === undefined || lengthOf(short) === 0;
  const chosen = isEmpty ? (pdu.message_payload ?? short ?? '') : short;
  if (typeof chosen === 'string' || Buffer.isBuffer(chosen)) return { message: chosen };
  return chosen;
}

function lengthOf(message: Message | Buffer | string): number {
  if (typeof message === 'string' || Buffer.isBuffer(message)) return message.length;
  return message.message.length;
}

/** Information elements 0x00 (8-bit reference) and 0x08 (16-bit), 3GPP TS 23.040 §9.2.3.24.1 and .8. */
function partFromHeader(udh: Buffer[] | undefined): MessageContent['part'] {
  for (const element of udh ?? []) {
    const at = element[0] === 0x00 ? 3 : element[0] === 0x08 ? 4 : 0;
    if (at === 0 || element.length < at + 2) continue;
    const reference = at === 3 ? element.readUInt8(2) : element.readUInt16BE(2);
    return { reference, total: element.readUInt8(at), number: element.readUInt8(at + 1) };
  }
  return undefined;
}

function partFromTlvs(pdu: Pdu): MessageContent['part'] {
  const { sar_msg_ref_num: reference, sar_total_segments: total, sar_segment_seqnum: number } = pdu;
  if (reference === undefined || total === undefined || number === undefined) return undefined;
  return { reference, total, number };
}
