import { readFileSync } from 'node:fs';

/** One PDU of vectors/pdu.json. */
export interface PduVector {
  id: string;
  hex: string;
  length_matches: boolean;
  command_status?: string;
  sequence_number?: number;
  /** A list where the field came several times. */
  wireshark?: Record<string, string | string[]>;
  wireshark_malformed?: boolean;
}

/** One receipt text of vectors/receipts.json; older entries wrap their fields. */
export interface ReceiptVector {
  text: string;
  note: string;
  expect: Record<string, string> | { fields: Record<string, string> };
}

export interface Gsm7Vectors {
  basic: Record<string, string>;
  extension: Record<string, string>;
  vectors: { text: string; gsm_unpacked: string; gsm_packed: string; ucs2: string }[];
  literal_vectors: { text: string; gsm: string; gsm_packed: string; ucs2be: string }[];
}

export const pduVectors: PduVector[] = read<{ vectors: PduVector[] }>('pdu.json').vectors;
export const receiptVectors: ReceiptVector[] = read<{ receipts: ReceiptVector[] }>(
  'receipts.json',
).receipts;
export const idPairs = read<{
  id_pairs: { submit_resp: string; receipt: string; source: string }[];
}>('receipts.json').id_pairs;
export const gsm7Vectors: Gsm7Vectors = read<Gsm7Vectors>('gsm7.json');

/** Octets of hex; spaces may be in it. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}`, import.meta.url), 'utf8')) as T;
}
