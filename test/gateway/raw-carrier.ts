import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A carrier of octets, over TCP or TLS: answers binds, enquire_link, unbind and submit_sm as long as it may. */
export class RawCarrier {
  /** command_ids that came, in order, over all connections. */
  readonly commands: number[] = [];
  readonly sockets = new Set<Socket>();
  /** Bodies of the binds, as hex. */
  readonly binds: string[] = [];
  /** False: it reads, and answers nothing. */
  answers = true;
  #server: Server | undefined;
  #port = 0;
  readonly #tls: TlsOptions | undefined;

  private constructor(tls: TlsOptions | undefined) {
    this.#tls = tls;
  }

  static async listen(tls?: TlsOptions): Promise<RawCarrier> {
    const carrier = new RawCarrier(tls);
    await carrier.up();
    return carrier;
  }

  get port(): number {
    return this.#port;
  }

  count(commandId: number): number {
    return this.commands.filter((id) => id === commandId).length;
  }

  /** Listens, at the same port as before. */
  async up(): Promise<void> {
    const serve = (socket: Socket): void => this.serve(socket);
    const server =
      this.#tls === undefined ? createServer(serve) : createTlsServer(this.#tls, serve);
    server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Also for connections that it makes itself. */
  serve(socket: Socket): void {
    this.sockets.add(socket);
    let octets = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      octets = Buffer.concat([octets, chunk]);
      while (octets.length >= 16 && octets.length >= octets.readUInt32BE(0)) {
        const end = octets.readUInt32BE(0);
        this.#onPdu(socket, octets.subarray(0, end));
        octets = octets.subarray(end);
      }
    });
  }

  #onPdu(socket: Socket, pdu: Buffer): void {
    const id = pdu.readUInt32BE(4);
    this.commands.push(id);
    if ([1, 2, 9].includes(id)) this.binds.push(pdu.toString('hex', 16));
    if (!this.answers || id >= 0x80000000) return;
    const body = id === 4 ? '6100' : [1, 2, 9].includes(id) ? '636100' : '';
    const head = Buffer.alloc(16);
    head.writeUInt32BE(16 + body.length / 2, 0);
    head.writeUInt32BE(0x80000000 + id, 4);
    head.writeUInt32BE(pdu.readUInt32BE(12), 12);
    socket.write(Buffer.concat([head, Buffer.from(body, 'hex')]));
  }
}
