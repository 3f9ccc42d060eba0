import type { IdReading } from '../smpp/message-ids.ts';
import type { DestinationFit } from './destination-fit.ts';
import type { IdSource } from './id-learning.ts';

/** A submit_sm under an id that a receipt can mean, and what speaks for and against it. */
export interface Candidate {
  /** Which id of the receipt names it, and under which reading. */
  readonly source: IdSource;
  readonly reading: IdReading;
  /** Its id is spelled exactly as the receipt has it. */
  readonly exact: boolean;
  /** `notAsked`: the carrier's resource says that destinations do not count. */
  readonly fit: DestinationFit | 'notAsked';
  /** Tells its destination from others'. */
  readonly number: string;
  /** Whether the receipt repeats the user_message_reference that it was sent with; `unknown` where that does not count. */
  readonly reference: 'same' | 'other' | 'unknown';
  /** Its message has no final state. */
  readonly open: boolean;
  readonly sentAtMs: number;
}

/** Why a receipt is not matched. */
export type NotMatched = 'unknownId' | 'otherDestination' | 'ambiguous';

/** Why a candidate was passed over. */
export type PassedOver =
  | 'otherDestination'
  | 'onlyTheTextNamesIt'
  | 'anotherReadingIsLearnt'
  | 'anotherStatesTheWholeNumber'
  | 'finished'
  | 'otherReference'
  | 'anotherIsSpelledSo'
  | 'older'
  | 'asGoodAsAnother';

/** The candidate that a receipt is about, or why none is. */
export interface Choice<C extends Candidate> {
  readonly taken: C | undefined;
  readonly reason: NotMatched | undefined;
  /** The reading that this match teaches; undefined: nothing, because the destination did not speak, or others fit. */
  readonly teaches: IdReading | undefined;
  readonly passedOver: ReadonlyMap<C, PassedOver>;
}

/**
 * Chooses among all candidates of a receipt. The destination must agree. Then what the TLV names goes before what the
 * text names, the learnt reading before any other, the whole number before its last digits, what is open before what
 * has ended, and of one id the newest. Candidates that differ in their reading while none is learnt, or in their
 * number while the receipt does not say which, are as good as each other: none is taken.
 * @param learnt the reading that the carrier is known to mean
 */
export function chooseCandidate<C extends Candidate>(
  candidates: readonly C[],
  learnt: (source: IdSource) => IdReading | undefined,
): Choice<C> {
  const pool = new Pool(candidates);
  pool.keep('otherDestination', ({ fit }) => fit !== 'other');
  if (pool.left.length === 0) {
    const reason = candidates.length === 0 ? 'unknownId' : 'otherDestination';
    return { taken: undefined, reason, teaches: undefined, passedOver: pool.passedOver };
  }
  const teaches = lesson(pool.left);
  pool.prefer('onlyTheTextNamesIt', ({ source }) => source === 'tlv');
  pool.prefer('anotherReadingIsLearnt', ({ source, reading }) => reading === learnt(source));
  const isDivided = differ(pool.left, ({ reading }) => reading);
  if (!isDivided) {
    pool.prefer('anotherStatesTheWholeNumber', ({ fit }) => fit === 'number');
    pool.prefer('finished', ({ open }) => open);
    pool.prefer('otherReference', ({ reference }) => reference === 'same');
    pool.prefer('anotherIsSpelledSo', ({ exact }) => exact);
  }
  const isAmbiguous =
    isDivided ||
    differ(
      pool.left.filter(({ fit }) => fit !== 'notAsked'),
      ({ number }) => number,
    );
  if (isAmbiguous) {
    pool.keep('asGoodAsAnother', () => false);
    const { passedOver } = pool;
    return { taken: undefined, reason: 'ambiguous', teaches: undefined, passedOver };
  }
  const taken = pool.left.reduce((newest, one) => (one.sentAtMs > newest.sentAtMs ? one : newest));
  pool.keep('older', (one) => one === taken);
  return { taken, reason: undefined, teaches, passedOver: pool.passedOver };
}

/** What is left of the candidates, and why each of the others is not. */
class Pool<C extends Candidate> {
  left: readonly C[];
  readonly passedOver = new Map<C, PassedOver>();

  constructor(candidates: readonly C[]) {
    this.left = candidates;
  }

  keep(why: PassedOver, fits: (candidate: C) => boolean): void {
    const left: C[] = [];
    for (const candidate of this.left) {
      if (fits(candidate)) left.push(candidate);
      else this.passedOver.set(candidate, why);
    }
    this.left = left;
  }

  /** Keeps only those, where there are any. */
  prefer(why: PassedOver, fits: (candidate: C) => boolean): void {
    if (this.left.some(fits)) this.keep(why, fits);
  }
}

/** A destination that agrees with messages under one reading alone is evidence for it. */
function lesson(agreeing: readonly Candidate[]): IdReading | undefined {
  const speaks = agreeing.every(({ fit }) => fit === 'number' || fit === 'lastDigits');
  const isOne = !differ(agreeing, ({ source, reading }) => `${source} ${reading}`);
  return speaks && isOne ? agreeing[0]?.reading : undefined;
}

function differ<C>(all: readonly C[], by: (one: C) => string): boolean {
  const [first] = all;
  return first !== undefined && all.some((one) => by(one) !== by(first));
}
