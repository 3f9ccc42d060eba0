import type { CatalogCarrier } from '../domain/catalog.ts';
import type { AccountId, CarrierId, MessageId } from '../domain/ids.ts';
import {
  type EndCause,
  FAULT_CLASS,
  type FaultClass,
  faultClassName,
  MESSAGE_STATE,
  type MessageState,
  messageStateName,
} from '../domain/message-state.ts';
import type { Credits } from '../domain/money.ts';
import { type CompiledTerms, moneyAtEnd, refundsSegment } from '../domain/terms.ts';
import type { SettleVerdict } from '../store/settle.ts';
import type { Message, PartEnd } from './message.ts';

/** How a message ends: the row that the settle lane writes (`SettleRow`). The numbers are the store's. */
export interface Settlement {
  readonly message: Message;
  readonly id: MessageId;
  readonly account: AccountId;
  readonly carrier: CarrierId | null;
  readonly state: number;
  readonly fault: number;
  readonly err: number;
  readonly refund: Credits;
  readonly charge: Credits;
  readonly release: Credits;
  readonly doneAtMs: number;
  readonly cause: EndCause;
  /** Segments delivered, for `dlvrd:` of the receipt. */
  readonly delivered: number;
  /** The carrier's receipt that waits for the commit, to be answered after it. */
  readonly answer: (() => void) | undefined;
  /** Unix ms of the carrier's last answer, for the receipt's delay; 0 when it was never sent. */
  readonly sentAtMs: number;
  /** When the receipt came that ended it, the last one's; 0 when none did. */
  readonly receivedAtMs: number;
  /** Of the message, when this end was made from it. */
  readonly version: number;
  /** Told what came of it (end-unsent lane only). */
  readonly told: ((verdict: SettleVerdict) => void) | undefined;
}

/** Worst last: a message of several segments ends in the worst of their states. */
const WORSE: readonly MessageState[] = [
  'DELIVRD',
  'SKIPPED',
  'ACCEPTD',
  'ENROUTE',
  'SCHEDULED',
  'UNKNOWN',
  'DELETED',
  'EXPIRED',
  'UNDELIV',
  'REJECTD',
];

/** The end of a message whose every submit_sm has ended. One part stands for `segments / parts` segments. */
export function settleByParts(
  message: Message,
  parts: readonly PartEnd[],
  cause: EndCause,
  terms: CompiledTerms,
  rest: Pick<Settlement, 'carrier' | 'answer' | 'sentAtMs' | 'receivedAtMs'>,
): Settlement {
  const segmentsOfPart = message.segments / parts.length;
  let worst = parts[0];
  let refundableSegments = 0;
  let delivered = 0;
  for (const part of parts) {
    const state = stateName(part.state);
    if (worst === undefined || isWorse(part.state, worst.state)) worst = part;
    if (isSuccess(state)) delivered += segmentsOfPart;
    const fault = faultClassName(part.fault);
    if (refundsSegment(terms, message.chargeOnDelivery, state, fault, message.destination))
      refundableSegments += segmentsOfPart;
  }
  if (worst === undefined) throw new Error('a message has at least one part');
  const end = {
    state: stateName(worst.state),
    fault: faultClassName(worst.fault),
    cause,
    refundableSegments,
    deliveredSegments: delivered,
  };
  const money = moneyAtEnd(message, end, terms);
  return {
    message,
    id: message.id,
    account: message.account,
    state: worst.state,
    fault: worst.fault,
    err: worst.err,
    doneAtMs: worst.doneAtMs,
    cause,
    delivered,
    version: message.version,
    told: undefined,
    ...money,
    ...rest,
  };
}

/** The end of a message that no receipt ended: never sent, refused later, cancelled, no receipt. */
export function settleWhole(
  message: Message,
  state: MessageState,
  fault: FaultClass,
  cause: EndCause,
  terms: CompiledTerms,
  nowMs: number,
  told?: (verdict: SettleVerdict) => void,
): Settlement {
  const { chargeOnDelivery, destination, segments } = message;
  const isRefundable = refundsSegment(terms, chargeOnDelivery, state, fault, destination);
  const refundableSegments = isRefundable ? segments : 0;
  const money = moneyAtEnd(message, { state, fault, cause, refundableSegments }, terms);
  return {
    message,
    id: message.id,
    account: message.account,
    carrier: null,
    state: MESSAGE_STATE[state],
    fault: FAULT_CLASS[fault],
    err: 0,
    doneAtMs: nowMs,
    cause,
    delivered: 0,
    answer: undefined,
    sentAtMs: 0,
    receivedAtMs: 0,
    version: message.version,
    told,
    ...money,
  };
}

/** How a segment ended that the carrier refused for good. */
export function refusedPart(
  carrier: CatalogCarrier,
  commandStatus: number,
  nowMs: number,
): PartEnd {
  return {
    state: MESSAGE_STATE.REJECTD,
    fault: FAULT_CLASS[carrier.faults.ofStatus(commandStatus)],
    err: commandStatus,
    doneAtMs: nowMs,
  };
}

/** States in which nothing failed: DELIVRD, and where a carrier's profile makes them final ENROUTE and ACCEPTD. */
export function isSuccess(state: MessageState): boolean {
  return state === 'DELIVRD' || state === 'ENROUTE' || state === 'ACCEPTD';
}

/** How a segment ends whose outcome stayed unknown at a carrier that does not want it sent again. */
export function expiredPart(nowMs: number): PartEnd {
  return { state: MESSAGE_STATE.EXPIRED, fault: FAULT_CLASS.unknown, err: 0, doneAtMs: nowMs };
}

/** How a segment ends whose receipt never came. */
export function unreceiptedPart(nowMs: number): PartEnd {
  return { state: MESSAGE_STATE.UNKNOWN, fault: FAULT_CLASS.unknown, err: 0, doneAtMs: nowMs };
}

/** How a segment ended at a carrier that sends no receipts: its submit_sm_resp is the last word. */
export function acceptedPart(nowMs: number): PartEnd {
  return { state: MESSAGE_STATE.ACCEPTD, fault: FAULT_CLASS.none, err: 0, doneAtMs: nowMs };
}

/** The name of a stored state. @throws RangeError for a number that no state has */
export function stateName(state: number): MessageState {
  const name = messageStateName(state);
  if (name === undefined) throw new RangeError(`no message state has the number ${state}`);
  return name;
}

/** How each segment ended; undefined while one has not. Of a carrier of one receipt the best known is that of all. */
export function allEnds({ parts }: Message, isOne: boolean): readonly PartEnd[] | undefined {
  const known = parts?.filter((part) => part !== undefined) ?? [];
  if (parts === undefined || known.length === parts.length) return known;
  if (!isOne || known.length === 0) return undefined;
  const best = known.reduce((a, b) => (isWorse(a.state, b.state) ? b : a));
  return parts.map((part) => part ?? best);
}

/** Whether a state is worse than another, by the order in which a message of several segments ends. */
export function isWorse(state: number, than: number): boolean {
  return rank(state) > rank(than);
}

function rank(state: number): number {
  return WORSE.indexOf(stateName(state));
}
