import type { AddressInfo } from 'node:net';
import type { Pdu, PduInput, Server, Session } from 'smpp';
import smpp from 'smpp';
import { expect } from 'vitest';
import { freePort } from '../support/daemon.ts';
import { eventually } from '../support/gateway.ts';

/** One submit_sm as the carrier read it. */
export interface TakenSubmit {
  readonly pdu: Pdu;
  readonly session: Session;
  readonly destination: string;
  /** The id under which it is accepted by default. */
  readonly id: string;
  /** When it came, Unix ms. */
  readonly atMs: number;
}

/** What of a receipt a test says; the rest follows from the submit. */
export interface ReceiptWords {
  readonly id?: string;
  readonly stat?: string;
  readonly err?: string;
  readonly destination?: string;
  readonly source?: string;
  /** 0x04, or 0x20 for an intermediate one. */
  readonly esmClass?: number;
  readonly submitDate?: string;
  readonly text?: string;
  /** Over this session instead of any. */
  readonly session?: Session;
}

/** A carrier on npm `smpp` that does what its test says, PDU by PDU; by default it accepts and sends no receipts. */
export class ScriptedCarrier {
  readonly submits: TakenSubmit[] = [];
  /** Says what becomes of a submit_sm: usually one of `accept`, `refuse` or nothing. */
  onSubmit: (submit: TakenSubmit) => void = (submit) => this.accept(submit);
  /** Those that are bound. */
  readonly sessions = new Set<Session>();
  readonly #connections = new Set<Session>();
  /** Submits unanswered at once, at most so far. */
  unansweredMost = 0;
  readonly #unanswered = new Set<Pdu>();
  /** sc_interface_version of its answers to binds; undefined: they have none, as an SMSC of 3.3. */
  version: number | undefined = 0x34;
  /** The binds that it was asked for. */
  readonly binds: Pdu[] = [];
  #server: Server | undefined;
  #port = 0;
  #next = 1;

  static async listen(): Promise<ScriptedCarrier> {
    const carrier = new ScriptedCarrier();
    await carrier.up();
    return carrier;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, at the same port as before. */
  async up(): Promise<void> {
    // Of no range that the kernel gives away while it is down.
    const port = this.#port || (await freePort());
    const server = smpp.createServer((session) => this.#onSession(session));
    server.on('error', () => {});
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Stops listening and cuts every session. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      this.cut();
    });
  }

  cut(): void {
    for (const session of this.#connections) session.destroy();
  }

  accept(submit: TakenSubmit, id = submit.id): void {
    this.#answer(submit, { message_id: id });
  }

  refuse(submit: TakenSubmit, status: number): void {
    this.#answer(submit, { command_status: status });
  }

  /** From now on accepts all and delivers it: its receipt comes so long after its answer. */
  deliverAll(afterMs = 0): void {
    this.onSubmit = (submit) => {
      this.accept(submit);
      const receipt = (): void => void this.receipt(submit).catch(() => {});
      if (afterMs === 0) receipt();
      else setTimeout(receipt, afterMs);
    };
  }

  /** Waits until `count` submits came (to a destination), and no fewer; gives all that came. */
  taken(count: number, destination?: string): Promise<TakenSubmit[]> {
    return eventually(() => {
      const taken = this.to(destination);
      expect(taken.length).toBeGreaterThanOrEqual(count);
      return taken;
    });
  }

  /** Submits so far, to one destination or all. */
  to(destination?: string): TakenSubmit[] {
    return this.submits.filter(
      (one) => destination === undefined || one.destination === destination,
    );
  }

  /** Sends the receipt of a submit; settles with the deliver_sm_resp's status. */
  receipt(submit: TakenSubmit, words: ReceiptWords = {}): Promise<number> {
    return this.deliver(receiptPdu(submit, words), words.session);
  }

  /** Sends a deliver_sm over a session that receives. */
  deliver(pdu: PduInput, session?: Session): Promise<number> {
    const via = session ?? [...this.sessions].find((one) => RECEIVERS.has(one));
    if (via === undefined) throw new Error('no session receives');
    return new Promise((resolve, reject) => {
      via.on('close', () => reject(new Error('closed without a deliver_sm_resp')));
      via.deliver_sm(pdu, (answer) => resolve(answer.command_status));
    });
  }

  #onSession(session: Session): void {
    this.#connections.add(session);
    session.setMaxListeners(0); // one for each submit and receipt under way
    session.on('error', () => session.destroy());
    session.on('close', () => {
      this.#connections.delete(session);
      this.sessions.delete(session);
    });
    session.on('pdu', (pdu) => this.#onPdu(session, pdu));
  }

  #onPdu(session: Session, pdu: Pdu): void {
    if (pdu.isResponse()) return;
    if (pdu.command === 'submit_sm') return this.#onSubmit(session, pdu);
    if (pdu.command === 'unbind') {
      session.send(pdu.response(), () => session.close());
      return;
    }
    if (!pdu.command.startsWith('bind_')) return void session.send(pdu.response());
    this.binds.push(pdu);
    const { version } = this;
    session.send(pdu.response(version === undefined ? {} : { sc_interface_version: version }));
    if (pdu.command !== 'bind_transmitter') RECEIVERS.add(session);
    this.sessions.add(session);
  }

  #onSubmit(session: Session, pdu: Pdu): void {
    const submit: TakenSubmit = {
      pdu,
      session,
      destination: pdu.destination_addr ?? '',
      id: String(1_000_000 + this.#next++),
      atMs: Date.now(),
    };
    this.submits.push(submit);
    this.#unanswered.add(pdu);
    session.on('close', () => this.#unanswered.delete(pdu));
    this.unansweredMost = Math.max(this.unansweredMost, this.#unanswered.size);
    this.onSubmit(submit);
  }

  #answer({ session, pdu }: TakenSubmit, fields: PduInput): void {
    this.#unanswered.delete(pdu);
    session.send(pdu.response(fields));
  }
}

/** Sessions that take deliver_sm. */
const RECEIVERS = new WeakSet<Session>();

/** The deliver_sm of a receipt with its fields in the text alone (SMPP 3.4 Appendix B). */
export function receiptPdu(submit: TakenSubmit, words: ReceiptWords = {}): PduInput {
  const { id = submit.id, stat = 'DELIVRD', err = '000', esmClass = 0x04 } = words;
  const date = words.submitDate ?? stamp(Date.now());
  const text =
    `id:${id} sub:001 dlvrd:${stat === 'DELIVRD' ? '001' : '000'} submit date:${date}` +
    ` done date:${stamp(Date.now())} stat:${stat} err:${err} text:${words.text ?? headOf(submit.pdu)}`;
  return {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: words.destination ?? submit.destination,
    dest_addr_ton: submit.pdu.source_addr_ton ?? 0,
    dest_addr_npi: submit.pdu.source_addr_npi ?? 0,
    destination_addr: words.source ?? submit.pdu.source_addr ?? '',
    esm_class: esmClass,
    data_coding: 0,
    short_message: Buffer.from(text, 'latin1'),
  };
}

/** The text that a receipt repeats: its first 20 characters. */
function headOf(pdu: Pdu): string {
  return String(contentOf(pdu)).slice(0, 20);
}

/** What a submit_sm says, without its user data header. */
export function contentOf(pdu: Pdu): string | Buffer {
  const short = pdu.short_message ?? '';
  if (typeof short === 'string' || Buffer.isBuffer(short)) return short;
  return short.message;
}

/** YYMMDDhhmm in UTC. */
function stamp(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\D/g, '').slice(2, 12);
}

/** Which part of how many a submit is, by its header or its TLVs. */
export function partOf(pdu: Pdu): { reference: number; total: number; number: number } | undefined {
  const short = pdu.short_message;
  const udh = typeof short === 'object' && 'udh' in short ? short.udh : undefined;
  const element = udh?.find((one) => one[0] === 0x00 || one[0] === 0x08);
  if (element?.[0] === 0x00)
    return { reference: element[2] ?? -1, total: element[3] ?? -1, number: element[4] ?? -1 };
  if (element !== undefined)
    return {
      reference: element.readUInt16BE(2),
      total: element[4] ?? -1,
      number: element[5] ?? -1,
    };
  if (pdu.sar_total_segments === undefined) return undefined;
  return {
    reference: pdu.sar_msg_ref_num ?? -1,
    total: pdu.sar_total_segments,
    number: pdu.sar_segment_seqnum ?? -1,
  };
}
