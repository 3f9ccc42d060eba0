import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Pdu, PduInput, Server, Session } from 'smpp';
import smpp from 'smpp';
import { batchWrites } from './batch-writes.ts';
import { carrierId, IdCounter } from './carrier-ids.ts';
import type {
  CarrierBehaviour,
  CarrierEvent,
  CarrierStats,
  ReceiptOptions,
  SimulatedCarrier,
  SimulatedCarrierOptions,
} from './carrier-options.ts';
import { planSubmit, type SubmitPlan } from './carrier-plan.ts';
import { CarrierSession, type SessionOwner } from './carrier-session.ts';
import { sendGarbage } from './garbage.ts';
import { Journal } from './journal.ts';
import { type MessageContent, messageContent } from './message-text.ts';
import { Outbind } from './outbind.ts';
import { owedReceipts } from './owed-receipts.ts';
import { RateLimiter } from './rate-limiter.ts';
import { type OwedReceipt, receiptPdu } from './receipt-pdu.ts';
import { ReceiptSender } from './receipt-sender.ts';
import { receiptsOwedBy } from './resume.ts';

/** Receipts owed at most where nothing else is said: about 600 MB. */
const owedMaxUsual = 2_000_000;
/** As long as common SMSCs wait for a deliver_sm_resp. */
const receiptAnswerTimeoutMs = 30_000;

/**
 * Starts a carrier (an SMSC) on npm `smpp` that answers submit_sm and returns
 * receipts. A receipt is kept until a deliver_sm_resp with status 0 came, over
 * any number of rebinds. Its answers cost about 60 us of CPU a message.
 *
 * @throws the listener's error (port in use, no such address).
 */
export async function startSimulatedCarrier(
  options: SimulatedCarrierOptions = {},
): Promise<SimulatedCarrier> {
  const { log, resume } = options;
  const owed = log !== undefined && resume ? await receiptsOwedBy(log, options) : [];
  const carrier = new Carrier(options, owed);
  await carrier.listen();
  return carrier;
}

class Carrier implements SimulatedCarrier, SessionOwner {
  readonly host: string;
  port: number;
  readonly options: SimulatedCarrierOptions;
  readonly #receipts: ReceiptOptions;
  #behaviour: CarrierBehaviour;
  #limiter: RateLimiter | undefined;
  readonly #journal: Journal;
  readonly #sender: ReceiptSender<OwedReceipt>;
  readonly #server: Server;
  readonly #sessions = new Set<CarrierSession>();
  readonly #random: () => number;
  readonly #ids: IdCounter;
  #outbind: Outbind | undefined;
  #closing: Promise<void> | undefined;
  readonly #counters = { binds: 0, submits: 0, accepted: 0, receiptsSent: 0, receiptsTaken: 0 };

  constructor(options: SimulatedCarrierOptions, owed: readonly OwedReceipt[]) {
    this.options = options;
    this.host = options.host ?? '127.0.0.1';
    this.port = options.port ?? 0;
    this.#receipts = options.receipts ?? {};
    this.#behaviour = options.behaviour ?? {};
    this.#limiter = this.#newLimiter();
    this.#random = options.random ?? Math.random;
    this.#ids = new IdCounter(options.firstId ?? this.now() * 1000, options.idsInAll);
    this.#journal = new Journal(options.log);
    this.#sender = new ReceiptSender({
      windowMax: this.#receipts.windowMax ?? 100,
      retryMs: this.#receipts.retryMs ?? 1000,
      answerTimeoutMs: receiptAnswerTimeoutMs,
      now: () => this.now(),
      pdu: (receipt) => receiptPdu(receipt, this.now(), this.#receipts),
      carriage: (receipt) => receipt.carriage ?? 'deliver_sm',
      onSend: (receipt, send) => this.#noteReceipt(receipt, send),
      onAnswer: (receipt, status) => this.#noteReceiptAnswer(receipt, status),
    });
    for (const receipt of owed) this.#sender.schedule(receipt, this.now());
    this.#server = smpp.createServer((session) => this.#onSession(session));
    this.#server.on('error', () => {}); // before `listening` it rejects listen(); later nothing can be done
  }

  async listen(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.on('error', reject);
        this.#server.listen(this.port, this.host, resolve);
      });
    } catch (error) {
      this.#sender.close();
      this.#journal.close();
      throw error;
    }
    this.port = (this.#server.address() as AddressInfo).port;
    const { outbind, systemId = 'simulator', password = '' } = this.options;
    if (!outbind) return;
    const onSession = (session: Session) => this.#onSession(session);
    this.#outbind = new Outbind({ ...outbind, systemId, password, onSession });
  }

  now(): number {
    return this.options.now?.() ?? Date.now();
  }

  stats(): CarrierStats {
    return { ...this.#counters, receiptsOwed: this.#sender.owed };
  }

  behaviour(): CarrierBehaviour {
    return this.#behaviour;
  }

  setBehaviour(behaviour: CarrierBehaviour): void {
    this.#behaviour = behaviour;
    this.#limiter = this.#newLimiter();
  }

  cut(): void {
    for (const { session } of this.#sessions) session.destroy();
  }

  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#sender.close();
      this.#outbind?.close();
      this.#server.close(() => {
        this.#journal.close();
        resolve();
      });
      this.cut();
    });
    return this.#closing;
  }

  note(event: CarrierEvent): void {
    this.#journal.append(event);
    this.options.onEvent?.(event);
  }

  countBind(): number {
    this.#counters.binds += 1;
    return this.#counters.binds;
  }

  addReceiver(session: Session): void {
    this.#sender.addSession(session);
  }

  onEnd(from: CarrierSession): void {
    this.#sessions.delete(from);
    this.#sender.removeSession(from.session);
  }

  onSubmit(from: CarrierSession, pdu: Pdu): void {
    const at = this.now();
    const content = messageContent(pdu);
    from.submits += 1;
    from.unanswered += 1;
    this.#counters.submits += 1;
    const plan = this.#plan(from, pdu, content);
    const number = this.#ids.next(plan.reusesId);
    const id = carrierId(number, this.options.ids?.response ?? 'decimal');
    const wantsReceipt = ((pdu.registered_delivery ?? 0) & 0x03) !== 0;
    const message = { number, id, content, at };
    const owed = wantsReceipt ? owedReceipts(pdu, plan, message, this.options, this.#random) : [];
    const { head: _, ...noted } = content;
    this.note({
      event: 'submit',
      at,
      session: from.number,
      id,
      source: pdu.source_addr ?? '',
      destination: pdu.destination_addr ?? '',
      status: plan.status ?? null,
      ...(owed.length > 0 && plan.state !== undefined && { state: plan.state }),
      ...(plan.how.length > 0 && { how: plan.how }),
      ...noted,
    });
    if (plan.status === 0) this.#counters.accepted += 1;
    for (const { receipt, dueAt } of owed) this.#sender.schedule(receipt, dueAt);
    if (plan.answerDelayMs === 0) this.#answer(from, pdu, plan, id);
    else setTimeout(() => this.#answer(from, pdu, plan, id), plan.answerDelayMs).unref();
  }

  #onSession(session: Session): void {
    this.#sessions.add(new CarrierSession(session, this));
  }

  #plan(from: CarrierSession, pdu: Pdu, content: MessageContent): SubmitPlan {
    const destination = pdu.destination_addr ?? '';
    const { windowMax = Number.POSITIVE_INFINITY } = this.#behaviour;
    const isFull =
      this.#sender.owed >= (this.options.owedMax ?? owedMaxUsual) || from.unanswered > windowMax;
    return planSubmit({
      destination,
      number: from.submits,
      isThrottled: this.#limiter?.take(this.#preciseNow()) === false,
      isFull,
      useTable: this.options.destinationTable !== false,
      behaviour: this.#behaviour,
      receipts: this.#receipts,
      random: this.#random,
      ofMessage: (name) =>
        content.part === undefined
          ? this.#random()
          : unitOf(`${name} ${destination} ${content.part.reference} ${pdu.source_addr}`),
    });
  }

  #answer(from: CarrierSession, pdu: Pdu, plan: SubmitPlan, id: string): void {
    const { session } = from;
    this.#journal.afterWritten(() => {
      if (plan.cut) return void session.destroy();
      batchWrites(session);
      if (plan.status !== undefined) {
        from.unanswered -= 1;
        session.send(pdu.response(this.#answerFields(plan.status, id)));
      }
      if (plan.garbage && session.socket.writable)
        sendGarbage(session, plan.garbage, pdu.sequence_number, this.#random());
      if (plan.unbinds) from.unbind();
    });
  }

  #answerFields(status: number, id: string): PduInput {
    const fields: PduInput = status === 0 ? { message_id: id } : { command_status: status };
    if (this.#behaviour.congestion)
      fields.congestion_state = this.#limiter?.percent(this.#preciseNow()) ?? 0;
    return fields;
  }

  #newLimiter(): RateLimiter | undefined {
    const { throttlePerSecond: perSecond, throttleKind = 'second' } = this.#behaviour;
    if (perSecond === undefined) return undefined;
    const { throttleBurst: burst, throttleToleranceMs: toleranceMs } = this.#behaviour;
    const limit = {
      perSecond,
      kind: throttleKind,
      ...(burst !== undefined && { burst }),
      ...(toleranceMs !== undefined && { toleranceMs }),
    };
    return new RateLimiter(limit, this.#preciseNow());
  }

  /** Gaps of 2 ms cannot be told from each other by whole milliseconds. */
  #preciseNow(): number {
    return this.options.now?.() ?? performance.timeOrigin + performance.now();
  }

  #noteReceipt(receipt: OwedReceipt, send: () => void): void {
    this.#counters.receiptsSent += 1;
    const { id, answerId, unfit, destination, state, attempts: attempt } = receipt;
    this.note({
      event: 'receipt',
      at: this.now(),
      id,
      answerId,
      ...(unfit !== undefined && { unfit }),
      destination,
      state,
      attempt,
    });
    this.#journal.afterWritten(send);
  }

  #noteReceiptAnswer(receipt: OwedReceipt, status: number): void {
    if (status === 0) this.#counters.receiptsTaken += 1;
    const { id, answerId, unfit, destination, state } = receipt;
    const origin = { answerId, ...(unfit !== undefined && { unfit }) };
    this.note({
      event: 'receiptAnswer',
      at: this.now(),
      id,
      ...origin,
      destination,
      state,
      status,
    });
  }
}

/** A number in [0, 1) that is the same for the same words. */
function unitOf(words: string): number {
  return createHash('sha256').update(words).digest().readUInt32BE(0) / 2 ** 32;
}
