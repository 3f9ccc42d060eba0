import type { AddressInfo } from 'node:net';
import type { Pdu, Server, Session } from 'smpp';
import smpp from 'smpp';
import { batchWrites } from './batch-writes.ts';
import type {
  CarrierBehaviour,
  CarrierEvent,
  CarrierStats,
  ReceiptOptions,
  SimulatedCarrier,
  SimulatedCarrierOptions,
} from './carrier-options.ts';
import { planSubmit, type SubmitPlan } from './carrier-plan.ts';
import { Journal } from './journal.ts';
import { messageContent } from './message-text.ts';
import { carrierId, type OwedReceipt, receiptPdu } from './receipt-pdu.ts';
import { ReceiptSender } from './receipt-sender.ts';

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
  const carrier = new Carrier(options);
  await carrier.listen();
  return carrier;
}

class Carrier implements SimulatedCarrier {
  readonly host: string;
  port: number;
  readonly #options: SimulatedCarrierOptions;
  readonly #receipts: ReceiptOptions;
  #behaviour: CarrierBehaviour;
  readonly #journal: Journal;
  readonly #sender: ReceiptSender<OwedReceipt>;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #rate = { second: 0, count: 0 };
  #nextId: number;
  #closing: Promise<void> | undefined;
  readonly #counters = {
    binds: 0,
    submits: 0,
    accepted: 0,
    receiptsSent: 0,
    receiptsTaken: 0,
  };

  constructor(options: SimulatedCarrierOptions) {
    this.#options = options;
    this.host = options.host ?? '127.0.0.1';
    this.port = options.port ?? 0;
    this.#receipts = options.receipts ?? {};
    this.#behaviour = options.behaviour ?? {};
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#nextId = options.firstId ?? this.#now() * 1000;
    this.#journal = new Journal(options.log);
    this.#sender = new ReceiptSender({
      windowMax: this.#receipts.windowMax ?? 100,
      retryMs: this.#receipts.retryMs ?? 1000,
      answerTimeoutMs: 30_000, // as long as common SMSCs wait for a deliver_sm_resp
      now: this.#now,
      pdu: (receipt) => receiptPdu(receipt, this.#now(), this.#receipts),
      onSend: (receipt, send) => this.#noteReceipt(receipt, send),
      onAnswer: (receipt, status) => this.#noteReceiptAnswer(receipt, status),
    });
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
  }

  stats(): CarrierStats {
    return { ...this.#counters, receiptsOwed: this.#sender.owed };
  }

  setBehaviour(behaviour: CarrierBehaviour): void {
    this.#behaviour = behaviour;
  }

  cut(): void {
    for (const session of this.#sessions) session.destroy();
  }

  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#sender.close();
      this.#server.close(() => {
        this.#journal.close();
        resolve();
      });
      this.cut();
    });
    return this.#closing;
  }

  #onSession(session: Session): void {
    const state = { number: 0, submits: 0 };
    this.#sessions.add(session);
    // npm smpp reads nothing more after an error: the socket would stay open for ever.
    session.on('error', () => session.destroy());
    session.on('close', () => {
      this.#sessions.delete(session);
      this.#sender.removeSession(session);
      if (state.number > 0) this.#note({ event: 'end', at: this.#now(), session: state.number });
    });
    session.on('pdu', (pdu) => {
      batchWrites(session);
      this.#onPdu(session, state, pdu);
    });
  }

  #onPdu(session: Session, state: SessionState, pdu: Pdu): void {
    if (pdu.isResponse()) return;
    switch (pdu.command) {
      case 'bind_transmitter':
      case 'bind_receiver':
      case 'bind_transceiver':
        this.#onBind(session, state, pdu);
        return;
      case 'submit_sm':
      case 'data_sm':
        if (state.number > 0) this.#onSubmit(session, state, pdu);
        else session.send(pdu.response({ command_status: smpp.ESME_RINVBNDSTS }));
        return;
      case 'unbind':
        session.send(pdu.response(), () => session.close());
        return;
      default:
        session.send(pdu.response(pdu.command === 'enquire_link' ? {} : refusal(pdu)));
    }
  }

  #onBind(session: Session, state: SessionState, pdu: Pdu): void {
    const { systemId, password } = this.#options;
    const isKnown =
      (systemId === undefined || pdu.system_id === systemId) &&
      (password === undefined || pdu.password === password);
    const status = isKnown ? 0 : smpp.ESME_RBINDFAIL;
    this.#counters.binds += 1;
    const number = this.#counters.binds;
    this.#note({
      event: 'bind',
      at: this.#now(),
      session: number,
      systemId: pdu.system_id ?? '',
      type: pdu.command.slice('bind_'.length),
      status,
    });
    if (status !== 0) {
      session.send(pdu.response({ command_status: status }), () => session.close());
      return;
    }
    state.number = number;
    session.send(pdu.response({ system_id: systemId ?? 'simulator', sc_interface_version: 0x34 }));
    if (pdu.command !== 'bind_transmitter') this.#sender.addSession(session);
  }

  #onSubmit(session: Session, state: SessionState, pdu: Pdu): void {
    const at = this.#now();
    const { head, ...content } = messageContent(pdu);
    const destination = pdu.destination_addr ?? '';
    state.submits += 1;
    this.#counters.submits += 1;
    const number = this.#nextId++;
    const plan = this.#plan(destination, state.submits, at);
    const id = carrierId(number, this.#options.ids?.response ?? 'decimal');
    this.#note({
      event: 'submit',
      at,
      session: state.number,
      id,
      source: pdu.source_addr ?? '',
      destination,
      status: plan.status ?? null,
      ...content,
    });
    if (plan.status === 0) this.#counters.accepted += 1;
    const receiptWanted = ((pdu.registered_delivery ?? 0) & 0x03) !== 0;
    if (plan.state !== undefined && receiptWanted) {
      this.#oweReceipts(pdu, plan, number, head, at);
    }
    if (plan.cut) this.#journal.afterWritten(() => session.destroy());
    if (plan.status === undefined) return;
    const answer = pdu.response(
      plan.status === 0 ? { message_id: id } : { command_status: plan.status },
    );
    if (plan.answerDelayMs === 0) this.#answer(session, answer);
    else setTimeout(() => this.#answer(session, answer), plan.answerDelayMs).unref();
  }

  #plan(destination: string, number: number, at: number): SubmitPlan {
    const second = Math.floor(at / 1000);
    if (this.#rate.second !== second) {
      this.#rate.second = second;
      this.#rate.count = 0;
    }
    this.#rate.count += 1;
    const isThrottled = this.#rate.count > (this.#behaviour.throttlePerSecond ?? Infinity);
    return planSubmit({
      destination,
      number,
      isThrottled,
      isFull: this.#sender.owed >= (this.#options.owedMax ?? 2_000_000),
      useTable: this.#options.destinationTable !== false,
      behaviour: this.#behaviour,
      receipts: this.#receipts,
      random: this.#random(),
    });
  }

  #answer(session: Session, answer: Pdu): void {
    this.#journal.afterWritten(() => {
      batchWrites(session);
      session.send(answer);
    });
  }

  #oweReceipts(pdu: Pdu, plan: SubmitPlan, number: number, head: string, at: number): void {
    const { response = 'decimal', receipt: base = response } = this.#options.ids ?? {};
    const { delayMs = 0, delaySpreadMs = 0 } = this.#receipts;
    // Ready "now" would leave before the answer, which waits for the book: 1 ms later is due after it.
    const wait = plan.early ? 0 : 1 + plan.answerDelayMs + delayMs + delaySpreadMs * this.#random();
    const states = plan.intermediate ? (['ENROUTE', plan.state] as const) : [plan.state];
    for (const [step, state] of states.entries()) {
      for (let copy = 0; copy < plan.copies && state !== undefined; copy += 1) {
        const receipt: OwedReceipt = {
          id: carrierId(plan.strangeId ? number * 7 : number, response === 'text' ? 'text' : base),
          source: pdu.source_addr ?? '',
          sourceTon: pdu.source_addr_ton ?? 0,
          sourceNpi: pdu.source_addr_npi ?? 0,
          destination: pdu.destination_addr ?? '',
          destinationTon: pdu.dest_addr_ton ?? 0,
          destinationNpi: pdu.dest_addr_npi ?? 0,
          state,
          head,
          submittedAt: at,
          attempts: 0,
        };
        this.#sender.schedule(receipt, at + wait + step * 50);
      }
    }
  }

  #noteReceipt(receipt: OwedReceipt, send: () => void): void {
    this.#counters.receiptsSent += 1;
    this.#note({
      event: 'receipt',
      at: this.#now(),
      id: receipt.id,
      destination: receipt.destination,
      state: receipt.state,
      attempt: receipt.attempts,
    });
    this.#journal.afterWritten(send);
  }

  #noteReceiptAnswer(receipt: OwedReceipt, status: number): void {
    if (status === 0) this.#counters.receiptsTaken += 1;
    this.#note({ event: 'receiptAnswer', at: this.#now(), id: receipt.id, status });
  }

  #note(event: CarrierEvent): void {
    this.#journal.append(event);
    this.#options.onEvent?.(event);
  }
}

/** What a session is to the carrier: its bind's number (0 = not bound) and its submits. */
interface SessionState {
  number: number;
  submits: number;
}

/** Any other operation: known to the protocol, not to this carrier. */
function refusal(pdu: Pdu): { command_status?: number } {
  if (pdu.command === 'unknown') return {};
  return { command_status: smpp.ESME_RINVCMDID };
}
