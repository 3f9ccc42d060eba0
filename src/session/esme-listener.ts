import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type Server as TlsServer,
} from 'node:tls';
import {
  CONNECTION_LIMIT_DEFAULTS,
  ConnectionCount,
  type ConnectionLimitOptions,
  type ConnectionRefusal,
} from './connection-limits.ts';
import { type PeerAddress, plainAddress } from './pdu-connection.ts';
import { Session, type SessionKeeper } from './session.ts';
import type { SessionHandler, SessionOptions } from './session-types.ts';

/** Certificate and key as PEM; with `ca` customers must show a certificate of it. */
export type TlsMaterial = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>;

/**
 * Reads what a proxy sends before SMPP (PROXY protocol) and finds out who the peer really is.
 * Octets beyond it are given back with `socket.unshift`.
 */
export interface ConnectionPreamble {
  /** Calls `done` once: with the peer, or undefined when the connection is to be dropped. */
  read(socket: Socket, done: (peer: PeerAddress | undefined) => void): void;
}

/** How to listen for customers. */
export interface EsmeListenerOptions extends Partial<ConnectionLimitOptions> {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** TLS instead of TCP. */
  readonly tls?: TlsMaterial;
  readonly preamble?: ConnectionPreamble;
  readonly session: SessionOptions;
  /** All sessions' timers are looked at this often, in ms; at most 1,000. 0: the owner calls `tick`. */
  readonly tickMs?: number;
}

/** What a listener tells besides its sessions' events. */
export interface EsmeListenerHandler extends SessionHandler {
  onConnection?(session: Session): void;
  onConnectionRefused?(
    address: string,
    why: ConnectionRefusal | 'draining' | 'preamble' | 'tls',
  ): void;
  /** The listening socket failed while open (too many files and the like); it goes on listening. */
  onListenerError?(error: Error): void;
}

/** The longest interval that Session.tick allows. */
const TICK_MS = 1_000;

/**
 * Accepts customers' connections and makes each a Session (smsc side).
 *
 *   new ──listen()──> accepting ──pauseAccepting()──> paused (port closed, sessions live) ──resumeAccepting()──> accepting
 *                         └──close()──> draining: port closed, all sessions unbind ──last one gone──> closed
 *
 * Connections over a limit are dropped before anything is read. No socket's error leaves it.
 */
export class EsmeListener implements SessionKeeper {
  readonly #options: EsmeListenerOptions;
  readonly #handler: EsmeListenerHandler;
  readonly #server: Server;
  readonly #count: ConnectionCount;
  readonly #sessions = new Set<Session>();
  /** Connections that are no session yet (TLS handshake, preamble) by address and port. */
  readonly #early = new Map<string, EarlyConnection>();
  #address: AddressInfo | undefined;
  #interval: NodeJS.Timeout | undefined;
  #draining = false;
  #forceMs = Number.POSITIVE_INFINITY;
  #drained: (() => void) | undefined;

  constructor(options: EsmeListenerOptions, handler: EsmeListenerHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#count = new ConnectionCount({ ...CONNECTION_LIMIT_DEFAULTS, ...options });
    this.#server = options.tls === undefined ? this.#plainServer() : this.#tlsServer(options.tls);
    this.#server.on('error', (error) => handler.onListenerError?.(error));
  }

  /** Where it listens; undefined before `listen`. */
  get address(): AddressInfo | undefined {
    return this.#address;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** @returns the address, when connections are accepted. Rejects when the port is not to be had. */
  async listen(): Promise<AddressInfo> {
    const { host, port, tickMs = TICK_MS, session } = this.#options;
    await this.#open(host, port);
    this.#address = this.#server.address() as AddressInfo;
    if (tickMs > 0)
      this.#interval ??= setInterval(() => this.tick(session.now()), Math.min(tickMs, TICK_MS));
    return this.#address;
  }

  /** Closes the port, so that customers go to another node; sessions live on. */
  pauseAccepting(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Opens the same port again. Rejects when it is taken meanwhile. */
  async resumeAccepting(): Promise<void> {
    if (this.#address === undefined || this.#server.listening || this.#draining) return;
    await this.#open(this.#address.address, this.#address.port);
  }

  /** New connections use this certificate; sessions live on. */
  reloadTls(tls: TlsMaterial): void {
    if (this.#options.tls !== undefined) (this.#server as TlsServer).setSecureContext(tls);
  }

  /** Looks at the timers of all sessions; only for owners that set tickMs 0. */
  tick(nowMs: number): void {
    for (const session of this.#sessions) {
      if (nowMs >= this.#forceMs) session.close('drain took too long');
      session.tick(nowMs);
    }
    for (const early of this.#early.values()) if (nowMs >= early.dueMs) early.socket.destroy();
  }

  /**
   * Stops accepting, unbinds every session, and resolves when the last one is gone.
   * @param graceMs after this long the rest is closed without unbind
   */
  async close(graceMs: number): Promise<void> {
    this.pauseAccepting();
    this.#draining = true;
    this.#forceMs = this.#options.session.now() + graceMs;
    for (const early of this.#early.values()) early.socket.destroy();
    for (const session of this.#sessions) session.unbind();
    if (this.#count.total + this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  /** Only its sessions call it. */
  released(session: Session): void {
    this.#sessions.delete(session);
    this.#checkDrained();
  }

  #plainServer(): Server {
    return createServer((socket) => {
      if (this.#admit(socket)) this.#preamble(socket);
    });
  }

  #tlsServer(tls: TlsMaterial): Server {
    const server = createTlsServer({
      ...tls,
      requestCert: tls.ca !== undefined,
      rejectUnauthorized: tls.ca !== undefined,
    });
    // The raw connection comes first: what is over a limit costs no handshake.
    server.prependListener('connection', (socket: Socket) => {
      if (this.#admit(socket)) this.#holdEarly(socket);
    });
    server.on('secureConnection', (socket) => {
      this.#early.delete(keyOf(socket));
      this.#preamble(socket);
    });
    server.on('tlsClientError', (_error, socket) => {
      this.#handler.onConnectionRefused?.(plainAddress(socket.remoteAddress ?? ''), 'tls');
      socket.destroy();
    });
    return server;
  }

  #admit(socket: Socket): boolean {
    const address = plainAddress(socket.remoteAddress ?? '');
    socket.on('error', ignore);
    const refusal = this.#draining
      ? 'draining'
      : this.#count.admit(address, this.#options.session.now());
    if (refusal !== undefined) {
      socket.destroy();
      this.#handler.onConnectionRefused?.(address, refusal);
      return false;
    }
    socket.once('close', () => {
      this.#count.release(address);
      this.#checkDrained();
    });
    return true;
  }

  #checkDrained(): void {
    if (this.#count.total + this.#sessions.size === 0) this.#drained?.();
  }

  /** Bounds the time before a connection becomes a session: its own timers do not run yet. */
  #holdEarly(socket: Socket): string {
    const { session } = this.#options;
    const key = keyOf(socket);
    this.#early.set(key, { socket, dueMs: session.now() + session.sessionInitMs });
    socket.once('close', () => {
      if (this.#early.get(key)?.socket === socket) this.#early.delete(key);
    });
    return key;
  }

  #preamble(socket: Socket): void {
    const { preamble } = this.#options;
    if (preamble === undefined) return this.#begin(socket, undefined);
    socket.on('error', ignore);
    const key = this.#holdEarly(socket);
    preamble.read(socket, (peer) => {
      if (!this.#early.delete(key) || socket.destroyed) return;
      if (peer !== undefined) return this.#begin(socket, peer);
      this.#handler.onConnectionRefused?.(plainAddress(socket.remoteAddress ?? ''), 'preamble');
      socket.destroy();
    });
  }

  #begin(socket: Socket, peer: PeerAddress | undefined): void {
    if (socket.destroyed) return;
    const session = new Session(socket, this.#options.session, this.#handler, peer);
    session.keeper = this;
    this.#sessions.add(session);
    // Whoever read a preamble has paused the socket.
    if (peer !== undefined) socket.resume();
    this.#handler.onConnection?.(session);
  }

  #open(host: string, port: number): Promise<void> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        server.off('listening', opened);
        reject(error);
      };
      const opened = (): void => {
        server.off('error', failed);
        resolve();
      };
      server.once('error', failed);
      server.once('listening', opened);
      server.listen({ host, port, backlog: BACKLOG });
    });
  }
}

interface EarlyConnection {
  readonly socket: Socket;
  readonly dueMs: number;
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}

/** Connections that the kernel holds for us while we are busy; Linux caps it at net.core.somaxconn. */
const BACKLOG = 511;

/** An error is always followed by `close`, which is what counts. */
function ignore(): void {}
