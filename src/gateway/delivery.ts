import type { CatalogAccount } from '../domain/catalog.ts';
import { type AccountId, type BindId, type MessageId, messageIdMs } from '../domain/ids.ts';
import { fromGsm7 } from '../smpp/default-alphabet.ts';
import { type DeliverSm, newPdu } from '../smpp/pdu.ts';
import { formatReceiptText, type ReceiptToFormat, receiptTlvs } from '../smpp/receipt-text.ts';
import * as status from '../smpp/status.ts';
import { octetsTlv } from '../smpp/tlv.ts';
import { customerIdOf, type Message, NO_ECHO, type PartEnd, type ReceiptEcho } from './message.ts';
import { stateName } from './settlement.ts';

/** Kinds of deliveries, as the store has them. A notification's kind is NOTIFICATION + its message_state. */
export const FINAL_RECEIPT = 0;
export const MOBILE_ORIGINATED = 1;
export const NOTIFICATION = 16;

/** esm_class of a delivery receipt and of an intermediate notification (SMPP 3.4 §5.2.12). */
const ESM_CLASS_RECEIPT = 0x04;
const ESM_CLASS_NOTIFICATION = 0x20;
/** registered_delivery bits 1-0 (SMPP 3.4 §5.2.17): 0 none, 1 always, 2 on failure; 5.0 adds 3 on success. */
const RECEIPT_BITS = 0x03;
/** registered_delivery bit 4: intermediate notification requested (SMPP 3.4 §5.2.17). Bits 3-2 ask SMEs, not us. */
const NOTIFICATION_BIT = 0x10;
/** Below it sessions have no TLVs, and short_message is at most 254 octets (SMPP 3.4 §4.6.1). */
const TLVS_FROM_VERSION = 0x34;
const SHORT_MESSAGE_OCTETS = 254;
/** network_error_code's network type: GSM (SMPP 3.4 §5.3.2.31). */
const NETWORK_GSM = 3;

/** What is needed to put a delivery on the waiting list: the row of the deferred lane. */
export interface Deferral {
  readonly id: MessageId;
  readonly account: AccountId;
  readonly kind: number;
  /** Unix microseconds when it was first to be returned; to one recipient deliveries go in this order. */
  readonly order: number;
  /** The number it is about, in digits; or, where only the store knows it, its key there. */
  readonly recipient: string | bigint;
  /** Temporary errors so far. */
  readonly tries: number;
  /** Ms to wait before it is tried again; 0 at once when he binds. */
  readonly retryAfterMs: number;
}

/**
 * A final receipt, a notification or a mobile-originated message on its way to the customer: the row of the returned
 * lane. One flat object of one shape for all kinds: receipts pass here 20,000 times a second.
 */
export interface Delivery extends Deferral {
  readonly recipient: string;
  /** The bind that submitted its message; undefined: none did. */
  readonly bind: BindId | undefined;
  readonly customerId: string;
  readonly echo: ReceiptEcho;
  readonly state: number;
  readonly err: number;
  readonly doneAtMs: number;
  readonly segments: number;
  readonly delivered: number;
  /** A mobile-originated message as the carrier sent it; else undefined. */
  readonly pdu: DeliverSm | undefined;
  /** It stands on the waiting list, claimed by this node, and must be struck off when it is returned. */
  readonly waited: boolean;
  /** The database's clock as known when its outcome went to the store, unix ms. */
  readonly sinceDbMs: number;
  /** His answer: command_status of deliver_sm_resp and when. */
  status: number;
  atMs: number;
  tries: number;
  retryAfterMs: number;
  /** It is on its way to the waiting list. */
  deferring: boolean;
  /** Deliveries to the same recipient that wait for this one: the next, and (in the first) the last. */
  next: Delivery | undefined;
  last: Delivery | undefined;
}

/** How a delivery came to be: new, or taken from the waiting list. */
export interface Origin {
  readonly order: number;
  readonly waited: boolean;
  readonly sinceDbMs: number;
  readonly tries: number;
}

/** The receipt of an ended message, if its customer asked for one of this kind. */
export function receiptOf(
  message: Message,
  end: PartEnd,
  delivered: number,
  origin: Origin,
): Delivery | undefined {
  if (!wantsReceipt(message.registeredDelivery, stateName(end.state) === 'DELIVRD'))
    return undefined;
  return deliveryOf(message, FINAL_RECEIPT, end, delivered, origin);
}

/** The notification that a message has reached a state that is not its last. */
export function notificationOf(
  message: Message,
  end: Pick<PartEnd, 'state' | 'err' | 'doneAtMs'>,
  origin: Origin,
): Delivery {
  return deliveryOf(message, NOTIFICATION + end.state, end, 0, origin);
}

/** A mobile-originated message. @param recipient the subscriber who sent it, in digits */
export function mobileOriginated(
  id: MessageId,
  account: AccountId,
  recipient: string,
  pdu: DeliverSm,
  origin: Origin,
): Delivery {
  const { order, waited, sinceDbMs, tries } = origin;
  return {
    id,
    account,
    kind: MOBILE_ORIGINATED,
    order,
    recipient,
    bind: undefined,
    customerId: '',
    echo: NO_ECHO,
    state: 0,
    err: 0,
    doneAtMs: 0,
    segments: 1,
    delivered: 0,
    pdu,
    waited,
    sinceDbMs,
    status: 0,
    atMs: 0,
    tries,
    retryAfterMs: 0,
    deferring: false,
    next: undefined,
    last: undefined,
  };
}

/** Whether registered_delivery asks for a final receipt of this kind. */
export function wantsReceipt(registeredDelivery: number, delivered: boolean): boolean {
  switch (registeredDelivery & RECEIPT_BITS) {
    case 0:
      return false;
    case 2:
      return !delivered;
    case 3:
      return delivered;
    default:
      return true;
  }
}

/** Whether registered_delivery asks for intermediate notifications. */
export function wantsNotifications(registeredDelivery: number): boolean {
  return (registeredDelivery & NOTIFICATION_BIT) !== 0;
}

/**
 * The deliver_sm of a delivery, as this account wants it, for a session of a version; undefined: a session below 3.4
 * has no TLVs, and the text does not fit into a short_message.
 */
export function deliverSm(
  delivery: Delivery,
  account: CatalogAccount,
  version: number,
): DeliverSm | undefined {
  if (delivery.pdu === undefined) return receiptPdu(delivery, account);
  if (account.defaultAlphabet === 'gsm7' && version >= TLVS_FROM_VERSION) return delivery.pdu;
  // It may be sent again, over another session: the message itself stays as it came.
  const pdu = Object.assign(newPdu('deliver_sm', 0), delivery.pdu);
  fromGsm7(pdu, account.defaultAlphabet);
  return version >= TLVS_FROM_VERSION ? pdu : withoutPayload(pdu);
}

function withoutPayload(pdu: DeliverSm): DeliverSm | undefined {
  const payload = octetsTlv(pdu, 'message_payload');
  if (payload === undefined || payload.length === 0) return pdu;
  if (payload.length > SHORT_MESSAGE_OCTETS) return undefined;
  pdu.short_message = payload;
  return pdu;
}

function deliveryOf(
  message: Message,
  kind: number,
  end: Pick<PartEnd, 'state' | 'err' | 'doneAtMs'>,
  delivered: number,
  origin: Origin,
): Delivery {
  const { id, account, echo, segments, destination } = message;
  return {
    id,
    account,
    kind,
    order: origin.order,
    recipient: destination,
    bind: message.bind,
    customerId: customerIdOf(message),
    echo,
    state: end.state,
    err: end.err,
    doneAtMs: end.doneAtMs,
    segments,
    delivered,
    pdu: undefined,
    waited: origin.waited,
    sinceDbMs: origin.sinceDbMs,
    status: 0,
    atMs: 0,
    tries: origin.tries,
    retryAfterMs: 0,
    deferring: false,
    next: undefined,
    last: undefined,
  };
}

/** The receipt as this account wants it (`receipts:` of its resource); addresses are those of the submit_sm, exchanged. */
function receiptPdu(receipt: Delivery, account: CatalogAccount): DeliverSm {
  const { echo } = receipt;
  const source = echo.own ?? echo;
  const pdu = newPdu('deliver_sm', 0);
  pdu.service_type = echo.service_type;
  pdu.source_addr_ton = echo.dest_addr_ton;
  pdu.source_addr_npi = echo.dest_addr_npi;
  pdu.source_addr = echo.destination_addr;
  pdu.dest_addr_ton = source.source_addr_ton;
  pdu.dest_addr_npi = source.source_addr_npi;
  pdu.destination_addr = source.source_addr;
  pdu.esm_class = receipt.kind === FINAL_RECEIPT ? ESM_CLASS_RECEIPT : ESM_CLASS_NOTIFICATION;
  const format = account.receipts;
  const fields: ReceiptToFormat = {
    id: receipt.customerId,
    sub: receipt.segments,
    dlvrd: receipt.delivered,
    submitMs: messageIdMs(receipt.id),
    doneMs: receipt.doneAtMs,
    zoneMinutes: format.utcOffsetMinutes,
    stat: stateName(receipt.state),
    state: receipt.state,
    err: receipt.err.toString(),
    text: echo.text,
    networkType: NETWORK_GSM,
    networkError: receipt.err & 0xffff,
    userReference: echo.reference,
  };
  if (format.tlv) pdu.tlvs = receiptTlvs(fields);
  if (format.text) {
    fields.id = textId(receipt.customerId, format.idBase);
    pdu.short_message = Buffer.from(formatReceiptText(fields), 'latin1');
  }
  return pdu;
}

/** The id as the text field shows it: the customer's own string, or its number in hex (`idBase: hex`). */
function textId(customerId: string, idBase: 'decimal' | 'hex'): string {
  return idBase === 'hex' && /^\d+$/.test(customerId)
    ? BigInt(customerId).toString(16).toUpperCase()
    : customerId;
}

/** Answers after which the customer wants it again: full, throttled, temporary, system error (SMPP 3.4 §5.1.3). */
export function wantsItAgain(commandStatus: number): boolean {
  return (
    commandStatus === status.ESME_RMSGQFUL ||
    commandStatus === status.ESME_RTHROTTLED ||
    commandStatus === status.ESME_RX_T_APPN ||
    commandStatus === status.ESME_RSYSERR
  );
}
