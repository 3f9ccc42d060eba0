import { connect, type Socket } from 'node:net';

/** A PDU as it came, by its header alone. */
export interface SeenPdu {
  readonly id: number;
  readonly status: number;
  readonly sequence: number;
  /** All of it: a view that lives as long as the call. */
  readonly octets: Buffer;
}

const HEADER_OCTETS = 16;

/** A TCP connection that knows of SMPP only the header: what an attacker needs. */
export class WirePeer {
  readonly socket: Socket;
  isClosed = false;
  /** The other side sent FIN. */
  isEnded = false;
  onPdu: (pdu: SeenPdu) => void = () => {};
  #rest: Buffer = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => {
      this.isEnded = true;
      this.#happened();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#happened();
    });
  }

  /** Connects from an address of loopback; settles also when it fails (then it is closed). */
  static async connect(port: number, localAddress: string): Promise<WirePeer> {
    const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
    const peer = new WirePeer(socket);
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve);
      socket.once('close', () => resolve());
    });
    return peer;
  }

  get isOver(): boolean {
    return this.isClosed || this.isEnded;
  }

  write(octets: Buffer): void {
    if (!this.isClosed && this.socket.writable) this.socket.write(octets);
  }

  /** Waits until the condition holds or the connection is over; false when `timeoutMs` passed first. */
  until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    if (condition() || this.isOver) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (held: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(held);
      };
      const timer = setTimeout(() => done(false), timeoutMs);
      const look = (): void => {
        if (condition() || this.isOver) done(true);
      };
      this.#waiting.add(look);
    });
  }

  /** Waits for the end of the socket. */
  async gone(): Promise<void> {
    if (this.isClosed) return;
    await new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
  }

  #read(chunk: Buffer): void {
    let octets = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (octets.length >= HEADER_OCTETS) {
      const length = octets.readUInt32BE(0);
      if (octets.length < length) break;
      this.onPdu({
        id: octets.readUInt32BE(4),
        status: octets.readUInt32BE(8),
        sequence: octets.readUInt32BE(12),
        octets: octets.subarray(0, length),
      });
      octets = octets.subarray(length);
    }
    // Not a view: a chunk of 64 KiB for the few octets at its end.
    this.#rest = Buffer.from(octets);
    this.#happened();
  }

  #happened(): void {
    for (const look of [...this.#waiting]) look();
  }
}
