import type { CatalogCarrier } from '../domain/catalog.ts';
import { messageStateName } from '../domain/message-state.ts';
import { type IdReading, readId } from '../smpp/message-ids.ts';
import { type DeliverSm, newPdu } from '../smpp/pdu.ts';
import { parseReceipt, type ReceiptFields } from '../smpp/receipt-text.ts';
import { makeIntTlv, makeTextTlv, type Tlv } from '../smpp/tlv.ts';
import { type Arrival, arrivalOf, meaningOf } from './arrival.ts';
import { destinationFit, digitsOf } from './destination-fit.ts';
import type { IdLearning, IdSource, LearntReading } from './id-learning.ts';
import { isWithoutWord, type Message } from './message.ts';
import type { NotMatched, PassedOver } from './receipt-choice.ts';
import type { Finding, FoundCandidate, ReceiptSearch } from './receipt-search.ts';
import { isSuccess, stateName } from './settlement.ts';

/** esm_class of a delivery receipt (SMPP 3.4 §5.2.12). */
const ESM_CLASS_RECEIPT = 0x04;

/** A receipt as a person asks about it: what of a deliver_sm matters. */
export interface AskedReceipt {
  readonly text: string;
  /** The message's sender and destination, as the carrier's receipts would state them; '' when not said. */
  readonly source: string;
  readonly destination: string;
  /** receipted_message_id and message_state; undefined: no such TLV. */
  readonly messageId?: string | undefined;
  readonly state?: number | undefined;
}

/** One submit_sm that the receipt can mean. */
export interface ExplainedCandidate {
  readonly message: string;
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: string;
  readonly upstreamId: string;
  readonly sentAt: Date;
  /** Which id of the receipt names it, and how that is read. */
  readonly source: IdSource;
  readonly reading: IdReading;
  readonly destination: FoundCandidate['fit'];
  readonly reference: FoundCandidate['reference'];
  /** `open`, or how its message ended. */
  readonly state: string;
  readonly verdict: 'taken' | PassedOver;
}

/** The whole story of a receipt. */
export interface ReceiptExplanation {
  readonly carrier: string;
  /** How it parsed; undefined: it is no receipt. */
  readonly read: ReadReceipt | undefined;
  readonly learnt: readonly LearntReading[];
  readonly candidates: readonly ExplainedCandidate[];
  readonly matched: string | undefined;
  readonly reason: NotMatched | 'unreadable' | 'noReceipt' | undefined;
  /** What is done with such a receipt, in words. */
  readonly does: string;
  /** What of the carrier's resource to look at. */
  readonly hints: readonly string[];
}

/** What a receipt says. */
export interface ReadReceipt {
  readonly ids: readonly {
    readonly source: IdSource;
    readonly id: string;
    /** Each submit_sm_resp that it can mean, by its key: lower case, without zeros before it and 0x. */
    readonly means: readonly { readonly reading: IdReading; readonly key: string }[];
  }[];
  readonly state: string | undefined;
  readonly stat: string | undefined;
  readonly err: string | undefined;
  readonly intermediate: boolean;
  /** The number it is about and the sender, by the carrier's `receiptAddresses`. */
  readonly destination: string;
  readonly sender: string;
  readonly submitDate: string | undefined;
  readonly doneDate: string | undefined;
  readonly userReference: number | undefined;
}

export interface ReceiptExplainerDeps {
  readonly now: () => number;
  readonly search: Pick<ReceiptSearch, 'look'>;
  readonly learning: Pick<IdLearning, 'view'>;
}

/** Explains receipts by the code that decides about them; nothing changes by it. */
export class ReceiptExplainer {
  readonly #deps: ReceiptExplainerDeps;

  constructor(deps: ReceiptExplainerDeps) {
    this.#deps = deps;
  }

  /** What would be done with a receipt of this text now. */
  async text(carrier: CatalogCarrier, asked: AskedReceipt): Promise<ReceiptExplanation> {
    const pdu = pduOf(carrier, asked);
    const fields = parseReceipt(pdu);
    if (fields === undefined) return this.#noReceipt(carrier);
    return this.arrival(arrivalOf(carrier, pdu, fields, this.#deps.now(), () => {}));
  }

  /** What would be done with a receipt that came (and is parked) now. */
  async arrival(arrival: Arrival): Promise<ReceiptExplanation> {
    const { carrier } = arrival;
    const finding = await this.#deps.search.look(arrival);
    const isReadable = meaningOf(arrival.fields, carrier).kind !== 'unreadable';
    const matched = finding.sending;
    return {
      carrier: carrier.name,
      read: readOf(arrival),
      learnt: this.#deps.learning.view(carrier.id),
      candidates: finding.candidates.map((candidate) => explained(candidate, finding)),
      matched: matched?.id.toString(),
      reason: isReadable ? finding.choice.reason : 'unreadable',
      does:
        matched === undefined
          ? parks(arrival, finding)
          : weighs(arrival, matched.message, matched.segment),
      hints: hintsOf(arrival, finding),
    };
  }

  #noReceipt(carrier: CatalogCarrier): ReceiptExplanation {
    return {
      carrier: carrier.name,
      read: undefined,
      learnt: this.#deps.learning.view(carrier.id),
      candidates: [],
      matched: undefined,
      reason: 'noReceipt',
      does: 'goes the way of a message of a subscriber',
      hints: [],
    };
  }
}

/** The deliver_sm that a carrier would send. */
function pduOf(carrier: CatalogCarrier, asked: AskedReceipt): DeliverSm {
  const pdu = newPdu('deliver_sm', 0);
  const asSent = carrier.receiptAddresses === 'asSent';
  pdu.source_addr = asSent ? asked.source : asked.destination;
  pdu.destination_addr = asSent ? asked.destination : asked.source;
  pdu.esm_class = ESM_CLASS_RECEIPT;
  pdu.short_message = Buffer.from(asked.text, 'latin1');
  const tlvs: Tlv[] = [];
  if (asked.messageId !== undefined)
    tlvs.push(makeTextTlv('receipted_message_id', asked.messageId));
  if (asked.state !== undefined) tlvs.push(makeIntTlv('message_state', asked.state));
  if (tlvs.length > 0) pdu.tlvs = tlvs;
  return pdu;
}

function readOf(arrival: Arrival): ReadReceipt {
  const { carrier, ids, fields, destination, sender } = arrival;
  return {
    ids: ids.map((id) => ({
      source: fields.idTlv === id ? 'tlv' : 'text',
      id,
      means: readId(id, carrier.ids),
    })),
    state: nameOfState(fields),
    stat: fields.stat,
    err: fields.err,
    intermediate: fields.intermediate,
    destination,
    sender,
    submitDate: fields.submitDate,
    doneDate: fields.doneDate,
    userReference: fields.userReference,
  };
}

function nameOfState({ state }: ReceiptFields): string | undefined {
  return state === undefined ? undefined : messageStateName(state);
}

function explained(candidate: FoundCandidate, { choice }: Finding): ExplainedCandidate {
  const { id, segment, attempt, carrier, upstreamId, source, reading, fit, reference } = candidate;
  const ended = candidate.sending?.message.ended ?? candidate.stored?.message.end;
  return {
    message: id.toString(),
    segment,
    attempt,
    carrier: carrier.name,
    upstreamId,
    sentAt: new Date(candidate.sentAtMs),
    source,
    reading,
    destination: fit,
    reference,
    state: ended === undefined ? 'open' : stateName(ended.state),
    verdict: candidate === choice.taken ? 'taken' : (choice.passedOver.get(candidate) ?? 'older'),
  };
}

/** Follows ReceiptPath.weigh, settle and note. */
function weighs(arrival: Arrival, message: Message, segment: number): string {
  const meaning = meaningOf(arrival.fields, arrival.carrier);
  if (meaning.kind === 'unreadable') return 'noted on the timeline as unreadable, changes nothing';
  if (meaning.kind === 'onTheWay')
    return `${meaning.state} is not final: changes nothing, told to the customer if he asked`;
  const { state } = meaning;
  const part = message.parts?.[segment - 1];
  const former = message.ended ?? part;
  if (isWithoutWord(message.ended))
    return `noted as ${kindOf(former?.state, arrival)}: the message ended without the carrier's word, so that its money is corrected by the terms, once`;
  if (former !== undefined)
    return `noted on the timeline as ${kindOf(former.state, arrival)}, changes nothing`;
  const fault = isSuccess(state)
    ? 'none'
    : arrival.carrier.faults.ofReceipt(state, arrival.fields.err);
  const open = (message.parts ?? []).filter((one) => one === undefined).length;
  return open > 1
    ? `ends segment ${segment} ${state}, fault ${fault}; ${open - 1} more of its segments are open`
    : `ends the message: ${state}, fault ${fault}`;
}

function kindOf(former: number | undefined, { fields }: Arrival): string {
  return former === fields.state ? 'repeated' : 'contradictory';
}

function parks(arrival: Arrival, { choice }: Finding): string {
  if (arrival.ids.length === 0) return 'kept: it names no message_id';
  switch (choice.reason) {
    case 'otherDestination':
      return 'kept: its id is known, but of messages to other numbers';
    case 'ambiguous':
      return 'kept: several messages fit it equally well, and none is guessed; looked at again until one does alone';
    default:
      return 'kept and looked for again for 24 hours: its id was in no submit_sm_resp so far';
  }
}

/** What of the carrier's resource would make it match. */
function hintsOf(arrival: Arrival, { candidates, choice }: Finding): string[] {
  const hints: string[] = [];
  const { carrier, sender, ids } = arrival;
  if (choice.reason === 'otherDestination') {
    const swapped = candidates.some(({ sending }) => {
      const destination = sending?.message.destination;
      return destination !== undefined && isSame(destination, sender);
    });
    const other = carrier.receiptAddresses === 'swapped' ? 'asSent' : 'swapped';
    if (swapped || digitsOf(sender).length >= LONG_NUMBER)
      hints.push(
        `if the carrier does not exchange the addresses in its receipts: receiptAddresses: ${other}`,
      );
  }
  if (choice.reason === 'unknownId' && ids.length > 0 && carrier.ids.receipt !== 'auto')
    hints.push('if the carrier writes ids in another base in its receipts: ids, or auto for both');
  return hints;
}

/** Digits from which an address is a subscriber's number rather than a short code. */
const LONG_NUMBER = 10;

function isSame(destination: string, stated: string): boolean {
  const fit = destinationFit(destination, stated);
  return fit === 'number' || fit === 'lastDigits';
}
