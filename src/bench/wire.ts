import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { PduFramer } from '../smpp/framing.ts';

/** Octets of command_length, command_id, command_status and sequence_number. */
export const headerOctets = 16;

/** command_ids that the load generator and the lean carrier look at (SMPP 3.4 §5.1.2.1). */
export const ids = {
  genericNack: 0x80000000,
  submitSm: 0x04,
  submitSmResp: 0x80000004,
  deliverSm: 0x05,
  deliverSmResp: 0x80000005,
  unbind: 0x06,
  unbindResp: 0x80000006,
  bindReceiver: 0x01,
  bindReceiverResp: 0x80000001,
  bindTransmitter: 0x02,
  bindTransmitterResp: 0x80000002,
  bindTransceiver: 0x09,
  bindTransceiverResp: 0x80000009,
  enquireLink: 0x15,
  enquireLinkResp: 0x80000015,
} as const;

/** What a wire tells its owner. `buf[start..end)` is one PDU, valid during the call. */
export interface WireHandler {
  onPdu(wire: Wire, buf: Buffer, start: number, end: number): void;
  /** After the last PDU of one read; what was written until now leaves in one piece. */
  onReadEnd?(wire: Wire): void;
  onClosed(wire: Wire): void;
}

/** One slab holds some hundreds of PDUs. */
const slabOctets = 64 * 1024;

/**
 * One SMPP connection at the price of octets: frames found by our PduFramer,
 * PDUs patched into templates, one write a turn. The peer's own session class
 * is under test, so the load beside it on the same two cores costs as little
 * as can be. Only for peers that we wrote: nothing is checked here.
 */
export class Wire {
  readonly socket: Socket;
  /** Where the owner hangs its own. */
  index = 0;
  isOpen = true;
  #handler: WireHandler;
  #framer = new PduFramer(70_000);
  readonly #slabOctets: number;
  #slab: Buffer;
  #from = 0;
  #to = 0;

  /** @param size of a slab in octets, at least that of the longest template: ten thousand idle wires need little */
  constructor(socket: Socket, handler: WireHandler, size: number = slabOctets) {
    this.socket = socket;
    this.#handler = handler;
    this.#slabOctets = size;
    this.#slab = Buffer.allocUnsafeSlow(size);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.isOpen = false;
      this.#handler.onClosed(this);
    });
  }

  /** Copies a template behind what is to be written; gives the place of the copy in `buffer`. */
  append(template: Buffer, length: number = template.length): number {
    if (this.#to + length > this.#slabOctets) {
      this.flush();
      this.#slab = Buffer.allocUnsafeSlow(this.#slabOctets);
      this.#from = 0;
      this.#to = 0;
    }
    const at = this.#to;
    template.copy(this.#slab, at, 0, length);
    this.#to += length;
    return at;
  }

  /** The slab that `append` copied into. */
  get buffer(): Buffer {
    return this.#slab;
  }

  /** Writes what was appended. */
  flush(): void {
    if (this.#to === this.#from || !this.isOpen) return;
    this.socket.write(this.#slab.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  #onData(chunk: Buffer): void {
    this.#framer.push(chunk);
    for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
      this.#handler.onPdu(this, frame.buf, frame.start, frame.end);
    }
    this.#handler.onReadEnd?.(this);
    this.flush();
  }
}

/** Where a wire leads. */
export interface WireTarget {
  host: string;
  port: number;
  /** Certificate (PEM) of a server with TLS, which must show this one; without it plain TCP. */
  certificate?: string;
}

/** Connects; rejects with the socket's error. */
export function connectWire(target: WireTarget, handler: WireHandler): Promise<Wire> {
  const { host, port, certificate } = target;
  return new Promise((resolve, reject) => {
    const isTls = certificate !== undefined;
    // The certificate itself is what is trusted: its name says nothing.
    const socket = isTls
      ? connectTls({ host, port, ca: certificate, checkServerIdentity: () => undefined })
      : connect(port, host);
    socket.once('error', reject);
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      socket.off('error', reject);
      resolve(new Wire(socket, handler));
    });
  });
}

/** Reads 32 bits, as readUInt32BE without its checks. */
export function u32(buf: Buffer, at: number): number {
  return (
    ((buf[at] as number) * 0x1000000 +
      (((buf[at + 1] as number) << 16) |
        ((buf[at + 2] as number) << 8) |
        (buf[at + 3] as number))) >>>
    0
  );
}

/** Writes 32 bits. */
export function putU32(buf: Buffer, at: number, value: number): void {
  buf[at] = value >>> 24;
  buf[at + 1] = value >>> 16;
  buf[at + 2] = value >>> 8;
  buf[at + 3] = value;
}

/** Writes `value` as `count` decimal digits, zeros in front. */
export function putDigits(buf: Buffer, at: number, count: number, value: number): void {
  let left = value;
  for (let index = at + count - 1; index >= at; index -= 1) {
    const rest = Math.floor(left / 10);
    buf[index] = 0x30 + left - rest * 10;
    left = rest;
  }
}

/** Reads `count` decimal digits. */
export function digits(buf: Buffer, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index += 1)
    value = value * 10 + (buf[index] as number) - 0x30;
  return value;
}

/** The place behind the NUL of the C-octet string at `at`. */
export function pastCString(buf: Buffer, at: number): number {
  let index = at;
  while (buf[index] !== 0) index += 1;
  return index + 1;
}

/** A PDU that is a header only, or a header and one NUL (an empty message_id). */
export function bareResponse(commandId: number, withEmptyId: boolean): Buffer {
  const pdu = Buffer.alloc(withEmptyId ? headerOctets + 1 : headerOctets);
  putU32(pdu, 0, pdu.length);
  putU32(pdu, 4, commandId);
  return pdu;
}
