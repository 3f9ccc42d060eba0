import { type AddressInfo, createServer, type Server } from 'node:net';
import { newPdu } from '../smpp/pdu.ts';
import { ReceiptRing } from './receipt-ring.ts';
import {
  encode,
  idDigits,
  numberDigits,
  type ReceiptTemplate,
  receiptTemplate,
} from './templates.ts';
import {
  bareResponse,
  digits,
  headerOctets,
  ids,
  pastCString,
  putDigits,
  putU32,
  u32,
  Wire,
} from './wire.ts';

/** Settings of the lean carrier. */
export interface LeanCarrierOptions {
  /** 0: any free port. */
  port: number;
  /** From the submit to its receipt. Real networks take seconds; 100 ms keeps a run short and lets answers be stored first. */
  receiptDelayMs: number;
  /** Unanswered receipts on one session. */
  windowMax: number;
}

/** Counters since the start. */
export interface LeanCarrierStats {
  submits: number;
  receiptsSent: number;
  receiptsTaken: number;
  /** Answered with an error and not sent again: must be 0 for a run to count. */
  receiptsRefused: number;
  receiptsOwed: number;
}

/** How often due receipts are looked for; each time they leave as one write a session. */
const tickMs = 5;

/** 1: header, 2: message_id of `idDigits` digits, 3: NUL. */
const submitResponse = ((): Buffer => {
  const pdu = newPdu('submit_sm_resp', 0);
  pdu.message_id = '7'.repeat(idDigits);
  return encode(pdu);
})();

/**
 * A carrier for load only: answers each submit_sm at once and returns a
 * DELIVRD receipt after the delay, at about 3 us of CPU a message. It expects
 * the load generator's messages: one sender, destinations of its form.
 */
export class LeanCarrier {
  readonly #options: LeanCarrierOptions;
  readonly #owed = new ReceiptRing();
  readonly #sessions: CarrierSession[] = [];
  #server: Server | undefined;
  #port: number;
  #timer: NodeJS.Timeout;
  #template: ReceiptTemplate | undefined;
  #templateAt = 0;
  /** Ids go on from the time, so that a carrier started anew repeats none. */
  #nextId = Date.now() * 100;
  #next = 0;
  #submits = 0;
  #sent = 0;
  #taken = 0;
  #refused = 0;

  constructor(options: LeanCarrierOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#timer = setInterval(() => this.#sendDue(), tickMs);
  }

  /** Listens (again, on the same port); gives the port. */
  async up(): Promise<number> {
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    return this.#port;
  }

  /** Stops listening and cuts every session, as an outage would; what is owed stays owed. */
  async down(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const session of [...this.#sessions]) session.wire.socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.down();
  }

  stats(): LeanCarrierStats {
    return {
      submits: this.#submits,
      receiptsSent: this.#sent,
      receiptsTaken: this.#taken,
      receiptsRefused: this.#refused,
      receiptsOwed: this.#owed.size,
    };
  }

  #accept(socket: ConstructorParameters<typeof Wire>[0]): void {
    const wire = new Wire(socket, this);
    this.#sessions.push({ wire, inFlight: 0, sequence: 0, takesReceipts: false });
    wire.index = this.#sessions.length - 1;
  }

  onClosed(wire: Wire): void {
    // Receipts in flight on it are lost: no load run cuts sessions while receipts are under way.
    this.#sessions.splice(wire.index, 1);
    for (const [index, session] of this.#sessions.entries()) session.wire.index = index;
  }

  onPdu(wire: Wire, buf: Buffer, start: number): void {
    const commandId = u32(buf, start + 4);
    if (commandId === ids.submitSm) {
      this.#onSubmit(wire, buf, start);
    } else if (commandId === ids.deliverSmResp) {
      const session = this.#sessions[wire.index];
      if (session) session.inFlight -= 1;
      if (u32(buf, start + 8) === 0) this.#taken += 1;
      else this.#refused += 1;
    } else {
      this.#onControl(wire, commandId, u32(buf, start + 12));
    }
  }

  #onSubmit(wire: Wire, buf: Buffer, start: number): void {
    const sourceAt = pastCString(buf, start + headerOctets) + 2;
    const destinationAt = pastCString(buf, sourceAt) + 2;
    const destinationEnd = pastCString(buf, destinationAt) - 1;
    this.#submits += 1;
    if (this.#template === undefined || this.#submits - this.#templateAt > 10_000) {
      const sender = buf.toString('latin1', sourceAt, destinationAt - 3);
      const [ton = 0, npi = 0] = buf.subarray(sourceAt - 2, sourceAt);
      this.#template = receiptTemplate(sender, ton, npi, Date.now());
      this.#templateAt = this.#submits;
    }
    const id = this.#nextId++;
    const at = wire.append(submitResponse);
    const out = wire.buffer;
    copySequence(out, at, buf, start);
    putDigits(out, at + headerOctets, idDigits, id);
    const number = digits(buf, destinationEnd - numberDigits, numberDigits);
    this.#owed.push(performance.now() + this.#options.receiptDelayMs, id, number);
  }

  #onControl(wire: Wire, commandId: number, sequence: number): void {
    if (commandId >= ids.genericNack) return;
    const response = commandId + ids.genericNack;
    const isBind =
      commandId === ids.bindReceiver ||
      commandId === ids.bindTransmitter ||
      commandId === ids.bindTransceiver;
    const session = this.#sessions[wire.index];
    if (session && isBind) session.takesReceipts = commandId !== ids.bindTransmitter;
    const at = wire.append(bareResponse(response, isBind));
    putU32(wire.buffer, at + 12, sequence);
  }

  #sendDue(): void {
    const owed = this.#owed;
    const template = this.#template;
    if (template === undefined) return;
    const now = performance.now();
    while (owed.size > 0 && owed.dueMs <= now) {
      const session = this.#freeSession();
      if (!session) break;
      session.inFlight += 1;
      session.sequence = (session.sequence + 1) & 0x7fffffff;
      const at = session.wire.append(template.pdu);
      const out = session.wire.buffer;
      putU32(out, at + 12, session.sequence);
      putDigits(out, at + template.destinationAt, numberDigits, owed.destination);
      putDigits(out, at + template.idAt[0], idDigits, owed.id);
      out.copyWithin(
        at + template.idAt[1],
        at + template.idAt[0],
        at + template.idAt[0] + idDigits,
      );
      owed.shift();
      this.#sent += 1;
    }
    for (const session of this.#sessions) session.wire.flush();
  }

  /** Stays on one session while it has room: few long writes instead of many short ones. */
  #freeSession(): CarrierSession | undefined {
    const { windowMax } = this.#options;
    for (let tried = 0; tried < this.#sessions.length; tried += 1) {
      const session = this.#sessions[this.#next];
      if (session?.takesReceipts && session.wire.isOpen && session.inFlight < windowMax)
        return session;
      this.#next = (this.#next + 1) % this.#sessions.length;
    }
    this.#next = 0;
    return undefined;
  }
}

interface CarrierSession {
  wire: Wire;
  inFlight: number;
  sequence: number;
  takesReceipts: boolean;
}

function copySequence(out: Buffer, outAt: number, from: Buffer, fromAt: number): void {
  out[outAt + 12] = from[fromAt + 12] as number;
  out[outAt + 13] = from[fromAt + 13] as number;
  out[outAt + 14] = from[fromAt + 14] as number;
  out[outAt + 15] = from[fromAt + 15] as number;
}
