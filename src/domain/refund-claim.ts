import type { MessageId } from './ids.ts';
import type { EndCause, FaultClass, MessageState } from './message-state.ts';
import { type Credits, subtract, times, ZERO } from './money.ts';
import { type CompiledTerms, type RefundClause, refunds, refundsSegment } from './terms.ts';

const HOUR_MS = 3_600_000;

/** A message as far as a refund after its end is judged by it: facts of its timeline, no number and no text. */
export interface ClaimFacts {
  readonly id: MessageId;
  readonly acceptedAtMs: number;
  /** When the credit that paid for it was bought; undefined: not known. */
  readonly purchasedAtMs: number | undefined;
  readonly unitPrice: Credits;
  readonly segments: number;
  readonly chargeOnDelivery: boolean;
  /** As routed at accept. */
  readonly carrier: number;
  /** Each submit_sm to a carrier. */
  readonly tries: readonly { readonly carrier: number; readonly atMs: number }[];
  /** Undefined while it is on its way; a late word counts as its end. */
  readonly end: ClaimedEnd | undefined;
  /** By its end, a late word, or a refund as this one. */
  readonly givenBack: Credits;
  /** On request or for an outage: once a message. */
  readonly wasRefunded: boolean;
}

/** How a message ended, and each of its segments where they ended on their own. */
export interface ClaimedEnd {
  readonly state: MessageState;
  readonly fault: FaultClass;
  readonly cause: EndCause;
  readonly atMs: number;
  readonly segments: ReadonlyMap<
    number,
    { readonly state: MessageState; readonly fault: FaultClass }
  >;
}

/** A time at which the operator says that a carrier, or the numbers under a prefix, could not be reached. */
export interface OutageWindow {
  readonly id: number;
  readonly fromMs: number;
  /** Undefined: it lasts. */
  readonly untilMs: number | undefined;
  /** Undefined: of any. */
  readonly carrier: number | undefined;
  /** Digits that numbers begin with; undefined: of all. */
  readonly prefix: string | undefined;
}

/**
 * What is found of a claim. `refundable`, `notEnded` and `faultNotRefunded` are for the operator to look into (an outage
 * may be declared yet); the others cannot change any more and are refused as they come.
 */
export type ClaimFinding =
  | 'refundable'
  | 'notEnded'
  | 'faultNotRefunded'
  | 'delivered'
  | 'tooLate'
  | 'tooLateAfterPurchase'
  | 'notOnRequest'
  | 'alreadyRefunded'
  | 'alreadyRequested';

/** A claim as it stands. */
export interface ClaimJudgement {
  readonly finding: ClaimFinding;
  /** Payable: above 0 exactly when refundable. */
  readonly amount: Credits;
  /** On whose side it failed; an outage makes it the platform's. Undefined while it is on its way. */
  readonly fault: FaultClass | undefined;
  /** The outage that counts. */
  readonly outage: number | undefined;
}

/** Whether a claim so found is still to be decided. */
export function isContested(finding: ClaimFinding): boolean {
  return finding === 'refundable' || finding === 'notEnded' || finding === 'faultNotRefunded';
}

/**
 * A customer's request for the money of one message, by the terms: the windows first, then how it ended and whose fault
 * that is. Of several segments only those with a fault in refundOnRequest count, and nothing is given back twice.
 * @param askedAtMs when the request came, which stays what counts however late it is decided
 * @param outage a window that the message failed in
 * @param destination E.164 digits; '': its content is gone, then no clause about numbers gives anything back
 */
export function judgeRequest(
  claim: ClaimFacts,
  terms: CompiledTerms,
  askedAtMs: number,
  outage: OutageWindow | undefined,
  destination: string,
): ClaimJudgement {
  const inOutage = outage !== undefined && failsBy(claim.end);
  const fault = inOutage ? 'platform' : claim.end?.fault;
  const found = { fault, outage: inOutage ? outage.id : undefined, amount: ZERO };
  const late = lateness(claim, terms, askedAtMs, fault);
  if (late !== undefined) return { ...found, finding: late };
  if (terms.refundOnRequest.length === 0) return { ...found, finding: 'notOnRequest' };
  if (claim.wasRefunded) return { ...found, finding: 'alreadyRefunded' };
  if (claim.end === undefined) return { ...found, finding: 'notEnded' };
  if (claim.end.state === 'DELIVRD') return { ...found, finding: 'delivered' };
  const { covered, owed } = shares(claim, claim.end, terms, {
    clauses: terms.refundOnRequest,
    inOutage,
    destination,
  });
  if (covered === 0) return { ...found, finding: 'faultNotRefunded' };
  const amount = payable(claim, covered, owed);
  return { ...found, amount, finding: amount > 0n ? 'refundable' : 'alreadyRefunded' };
}

/**
 * What an outage gives back by itself under refundAutomatic; 0 where the terms do not, or nothing is left.
 * @param destination as of {@link judgeRequest}
 */
export function judgeOutage(claim: ClaimFacts, terms: CompiledTerms, destination: string): Credits {
  const { end } = claim;
  if (end === undefined || end.state === 'DELIVRD' || claim.wasRefunded || !failsBy(end))
    return ZERO;
  if (!refunds(terms.refundAutomatic, 'platform', destination)) return ZERO;
  const clauses = ['platform'] as const;
  const { covered, owed } = shares(claim, end, terms, { clauses, inOutage: true, destination });
  return payable(claim, covered, owed);
}

/**
 * The first of these windows that a message failed in: it was accepted, tried or ended within, by that carrier and to
 * such a number. It counts for messages that ended undelivered only, which the caller knows.
 * @param destination E.164 digits; undefined: its content is gone, then no window of a prefix is known to be its
 */
export function outageOf(
  claim: ClaimFacts,
  outages: readonly OutageWindow[],
  destination: string | undefined,
): OutageWindow | undefined {
  return outages.find(
    (outage) =>
      (outage.prefix === undefined || destination?.startsWith(outage.prefix) === true) &&
      isWithin(claim, outage),
  );
}

function isWithin(claim: ClaimFacts, { fromMs, untilMs, carrier }: OutageWindow): boolean {
  const isThen = (atMs: number | undefined) =>
    atMs !== undefined && atMs >= fromMs && (untilMs === undefined || atMs < untilMs);
  const isOf = (one: number) => carrier === undefined || one === carrier;
  if (claim.tries.some((one) => isOf(one.carrier) && isThen(one.atMs))) return true;
  const wasItsOwn = isOf(claim.carrier) || claim.tries.some((one) => isOf(one.carrier));
  return wasItsOwn && (isThen(claim.acceptedAtMs) || isThen(claim.end?.atMs));
}

/** Its customer or his account ended it. */
const OURS: ReadonlySet<string> = new Set<EndCause>([
  'cancelled',
  'refusedLater',
  'refusedCharged',
  'policy',
]);

/** Whether an outage can be why a message ended so: not when its customer or his account ended it. */
function failsBy(end: ClaimedEnd | undefined): boolean {
  if (end === undefined || end.state === 'DELIVRD' || end.fault === 'customer') return false;
  return !OURS.has(end.cause);
}

function lateness(
  claim: ClaimFacts,
  terms: CompiledTerms,
  askedAtMs: number,
  fault: FaultClass | undefined,
): 'tooLate' | 'tooLateAfterPurchase' | undefined {
  if (askedAtMs - claim.acceptedAtMs > terms.reportWithinHours * HOUR_MS) return 'tooLate';
  const { lateFaultException } = terms;
  if (lateFaultException === undefined || claim.purchasedAtMs === undefined) return undefined;
  if (askedAtMs - claim.purchasedAtMs <= terms.purchaseRefundWithinHours * HOUR_MS)
    return undefined;
  return lateFaultException && fault === 'platform' ? undefined : 'tooLateAfterPurchase';
}

/** Segments with one of these faults, and those whose money goes back all in all: what was, is not given back again. */
function shares(
  claim: ClaimFacts,
  end: ClaimedEnd,
  terms: CompiledTerms,
  {
    clauses,
    inOutage,
    destination,
  }: {
    readonly clauses: readonly RefundClause[];
    readonly inOutage: boolean;
    readonly destination: string;
  },
): { covered: number; owed: number } {
  let covered = 0;
  let owed = 0;
  for (let segment = 1; segment <= claim.segments; segment++) {
    const { state, fault } = segmentEnd(end, segment);
    if (state === 'DELIVRD') continue;
    const counted = inOutage && fault !== 'customer' ? 'platform' : fault;
    const isCovered = refunds(clauses, counted, destination);
    if (isCovered) covered++;
    if (isCovered || refundsSegment(terms, claim.chargeOnDelivery, state, fault, destination))
      owed++;
  }
  return { covered, owed };
}

/** A segment that has no end of its own has its message's; of a message that waited for receipts in vain, none. */
function segmentEnd(end: ClaimedEnd, segment: number): { state: MessageState; fault: FaultClass } {
  const own = end.segments.get(segment);
  if (own !== undefined) return own;
  return end.cause === 'noReceipt' && end.segments.size > 0
    ? { state: 'UNKNOWN', fault: 'unknown' }
    : end;
}

function payable(claim: ClaimFacts, covered: number, owed: number): Credits {
  const rest = subtract(times(claim.unitPrice, owed), claim.givenBack);
  const most = times(claim.unitPrice, covered);
  if (rest <= 0n) return ZERO;
  return rest < most ? rest : most;
}
