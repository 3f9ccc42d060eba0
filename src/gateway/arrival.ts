import type { CatalogCarrier } from '../domain/catalog.ts';
import { isFinalState, type MessageState, messageStateName } from '../domain/message-state.ts';
import type { DeliverSm } from '../smpp/pdu.ts';
import type { ReceiptFields } from '../smpp/receipt-text.ts';
import { digitsOf } from './destination-fit.ts';

/** A carrier's deliver_sm or data_sm that is a receipt, from its arrival to its answer. */
export interface Arrival {
  readonly carrier: CatalogCarrier;
  readonly fields: ReceiptFields;
  /** Its ids, the TLV's first. */
  readonly ids: readonly string[];
  /** Digits of the number it is about (its source_addr); '' when it has none. */
  readonly destination: string;
  /** The sender it was sent to (its destination_addr). */
  readonly sender: string;
  readonly receivedAtMs: number;
  /** Answers the carrier; called after the commit that keeps the receipt. */
  readonly answer: () => void;
}

/** What of a deliver_sm or data_sm that is a receipt is kept until it is settled. */
export function arrivalOf(
  carrier: CatalogCarrier,
  pdu: Pick<DeliverSm, 'source_addr' | 'destination_addr'>,
  fields: ReceiptFields,
  receivedAtMs: number,
  answer: () => void,
): Arrival {
  const asSent = carrier.receiptAddresses === 'asSent';
  return {
    carrier,
    fields,
    ids: idsOf(fields),
    destination: digitsOf(asSent ? pdu.destination_addr : pdu.source_addr),
    sender: asSent ? pdu.source_addr : pdu.destination_addr,
    receivedAtMs,
    answer,
  };
}

/** Its ids, the TLV's first. One with control characters is no id of any carrier, and PostgreSQL takes no NUL. */
function idsOf({ idTlv, id }: ReceiptFields): readonly string[] {
  const ids: string[] = [];
  if (idTlv !== undefined && ID.test(idTlv)) ids.push(idTlv);
  if (id !== undefined && id !== idTlv && ID.test(id)) ids.push(id);
  return ids;
}

/** A message_id: 1 to 64 octets that print (SMPP 3.4 §5.2.23). */
const ID = /^[\x20-\x7e\xa0-\xff]{1,64}$/;

/** What a receipt says of the message that it is about. */
export type ReceiptMeaning =
  | { readonly kind: 'unreadable'; readonly state: undefined }
  | { readonly kind: 'onTheWay' | 'end'; readonly state: MessageState };

/** Whether a receipt ends its message, tells only that it is under way, or cannot be read. */
export function meaningOf(fields: ReceiptFields, carrier: CatalogCarrier): ReceiptMeaning {
  const state = fields.state === undefined ? undefined : messageStateName(fields.state);
  if (state === undefined) return { kind: 'unreadable', state };
  const isEnd =
    !fields.intermediate && (isFinalState(state) || carrier.finalStates.includes(state));
  return { kind: isEnd ? 'end' : 'onTheWay', state };
}

/** `err:` as a number where it is one, else the network_error_code; 0 when neither. */
export function errorNumber(fields: ReceiptFields): number {
  if (fields.errNumber !== undefined) return fields.errNumber;
  const err = fields.err === undefined ? Number.NaN : Number(fields.err);
  if (Number.isInteger(err) && err >= 0 && err <= 0x7fffffff) return err;
  return fields.networkError ?? 0;
}
