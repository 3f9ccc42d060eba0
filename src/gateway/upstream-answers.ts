import type { Catalog } from '../domain/catalog.ts';
import { NO_LEASE } from './lease-book.ts';
import type { Message } from './message.ts';
import type { Orphans } from './orphans.ts';
import type { Arrival, ReceiptPath } from './receipt.ts';
import type { Sending } from './sending.ts';

export interface UpstreamAnswersDeps {
  catalog(): Catalog;
  readonly now: () => number;
  /** Stores an answer (sent lane). */
  book(sending: Sending): void;
  readonly receipts: ReceiptPath;
  readonly orphans: Orphans;
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

  /** It had been refused for good when its node died, before that was settled. */
  refusedBefore(message: Message, segment: number, commandStatus: number): void {
    this.refused({
      message,
      id: message.id,
      segment,
      attempt: 1,
      carrier: message.carrier,
      lease: NO_LEASE,
      pdu: undefined,
      sentAtMs: 0,
      upstreamId: null,
      status: commandStatus,
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
