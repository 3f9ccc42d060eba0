import type { Pdu, PduInput, Session } from 'smpp';
import smpp from 'smpp';
import { expect } from 'vitest';
import { readReceipt } from '../../src/simulator/customer-pdu.ts';
import { eventually } from '../support/gateway.ts';
import { PASSWORD } from './resources.ts';

/** How a customer binds. */
export interface EsmeOptions {
  readonly systemId: string;
  readonly password?: string;
  readonly as?: 'transmitter' | 'receiver' | 'transceiver';
  /** interface_version; default 0x34. */
  readonly version?: number;
}

/** A receipt as the customer read it. */
export interface TakenReceipt {
  readonly id: string;
  readonly state: string;
  readonly intermediate: boolean;
  readonly text: string;
  readonly pdu: Pdu;
}

/** One session of a customer on npm `smpp`: what it is sent and answered is what the tests judge by. */
export class Esme {
  readonly receipts: TakenReceipt[] = [];
  /** command_status of the deliver_sm_resp; undefined: no answer at all. */
  answer: (receipt: TakenReceipt) => number | undefined = () => 0;
  /** Mobile-originated messages that were taken. */
  readonly messages: Pdu[] = [];
  /** command_status of the deliver_sm_resp to one; undefined: no answer at all. */
  answerMessage: (pdu: Pdu) => number | undefined = () => 0;
  readonly alerts: Pdu[] = [];
  closed = false;
  readonly session: Session;

  /** Binds; a refused bind rejects with its status. */
  static async bind(port: number, options: EsmeOptions): Promise<Esme> {
    const { esme, response } = await Esme.tryBind(port, options);
    if (response.command_status !== 0) {
      await esme.close();
      throw new Error(`bind refused: ${response.command_status}`);
    }
    return esme;
  }

  /** Sends a bind and waits for its answer, whatever that is. */
  static async tryBind(port: number, options: EsmeOptions): Promise<{ esme: Esme; response: Pdu }> {
    const session = smpp.connect({ host: '127.0.0.1', port });
    const esme = new Esme(session);
    const { systemId, password = PASSWORD, as = 'transceiver', version = 0x34 } = options;
    const response = await new Promise<Pdu>((resolve, reject) => {
      session.on('close', () => reject(new Error('closed without a bind response')));
      session.on('connect', () => {
        const fields = { system_id: systemId, password, interface_version: version };
        session[`bind_${as}`](fields, resolve);
      });
    });
    return { esme, response };
  }

  private constructor(session: Session) {
    this.session = session;
    session.setMaxListeners(0); // one for each submit under way
    session.on('error', () => session.destroy());
    session.on('close', () => {
      this.closed = true;
    });
    session.on('pdu', (pdu) => this.#onPdu(pdu));
  }

  /** Sends a submit_sm of usual fields and these; settles with its submit_sm_resp. */
  submit(fields: PduInput): Promise<Pdu> {
    return new Promise((resolve, reject) => {
      this.session.on('close', () => reject(new Error('closed without a submit_sm_resp')));
      this.session.submit_sm({ ...USUAL, ...fields }, resolve);
    });
  }

  /** The same, and it must be accepted; settles with the message_id. */
  async accepted(fields: PduInput): Promise<string> {
    const response = await this.submit(fields);
    expect(response.command_status).toBe(0);
    if (response.message_id === undefined) throw new Error('an accepted message has an id');
    return response.message_id;
  }

  /** Waits for the receipt of a message. */
  receiptOf(id: string): Promise<TakenReceipt> {
    return eventually(() => {
      const receipt = this.receipts.find((one) => one.id === id);
      if (receipt === undefined) throw new Error(`no receipt of ${id}`);
      return receipt;
    });
  }

  /** Unbinds and waits for the end of the socket. */
  async close(): Promise<void> {
    if (this.closed) return;
    const gone = new Promise<void>((resolve) => this.session.on('close', resolve));
    if (!this.session.unbind(() => this.session.close())) this.session.destroy();
    await gone;
  }

  /** Cuts the connection. */
  async cut(): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve) => {
      this.session.on('close', resolve);
      this.session.destroy();
    });
  }

  #onPdu(pdu: Pdu): void {
    if (pdu.command === 'unbind') {
      this.session.send(pdu.response(), () => this.session.close());
      return;
    }
    if (pdu.isResponse()) return;
    if (pdu.command === 'alert_notification') {
      this.alerts.push(pdu);
      return;
    }
    if (pdu.command !== 'deliver_sm') {
      this.session.send(pdu.response());
      return;
    }
    const read = readReceipt(pdu);
    if (read === undefined) return this.#onMessage(pdu);
    const receipt = { ...read, text: textOf(pdu), pdu };
    const status = this.answer(receipt);
    if (status === 0) this.receipts.push(receipt);
    if (status !== undefined) this.session.send(pdu.response({ command_status: status }));
  }

  #onMessage(pdu: Pdu): void {
    const status = this.answerMessage(pdu);
    if (status === 0) this.messages.push(pdu);
    if (status !== undefined) this.session.send(pdu.response({ command_status: status }));
  }
}

/** Fields of a submit_sm in tests: an alphanumeric sender, an international number, a receipt wanted. */
const USUAL: PduInput = {
  source_addr_ton: 5,
  source_addr_npi: 0,
  source_addr: 'Shop',
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  destination_addr: '966500000001',
  registered_delivery: 1,
  data_coding: 0,
  short_message: 'hello',
};

/** The text of a deliver_sm, one character an octet where it is not read otherwise. */
export function textOf(pdu: Pdu): string {
  const short = pdu.short_message;
  if (short === undefined || typeof short === 'string') return short ?? '';
  return Buffer.isBuffer(short) ? short.toString('latin1') : String(short.message);
}

/** Fields of a submit_sm with a text of any length, in message_payload. */
export function payload(text: string, encoding: 'latin1' | 'ucs2'): PduInput {
  const octets = Buffer.from(text, encoding === 'ucs2' ? 'utf16le' : 'latin1');
  return {
    short_message: Buffer.alloc(0),
    message_payload: encoding === 'ucs2' ? octets.swap16() : octets,
    data_coding: encoding === 'ucs2' ? 8 : 0,
  };
}

/** The sessions of a test file: bound one by one, closed together. */
export class Sessions {
  readonly #bound: Esme[] = [];

  async bind(port: number, systemId: string): Promise<Esme> {
    const esme = await Esme.bind(port, { systemId });
    this.#bound.push(esme);
    return esme;
  }

  /** The receipt of a message, at whichever of them it comes. */
  receiptOf(id: string): Promise<TakenReceipt> {
    return eventually(() => {
      const receipt = this.#bound.flatMap(({ receipts }) => receipts).find((one) => one.id === id);
      if (receipt === undefined) throw new Error(`no receipt of ${id}`);
      return receipt;
    });
  }

  async close(): Promise<void> {
    for (const esme of this.#bound) await esme.close();
  }
}
