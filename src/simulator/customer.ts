import type { Pdu } from 'smpp';
import { type BindOwner, CustomerBind } from './customer-bind.ts';
import type {
  CustomerEvent,
  CustomerSummary,
  SimulatedCustomer,
  SimulatedCustomerOptions,
} from './customer-options.ts';
import { Journal } from './journal.ts';

/** How often the rate is fed and deadlines are looked at, milliseconds. */
const tickMs = 5;

/**
 * Starts a customer (an ESME) on npm `smpp` that submits and takes receipts.
 * A refused or unanswered message is noted, never submitted again: each `n`
 * stands for one submit_sm. A receipt is in the book before its deliver_sm_resp.
 */
export function startSimulatedCustomer(options: SimulatedCustomerOptions): SimulatedCustomer {
  return new Customer(options);
}

class Customer implements SimulatedCustomer, BindOwner {
  readonly done: Promise<CustomerSummary>;
  readonly options: SimulatedCustomerOptions;
  readonly journal: Journal;
  readonly now: () => number;
  readonly random: () => number;
  readonly #binds: CustomerBind[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt: number;
  readonly #counts = { accepted: 0, unanswered: 0, repeated: 0, answered: 0 };
  readonly #refused: Record<string, number> = {};
  readonly #states: Record<string, number> = {};
  readonly #answerTimes: number[] = [];
  /** Accepted ids: false until their final receipt came. Also holds receipts that overtook their answer. */
  readonly #receiptById = new Map<string, boolean>();
  #awaited = 0;
  #next = 0;
  /** How many in all; drain() lowers it. */
  #messages: number;
  #allowance = 0;
  #lastTickAt: number;
  #lastProgressAt: number;
  #settle: (summary: CustomerSummary) => void = () => {};
  #fail: (error: Error) => void = () => {};
  #isOver = false;
  #nextBind = 0;

  constructor(options: SimulatedCustomerOptions) {
    this.options = options;
    this.now = options.now ?? Date.now;
    this.random = options.random ?? Math.random;
    this.journal = new Journal(options.log, options.logSync);
    this.#messages = options.messages ?? 0;
    this.#startedAt = this.now();
    this.#lastTickAt = this.#startedAt;
    this.#lastProgressAt = this.#startedAt;
    this.done = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
    this.done.catch(() => {}); // whoever awaits `done` sees it; nobody has to
    for (let index = 0; index < (options.binds ?? 1); index += 1) {
      this.#binds.push(new CustomerBind(this, index));
    }
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  summary(): CustomerSummary {
    const sorted = Float64Array.from(this.#answerTimes).sort();
    return {
      submitted: this.#next,
      accepted: this.#counts.accepted,
      refused: this.#refused,
      unanswered: this.#counts.unanswered,
      receipts: this.#states,
      repeatedReceipts: this.#counts.repeated,
      withoutReceipt: this.#awaited,
      elapsedMs: this.now() - this.#startedAt,
      answerP50Ms: quantile(sorted, 0.5),
      answerP99Ms: quantile(sorted, 0.99),
    };
  }

  drain(): Promise<CustomerSummary> {
    this.#messages = this.#next;
    if (this.#next === 0) this.#finish();
    return this.done;
  }

  stop(): Promise<CustomerSummary> {
    this.#finish();
    return this.done;
  }

  note(event: CustomerEvent): void {
    this.journal.append(event);
    this.options.onEvent?.(event);
  }

  /** A bind was refused: fatal for the run unless it was bound before (a restart may refuse for a moment). */
  bindRefused(status: number, wasBound: boolean): void {
    if (wasBound && this.options.rebind !== false) return;
    this.#finish(
      new Error(`bind refused with command_status 0x${status.toString(16).padStart(2, '0')}`),
    );
  }

  sessionLost(): void {
    if (this.options.rebind === false) this.#finish();
  }

  answered(submittedAt: number, pdu: Pdu): void {
    this.#lastProgressAt = this.now();
    this.#counts.answered += 1;
    // Enough for exact p99 of any run of ours; beyond, the first two million stand for all.
    if (this.#answerTimes.length < 2_000_000)
      this.#answerTimes.push(this.#lastProgressAt - submittedAt);
    if (pdu.command_status !== 0) {
      const status = `0x${pdu.command_status.toString(16)}`;
      this.#refused[status] = (this.#refused[status] ?? 0) + 1;
      return;
    }
    this.#counts.accepted += 1;
    const id = pdu.message_id ?? '';
    const wantsReceipt = ((this.options.registeredDelivery ?? 1) & 0x03) === 1;
    if (!wantsReceipt || this.#receiptById.get(id)) return;
    this.#receiptById.set(id, false);
    this.#awaited += 1;
  }

  unanswered(): void {
    this.#counts.unanswered += 1;
  }

  receiptCame(id: string, state: string, intermediate: boolean): void {
    this.#lastProgressAt = this.now();
    this.#states[state] = (this.#states[state] ?? 0) + 1;
    if (intermediate) return;
    const known = this.#receiptById.get(id);
    if (known === true) this.#counts.repeated += 1;
    if (known === false) this.#awaited -= 1;
    this.#receiptById.set(id, true);
  }

  #tick(): void {
    const now = this.now();
    const rate = this.options.ratePerSecond ?? 0;
    const earned = ((now - this.#lastTickAt) / 1000) * rate;
    this.#lastTickAt = now;
    // One tenth of a second at most is made up for, so that a pause is not followed by a flood.
    this.#allowance = Math.min(this.#allowance + earned, Math.max(rate / 10, 1));
    for (const bind of this.#binds) bind.checkDeadlines(now);
    this.pump();
    if (this.#isComplete(now)) this.#finish();
  }

  /** Submits as far as number, rate and windows allow. */
  pump(): void {
    const { ratePerSecond = 0, windowMax = 10 } = this.options;
    const messages = this.#messages;
    while (
      !this.#isOver &&
      this.#next < messages &&
      (ratePerSecond === 0 || this.#allowance >= 1)
    ) {
      const bind = this.#freeBind(windowMax);
      if (!bind) return;
      this.#allowance -= 1;
      bind.submit(this.#next++);
    }
  }

  #freeBind(windowMax: number): CustomerBind | undefined {
    for (let tried = 0; tried < this.#binds.length; tried += 1) {
      this.#nextBind = (this.#nextBind + 1) % this.#binds.length;
      const bind = this.#binds[this.#nextBind];
      if (bind?.canSubmit(windowMax)) return bind;
    }
    return undefined;
  }

  #isComplete(now: number): boolean {
    const { receiptWaitMs = 30_000 } = this.options;
    const messages = this.#messages;
    if (messages === 0 || this.#next < messages) return false;
    if (this.#counts.answered + this.#counts.unanswered < messages) return false;
    return this.#awaited === 0 || now - this.#lastProgressAt >= receiptWaitMs;
  }

  #finish(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    void Promise.all(this.#binds.map((bind) => bind.close())).then(() => {
      this.journal.close();
      if (error) this.#fail(error);
      else this.#settle(this.summary());
    });
  }
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
