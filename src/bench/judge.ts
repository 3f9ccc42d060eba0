import type {
  CarrierBook,
  CarrierSubmit,
  CustomerBook,
  CustomerReceipt,
  CustomerSubmit,
  LedgerBook,
  LedgerMessage,
} from './books.ts';
import { judgeMoney } from './judge-money.ts';
import type { FaultKind, JudgeFault, JudgeTerms, Verdict } from './verdict.ts';

export type { Verdict } from './verdict.ts';

/** Faults told in words; all are counted. */
const faultsTold = 100;
/** Clocks of processes on one machine, read at different moments. */
const clockSlackMs = 50;

/**
 * Judges loss, doubling and money from three books that different processes
 * kept: the customers' logs, the carrier's log, and the ledger. The gateway's
 * word about itself (its reconciliation, its API) is not asked. Each message
 * must have a destination of its own: it is what the books have in common.
 *
 * Must run when all is over: nothing under way, every receipt taken.
 */
export function judge(
  customers: readonly CustomerBook[],
  carrier: CarrierBook,
  ledger: LedgerBook,
  terms: JudgeTerms,
): Verdict {
  return new Judge(customers, carrier, ledger, terms).verdict();
}

class Judge {
  readonly #customers: readonly CustomerBook[];
  readonly #carrier: CarrierBook;
  readonly #ledger: LedgerBook;
  readonly #terms: JudgeTerms;
  readonly #faults: JudgeFault[] = [];
  readonly #faultCounts: Partial<Record<FaultKind, number>> = {};
  readonly #byCustomerId: Map<string, LedgerMessage>;
  /** Stored message to the destination that it went to. */
  readonly #destinations = new Map<LedgerMessage, string>();
  #answered = { positively: 0, negatively: 0, not: 0 };
  #listedRepeats = 0;
  #repeatedReceipts = 0;

  constructor(
    customers: readonly CustomerBook[],
    carrier: CarrierBook,
    ledger: LedgerBook,
    terms: JudgeTerms,
  ) {
    this.#customers = customers;
    this.#carrier = carrier;
    this.#ledger = ledger;
    this.#terms = terms;
    this.#byCustomerId = new Map(
      ledger.messages.map((message) => [keyOf(message.account, message.customerId), message]),
    );
  }

  verdict(): Verdict {
    this.#matchDestinations();
    for (const book of this.#customers) this.#judgeCustomer(book);
    for (const message of this.#ledger.messages) this.#judgeMessage(message);
    this.#judgeStraySubmits();
    const charged = judgeMoney(this.#ledger, this.#terms, (detail) =>
      this.#fault('mischarged', detail),
    );
    const sum = (map: Map<string, readonly unknown[]>) =>
      [...map.values()].reduce((count, list) => count + list.length, 0);
    return {
      ok: Object.keys(this.#faultCounts).length === 0,
      counts: {
        submitted: this.#customers.reduce((count, book) => count + book.submits.size, 0),
        answeredPositively: this.#answered.positively,
        answeredNegatively: this.#answered.negatively,
        unanswered: this.#answered.not,
        stored: this.#ledger.messages.length,
        seenByCarrier: sum(this.#carrier.submits),
        listedRepeats: this.#listedRepeats,
        unknownOutcomes: sum(this.#ledger.unknown),
        repeatedReceipts: this.#repeatedReceipts,
        chargedMicroCredits: String(charged),
      },
      faultCounts: this.#faultCounts,
      faults: this.#faults,
    };
  }

  /**
   * The ledger holds no clear number. A message's destination is known from
   * the customer's answer, or else from the carrier's id in its dispatch.
   */
  #matchDestinations(): void {
    for (const book of this.#customers) {
      for (const submit of book.submits.values()) {
        if (submit.status !== 0 || submit.id === undefined) continue;
        const message = this.#byCustomerId.get(keyOf(book.account, submit.id));
        if (message) this.#destinations.set(message, submit.destination);
      }
    }
    const destinationByUpstreamId = new Map<string, string>();
    for (const [destination, submits] of this.#carrier.submits) {
      for (const submit of submits) destinationByUpstreamId.set(submit.id, destination);
    }
    const explained = new Set<string>();
    for (const message of this.#ledger.messages) {
      for (const { upstreamId } of this.#ledger.dispatches.get(message.id) ?? []) {
        const destination = destinationByUpstreamId.get(upstreamId ?? '');
        if (destination === undefined) continue;
        if (!this.#destinations.has(message)) this.#destinations.set(message, destination);
        explained.add(destination);
      }
    }
    for (const destination of this.#destinations.values()) explained.add(destination);
    this.#matchUnanswered(explained);
  }

  /**
   * What is left: the customer got no answer and the gateway none from the
   * carrier. Which is which nobody can know; their numbers must agree, account
   * by account, and what does not pair stays stray or lost.
   */
  #matchUnanswered(explained: ReadonlySet<string>): void {
    for (const book of this.#customers) {
      const messages = this.#ledger.messages.filter(
        (message) =>
          message.account === book.account &&
          !this.#destinations.has(message) &&
          this.#ledger.unknown.has(message.id),
      );
      for (const submit of book.submits.values()) {
        const { status, destination } = submit;
        if (status !== undefined || explained.has(destination)) continue;
        if (!this.#carrier.submits.has(destination)) continue;
        const message = messages.shift();
        if (message) this.#destinations.set(message, destination);
      }
    }
  }

  #judgeCustomer(book: CustomerBook): void {
    const idsSeen = new Set<string>();
    const refused = new Set<string>();
    for (const [n, submit] of book.submits) {
      if (submit.status === undefined) {
        this.#answered.not += 1;
        continue;
      }
      if (submit.status !== 0) {
        this.#answered.negatively += 1;
        refused.add(submit.destination);
        continue;
      }
      this.#answered.positively += 1;
      const id = submit.id ?? '';
      if (idsSeen.has(id))
        this.#fault('inconsistent', `two answers of ${book.account} carry id ${id}`);
      idsSeen.add(id);
      if (!this.#byCustomerId.has(keyOf(book.account, id))) {
        this.#fault(
          'lost',
          `message ${n} of ${book.account} (${id}) was accepted and is not stored`,
        );
      }
      this.#judgeContent(id, submit);
      const receipts = book.receipts.get(id);
      if (!receipts) {
        this.#fault('lost', `message ${n} of ${book.account} (${id}) has no final receipt`);
      } else if (receipts[0]?.destination !== submit.destination) {
        this.#fault('inconsistent', `the receipt of ${id} names ${receipts[0]?.destination}`);
      }
    }
    for (const destination of refused) {
      if (this.#carrier.submits.has(destination)) {
        this.#fault('stray', `${destination} was refused to ${book.account} and sent nevertheless`);
      }
    }
    for (const [id, receipts] of book.receipts) this.#judgeReceipts(book.account, id, receipts);
  }

  #judgeContent(id: string, submit: CustomerSubmit): void {
    for (const { textHash } of this.#carrier.submits.get(submit.destination) ?? []) {
      if (textHash !== submit.textHash) {
        this.#fault('inconsistent', `message ${id} reached the carrier with another text`);
      }
    }
  }

  #judgeReceipts(account: string, id: string, receipts: readonly CustomerReceipt[]): void {
    const message = this.#byCustomerId.get(keyOf(account, id));
    if (!message) {
      this.#fault('stray', `${account} got a receipt for ${id}, which is not stored`);
      return;
    }
    const [first, ...repeats] = receipts;
    for (const receipt of receipts) {
      if (receipt.state !== message.outcome?.state) {
        this.#fault(
          'inconsistent',
          `the receipt of ${id} says ${receipt.state}, the ledger ${message.outcome?.state}`,
        );
      }
    }
    let before = first?.at ?? 0;
    for (const repeat of repeats) {
      if (this.#mayRepeat(before, repeat.at)) this.#repeatedReceipts += 1;
      else this.#fault('doubled', `the receipt of ${id} came again after ${repeat.at - before} ms`);
      before = repeat.at;
    }
  }

  /** Only where the deliver_sm_resp to the one before may not have been stored: a kill soon after it. */
  #mayRepeat(before: number, at: number): boolean {
    const { kills, unstoredMs } = this.#terms;
    return kills.some(
      (kill) =>
        kill >= before - clockSlackMs && kill - before <= unstoredMs && kill <= at + clockSlackMs,
    );
  }

  #judgeMessage(message: LedgerMessage): void {
    const { id, outcome } = message;
    if (!outcome) {
      this.#fault('lost', `message ${id} has no final state`);
      return;
    }
    const destination = this.#destinations.get(message);
    const submits = destination === undefined ? [] : (this.#carrier.submits.get(destination) ?? []);
    const taken = submits.filter(({ status }) => status === 0 || status === null);
    const [, ...repeats] = taken;
    this.#judgeRepeats(message, repeats);
    const states = new Set(
      taken.flatMap((submit) => [...(this.#carrier.receipts.get(submit.id) ?? [])]),
    );
    const isFromCarrier = outcome.cause === 'receipt';
    if (isFromCarrier && !states.has(outcome.state)) {
      this.#fault(
        'inconsistent',
        `message ${id} ended ${outcome.state}, which the carrier never said`,
      );
    }
    if (!isFromCarrier && states.size > 0) {
      this.#fault(
        'lost',
        `message ${id} ended by ${outcome.cause} though the carrier sent its receipt`,
      );
    }
  }

  #judgeRepeats(message: LedgerMessage, repeats: readonly CarrierSubmit[]): void {
    const listed = (this.#ledger.unknown.get(message.id) ?? []).filter(
      ({ resolution }) => resolution === 'resent',
    );
    for (const repeat of repeats) {
      const index = listed.findIndex(
        ({ since, resolvedAt }) =>
          since <= repeat.at && (resolvedAt === null || resolvedAt <= repeat.at + clockSlackMs),
      );
      if (index < 0) {
        this.#fault(
          'doubled',
          `the carrier got message ${message.id} again, and it was not listed`,
        );
        continue;
      }
      listed.splice(index, 1);
      this.#listedRepeats += 1;
    }
  }

  #judgeStraySubmits(): void {
    const known = new Set(this.#destinations.values());
    for (const destination of this.#carrier.submits.keys()) {
      if (!known.has(destination)) {
        this.#fault('stray', `the carrier got ${destination}, which no stored message explains`);
      }
    }
  }

  #fault(kind: FaultKind, detail: string): void {
    this.#faultCounts[kind] = (this.#faultCounts[kind] ?? 0) + 1;
    if (this.#faults.length < faultsTold) this.#faults.push({ kind, detail });
  }
}

function keyOf(account: string, id: string): string {
  return `${account}\n${id}`;
}
