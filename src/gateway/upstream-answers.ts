import type { Catalog } from '../domain/catalog.ts';
import type { FailedAttempt } from '../store/attempts.ts';
import type { Arrival } from './arrival.ts';
import type { FailedSend, Failover } from './failover.ts';
import { NO_LEASE } from './lease-book.ts';
import type { Message } from './message.ts';
import type { Orphans } from './orphans.ts';
import type { ReceiptPath } from './receipt.ts';
import type { Sending } from './sending.ts';
import { refusedPart } from './settlement.ts';

export interface UpstreamAnswersDeps {
  catalog(): Catalog;
  readonly now: () => number;
  /** Stores an answer (sent lane). */
  book(sending: Sending): void;
  readonly receipts: ReceiptPath;
  readonly orphans: Orphans;
  failover(): Failover;
}

/** What a carrier's answer to a submit_sm means for its message. */
export class UpstreamAnswers {
  readonly #deps: UpstreamAnswersDeps;

  constructor(deps: UpstreamAnswersDeps) {
    this.#deps = deps;
  }

  /** The carrier has it: its receipt is awaited, and may be here already. */
  accepted(sending: Sending): void {
    const carrier = this.#deps.catalog().carriers.get(sending.carrier);
    if (carrier === undefined) return;
    // A message of one segment needs its text no more; one of several may have to send a part again.
    if (sending.message.parts === undefined) sending.message.submit = undefined;
    this.#deps.receipts.onAccepted(carrier, sending);
    this.#deps.orphans.onAccepted(sending);
  }

  /**
   * The carrier refused it for good. The answer is stored (and its lease ends) after the end it makes: were it the
   * other way round, a crash in between would leave a refused message that nobody looks at before its validity ends.
   */
  refused(sending: Sending): void {
    const carrier = this.#deps.catalog().carriers.get(sending.carrier);
    if (carrier === undefined) this.#deps.book(sending);
    else this.#deps.receipts.onRefused(carrier, sending, () => this.#deps.book(sending));
  }

  /** The carrier refused it, and the next one is to be tried; `none` is done where no other is left. */
  elsewhere(sending: Sending, none: (() => void) | undefined): void {
    const carrier = this.#deps.catalog().carriers.get(sending.carrier);
    if (carrier === undefined) return this.#deps.book(sending);
    const end = refusedPart(carrier, sending.status, this.#deps.now());
    this.#deps.failover().onRefused(sending, end, none);
  }

  /** No carrier is left: it ends as if none had been looked for. Its answer is stored already. */
  noneLeft({ message, segment, attempt, carrier, end, cause }: FailedSend): void {
    const { id } = message;
    const atMs = this.#deps.now();
    const sending = { message, id, segment, attempt, carrier, atMs, upstreamId: null };
    this.#deps.receipts.endPart(sending, end, cause, undefined);
  }

  /**
   * So it had failed when its node died, or before there was room for it.
   * @returns false: it is to be tried again where it was
   */
  failedBefore(message: Message, failed: FailedAttempt): boolean {
    const { segment, attempt, givenUp } = failed;
    const carrier = this.#deps.catalog().carriers.get(failed.carrier);
    const key = { message, segment, attempt, carrier: failed.carrier, none: undefined };
    if (givenUp !== undefined) {
      const why = { cause: 'receipt', reason: 'receipt' } as const;
      this.#deps.failover().decide({ ...key, ...why, end: givenUp });
      return true;
    }
    if (carrier === undefined) return false;
    const action = carrier.faults.onStatus(failed.status);
    if (action.kind === 'retry') return false;
    if (action.kind === 'fault') this.refusedBefore(message, failed);
    else {
      const end = refusedPart(carrier, failed.status, this.#deps.now());
      const why = { cause: 'carrierRefused', reason: 'status' } as const;
      this.#deps.failover().decide({ ...key, ...why, end });
    }
    return true;
  }

  /** It had been refused for good when its node died, before that was settled. */
  refusedBefore(message: Message, { segment, attempt, carrier, status }: FailedAttempt): void {
    this.refused({
      message,
      id: message.id,
      segment,
      attempt,
      firstHere: attempt,
      carrier,
      lease: NO_LEASE,
      pdu: undefined,
      sentAtMs: 0,
      upstreamId: null,
      status,
      atMs: this.#deps.now(),
    });
  }

  /** A receipt tells how a submit ended that was never answered: its id is booked as if it had been. */
  settledByOrphan(sending: Sending, arrival: Arrival): void {
    sending.upstreamId = arrival.ids[0] ?? null;
    this.#deps.book(sending);
    this.#deps.receipts.weigh(arrival, sending);
  }
}
