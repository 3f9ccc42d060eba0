import type { Pdu, Session } from 'smpp';
import smpp from 'smpp';
import { batchWrites } from './batch-writes.ts';
import type { CustomerEvent, SimulatedCustomerOptions } from './customer-options.ts';
import { readReceipt, submitPdu } from './customer-pdu.ts';
import type { Journal } from './journal.ts';
import { messageContent, textHash } from './message-text.ts';

/** What a bind tells its customer. */
export interface BindOwner {
  readonly options: SimulatedCustomerOptions;
  readonly journal: Journal;
  now(): number;
  random(): number;
  note(event: CustomerEvent): void;
  /** The peer refused a bind; `wasBound`: this one had been bound before. */
  bindRefused(status: number, wasBound: boolean): void;
  sessionLost(): void;
  answered(submittedAt: number, pdu: Pdu): void;
  unanswered(): void;
  receiptCame(id: string, state: string, intermediate: boolean): void;
  /** A window has room again. */
  pump(): void;
}

/**
 * One bind of the customer, made again when it is lost:
 *
 *   connecting --bind_resp 0--> bound --session ends--> waiting --delay--> connecting
 *       | refused, no connection                            ^
 *       +---------------------------------------------------+
 */
export class CustomerBind {
  readonly #customer: BindOwner;
  readonly #number: number;
  #session: Session | undefined;
  #isBound = false;
  #wasBound = false;
  #isClosing = false;
  #failures = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  /** Message number to the time of its submit, oldest first. */
  readonly #inFlight = new Map<number, number>();

  constructor(customer: BindOwner, number: number) {
    this.#customer = customer;
    this.#number = number;
    this.#connect();
  }

  canSubmit(windowMax: number): boolean {
    const isSender = this.#customer.options.bindAs !== 'receiver';
    return this.#isBound && isSender && this.#inFlight.size < windowMax;
  }

  submit(n: number): void {
    const customer = this.#customer;
    const session = this.#session;
    const pdu = submitPdu(customer.options, n);
    const at = customer.now();
    this.#inFlight.set(n, at);
    customer.note({
      event: 'submit',
      at,
      n,
      destination: pdu.destination_addr ?? '',
      textHash: textHash(String(pdu.short_message ?? pdu.message_payload)),
    });
    customer.journal.afterWritten(() => {
      if (!session || !this.#inFlight.has(n)) return;
      batchWrites(session);
      session.submit_sm(pdu, (answer) => this.#onAnswer(n, answer));
    });
  }

  /** Cuts the session when its oldest submit had no answer in time. */
  checkDeadlines(now: number): void {
    const [oldest] = this.#inFlight.values();
    const limit = this.#customer.options.answerTimeoutMs ?? 30_000;
    if (oldest !== undefined && now - oldest > limit) this.#session?.destroy();
  }

  /** Unbinds, waiting 1 s for the answer at most. */
  close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#retryTimer);
    const session = this.#session;
    if (!session) return Promise.resolve();
    return new Promise((resolve) => {
      const hurry = setTimeout(() => session.destroy(), 1000);
      session.on('close', () => {
        clearTimeout(hurry);
        resolve();
      });
      if (!this.#isBound || !session.unbind(() => session.close())) session.destroy();
    });
  }

  #connect(): void {
    const { host, port, tls } = this.#customer.options;
    const session = smpp.connect({
      host,
      port,
      ...(tls && { ...tls, tls: true, rejectUnauthorized: true }),
    });
    this.#session = session;
    session.on(tls ? 'secureConnect' : 'connect', () => this.#bind(session));
    // npm smpp reads nothing more after an error: the socket would stay open for ever.
    session.on('error', () => session.destroy());
    session.on('close', () => this.#onClosed());
    session.on('pdu', (pdu) => {
      batchWrites(session);
      this.#onPdu(session, pdu);
    });
  }

  #bind(session: Session): void {
    const customer = this.#customer;
    const { systemId, password, bindAs = 'transceiver' } = customer.options;
    const fields = { system_id: systemId, password, interface_version: 0x34 };
    session[`bind_${bindAs}`](fields, (answer) => {
      const status = answer.command_status;
      customer.note({ event: 'bind', at: customer.now(), bind: this.#number, status });
      if (status !== 0) {
        session.destroy();
        customer.bindRefused(status, this.#wasBound);
        return;
      }
      this.#isBound = true;
      this.#wasBound = true;
      this.#failures = 0;
    });
  }

  #onPdu(session: Session, pdu: Pdu): void {
    if (pdu.isResponse()) return;
    if (pdu.command === 'deliver_sm' || pdu.command === 'data_sm') {
      this.#onDelivery(pdu);
      this.#customer.journal.afterWritten(() => session.send(pdu.response()));
      return;
    }
    if (pdu.command === 'unbind') session.send(pdu.response(), () => session.close());
    else if (pdu.command !== 'alert_notification') session.send(pdu.response());
  }

  #onDelivery(pdu: Pdu): void {
    const customer = this.#customer;
    const at = customer.now();
    const receipt = readReceipt(pdu);
    if (!receipt) {
      const { textHash: hash } = messageContent(pdu);
      const [source, destination] = [pdu.source_addr ?? '', pdu.destination_addr ?? ''];
      customer.note({ event: 'message', at, source, destination, textHash: hash });
      return;
    }
    customer.note({ event: 'receipt', at, destination: pdu.source_addr ?? '', ...receipt });
    customer.receiptCame(receipt.id, receipt.state, receipt.intermediate);
  }

  #onAnswer(n: number, answer: Pdu): void {
    const customer = this.#customer;
    const submittedAt = this.#inFlight.get(n);
    if (submittedAt === undefined) return;
    this.#inFlight.delete(n);
    const { command_status: status, message_id: id = '' } = answer;
    customer.note({ event: 'answer', at: customer.now(), n, status, id });
    customer.answered(submittedAt, answer);
    customer.pump();
  }

  #onClosed(): void {
    const customer = this.#customer;
    if (this.#isBound) customer.note({ event: 'end', at: customer.now(), bind: this.#number });
    for (const n of this.#inFlight.keys()) {
      customer.note({ event: 'unanswered', at: customer.now(), n });
      customer.unanswered();
    }
    this.#inFlight.clear();
    this.#session = undefined;
    const wasBound = this.#isBound;
    this.#isBound = false;
    if (wasBound) customer.sessionLost();
    if (this.#isClosing) return;
    // 0.1 s doubling to 2 s, half of it by chance, so that many binds do not return in one blow.
    const delay = Math.min(100 * 2 ** this.#failures, 2000) * (0.5 + customer.random() / 2);
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
  }
}
