import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'vitest';
import { eventually } from '../support/gateway.ts';

/*
 * A carrier that speaks octets: no codec, of ours or of anybody, stands between what is sent and what a test reads.
 */

/** One submit_sm, field by field as SMPP 3.4 §4.4.1 lists them. */
export interface WireSubmit {
  readonly serviceType: string;
  readonly source: readonly [ton: number, npi: number, addr: string];
  readonly destination: readonly [ton: number, npi: number, addr: string];
  readonly esmClass: number;
  readonly protocolId: number;
  readonly priority: number;
  readonly schedule: string;
  readonly validity: string;
  readonly registeredDelivery: number;
  readonly replaceIfPresent: number;
  readonly dataCoding: number;
  /** In hex. */
  readonly shortMessage: string;
  /** Values in hex by tag, in the order of the PDU. */
  readonly tlvs: ReadonlyMap<number, string>;
}

export class WireCarrier {
  readonly submits: WireSubmit[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #next = 4711;

  static async listen(): Promise<WireCarrier> {
    const carrier = new WireCarrier();
    carrier.#server.listen(0, '127.0.0.1');
    await once(carrier.#server, 'listening');
    return carrier;
  }

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      eachPdu(socket, (pdu) => this.#onPdu(socket, pdu));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The submits so far of a number, by its last digits, once there are `count`. */
  async taken(tail: string, count = 1): Promise<WireSubmit[]> {
    return eventually(() => {
      const taken = this.submits.filter((submit) => submit.destination[2].endsWith(tail));
      expect(taken.length).toBeGreaterThanOrEqual(count);
      return taken;
    });
  }

  /** Sends a deliver_sm of this body (everything behind the header) to whoever is bound. */
  deliver(body: Buffer): void {
    for (const socket of this.#sockets) socket.write(frame(0x05, this.#next++, body));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #onPdu(socket: Socket, pdu: Buffer): void {
    const id = pdu.readUInt32BE(4);
    if (id >= 0x80000000) return;
    if (id === SUBMIT_SM) this.submits.push(readSubmit(pdu.subarray(16)));
    const named = id === SUBMIT_SM || id === 0x01 || id === 0x02 || id === 0x09;
    const version = named && id !== SUBMIT_SM ? SPEAKS_3_4 : '';
    const body = named
      ? Buffer.concat([cstring(String(this.#next++)), Buffer.from(version, 'hex')])
      : Buffer.alloc(0);
    socket.write(frame(id + 0x80000000, pdu.readUInt32BE(12), body));
  }
}

const SUBMIT_SM = 0x04;
/** sc_interface_version (SMPP 3.4 §5.3.2.25). */
const SPEAKS_3_4 = '0210000134';

export const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');

/** A deliver_sm's body: addresses, esm_class, data_coding and octets; TLVs by tag. */
export function deliverBody(fields: {
  readonly from: string;
  readonly to: string;
  readonly esmClass?: number;
  readonly dataCoding?: number;
  readonly octets: Buffer;
  readonly tlvs?: readonly (readonly [tag: number, value: Buffer])[];
}): Buffer {
  const { from, to, esmClass = 0, dataCoding = 0, octets, tlvs = [] } = fields;
  return Buffer.concat([
    cstring(''),
    Buffer.from([1, 1]),
    cstring(from),
    Buffer.from([1, 1]),
    cstring(to),
    Buffer.from([esmClass, 0, 0]),
    cstring(''),
    cstring(''),
    Buffer.from([0, 0, dataCoding, 0, octets.length]),
    octets,
    ...tlvs.map(([tag, value]) => {
      const head = Buffer.alloc(4);
      head.writeUInt16BE(tag, 0);
      head.writeUInt16BE(value.length, 2);
      return Buffer.concat([head, value]);
    }),
  ]);
}

function frame(commandId: number, sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(16 + body.length, 0);
  header.writeUInt32BE(commandId, 4);
  header.writeUInt32BE(sequence, 12);
  return Buffer.concat([header, body]);
}

function readSubmit(body: Buffer): WireSubmit {
  let at = 0;
  const text = (): string => {
    const end = body.indexOf(0, at);
    const read = body.toString('latin1', at, end);
    at = end + 1;
    return read;
  };
  const octet = (): number => body.readUInt8(at++);
  const fields = {
    serviceType: text(),
    source: [octet(), octet(), text()] as const,
    destination: [octet(), octet(), text()] as const,
    esmClass: octet(),
    protocolId: octet(),
    priority: octet(),
    schedule: text(),
    validity: text(),
    registeredDelivery: octet(),
    replaceIfPresent: octet(),
    dataCoding: octet(),
  };
  octet(); // sm_default_msg_id
  const length = octet();
  const shortMessage = body.toString('hex', at, at + length);
  at += length;
  const tlvs = new Map<number, string>();
  while (at + 4 <= body.length) {
    const end = at + 4 + body.readUInt16BE(at + 2);
    tlvs.set(body.readUInt16BE(at), body.toString('hex', at + 4, end));
    at = end;
  }
  return { ...fields, shortMessage, tlvs };
}

function eachPdu(socket: Socket, on: (pdu: Buffer) => void): void {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= held.readUInt32BE(0)) {
      const length = held.readUInt32BE(0);
      on(Buffer.from(held.subarray(0, length)));
      held = held.subarray(length);
    }
  });
}
