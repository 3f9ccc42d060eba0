import type { CatalogAccount, QueueLane } from '../domain/catalog.ts';
import type { AccountId, BindId, CarrierId, MessageId } from '../domain/ids.ts';
import type { Credits } from '../domain/money.ts';
import type { IfSaid } from '../domain/policy.ts';
import type { PolicyNote } from '../domain/policy-notes.ts';
import type { DefaultAlphabet } from '../smpp/data-coding.ts';
import type { SubmitSm } from '../smpp/pdu.ts';
import { customersReference } from './message-reference.ts';
import type { OwnFields } from './own-fields.ts';
import type { WaitingPart } from './part-sets.ts';
import type { Held } from './policy-step.ts';

/** What data_coding 0 means here: GSM 7-bit, one septet an octet, as most SMSCs have it. */
export const DEFAULT_ALPHABET: DefaultAlphabet = 'gsm7';

/** Octets of nothing: what `content` and `destinationHash` are once the store has them. */
export const NOTHING: Buffer = Buffer.alloc(0);

/**
 * An accepted message while this node works on it. It is at once the row that the accept lane writes
 * (`AcceptRow`) and what dispatch, receipt and outbox need afterwards. `submit` and `content` are let
 * go of as soon as the carrier and the store have them: an open message costs about 400 octets.
 */
export interface Message {
  readonly id: MessageId;
  readonly account: AccountId;
  readonly bind: BindId;
  /** The message_id the customer sees; null: the internal id in decimal. */
  readonly customerId: string | null;
  carrier: CarrierId;
  /** Of the submit_sm as it was accepted; where its content is gone its system_id's. */
  readonly trafficClass: string;
  readonly lane: QueueLane;
  readonly segments: number;
  readonly unitPrice: Credits;
  readonly price: Credits;
  readonly tariffVersion: number;
  readonly policyVersion: number;
  readonly termsVersion: number;
  readonly chargeOnDelivery: boolean;
  /** registered_delivery as the customer gave it (SMPP 3.4 §5.2.17). */
  readonly registeredDelivery: number;
  /** Unix ms after which it is never sent. */
  readonly validUntilMs: number;
  /** Keyed hash of the destination until the accept lane has written it. */
  destinationHash: Buffer;
  readonly contentKey: number;
  /** 0: as accepted; else how often it was replaced (replace_sm) when this copy was made. */
  readonly version: number;
  /** Sealed submit_sm until the accept lane has written it. */
  content: Buffer;
  /** What usage counts it by, for the accept lane; 0: not known. */
  readonly group: number;
  /** Unix ms before which it is not sent (schedule_delivery_time); 0: at once. Its place is the table `scheduled`. */
  releaseAtMs: number;
  /** Why it waits for a moderator, as it was accepted. */
  held: Held | undefined;
  /** It waits for the other parts of its long message, as it was accepted. */
  readonly part: WaitingPart | undefined;
  /** What rules do if the store knows its text, until the accept lane has asked; undefined: no rule asks. */
  said: readonly IfSaid[] | undefined;
  /** What rules did about it, until the accept lane has written it; undefined: nothing. */
  notes: readonly PolicyNote[] | undefined;
  /** What its repetition is known by (the account's `dedupe`), until then. */
  readonly submitKey: Buffer | undefined;
  readonly knownUntilMs: number;

  /** The account as it was configured when the message came into this node's memory. */
  readonly owner: CatalogAccount;
  /** E.164 digits of the destination. */
  readonly destination: string;
  /** The customer's submit_sm until its last segment was answered; undefined as well when its content is gone. */
  submit: SubmitSm | undefined;
  /** What its receipt repeats. */
  readonly echo: ReceiptEcho;
  /** How its segments stand; undefined for a message of one segment. */
  parts: PartEnds | undefined;
  /** Its end once that is on its way to the store; undefined while open. */
  ended: PartEnd | undefined;
}

/** What of a submit_sm comes back in its receipt: the addresses, and the first 20 characters of its text. */
export interface ReceiptEcho {
  readonly service_type: string;
  readonly source_addr_ton: number;
  readonly source_addr_npi: number;
  readonly source_addr: string;
  readonly dest_addr_ton: number;
  readonly dest_addr_npi: number;
  readonly destination_addr: string;
  readonly text: string;
  /** What he had said, where a rule rewrote it; undefined: it is as he said. */
  readonly own: OwnFields | undefined;
  /** His user_message_reference; undefined when he gave none. */
  readonly reference?: number | undefined;
}

/** Of a message whose content is gone: the customer's receipt has its message_id and no addresses. */
export const NO_ECHO: ReceiptEcho = {
  service_type: '',
  source_addr_ton: 0,
  source_addr_npi: 0,
  source_addr: '',
  dest_addr_ton: 0,
  dest_addr_npi: 0,
  destination_addr: '',
  text: '',
  own: undefined,
};

/** How one segment ended; the numbers are those of domain/message-state.ts. */
export interface PartEnd {
  readonly state: number;
  readonly fault: number;
  readonly err: number;
  readonly doneAtMs: number;
  /** Of a message's end: why it came (EndCause). */
  readonly cause?: string;
}

/** Whether a message ended without its carrier's word on all of it: no receipt came, or its outcome was given up. */
export function isWithoutWord(end: PartEnd | undefined): boolean {
  return end?.cause === 'noReceipt';
}

/** Whether a message that was read again is to be sent from here: not when it has ended, or was given a time of its own. */
export function isForQueue(message: Message): boolean {
  return message.ended === undefined && message.releaseAtMs === 0;
}

/** Ends by segment - 1; undefined while that segment is open. */
export type PartEnds = (PartEnd | undefined)[];

/** Characters of the text that a receipt repeats (SMPP 3.4 Appendix B). */
const RECEIPT_TEXT_CHARACTERS = 20;

/** The message_id that the customer was given. */
export function customerIdOf(message: Pick<Message, 'id' | 'customerId'>): string {
  return message.customerId ?? message.id.toString();
}

/** The carrier of a message that goes to none. */
export const NO_CARRIER = 0 as CarrierId;

/** The part of a submit_sm that outlives it. */
export function echoOf(submit: SubmitSm, text: string, own: OwnFields | undefined): ReceiptEcho {
  return {
    service_type: submit.service_type,
    source_addr_ton: submit.source_addr_ton,
    source_addr_npi: submit.source_addr_npi,
    source_addr: submit.source_addr,
    dest_addr_ton: submit.dest_addr_ton,
    dest_addr_npi: submit.dest_addr_npi,
    destination_addr: submit.destination_addr,
    text: text.slice(0, RECEIPT_TEXT_CHARACTERS),
    own,
    reference: customersReference(submit),
  };
}
