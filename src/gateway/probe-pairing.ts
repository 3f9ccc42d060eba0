import type { UpstreamIdForm } from '../domain/catalog.ts';
import { messageStateName } from '../domain/message-state.ts';
import type { ReceiptDialect } from '../domain/receipt-dialect.ts';
import { readId, responseKey } from '../smpp/message-ids.ts';
import { MESSAGE_STATES, stateOfWord } from '../smpp/message-state.ts';
import { type DeliverSm, newPdu } from '../smpp/pdu.ts';
import { textOfOctets } from '../smpp/receipt-octets.ts';
import { intTlv, textTlv, type WithTlvs } from '../smpp/tlv.ts';
import type { ProbeReceipt, ProbeSubmit } from './probe-seen.ts';
import { type LearntText, learnText } from './probe-text.ts';

/*
 * Which message of a probe a receipt is about, before anything is known of how its carrier writes.
 */

/** What a finding says: the carrier's key that it is about ('' for none), and what was seen, in words. */
export type Say = (key: string, seen: string) => void;

/** How a carrier writes ids in its answers and in its receipts. */
export interface IdForms {
  readonly response: UpstreamIdForm;
  readonly receipt: UpstreamIdForm;
}

/** A receipt beside its message, and what its text was found to say. */
export interface Pairing {
  readonly receipt: ProbeReceipt;
  readonly submit: ProbeSubmit;
  readonly octets: Octets;
  readonly text: LearntText | undefined;
  readonly idTlv: string | undefined;
}

/** How the octets of a text are read. */
export type Octets = ReceiptDialect['octets'];

/** The message that a receipt is about, by its id in any base, its reference, or the text that it repeats. */
export function paired(
  receipt: ProbeReceipt,
  submits: readonly ProbeSubmit[],
): Pairing[] | undefined {
  const pdu = receiptTlvs(receipt);
  const idTlv = textTlv(pdu, 'receipted_message_id')?.trim() || undefined;
  const reference = intTlv(pdu, 'user_message_reference');
  for (const submit of submits) {
    const answered = submit.answer?.messageId ?? '';
    const isId = (word: string) => sameId(word, answered);
    const from = { ...submit, receivedAtMs: receipt.atMs, isId };
    for (const form of OCTETS) {
      const octets =
        form === 'auto' && receipt.dataCoding !== 8 && isOfGsm7(receipt) ? 'gsm7' : form;
      const text = learnText(textOf(receipt, octets), from);
      if (text !== undefined) return [{ receipt, submit, octets, text, idTlv }];
    }
    const isByTlv = (idTlv !== undefined && isId(idTlv)) || reference === submit.reference;
    if (isByTlv) return [{ receipt, submit, octets: 'auto', text: undefined, idTlv }];
  }
  return undefined;
}

/** The message that a receipt ends; undefined for one of an intermediate state, and for one of no message. */
export function endedBy(
  receipt: ProbeReceipt,
  submits: readonly ProbeSubmit[],
): ProbeSubmit | undefined {
  const [pairing] = paired(receipt, submits) ?? [];
  return pairing === undefined || isIntermediate(pairing) ? undefined : pairing.submit;
}

const OCTETS: readonly Octets[] = ['auto', 'latin1', 'ucs2', 'ucs2le', 'gsm7-packed'];
/** Control characters are letters of GSM 7-bit: "_" is 0x11 (3GPP TS 23.038 §6.2.1). */
function isOfGsm7({ octets }: ProbeReceipt): boolean {
  return octets.some((octet) => octet < 0x20 && octet > 0 && !BLANKS.has(octet));
}

const BLANKS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d]);

/** Whether two ids can be one, in whatever base each is written. */
export function sameId(one: string, other: string): boolean {
  if (one === '' || other === '') return false;
  return isRead(one, other, { response: 'auto', receipt: 'auto' });
}

/** The text of a receipt under one reading of its octets. */
export function textOf({ octets, dataCoding }: ProbeReceipt, form: Octets): string {
  if (form !== 'auto') return textOfOctets(octets, form);
  if ((dataCoding & 0x0c) === 0x08 && octets[0] === 0) return textOfOctets(octets, 'ucs2');
  return textOfOctets(octets, 'latin1');
}

/** The first pair of bases under which every receipt names its message. */
export function idForms(pairings: readonly Pairing[]): IdForms | undefined {
  const known = pairings.filter(({ submit }) => submit.answer !== undefined);
  if (known.length === 0) return undefined;
  const forms = ID_FORMS.find(([response, receipt]) =>
    known.every((pairing) => {
      const answered = pairing.submit.answer?.messageId ?? '';
      return [pairing.idTlv, pairing.text?.id].some(
        (id) => id !== undefined && isRead(answered, id, { response, receipt }),
      );
    }),
  );
  return forms && { response: forms[0], receipt: forms[1] };
}

const ID_FORMS: readonly (readonly [UpstreamIdForm, UpstreamIdForm])[] = [
  ['text', 'text'],
  ['decimal', 'decimal'],
  ['hex', 'hex'],
  ['hex', 'decimal'],
  ['decimal', 'hex'],
  ['auto', 'auto'],
];

/** Whether an id of a receipt is the answer's under these bases; without any it may be. */
export function meets(id: string, { answer }: ProbeSubmit, ids: IdForms | undefined): boolean {
  if (ids === undefined) return true;
  return isRead(answer?.messageId ?? '', id, ids);
}

/** Whether a receipt's id can be read as that of a submit_sm_resp. */
function isRead(answered: string, id: string, ids: IdForms): boolean {
  const meant = responseKey(answered, ids);
  return readId(id, ids).some(({ key }) => key === meant);
}

/** The state of a receipt in words: of its TLV, else of its text. */
export function stateWord({ receipt, text }: Pairing): string | undefined {
  const stated = intTlv(receiptTlvs(receipt), 'message_state');
  const known = stated ?? (text?.stat === undefined ? undefined : stateOfWord(text.stat));
  return (known === undefined ? undefined : messageStateName(known)) ?? text?.stat;
}

/** Whether a receipt states that the message is still on its way. */
export function isIntermediate({ receipt, text }: Pairing): boolean {
  const stated = intTlv(receiptTlvs(receipt), 'message_state');
  const state = stated ?? (text?.stat === undefined ? undefined : stateOfWord(text.stat));
  return (
    state === MESSAGE_STATES.ENROUTE ||
    state === MESSAGE_STATES.ACCEPTED ||
    state === MESSAGE_STATES.SCHEDULED
  );
}

/** A receipt as a deliver_sm, for the parser. */
export function asDeliver(receipt: ProbeReceipt): DeliverSm {
  const { esmClass, dataCoding, octets, tlvs, inPayload } = receipt;
  const pdu = newPdu('deliver_sm', 1);
  pdu.esm_class = esmClass;
  pdu.data_coding = dataCoding;
  if (!inPayload) pdu.short_message = octets;
  pdu.tlvs = [...tlvs];
  return pdu;
}

/** A receipt as something that has TLVs. */
export function receiptTlvs({ tlvs }: ProbeReceipt): WithTlvs {
  return { tlvs: [...tlvs] };
}
