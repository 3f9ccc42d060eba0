import type { Pdu, PduInput } from 'smpp';
import smpp from 'smpp';
import type { SimulatedCustomerOptions } from './customer-options.ts';

/** sm_length is one octet (SMPP 3.4 §5.2.21); as in §4.4.1 what is longer goes into message_payload. */
const shortMessageOctets = 254;

/** The submit_sm of message `n`. GSM 7-bit (data_coding 0) where the text allows it, else UCS-2 (8). */
export function submitPdu(options: SimulatedCustomerOptions, n: number): PduInput {
  const source = options.source ?? 'smppgate';
  const isNumber = /^\d+$/.test(source);
  const text = (options.text ?? 'message {n}').replaceAll('{n}', String(n));
  const isGsm = smpp.encodings.ASCII.match(text);
  const octets = text.length * (isGsm ? 1 : 2);
  return {
    source_addr_ton: isNumber ? 1 : 5,
    source_addr_npi: isNumber ? 1 : 0,
    source_addr: source,
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: fillDigits(options.destination ?? '96650#######', n),
    registered_delivery: options.registeredDelivery ?? 1,
    // Chosen here: npm smpp would mark GSM 7-bit as 1, which is IA5 (SMPP 3.4 §5.2.19).
    data_coding: isGsm ? 0 : 8,
    ...(octets > shortMessageOctets ? { message_payload: text } : { short_message: text }),
  };
}

/** Replaces the #s of a pattern, from the right, by the digits of n. */
export function fillDigits(pattern: string, n: number): string {
  let left = n;
  let filled = '';
  for (let at = pattern.length - 1; at >= 0; at -= 1) {
    if (pattern[at] !== '#') {
      filled = pattern[at] + filled;
      continue;
    }
    filled = String(left % 10) + filled;
    left = Math.floor(left / 10);
  }
  return filled;
}

/** What a customer reads in a receipt. */
export interface ReadReceipt {
  id: string;
  state: string;
  intermediate: boolean;
  /** `err:` of the text; absent where there is none. */
  err?: string;
}

/** The id and state of a receipt: TLVs first, then the text (SMPP 3.4 appendix B). undefined: no receipt. */
export function readReceipt(pdu: Pdu): ReadReceipt | undefined {
  const type = (pdu.esm_class ?? 0) & 0x3c;
  if (type !== 0x04 && type !== 0x20) return undefined;
  const short = pdu.short_message;
  const text =
    short === undefined
      ? ''
      : String(typeof short === 'object' && 'message' in short ? short.message : short);
  const id = pdu.receipted_message_id ?? /\bid:(\S+)/.exec(text)?.[1] ?? '';
  const state = /\bstat:(\S+)/.exec(text)?.[1] ?? `state ${pdu.message_state ?? '?'}`;
  const err = /\berr:(\S+)/.exec(text)?.[1];
  return { id, state, intermediate: type === 0x20, ...(err !== undefined && { err }) };
}
