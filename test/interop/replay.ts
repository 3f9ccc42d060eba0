import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { eventually } from '../support/gateway.ts';

/** A PDU that a client sent, and what the specification lets us answer. */
export interface RecordedRequest {
  readonly what: string;
  /** The octets as they were on the wire. */
  readonly hex: string;
  /** command_status of the answer. */
  readonly status: number;
}

/** One session of a client: all that it asked, its bind first, its unbind last. */
export interface RecordedSession {
  readonly systemId: string;
  readonly requests: readonly RecordedRequest[];
  /** How the client answers; absent where it was never asked. */
  readonly deliver_sm_resp?: string;
  readonly enquire_link_resp?: string;
}

/** What one client of one version sent to a running daemon; its password is `secret`. */
export interface Recording {
  readonly client: string;
  /** The package it came from. */
  readonly package: string;
  /** Sessions of one setup are bound at the same time. */
  readonly setups: readonly {
    readonly name: string;
    readonly sessions: readonly RecordedSession[];
  }[];
}

/** Every recording, by file name. */
export function recordings(): Recording[] {
  const folder = new URL('./recordings/', import.meta.url);
  return readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Recording);
}

const DELIVER_SM = 0x05;
const UNBIND = 0x06;
const RESPONSE = 0x8000_0000;

/** Says over a raw socket what a client said, octet by octet, and keeps what it is told. */
export class Replay {
  readonly session: RecordedSession;
  /** Every deliver_sm, whole. */
  readonly delivered: Buffer[] = [];
  readonly #socket: Socket;
  readonly #answers: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);

  static async connect(port: number, session: RecordedSession): Promise<Replay> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new Replay(socket, session);
  }

  private constructor(socket: Socket, session: RecordedSession) {
    this.#socket = socket;
    this.session = session;
    socket.on('data', (octets) => this.#onOctets(octets));
    socket.on('error', () => {});
  }

  /** Sends a request and gives its answer: the response of its command_id and sequence_number. */
  ask(request: RecordedRequest): Promise<Buffer> {
    const octets = Buffer.from(request.hex, 'hex');
    const wanted = `${octets.readUInt32BE(4) + RESPONSE} ${octets.readUInt32BE(12)}`;
    this.#socket.write(octets);
    return eventually(() => {
      const answer = this.#answers.find((pdu) => keyOf(pdu) === wanted);
      if (answer === undefined) throw new Error(`no answer to ${request.what}`);
      return answer;
    });
  }

  /** Settles when the other side has closed. */
  async closed(): Promise<void> {
    if (!this.#socket.readableEnded) await once(this.#socket, 'end');
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onOctets(octets: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, octets]);
    while (this.#rest.length >= 16 && this.#rest.length >= this.#rest.readUInt32BE(0)) {
      const pdu = this.#rest.subarray(0, this.#rest.readUInt32BE(0));
      this.#rest = this.#rest.subarray(pdu.length);
      this.#onPdu(pdu);
    }
  }

  #onPdu(pdu: Buffer): void {
    const command = pdu.readUInt32BE(4);
    if (command >= RESPONSE) this.#answers.push(pdu);
    else if (command === DELIVER_SM) {
      this.delivered.push(pdu);
      this.#answerAs(this.session.deliver_sm_resp, pdu);
    } else if (command !== UNBIND) this.#answerAs(this.session.enquire_link_resp, pdu);
  }

  /** The client's own answer, with the sequence_number of this request. */
  #answerAs(hex: string | undefined, request: Buffer): void {
    if (hex === undefined) return;
    const octets = Buffer.from(hex, 'hex');
    octets.writeUInt32BE(request.readUInt32BE(12), 12);
    this.#socket.write(octets);
  }
}

function keyOf(pdu: Buffer): string {
  return `${pdu.readUInt32BE(4)} ${pdu.readUInt32BE(12)}`;
}
