import type { PduInput } from 'smpp';
import {
  type ReceiptOptions,
  type ReceiptOrigin,
  type ReceiptState,
  receiptStates,
} from './carrier-options.ts';

/** One receipt that the carrier owes. `unfit` says why nobody can match or read it. */
export interface OwedReceipt extends ReceiptOrigin {
  /** As the receipt shall carry it. */
  id: string;
  /** The message's own addresses; the receipt swaps them. */
  source: string;
  sourceTon: number;
  sourceNpi: number;
  destination: string;
  /** The destination as the receipt writes it. */
  writtenNumber: string;
  destinationTon: number;
  destinationNpi: number;
  state: ReceiptState;
  head: string;
  submittedAt: number;
  format: ReceiptOptions['format'];
  carriage: ReceiptOptions['carriage'];
  binary: boolean;
  /** How often it was sent already. */
  attempts: number;
}

/** What text a receipt has when told nothing else: SMPP 3.4 appendix B. */
export const usualText =
  'id:{id} sub:001 dlvrd:{dlvrd} submit date:{submit} done date:{done} stat:{stat} err:{err} text:{text}';

/** A receipt whose text says nothing that a reader could use. */
const unparsableText = 'Your message was sent on its way, thank you.';
const unknownState = { word: 'NOIDEA', number: 77 };

/** The deliver_sm or data_sm of a receipt (SMPP 3.4 §4.6.1 and appendix B): esm_class 0x04, or 0x20 while the state is not final. */
export function receiptPdu(
  receipt: OwedReceipt,
  doneAt: number,
  options: ReceiptOptions,
): PduInput {
  const isFinal = receipt.state !== 'ENROUTE' && receipt.state !== 'ACCEPTD';
  const pdu: PduInput = {
    source_addr_ton: receipt.destinationTon,
    source_addr_npi: receipt.destinationNpi,
    source_addr: receipt.writtenNumber,
    dest_addr_ton: receipt.sourceTon,
    dest_addr_npi: receipt.sourceNpi,
    destination_addr: receipt.source,
    esm_class: isFinal ? 0x04 : 0x20,
    data_coding: receipt.binary ? 4 : 0,
  };
  const isTextless = receipt.format === 'tlv' && receipt.unfit !== 'unparsable';
  const text = Buffer.from(isTextless ? '' : receiptText(receipt, doneAt, options), 'latin1');
  // data_sm has no short_message (SMPP 3.4 §4.7.1).
  if (receipt.carriage !== 'data_sm') pdu.short_message = text;
  else if (text.length > 0) pdu.message_payload = text;
  if (receipt.format === 'text' || receipt.unfit === 'unparsable') return pdu;
  pdu.receipted_message_id = receipt.id;
  pdu.message_state =
    receipt.unfit === 'unknown-state' ? unknownState.number : receiptStates[receipt.state];
  // network_error_code: network type 3 (GSM), then the code (SMPP 3.4 §5.3.2.31).
  const code = errorCode(receipt, options);
  pdu.network_error_code = Buffer.from([3, code >> 8, code & 0xff]);
  return pdu;
}

function receiptText(receipt: OwedReceipt, doneAt: number, options: ReceiptOptions): string {
  if (receipt.unfit === 'unparsable') return unparsableText;
  const fields: Record<string, string> = {
    id: receipt.id,
    sub: '001',
    dlvrd: receipt.state === 'DELIVRD' ? '001' : '000',
    submit: receiptDate(receipt.submittedAt, options),
    done: receiptDate(doneAt, options),
    stat: receipt.unfit === 'unknown-state' ? unknownState.word : receipt.state,
    err: String(errorCode(receipt, options)).padStart(3, '0'),
    text: receipt.head,
  };
  return (options.text ?? usualText).replace(/\{(\w+)\}/g, (all, name) => fields[name] ?? all);
}

/** Any non-zero error of the carrier's own for what was not delivered: 1 "unknown subscriber" (3GPP TS 29.002) for UNDELIV, 0 else. */
function errorCode({ state, destination }: OwedReceipt, options: ReceiptOptions): number {
  if (options.errByDestination) return Number(destination.slice(-3)) || 0;
  return state === 'UNDELIV' || state === 'REJECTD' ? 1 : 0;
}

function receiptDate(unixMs: number, options: ReceiptOptions): string {
  const local = new Date(unixMs + (options.zoneMinutes ?? 0) * 60_000);
  const digits = local.toISOString().replace(/\D/g, '');
  return digits.slice(2, options.dates === 'seconds' ? 14 : 12);
}
