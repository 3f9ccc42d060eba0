import { MalformedMessage, type MessagePdu, messageOctets } from './message.ts';
import { stateOfWord } from './message-state.ts';
import { type DataSm, type DeliverSm, NO_OCTETS } from './pdu.ts';
import {
  looksLikeReceipt,
  parseDialectDate,
  parseDialectText,
  type ReceiptDialect,
} from './receipt-dialect.ts';
import { parseReceiptDate, parseReceiptText, type ReceiptText } from './receipt-fields.ts';
import { textOfOctets } from './receipt-octets.ts';
import { compactDate } from './smpp-time.ts';
import {
  intTlv,
  makeIntTlv,
  makeOctetsTlv,
  makeTextTlv,
  octetsTlv,
  type Tlv,
  textTlv,
} from './tlv.ts';

/** esm_class bits 5-2, the message type, and two of its values (3.4 §5.2.12). */
const MESSAGE_TYPE = 0x3c;
const DELIVERY_RECEIPT = 0x04;
const INTERMEDIATE_NOTIFICATION = 0x20;
/** data_coding 8 is UCS-2. */
const UCS2 = 0x08;
/** How many characters of the message a receipt repeats (3.4 appendix B). */
const TEXT_CHARACTERS = 20;

/** A receipt: what its TLVs and its text say, each by itself. */
export interface ReceiptFields extends ReceiptText {
  /** esm_class 0x20: the message is still under way, whatever stat says. */
  intermediate: boolean;
  /** receipted_message_id, undefined when absent or empty. */
  idTlv: string | undefined;
  /** message_state: the TLV's, else the meaning of `stat`; undefined for words of no meaning. */
  state: number | undefined;
  /** network_error_code: its first octet (1 ANSI-136, 2 IS-95, 3 GSM, 4 reserved; 3.4 §5.3.2.31) and the code. */
  networkType: number | undefined;
  networkError: number | undefined;
  /** err as a number where a dialect says how it is written; undefined: `err` as it stands. */
  errNumber?: number | undefined;
  /** The dates read as UTC, Unix ms; undefined when absent or no date. */
  submitDateMs: number | undefined;
  doneDateMs: number | undefined;
  /** user_message_reference: of the submit_sm, where the carrier repeats it. */
  userReference: number | undefined;
}

/** A receipt of ours to a customer. */
export interface ReceiptToFormat {
  /** The message_id as the customer's submit_sm_resp had it, at most 64 octets. */
  id: string;
  /** Segments submitted and delivered, shown in three digits (999 at most). */
  sub: number;
  dlvrd: number;
  submitMs: number;
  doneMs: number;
  /** Minutes east of UTC in which the dates are shown. */
  zoneMinutes: number;
  stat: string;
  /** message_state of the TLV. */
  state: number;
  /** Three characters; shorter ones are filled with zeros. */
  err: string;
  /** The beginning of the message; cut to 20 characters, those outside ASCII shown as '?'. */
  text: string;
  networkType: number;
  networkError: number;
  /** user_message_reference of the customer's own submit_sm; undefined when it had none. */
  userReference?: number | undefined;
}

/**
 * Reads a receipt; undefined when the PDU is none: neither does esm_class say so (0x04, or 0x20
 * for an intermediate one) nor is there a receipted_message_id. Text that merely looks like a
 * receipt is not one, because any handset can send it. A receipt of which nothing can be read
 * has all its fields undefined. Never throws.
 * @param dialect how this carrier writes them; without one they are as appendix B has them
 */
export function parseReceipt(
  pdu: DeliverSm | DataSm,
  dialect?: ReceiptDialect,
): ReceiptFields | undefined {
  if (dialect !== undefined) return parseInDialect(pdu, dialect);
  const type = pdu.esm_class & MESSAGE_TYPE;
  const idTlv = textTlv(pdu, 'receipted_message_id')?.trim() || undefined;
  if (type !== DELIVERY_RECEIPT && type !== INTERMEDIATE_NOTIFICATION && idTlv === undefined)
    return undefined;
  const fields = parseReceiptText(receiptTextOf(pdu));
  const network = octetsTlv(pdu, 'network_error_code');
  return {
    intermediate: type === INTERMEDIATE_NOTIFICATION,
    idTlv,
    id: fields.id,
    state:
      intTlv(pdu, 'message_state') ??
      (fields.stat === undefined ? undefined : stateOfWord(fields.stat)),
    stat: fields.stat,
    err: fields.err,
    networkType: network?.[0],
    networkError: network?.length === 3 ? network.readUInt16BE(1) : undefined,
    submitDate: fields.submitDate,
    submitDateMs: parseReceiptDate(fields.submitDate),
    doneDate: fields.doneDate,
    doneDateMs: parseReceiptDate(fields.doneDate),
    sub: fields.sub,
    dlvrd: fields.dlvrd,
    text: fields.text,
    userReference: intTlv(pdu, 'user_message_reference'),
  };
}

/** As parseReceipt, by what a dialect says. Each of its rules is one line here. */
function parseInDialect(
  pdu: DeliverSm | DataSm,
  dialect: ReceiptDialect,
): ReceiptFields | undefined {
  const type = pdu.esm_class & MESSAGE_TYPE;
  const intermediate = dialect.intermediateTypes.includes(type) && type !== 0;
  const idTlv = textTlv(pdu, 'receipted_message_id')?.trim() || undefined;
  const isMarked = intermediate || (dialect.finalTypes.includes(type) && type !== 0);
  const maybe = type === 0 && (dialect.byText || dialect.finalTypes.includes(0));
  if (!isMarked && idTlv === undefined && !maybe) return undefined;
  const isText = dialect.read !== 'tlv';
  const isTlv = dialect.read !== 'text';
  const fields = parseDialectText(isText ? dialectText(pdu, dialect) : '', dialect);
  const stateOf = (word: string): number | undefined =>
    dialect.states.get(word) ??
    stateOfWord(word) ??
    (/^[0-9]$/.test(word) ? Number(word) : undefined);
  if (
    !isMarked &&
    idTlv === undefined &&
    !looksLikeReceipt(fields, (word) => stateOf(word) !== undefined)
  )
    return undefined;
  const network = octetsTlv(pdu, 'network_error_code');
  const networkError = network?.length === 3 ? network.readUInt16BE(1) : undefined;
  const err = dialectErr(fields.err, network?.[0], networkError, dialect);
  return {
    ...fields,
    ...err,
    intermediate,
    idTlv: isTlv ? idTlv : undefined,
    state:
      (isTlv ? intTlv(pdu, 'message_state') : undefined) ??
      (fields.stat === undefined ? undefined : stateOf(fields.stat)),
    networkType: network?.[0],
    networkError,
    submitDateMs: dialectDate(fields.submitDate, dialect),
    doneDateMs: dialectDate(fields.doneDate, dialect),
    userReference: intTlv(pdu, 'user_message_reference'),
  };
}

function dialectText(pdu: MessagePdu, { octets: form }: ReceiptDialect): string {
  if (form === 'auto') return receiptTextOf(pdu);
  const message = messageOctets(pdu);
  return textOfOctets(message instanceof MalformedMessage ? NO_OCTETS : message, form);
}

function dialectDate(date: string | undefined, dialect: ReceiptDialect): number | undefined {
  const { dates, toUtc } = dialect;
  if (dates !== undefined) return parseDialectDate(date, dates, toUtc);
  const ms = parseReceiptDate(date);
  return ms === undefined || toUtc === undefined ? ms : toUtc(ms);
}

function dialectErr(
  written: string | undefined,
  networkType: number | undefined,
  networkError: number | undefined,
  { errFrom, errBase }: ReceiptDialect,
): Pick<ReceiptFields, 'err' | 'errNumber'> {
  if (errFrom !== 'text' && networkError !== undefined) {
    const err = errFrom === 'tlv' ? String(networkError) : `${networkType}:${networkError}`;
    return { err, errNumber: networkError };
  }
  const isHex = errBase === 'hex' && written !== undefined && /^(0x)?[0-9a-f]{1,7}$/i.test(written);
  return { err: written, errNumber: isHex ? Number.parseInt(written, 16) : undefined };
}

/** The text and the TLVs of a receipt of ours. @throws PduError when the id has over 64 octets. */
export function formatReceipt(receipt: ReceiptToFormat): { short_message: Buffer; tlvs: Tlv[] } {
  return {
    short_message: Buffer.from(formatReceiptText(receipt), 'latin1'),
    tlvs: receiptTlvs(receipt),
  };
}

/** "id:.. sub:001 dlvrd:001 submit date:YYMMDDhhmm done date:YYMMDDhhmm stat:DELIVRD err:000 text:.." */
export function formatReceiptText(receipt: ReceiptToFormat): string {
  const zoneMs = receipt.zoneMinutes * 60_000;
  const text = receipt.text.slice(0, TEXT_CHARACTERS).replace(/[^\x20-\x7e]/g, '?');
  return (
    `id:${receipt.id} sub:${three(receipt.sub)} dlvrd:${three(receipt.dlvrd)}` +
    ` submit date:${compactDate(receipt.submitMs + zoneMs)} done date:${compactDate(receipt.doneMs + zoneMs)}` +
    ` stat:${receipt.stat} err:${receipt.err.padStart(3, '0')} text:${text}`
  );
}

/** receipted_message_id, message_state, network_error_code and his user_message_reference, of a receipt of ours. */
export function receiptTlvs(receipt: ReceiptToFormat): Tlv[] {
  const { networkType, networkError, userReference } = receipt;
  const tlvs = [
    makeTextTlv('receipted_message_id', receipt.id),
    makeIntTlv('message_state', receipt.state),
    makeOctetsTlv(
      'network_error_code',
      Buffer.from([networkType, networkError >> 8, networkError & 0xff]),
    ),
  ];
  if (userReference !== undefined) tlvs.push(makeIntTlv('user_message_reference', userReference));
  return tlvs;
}

/** Latin-1, or UTF-16 where data_coding says so and the octets look so (ASCII under 8 is seen too). */
function receiptTextOf(pdu: MessagePdu): string {
  const message = messageOctets(pdu);
  const octets = message instanceof MalformedMessage ? NO_OCTETS : message;
  if ((pdu.data_coding & 0x0c) === UCS2 && octets.length > 1 && octets[0] === 0) {
    return Buffer.from(octets.subarray(0, octets.length & ~1))
      .swap16()
      .toString('utf16le');
  }
  return octets.toString('latin1');
}

function three(count: number): string {
  return count < 10 ? `00${count}` : String(Math.min(count, 999)).padStart(3, '0');
}
