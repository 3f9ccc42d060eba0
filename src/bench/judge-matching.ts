import type { MatchingBook } from './matching-book.ts';

/** The judgement of every receipt that the carriers sent and the gateway took. */
export interface MatchingVerdict {
  messages: number;
  /** Receipts that name an id which the gateway was certainly told. */
  named: number;
  /** Of these: without a trace at their message, and with one. */
  unmatched: number;
  matched: number;
  /** Messages with the err of another's receipt, or a state that nobody said of them. */
  wrong: number;
  /** Messages with more traces than receipts of theirs were sent: one was counted twice. */
  tracedTwice: number;
  /** Messages that ended by receipts and whose customer got none, or that ended in another state than he was told. */
  untold: number;
  /** Receipts whose answer may have been lost with its session. */
  doubtful: number;
  /** Receipts that nobody could match or read. */
  unfit: Record<string, number>;
  /** The first of each kind in words. */
  examples: string[];
}

const examplesTold = 20;
const deliveredState = 2;

/** Judges by the carriers' books, the customers' books and the store: which receipts found their message, which another. */
export function judgeMatching(book: MatchingBook): MatchingVerdict {
  const verdict: MatchingVerdict = {
    messages: 0,
    named: 0,
    unmatched: 0,
    matched: 0,
    wrong: 0,
    tracedTwice: 0,
    untold: 0,
    doubtful: 0,
    unfit: book.unfit,
    examples: [],
  };
  for (let index = 0; index < book.size; index += 1)
    if (book.accepted[index] === 1) judgeMessage(book, index, verdict);
  return verdict;
}

function judgeMessage(book: MatchingBook, index: number, verdict: MatchingVerdict): void {
  const fit = book.fit[index] as number;
  const doubtful = book.doubtful[index] as number;
  const traces = book.traces[index] as number;
  verdict.messages += 1;
  verdict.named += fit;
  verdict.doubtful += doubtful;
  const unmatched = Math.max(0, fit - traces);
  verdict.unmatched += unmatched;
  verdict.matched += fit - unmatched;
  if (unmatched > 0) tell(verdict, index, `${unmatched} of ${fit} receipts left no trace`);
  if (traces > (book.sent[index] as number)) verdict.tracedTwice += 1;
  const wrong = wrongBecause(book, index);
  if (wrong !== undefined) {
    verdict.wrong += 1;
    tell(verdict, index, wrong);
  }
  const untold = untoldBecause(book, index);
  if (untold !== undefined) {
    verdict.untold += 1;
    tell(verdict, index, untold);
  }
}

function wrongBecause(book: MatchingBook, index: number): string | undefined {
  const state = book.outcome[index] as number;
  if (book.foreignTraces[index] !== 0)
    return 'a receipt with the err of another message stands at it';
  if (book.byReceipt[index] !== 1) return undefined;
  const said = book.said[index] as number;
  if (((said >> state) & 1) === 0) return `it ended in state ${state}, which nobody said`;
  if (book.foreignErr[index] === 1) return 'its receipt has the err or the id of another message';
  return undefined;
}

/** A message is DELIVRD when all of its segments can be; a segment of which carriers said both may be either. */
function untoldBecause(book: MatchingBook, index: number): string | undefined {
  const state = book.outcome[index] as number;
  const receipts = book.receipts[index] as number;
  if (receipts > 0 && book.state[index] !== state)
    return `its customer was told ${book.state[index]}, the store says ${state}`;
  if (book.contradicted[index] === 1) return 'its customer was told two states';
  if (book.byReceipt[index] !== 1) return undefined;
  if (receipts === 0) return 'it ended by receipts, and its customer got none';
  const all = ((1 << (book.segments[index] as number)) - 1) << 1;
  const delivered = book.delivered[index] as number;
  const failed = book.failed[index] as number;
  const isCertain = (book.doubtful[index] as number) === 0 && book.receipted[index] === all;
  if (!isCertain) return undefined;
  if (state === deliveredState && delivered !== all)
    return 'it ended DELIVRD with a failed segment';
  if (state !== deliveredState && failed === 0) return 'it failed with all segments DELIVRD';
  return undefined;
}

function tell(verdict: MatchingVerdict, index: number, what: string): void {
  if (verdict.examples.length < examplesTold) verdict.examples.push(`message ${index}: ${what}`);
}
