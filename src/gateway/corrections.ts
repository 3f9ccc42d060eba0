import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { EpochId, MessageId } from '../domain/ids.ts';
import { correctionOf } from '../domain/terms.ts';
import { postCorrection, readPostedEnd } from '../store/corrections.ts';
import { type DependencyErrorKind, dependencyError } from '../store/errors.ts';
import { withClient } from '../store/pool.ts';
import type { MessageLoader } from './loader.ts';
import type { GatewayObserver } from './observer.ts';
import type { ReceiptNote, SegmentEnd } from './receipt.ts';
import { allEnds, type Settlement, settleByParts, stateName } from './settlement.ts';

/** Pause after the store failed. */
const RETRY_MS = 500;
/** Errors that the same again cannot cure. */
const GIVEN_UP: ReadonlySet<DependencyErrorKind> = new Set(['data', 'other', 'epochLost']);

export interface CorrectionsDeps {
  catalog(): Catalog;
  readonly pool: Pool;
  readonly epoch: EpochId;
  readonly observer: GatewayObserver;
  readonly loader: Pick<MessageLoader, 'load'>;
  /** The note lane. */
  note(note: ReceiptNote): void;
}

/** A carrier's word on a message that has ended, or on one of its segments. */
type LateWord = { readonly whole: Settlement } | { readonly segment: SegmentEnd };

/**
 * Receipts of messages that ended without their carrier's word (no receipt in time, or an unknown outcome given up)
 * and that now say how they really ended. The end stays, and the customer gets no second receipt. The word is noted on
 * the timeline, and the difference that it makes by the terms is posted as one entry, once a message. A message of
 * several segments waits until the last of them has spoken.
 *
 * ```
 *   late receipt ──> ended with the carrier's word ───────────────> noted
 *        └─────────> ended without it ── first word ── correction ──> noted
 *                                    └── a later one ──────────────> noted
 * ```
 * The carrier is answered after all that is committed. They are rare, and worked off one by one; those that wait hold
 * the carriers' sessions as other receipts do (backpressure.ts).
 */
export class Corrections {
  readonly #deps: CorrectionsDeps;
  #waiting: LateWord[] = [];
  #running = false;
  #closed = false;

  constructor(deps: CorrectionsDeps) {
    this.#deps = deps;
  }

  /** Words that wait to be stored. */
  depth(): number {
    return this.#waiting.length;
  }

  /** A receipt came for a message that has its outcome: `settlement` is what it would have been. */
  onWord(settlement: Settlement): void {
    this.#take({ whole: settlement });
  }

  /** A segment of such a message has its receipt, and that is stored. */
  onSegment(end: SegmentEnd): void {
    this.#take({ segment: end });
  }

  /** Nothing more is stored; the carriers send again what was not answered. */
  close(): void {
    this.#closed = true;
  }

  #take(word: LateWord): void {
    this.#waiting.push(word);
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (
      let next = this.#waiting[0];
      next !== undefined && !this.#closed;
      next = this.#waiting[0]
    ) {
      try {
        await this.#work(next);
        this.#waiting.shift();
      } catch (error) {
        this.#deps.observer.note('warn', 'lateReceiptNotStored', { reason: String(error) });
        // One that can never be stored stays unanswered; the others wait for the store.
        if (GIVEN_UP.has(dependencyError(error).kind)) this.#waiting.shift();
        else await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.#running = false;
  }

  async #work(word: LateWord): Promise<void> {
    if ('whole' in word) return this.#settle(word.whole, word.whole.answer);
    const { segment } = word;
    const [message] = await this.#deps.loader.load([segment.id]);
    const ends = message === undefined ? undefined : allEnds(message, this.#isOne(segment));
    if (message === undefined || ends === undefined) return segment.answer?.();
    const { carrier, answer } = segment;
    const { terms } = this.#deps.catalog().accounts.get(message.account) ?? message.owner;
    const rest = { carrier, answer: undefined, sentAtMs: 0, receivedAtMs: 0 };
    await this.#settle(settleByParts(message, ends, 'receipt', terms, rest), answer);
  }

  async #settle(word: Settlement, answer: (() => void) | undefined): Promise<void> {
    const { pool, epoch, observer } = this.#deps;
    const ended = await withClient(pool, (client) => readPostedEnd(client, word.id));
    if (ended?.cause === 'noReceipt') {
      const amount = correctionOf(ended, word);
      const reason = `message ${word.id}: ended ${stateName(ended.state)} without a receipt, then ${stateName(word.state)}`;
      const { account, carrier, state, fault, err, doneAtMs } = word;
      const row = {
        message: word.id,
        account,
        carrier,
        state,
        fault,
        err,
        doneAtMs,
        amount,
        reason,
      };
      const posted = await withClient(pool, (client) => postCorrection(client, epoch, row));
      if (posted && amount !== 0n)
        observer.money(word.message.owner, 'correction', amount < 0n ? -amount : amount);
    }
    this.#note(word.id, word, ended?.state, answer);
  }

  #note(
    message: MessageId,
    { carrier, state, err }: Pick<Settlement, 'carrier' | 'state' | 'err'>,
    former: number | undefined,
    answer: (() => void) | undefined,
  ): void {
    const kind = former === state ? 'repeated' : 'contradictory';
    this.#deps.note({ message, carrier, kind, state, err, detail: null, answer });
  }

  /** Whether this carrier sends one receipt for all segments. */
  #isOne({ carrier }: SegmentEnd): boolean {
    return this.#deps.catalog().carriers.get(carrier)?.oneReceipt === true;
  }
}
