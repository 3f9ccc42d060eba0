import type { Catalog, CatalogAccount, CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId, MessageId } from '../domain/ids.ts';
import { FAULT_CLASS, faultClassName, MESSAGE_STATE } from '../domain/message-state.ts';
import type { Session } from '../session/session.ts';
import { type DataSm, type DeliverSm, newResponse } from '../smpp/pdu.ts';
import { parseReceipt, type ReceiptFields } from '../smpp/receipt-text.ts';
import * as status from '../smpp/status.ts';
import type { Lane } from '../store/lane.ts';
import { type Arrival, arrivalOf, errorNumber, meaningOf } from './arrival.ts';
import type { Correlation } from './correlation.ts';
import { wantsNotifications } from './delivery.ts';
import type { InboundPath } from './inbound.ts';
import { isWithoutWord, type Message, type PartEnd } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { familyOf, sourceOf } from './receipt-search.ts';
import type { Sending } from './sending.ts';
import {
  acceptedPart,
  isSuccess,
  refusedPart,
  type Settlement,
  settleByParts,
  stateName,
} from './settlement.ts';
import type { TrafficSignals } from './traffic-signals.ts';
import { undoQuirks } from './upstream-quirks.ts';

/** What of a submit_sm its end needs. */
export type SentPart = Pick<
  Sending,
  'message' | 'id' | 'segment' | 'attempt' | 'carrier' | 'atMs' | 'upstreamId'
>;

/** How one segment of a message of several ended: the row of the segment lane. */
export interface SegmentEnd extends PartEnd {
  readonly id: MessageId;
  readonly segment: number;
  readonly attempt: number;
  readonly carrier: CarrierId;
  readonly message: Message;
  /** Unix ms when the message is to be looked at again, should its other segments not end; undefined: not before time. */
  readonly lookAtMs: number | undefined;
  readonly answer: (() => void) | undefined;
  /** Unix ms of the carrier's answer (0: not known), and of the receipt; 0 when none ended it. */
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
}

/** What of an end its carrier's quality is judged by. */
type ReceiptedEnd = Pick<Settlement, 'carrier' | 'state' | 'message' | 'sentAtMs' | 'receivedAtMs'>;

/** A receipt that changed nothing: the row of the note lane. */
export interface ReceiptNote {
  readonly message: MessageId;
  readonly carrier: CarrierId | null;
  readonly kind: 'repeated' | 'contradictory' | 'late' | 'unreadable';
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
  /** What is no final receipt. */
  readonly inbound: InboundPath;
  readonly settle: Pick<Lane<Settlement, number>, 'push'>;
  readonly segments: Pick<Lane<SegmentEnd, number>, 'push'>;
  readonly notes: Pick<Lane<ReceiptNote, number>, 'push'>;
  /** Not in memory: looked up in the store, parked if it is not there either (orphans.ts). */
  lookUp(arrival: Arrival): void;
  /** What rules watch of the traffic. */
  readonly signals: Pick<TrafficSignals, 'ended'>;
  /** The receipt is final and committed: return it to the customer if he asked. */
  returnToCustomer(settlement: Settlement): void;
  /** A segment of each ended and is stored, others are open here: they may have ended in another copy. */
  endedElsewhere(ends: readonly SegmentEnd[]): void;
  /** The carrier's word on a message that may have ended without it: noted, and its money corrected (corrections.ts). */
  lateWord(settlement: Settlement): void;
  /** The same of one segment of several, once that is stored. */
  lateSegment(end: SegmentEnd): void;
  /** It names an end after which the next carrier is to be tried; `answer` is called when that is stored. */
  giveUp(sending: Sending, end: PartEnd, answer: () => void, receivedAtMs: number): void;
  /** What a matched receipt tells of the carrier's clock. */
  learnClock(carrier: CatalogCarrier, fields: ReceiptFields, sentAtMs: number): void;
  /** The carrier's clock minus ours, zone included; undefined while nothing was learnt. */
  clockOffsetMs(carrier: CatalogCarrier): number | undefined;
}

/** From a carrier's deliver_sm to a settled message: read, match, weigh, settle, answer, return. */
export class ReceiptPath {
  readonly #deps: ReceiptDeps;

  constructor(deps: ReceiptDeps) {
    this.#deps = deps;
  }

  /** One deliver_sm or data_sm of a carrier; it is answered after the commit that keeps what it says. */
  onDeliver(session: Session, carrier: CatalogCarrier, pdu: DeliverSm | DataSm): void {
    const fields = parseReceipt(pdu, carrier.receiptDialect);
    if (fields === undefined) {
      if (carrier.quirks !== undefined && pdu.command === 'deliver_sm')
        undoQuirks(pdu, carrier.quirks);
      return this.#deps.inbound.onMessage(session, carrier, pdu);
    }
    // Only these are kept until the answer, not the PDU.
    const name = pdu.command === 'deliver_sm' ? 'deliver_sm_resp' : 'data_sm_resp';
    const sequence = pdu.sequence_number;
    const answer = () => void session.respond(newResponse(name, sequence, status.ESME_ROK));
    const arrival = arrivalOf(carrier, pdu, fields, this.#deps.now(), answer);
    if (!this.match(arrival)) this.#deps.lookUp(arrival);
  }

  /** Settles a receipt whose dispatch is in memory; false when none is. */
  match(arrival: Arrival): boolean {
    const sending = this.find(arrival);
    if (sending !== undefined) this.weigh(arrival, sending);
    return sending !== undefined;
  }

  /** The dispatch in memory that a receipt is about; undefined when none is. */
  find(arrival: Arrival): Sending | undefined {
    const { carrier, ids, destination } = arrival;
    if (carrier.receiptsWith.length > 0) return this.#findAmong(arrival);
    for (const id of ids) {
      const source = sourceOf(arrival, id);
      const sending = this.#deps.correlation.find(carrier, id, destination, source);
      if (sending !== undefined) return sending;
    }
    return undefined;
  }

  /** What a matched receipt means: nothing yet, the end of a segment, or the end of the message. */
  weigh(arrival: Arrival, sending: Sending): void {
    if (sending.carrier === arrival.carrier.id) return this.#weigh(arrival, sending);
    // It came over a session of another carrier that shares its receipts: the sender's resource says what it means.
    const carrier = this.#deps.catalog().carriers.get(sending.carrier) ?? arrival.carrier;
    this.#weigh({ ...arrival, carrier }, sending);
  }

  /** Among several carriers of one SMSC account the newest. */
  #findAmong(arrival: Arrival): Sending | undefined {
    const { ids, destination } = arrival;
    for (const id of ids) {
      let newest: Sending | undefined;
      for (const carrier of familyOf(arrival.carrier, this.#deps.catalog())) {
        const source = sourceOf(arrival, id);
        const found = this.#deps.correlation.find(carrier, id, destination, source);
        if (found !== undefined && (newest === undefined || found.sentAtMs > newest.sentAtMs))
          newest = found;
      }
      if (newest !== undefined) return newest;
    }
    return undefined;
  }

  #weigh(arrival: Arrival, sending: Sending): void {
    const { fields, carrier } = arrival;
    const { state, kind } = meaningOf(fields, carrier);
    if (kind === 'unreadable') return this.#noteUnreadable(arrival, sending);
    if (kind === 'onTheWay') return this.#onTheWay(arrival, sending.message, MESSAGE_STATE[state]);
    this.#deps.learnClock(carrier, fields, sending.sentAtMs);
    const fault = isSuccess(state) ? 'none' : carrier.faults.ofReceipt(state, fields.err);
    const end: PartEnd = {
      state: MESSAGE_STATE[state],
      fault: FAULT_CLASS[fault],
      err: errorNumber(fields),
      doneAtMs: this.#doneAtMs(arrival),
    };
    if (sending.givenUp !== undefined)
      return this.#noteEnd(sending.message, carrier.id, sending.givenUp, end, arrival.answer);
    if (carrier.faults.nextAfter(state, fields.err) && sending.message.ended === undefined) {
      this.#forget(sending);
      return this.#deps.giveUp(sending, end, arrival.answer, arrival.receivedAtMs);
    }
    this.endPart(sending, end, 'receipt', arrival.answer, arrival.receivedAtMs);
  }

  /** When the carrier says that it ended; by its own clock, where the zone of that is learnt. */
  #doneAtMs({ carrier, fields, receivedAtMs }: Arrival): number {
    if (fields.doneDateMs === undefined) return receivedAtMs;
    if (carrier.receiptDialect?.learnsZone !== true) return fields.doneDateMs;
    return fields.doneDateMs - (this.#deps.clockOffsetMs(carrier) ?? 0);
  }

  /** Still under way: nothing to keep, unless the customer wants to hear of it. */
  #onTheWay(arrival: Arrival, message: Message, state: number): void {
    const { carrier, fields, answer } = arrival;
    if (message.ended !== undefined || !wantsNotifications(message.registeredDelivery))
      return answer();
    const end = { state, err: errorNumber(fields), doneAtMs: this.#doneAtMs(arrival) };
    this.#deps.inbound.onIntermediate(carrier, message, end, answer);
  }

  /** The carrier refused a segment for good in its submit_sm_resp; `committed` is called when that is stored. */
  onRefused(carrier: CatalogCarrier, sending: Sending, committed: () => void): void {
    const end = refusedPart(carrier, sending.status, this.#deps.now());
    this.endPart(sending, end, 'carrierRefused', committed);
  }

  /** The carrier has a segment: its receipt is awaited, or there will be none and this is its end. */
  onAccepted(carrier: CatalogCarrier, sending: Sending): void {
    if (carrier.receipts) this.#deps.correlation.add(carrier, sending);
    else this.endPart(sending, acceptedPart(sending.atMs), 'carrierAccepted', undefined);
  }

  /** A message ends whole without a receipt (expired, refused later, never answered). */
  settle(settlement: Settlement): void {
    settlement.message.ended ??= settlement;
    this.#deps.settle.push(settlement);
  }

  /** The settle lane committed: answer the carriers, count, return to the customers. */
  onSettled(settlements: readonly Settlement[], verdicts: readonly number[]): void {
    for (let i = 0; i < settlements.length; i++) {
      const settlement = settlements[i];
      if (settlement === undefined) continue;
      if (verdicts[i] === SETTLED) this.#afterEnd(settlement);
      else if (verdicts[i] === HAD_ENDED && settlement.answer !== undefined) this.#note(settlement);
      else settlement.answer?.();
    }
  }

  /** The segment lane committed. */
  onSegments(ends: readonly SegmentEnd[], verdicts: readonly (0 | 1)[]): void {
    for (const [i, end] of ends.entries()) {
      if (verdicts[i] === 1) this.#countReceipt(end);
      if (isWithoutWord(end.message.ended)) this.#deps.lateSegment(end);
      else if (verdicts[i] === 1 || end.answer === undefined) end.answer?.();
      else
        this.#noteEnd(
          end.message,
          end.carrier,
          end.message.parts?.[end.segment - 1],
          end,
          end.answer,
        );
    }
    const open = ends.filter(({ message }) => message.ended === undefined);
    if (open.length > 0) this.#deps.endedElsewhere(open);
  }

  /** The note lane committed. */
  onNotes(notes: readonly ReceiptNote[]): void {
    for (const note of notes) note.answer?.();
  }

  /** The first final receipt of an attempt, upon which that was given up. */
  countGivenUp(end: Omit<ReceiptedEnd, 'message'>, { message }: Sending): void {
    this.#countReceipt({ ...end, message });
  }

  /** A receipt of an attempt that had been given up: it is kept as a note. */
  noteGivenUp(sending: Sending, end: PartEnd, answer: () => void): void {
    this.#noteEnd(sending.message, sending.carrier, sending.givenUp, end, answer);
  }

  /** One submit_sm has ended; `answer` is called when that is stored. */
  endPart(
    sending: SentPart,
    end: PartEnd,
    cause: 'receipt' | 'carrierRefused' | 'carrierAccepted',
    answer: (() => void) | undefined,
    receivedAtMs = 0,
  ): void {
    const { message } = sending;
    const account = this.#accountOf(message);
    const rest = { carrier: sending.carrier, answer, sentAtMs: sending.atMs, receivedAtMs };
    // A message that has ended goes through the lane as well: it is answered after its end is committed, and noted.
    const isLate = isWithoutWord(message.ended);
    if (message.parts === undefined || (message.ended !== undefined && !isLate)) {
      this.#forget(sending);
      return this.settle(settleByParts(message, [end], cause, account.terms, rest));
    }
    // Of two ends of one segment the first counts, here and in the store, which says which was first.
    message.parts[sending.segment - 1] ??= end;
    const ends = message.parts.filter((part) => part !== undefined);
    const last = ends.length === message.parts.length && !isLate;
    this.#forget(sending);
    const { id, segment, attempt } = sending;
    const { carrier, atMs: sentAtMs } = sending;
    const lookAtMs = last || isLate ? undefined : this.#lookAtMs(carrier);
    const row = {
      ...end,
      id,
      segment,
      attempt,
      message,
      carrier,
      lookAtMs,
      sentAtMs,
      receivedAtMs,
    };
    this.#deps.segments.push({ ...row, answer: last ? undefined : answer });
    if (last) this.settle(settleByParts(message, ends, cause, account.terms, rest));
  }

  /** Some carriers never say how the other segments ended. */
  #lookAtMs(carrier: CarrierId): number | undefined {
    const resource = this.#deps.catalog().carriers.get(carrier);
    if (resource?.oneReceipt === true) return this.#deps.now() + ONE_RECEIPT_LOOK_MS;
    const wait = resource?.segmentsWaitMs;
    return wait === undefined ? undefined : this.#deps.now() + wait;
  }

  /** The account as configured now: money follows the terms in force when a message ends. */
  #accountOf(message: Message): CatalogAccount {
    return this.#deps.catalog().accounts.get(message.account) ?? message.owner;
  }

  #forget(sending: Pick<Sending, 'carrier' | 'upstreamId'>): void {
    const carrier = this.#deps.catalog().carriers.get(sending.carrier);
    if (carrier !== undefined) this.#deps.correlation.remove(carrier, sending);
  }

  /** A segment's first final receipt, which is committed: it says how good its carrier is. */
  #countReceipt(end: ReceiptedEnd): void {
    if (end.receivedAtMs === 0 || end.carrier === null) return;
    const carrier = this.#deps.catalog().carriers.get(end.carrier);
    if (carrier === undefined) return;
    const { destination } = end.message;
    const delivered = end.state === MESSAGE_STATE.DELIVRD;
    this.#deps.observer.segmentReceipted(carrier, destination, delivered, secondsToReceipt(end));
  }

  #afterEnd(settlement: Settlement): void {
    const { observer } = this.#deps;
    settlement.answer?.();
    const carrier =
      settlement.carrier === null
        ? undefined
        : this.#deps.catalog().carriers.get(settlement.carrier);
    const { state, fault, cause } = settlement;
    const seconds = cause === 'receipt' ? secondsToReceipt(settlement) : undefined;
    observer.messageEnded(carrier, stateName(state), faultClassName(fault), cause, seconds);
    // Those of several segments are counted one by one.
    if (settlement.message.parts === undefined) this.#countReceipt(settlement);
    const owner = settlement.message.owner;
    if (settlement.refund > 0n) observer.money(owner, 'refund', settlement.refund);
    if (settlement.charge > 0n) observer.money(owner, 'charge', settlement.charge);
    if (settlement.release > 0n) observer.money(owner, 'release', settlement.release);
    this.#deps.signals.ended(settlement);
    this.#deps.returnToCustomer(settlement);
  }

  /** The store knew an end already: this receipt is kept as a note and changes nothing. */
  #note(settlement: Settlement): void {
    const { message, carrier, answer, cause } = settlement;
    // Its copy here may not know why it ended: another node, or another copy of it, ended it.
    const isUnsure = message.ended === settlement || isWithoutWord(message.ended);
    if (cause === 'receipt' && isUnsure) return this.#deps.lateWord(settlement);
    this.#noteEnd(message, carrier, message.ended, settlement, answer);
  }

  /** A receipt of ours whose state is no word of the specification: kept, and nothing changes. */
  #noteUnreadable(arrival: Arrival, sending: Sending): void {
    const { carrier, fields, answer } = arrival;
    this.#deps.observer.receiptUnmatched(carrier, 'unreadable', arrival.destination);
    const detail = `state ${(fields.stat ?? 'absent').slice(0, STATE_CHARACTERS)}`;
    const note = { message: sending.id, carrier: carrier.id, kind: 'unreadable' as const };
    this.#deps.notes.push({ ...note, state: null, err: null, detail, answer });
  }

  #noteEnd(
    message: Message,
    carrier: CarrierId | null,
    former: PartEnd | undefined,
    end: PartEnd,
    answer: (() => void) | undefined,
  ): void {
    const kind = former === undefined || former.state === end.state ? 'repeated' : 'contradictory';
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

/** From a carrier's answer to its receipt; one that came before the answer took none. Undefined: not known. */
function secondsToReceipt({ sentAtMs, receivedAtMs }: ReceiptedEnd): number | undefined {
  if (sentAtMs === 0 || receivedAtMs === 0) return undefined;
  return Math.max(0, receivedAtMs - sentAtMs) / 1_000;
}

/** A state word is at most seven characters; what is longer is cut in the note. */
const STATE_CHARACTERS = 20;
/** A carrier's one receipt may come before its answers to the other segments are stored: looked at again after this. */
const ONE_RECEIPT_LOOK_MS = 2_000;
/** Verdicts of `writeSettle` and `writeEndUnsent`. */
const SETTLED = 1;
const HAD_ENDED = 0;
