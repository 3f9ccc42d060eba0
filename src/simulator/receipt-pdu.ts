import type { PduInput } from 'smpp';
import {
  type IdBase,
  type ReceiptOptions,
  type ReceiptState,
  receiptStates,
} from './carrier-options.ts';

/** One receipt that the carrier owes. */
export interface OwedReceipt {
  /** As the receipt shall carry it. */
  id: string;
  /** The message's own addresses; the receipt swaps them. */
  source: string;
  sourceTon: number;
  sourceNpi: number;
  destination: string;
  destinationTon: number;
  destinationNpi: number;
  state: ReceiptState;
  head: string;
  submittedAt: number;
  /** How often it was sent already. */
  attempts: number;
}

/** Writes a carrier's message number in a base. Text: "S-" and base 36. */
export function carrierId(number: number, base: IdBase): string {
  if (base === 'text') return `S-${number.toString(36)}`;
  return base === 'hex' ? number.toString(16) : String(number);
}

/** The deliver_sm of a receipt (SMPP 3.4 §4.6.1 and appendix B): esm_class 0x04, or 0x20 while the state is not final. */
export function receiptPdu(
  receipt: OwedReceipt,
  doneAt: number,
  options: ReceiptOptions,
): PduInput {
  const isFinal = receipt.state !== 'ENROUTE' && receipt.state !== 'ACCEPTD';
  const pdu: PduInput = {
    source_addr_ton: receipt.destinationTon,
    source_addr_npi: receipt.destinationNpi,
    source_addr: receipt.destination,
    dest_addr_ton: receipt.sourceTon,
    dest_addr_npi: receipt.sourceNpi,
    destination_addr: receipt.source,
    esm_class: isFinal ? 0x04 : 0x20,
    data_coding: 0,
    short_message: Buffer.alloc(0),
  };
  const format = options.format ?? 'both';
  if (format !== 'tlv')
    pdu.short_message = Buffer.from(receiptText(receipt, doneAt, options), 'latin1');
  if (format === 'text') return pdu;
  pdu.receipted_message_id = receipt.id;
  pdu.message_state = receiptStates[receipt.state];
  // network_error_code: network type 3 (GSM), then the code (SMPP 3.4 §5.3.2.31).
  pdu.network_error_code = Buffer.from([3, 0, errorCode(receipt.state)]);
  return pdu;
}

function receiptText(receipt: OwedReceipt, doneAt: number, options: ReceiptOptions): string {
  const delivered = receipt.state === 'DELIVRD' ? '001' : '000';
  const error = String(errorCode(receipt.state)).padStart(3, '0');
  return (
    `id:${receipt.id} sub:001 dlvrd:${delivered} submit date:${receiptDate(receipt.submittedAt, options)}` +
    ` done date:${receiptDate(doneAt, options)} stat:${receipt.state} err:${error} text:${receipt.head}`
  );
}

/** Any non-zero error of the carrier's own for what was not delivered: 1 "unknown subscriber" (3GPP TS 29.002) for UNDELIV, 0 else. */
function errorCode(state: ReceiptState): number {
  return state === 'UNDELIV' || state === 'REJECTD' ? 1 : 0;
}

function receiptDate(unixMs: number, options: ReceiptOptions): string {
  const local = new Date(unixMs + (options.zoneMinutes ?? 0) * 60_000);
  const digits = local.toISOString().replace(/\D/g, '');
  return digits.slice(2, options.dates === 'seconds' ? 14 : 12);
}
