import type { Catalog, CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId, MessageId } from '../domain/ids.ts';
import {
  FAULT_CLASS,
  faultClassName,
  isFinalState,
  MESSAGE_STATE,
  messageStateName,
} from '../domain/message-state.ts';
import type { Session } from '../session/session.ts';
import { type DataSm, type DeliverSm, newResponse } from '../smpp/pdu.ts';
import { parseReceipt, type ReceiptFields } from '../smpp/receipt-text.ts';
import * as status from '../smpp/status.ts';
import type { Lane } from '../store/lane.ts';
import type { Correlation } from './correlation.ts';
import type { Sending } from './dispatch.ts';
import type { Message, PartEnd } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import {
  acceptedPart,
  isSuccess,
  refusedPart,
  type Settlement,
  settleByParts,
  stateName,
} from './settlement.ts';

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

/** How one segment of a message of several ended: the row of the segment lane. */
export interface SegmentEnd extends PartEnd {
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
  readonly message: Message;
  readonly answer: (() => void) | undefined;
}

/** A receipt that changed nothing: the row of the note lane. */
export interface ReceiptNote {
  readonly message: MessageId;
  readonly carrier: CarrierId | null;
  readonly kind: 'repeated' | 'contradictory' | 'late';
  readonly state: number | null;
  readonly err: number | null;
  readonly detail: string | null;
  readonly answer: (() => void) | undefined;
}

export interface ReceiptDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly correlation: Correlation;
  readonly settle: Pick<Lane<Settlement, number>, 'push'>;
  readonly segments: Pick<Lane<SegmentEnd, number>, 'push'>;
  readonly notes: Pick<Lane<ReceiptNote, number>, 'push'>;
  /** Not in memory: looked up in the store, parked if it is not there either (orphans.ts). */
  lookUp(arrival: Arrival): void;
  /** The receipt is final and committed: return it to the customer if he asked. */
  returnToCustomer(settlement: Settlement): void;
  /** A segment of each ended and is stored, others are open here: they may have ended in another copy. */
  endedElsewhere(messages: readonly Message[]): void;
  /** What a matched receipt tells of the carrier's clock. */
  learnClock(carrier: CatalogCarrier, fields: ReceiptFields, sentAtMs: number): void;
}

/** From a carrier's deliver_sm to a settled message: read, match, weigh, settle, answer, return. */
export class ReceiptPath {
  readonly #deps: ReceiptDeps;

  constructor(deps: ReceiptDeps) {
    this.#deps = deps;
  }

  /** One deliver_sm or data_sm of a carrier; it is answered after the commit that keeps what it says. */
  onDeliver(session: Session, carrier: CatalogCarrier, pdu: DeliverSm | DataSm): void {
    const answer = (commandStatus: number): void => {
      const name = pdu.command === 'deliver_sm' ? 'deliver_sm_resp' : 'data_sm_resp';
      session.respond(newResponse(name, pdu.sequence_number, commandStatus));
    };
    const fields = parseReceipt(pdu);
    // Mobile-originated messages have no route to a customer yet: refused for good, so that the carrier says so.
    if (fields === undefined) return answer(status.ESME_RX_P_APPN);
    const arrival: Arrival = {
      carrier,
      fields,
      ids: idsOf(fields),
      destination: digitsOf(pdu.source_addr),
      sender: pdu.destination_addr,
      receivedAtMs: this.#deps.now(),
      answer: () => answer(status.ESME_ROK),
    };
    if (!this.match(arrival)) this.#deps.lookUp(arrival);
  }

  /** Settles a receipt whose dispatch is in memory; false when none is. */
  match(arrival: Arrival): boolean {
    for (const id of arrival.ids) {
      const sending = this.#deps.correlation.find(arrival.carrier, id, arrival.destination);
      if (sending !== undefined) {
        this.weigh(arrival, sending);
        return true;
      }
    }
    return false;
  }

  /** What a matched receipt means: nothing yet, the end of a segment, or the end of the message. */
  weigh(arrival: Arrival, sending: Sending): void {
    const { fields, carrier } = arrival;
    const state = fields.state === undefined ? undefined : messageStateName(fields.state);
    if (
      state === undefined ||
      fields.intermediate ||
      (!isFinalState(state) && !carrier.finalStates.includes(state))
    ) {
      return arrival.answer(); // still under way: nothing to keep
    }
    this.#deps.learnClock(carrier, fields, sending.sentAtMs);
    const fault = isSuccess(state) ? 'none' : carrier.faults.ofReceipt(state, fields.err);
    const end: PartEnd = {
      state: MESSAGE_STATE[state],
      fault: FAULT_CLASS[fault],
      err: errorNumber(fields),
      doneAtMs: fields.doneDateMs ?? arrival.receivedAtMs,
    };
    this.#endPart(sending, end, 'receipt', arrival.answer);
  }

  /** The carrier refused a segment for good in its submit_sm_resp. */
  onRefused(carrier: CatalogCarrier, sending: Sending): void {
    this.#endPart(
      sending,
      refusedPart(carrier, sending.status, this.#deps.now()),
      'carrierRefused',
      undefined,
    );
  }

  /** The carrier has a segment: its receipt is awaited, or there will be none and this is its end. */
  onAccepted(carrier: CatalogCarrier, sending: Sending): void {
    if (carrier.receipts) this.#deps.correlation.add(carrier, sending);
    else this.#endPart(sending, acceptedPart(sending.atMs), 'receipt', undefined);
  }

  /** A message ends whole without a receipt (expired, refused later, never answered). */
  settle(settlement: Settlement): void {
    settlement.message.ended = settlement;
    this.#deps.settle.push(settlement);
  }

  /** The settle lane committed: answer the carriers, count, return to the customers. */
  onSettled(settlements: readonly Settlement[], verdicts: readonly number[]): void {
    const nowMs = this.#deps.now();
    for (let i = 0; i < settlements.length; i++) {
      const settlement = settlements[i];
      if (settlement === undefined) continue;
      if (verdicts[i] === SETTLED) this.#afterEnd(settlement, nowMs);
      else if (verdicts[i] === HAD_ENDED && settlement.answer !== undefined) this.#note(settlement);
      else settlement.answer?.();
    }
  }

  /** The segment lane committed. */
  onSegments(ends: readonly SegmentEnd[]): void {
    for (const end of ends) end.answer?.();
    const open = ends.filter(({ message }) => message.ended === undefined);
    if (open.length > 0) this.#deps.endedElsewhere(open.map(({ message }) => message));
  }

  /** The note lane committed. */
  onNotes(notes: readonly ReceiptNote[]): void {
    for (const note of notes) note.answer?.();
  }

  #endPart(
    sending: Sending,
    end: PartEnd,
    cause: 'receipt' | 'carrierRefused',
    answer: (() => void) | undefined,
  ): void {
    const { message } = sending;
    if (message.ended !== undefined)
      return this.#noteEnd(message, sending.carrier, message.ended.state, end, answer);
    const account = this.#accountOf(message);
    const rest = { carrier: sending.carrier, answer, sentAtMs: sending.atMs };
    if (message.parts === undefined) {
      this.#forget(sending);
      return this.settle(settleByParts(message, [end], cause, account.terms, rest));
    }
    const former = message.parts[sending.segment - 1];
    if (former !== undefined)
      return this.#noteEnd(message, sending.carrier, former.state, end, answer);
    message.parts[sending.segment - 1] = end;
    const ends = message.parts.filter((part) => part !== undefined);
    const last = ends.length === message.parts.length;
    this.#forget(sending);
    const { id, segment, attempt } = sending;
    const row = { ...end, id, segment, attempt, message };
    this.#deps.segments.push({ ...row, answer: last ? undefined : answer });
    if (last) this.settle(settleByParts(message, ends, cause, account.terms, rest));
  }

  /** The account as configured now: money follows the terms in force when a message ends. */
  #accountOf(message: Message): CatalogAccount {
    return this.#deps.catalog().accounts.get(message.account) ?? message.owner;
  }

  #forget(sending: Sending): void {
    const carrier = this.#deps.catalog().carriers.get(sending.carrier);
    if (carrier !== undefined) this.#deps.correlation.remove(carrier, sending);
  }

  #afterEnd(settlement: Settlement, nowMs: number): void {
    const { observer } = this.#deps;
    settlement.answer?.();
    const carrier =
      settlement.carrier === null
        ? undefined
        : this.#deps.catalog().carriers.get(settlement.carrier);
    const seconds = settlement.sentAtMs === 0 ? 0 : (nowMs - settlement.sentAtMs) / 1_000;
    observer.receiptSettled(
      carrier,
      stateName(settlement.state),
      faultClassName(settlement.fault),
      seconds,
    );
    const owner = settlement.message.owner;
    if (settlement.refund > 0n) observer.money(owner, 'refund', settlement.refund);
    if (settlement.charge > 0n) observer.money(owner, 'charge', settlement.charge);
    if (settlement.release > 0n) observer.money(owner, 'release', settlement.release);
    this.#deps.returnToCustomer(settlement);
  }

  /** The store knew an end already: this receipt is kept as a note and changes nothing. */
  #note(settlement: Settlement): void {
    const { message, carrier, state, err, answer } = settlement;
    this.#deps.notes.push({
      message: message.id,
      carrier,
      kind: 'repeated',
      state,
      err,
      detail: null,
      answer,
    });
  }

  #noteEnd(
    message: Message,
    carrier: CarrierId,
    former: number,
    end: PartEnd,
    answer: (() => void) | undefined,
  ): void {
    const kind = former === end.state ? 'repeated' : 'contradictory';
    this.#deps.notes.push({
      message: message.id,
      carrier,
      kind,
      state: end.state,
      err: end.err,
      detail: null,
      answer,
    });
  }
}

/** Verdicts of `writeSettle` and `writeEndUnsent`. */
const SETTLED = 1;
const HAD_ENDED = 0;

function idsOf(fields: ReceiptFields): readonly string[] {
  if (fields.idTlv === undefined)
    return fields.id === undefined || fields.id === '' ? [] : [fields.id];
  return fields.id === undefined || fields.id === '' || fields.id === fields.idTlv
    ? [fields.idTlv]
    : [fields.idTlv, fields.id];
}

/** The digits of an address: "+966 5..." and "00966..." compare by their last digits anyway. */
function digitsOf(address: string): string {
  return address.startsWith('+') ? address.slice(1) : address;
}

/** `err:` as a number where it is one, else the network_error_code; 0 when neither. */
function errorNumber(fields: ReceiptFields): number {
  const err = fields.err === undefined ? Number.NaN : Number(fields.err);
  if (Number.isInteger(err) && err >= 0 && err <= 0x7fffffff) return err;
  return fields.networkError ?? 0;
}
