import type { BusinessCalendar } from './business-days.ts';
import type { EndCause, FaultClass, MessageState } from './message-state.ts';
import { type Credits, subtract, times, ZERO } from './money.ts';
import { countryOf } from './number-country.ts';

/** The money rules of an account, compiled from a `terms` resource. Every number is data, none a constant. */
export interface CompiledTerms {
  readonly name: string;
  readonly version: number;
  /** `delivered`: reserved at accept, charged or released at the end. */
  readonly chargeOn: 'submit' | 'delivered';
  /** Days that credit lasts; 0: it never expires. */
  readonly creditValidDays: number;
  /** False: each top-up is a lot of its own, the first to expire is the first spent. */
  readonly topUpExtendsBalance: boolean;
  readonly topUpMinimum: Credits;
  readonly refundAutomatic: readonly RefundClause[];
  readonly refundOnRequest: readonly RefundClause[];
  /** Hours from accept within which a message can be reported. */
  readonly reportWithinHours: number;
  /** Hours from the top-up within which it can be paid back; 0: never. */
  readonly purchaseRefundWithinHours: number;
  /** What of a top-up is paid back: what is unspent of it, or only one of which nothing is spent. */
  readonly purchaseRefundOf: 'unspent' | 'unused';
  /** Suspended, terminated, or refused by a moderator. */
  readonly onRefusal: 'refund' | 'keep';
  readonly noReceipt: 'keep' | 'refund';
  readonly refundIntoExpired: 'forfeit' | 'restore' | { readonly extendDays: number };
  /**
   * Whether a refund request is bound to purchaseRefundWithinHours of the purchase that paid for the message, too.
   * Undefined: it is not; true: it is, but for a fault of the platform.
   */
  readonly lateFaultException?: boolean | undefined;
  /** An approved refund request is paid within so many business days. */
  readonly refundDueBusinessDays: number;
  readonly businessDays: BusinessCalendar;
  /** What becomes of an account that is terminated: its credit (undefined: as onViolation says) and its content. */
  readonly onTermination: {
    readonly balance?: 'keep' | 'forfeit' | undefined;
    readonly content: 'erase' | 'keep';
  };
  /** Undefined: an account may lie unused for as long as it likes. */
  readonly dormancy?:
    | {
        readonly noticeAfterDays: number;
        readonly thenAfterDays: number;
        readonly then: 'suspend' | 'terminate';
      }
    | undefined;
  readonly onViolation: { readonly suspendAfter: number; readonly forfeitBalance: boolean };
}

/** The fault classes that terms can refund. */
export type RefundableFault = 'platform' | 'carrier' | 'recipient' | 'customer';

/** A fault class that goes back, to whatever number; or only to some. */
export type RefundClause =
  | RefundableFault
  | {
      readonly fault: RefundableFault;
      /** Of recipients, ISO 3166-1 alpha-2, and first digits of their numbers: to one of these; absent: to any. */
      readonly countries?: readonly string[] | undefined;
      readonly prefixes?: readonly string[] | undefined;
      /** To none of these. */
      readonly notCountries?: readonly string[] | undefined;
      readonly notPrefixes?: readonly string[] | undefined;
    };

/**
 * Whether one of the clauses gives a fault back for a message to this number.
 * @param destination E.164 digits; '': its content is gone, and no clause about numbers applies
 */
export function refunds(
  clauses: readonly RefundClause[],
  fault: FaultClass,
  destination: string,
): boolean {
  for (const clause of clauses) {
    if (typeof clause === 'string') {
      if (clause === fault) return true;
    } else if (clause.fault === fault && isTo(clause, destination)) return true;
  }
  return false;
}

/** Whether what a fault costs depends on the number: then numbers have to be looked up. */
export function looksAtNumbers(clauses: readonly RefundClause[]): boolean {
  return clauses.some((clause) => typeof clause !== 'string');
}

/** What a message was charged by. */
export interface ChargedMessage {
  /** True when the price was only reserved at accept. */
  readonly chargeOnDelivery: boolean;
  /** unitPrice x segments. */
  readonly price: Credits;
  readonly unitPrice: Credits;
  readonly segments: number;
}

/** How a message ended. */
export interface MessageEnd {
  readonly state: MessageState;
  readonly fault: FaultClass;
  readonly cause: EndCause;
  /** Segments for which {@link refundsSegment} is true. */
  readonly refundableSegments: number;
  /** Segments delivered, for a price that was only reserved; by default all when the message is, else none. */
  readonly deliveredSegments?: number;
}

/** What the end of a message does to the balance. charge + release = price when the price was reserved, else both are 0. */
export interface EndMoney {
  readonly refund: Credits;
  readonly charge: Credits;
  readonly release: Credits;
}

/**
 * The money of a message's end, by the table "How a message ends, and its money".
 *
 * | cause | paid at accept | reserved at accept |
 * |---|---|---|
 * | neverSent, cancelled, policy | refunded whole | released whole |
 * | refusedCharged | kept whole | charged whole |
 * | refusedLater | by terms.onRefusal, whole | the same |
 * | receipt, carrierRefused, carrierAccepted | DELIVRD kept, else the refundable segments | the delivered segments are charged |
 * | noReceipt | terms.noReceipt for the segments without one | the same |
 */
export function moneyAtEnd(m: ChargedMessage, end: MessageEnd, terms: CompiledTerms): EndMoney {
  const back = times(m.unitPrice, segmentsGivenBack(m, end, terms));
  if (!m.chargeOnDelivery) return { refund: back, charge: ZERO, release: ZERO };
  return { refund: ZERO, charge: subtract(m.price, back), release: back };
}

/**
 * What is added to an account's credits when a message ended without its carrier's word and that word came after all:
 * the difference between what its end posted and what the word would have posted, negative where the message costs
 * more. Whether the price was taken at accept or reserved makes no difference: what was paid is charge - refund.
 */
export function correctionOf(posted: EndMoney, word: EndMoney): Credits {
  return subtract(subtract(posted.charge, posted.refund), subtract(word.charge, word.refund));
}

/**
 * Whether the price of one segment goes back when it ends so. Callers count these for `refundableSegments`:
 * a delivered one never, one without a receipt by terms.noReceipt, a failed one by its fault class, and under
 * chargeOn delivered every one that failed.
 * @param destination E.164 digits; '' where its content is gone
 */
export function refundsSegment(
  terms: CompiledTerms,
  chargeOnDelivery: boolean,
  state: MessageState,
  fault: FaultClass,
  destination: string,
): boolean {
  if (state === 'DELIVRD') return false;
  if (fault === 'unknown') return terms.noReceipt === 'refund';
  if (chargeOnDelivery) return true;
  return fault !== 'none' && refunds(terms.refundAutomatic, fault, destination);
}

function segmentsGivenBack(m: ChargedMessage, end: MessageEnd, terms: CompiledTerms): number {
  const refundable = Math.min(Math.max(end.refundableSegments, 0), m.segments);
  switch (end.cause) {
    case 'neverSent':
    case 'cancelled':
    case 'policy':
      return m.segments;
    case 'refusedCharged':
      return 0;
    case 'refusedLater':
      return terms.onRefusal === 'refund' ? m.segments : 0;
    case 'receipt':
    case 'carrierAccepted':
    case 'carrierRefused':
      if (end.state === 'DELIVRD') return 0;
      return m.chargeOnDelivery ? m.segments - delivered(m, end) : refundable;
    case 'noReceipt':
      // At least one segment has no receipt: under `keep` that one is never given back, under `refund` always.
      return terms.noReceipt === 'keep'
        ? Math.min(refundable, m.segments - 1)
        : Math.max(refundable, 1);
  }
}

function isTo(clause: Exclude<RefundClause, string>, destination: string): boolean {
  if (destination === '') return false;
  const country = countryOf(destination) ?? '';
  const begins = (prefix: string) => destination.startsWith(prefix);
  const { countries, prefixes, notCountries, notPrefixes } = clause;
  const isNamed =
    (countries === undefined && prefixes === undefined) ||
    countries?.includes(country) === true ||
    prefixes?.some(begins) === true;
  return isNamed && notCountries?.includes(country) !== true && notPrefixes?.some(begins) !== true;
}

function delivered(m: ChargedMessage, end: MessageEnd): number {
  return Math.min(Math.max(end.deliveredSegments ?? 0, 0), m.segments);
}
