import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  type ArrivalRefusal,
  Arrivals,
  type ConnectionPreamble,
  type DoorFacts,
  type TlsMaterial,
} from './arrivals.ts';
import { CONNECTION_LIMIT_DEFAULTS, type ConnectionLimitOptions } from './connection-limits.ts';
import type { PeerAddress } from './pdu-connection.ts';
import { Session, type SessionKeeper } from './session.ts';
import type { SessionHandler, SessionOptions } from './session-types.ts';

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
  /** `detail` says more in a few words, or nothing. */
  onConnectionRefused?(address: string, why: ArrivalRefusal, detail: string): void;
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
  readonly #arrivals: Arrivals;
  readonly #sessions = new Set<Session>();
  #address: AddressInfo | undefined;
  #interval: NodeJS.Timeout | undefined;
  #draining = false;
  #forceMs = Number.POSITIVE_INFINITY;
  #drained: (() => void) | undefined;

  constructor(options: EsmeListenerOptions, handler: EsmeListenerHandler) {
    this.#options = options;
    this.#handler = handler;
    const { preamble, tls, session } = options;
    this.#arrivals = new Arrivals(
      {
        limits: { ...CONNECTION_LIMIT_DEFAULTS, ...options },
        preamble,
        tls,
        handshakeMs: session.sessionInitMs,
        now: session.now,
      },
      {
        onArrived: (socket, peer, door) => this.#begin(socket, peer, door),
        onRefused: (address, why, detail) => handler.onConnectionRefused?.(address, why, detail),
        onGone: () => this.#checkDrained(),
      },
    );
    this.#server = createServer((socket) => this.#arrivals.accept(socket));
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

  /** New connections use this certificate and client CA; sessions live on. @throws Error when it is not usable, and keeps the old */
  reloadTls(tls: TlsMaterial): void {
    this.#arrivals.reloadTls(tls);
  }

  /** Looks at the timers of all sessions; only for owners that set tickMs 0. */
  tick(nowMs: number): void {
    for (const session of this.#sessions) {
      if (nowMs >= this.#forceMs) session.close('drain took too long');
      session.tick(nowMs);
    }
    this.#arrivals.tick(nowMs);
  }

  /**
   * Stops accepting, unbinds every session, and resolves when the last one is gone.
   * @param graceMs after this long the rest is closed without unbind
   */
  async close(graceMs: number): Promise<void> {
    this.pauseAccepting();
    this.#draining = true;
    this.#forceMs = this.#options.session.now() + graceMs;
    this.#arrivals.close();
    for (const session of this.#sessions) session.unbind();
    if (this.#arrivals.total + this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  /** Only its sessions call it. */
  bound(session: Session): void {
    if (session.door?.isProxy !== true) this.#arrivals.bound(session.peerAddress);
  }

  /** Only its sessions call it. */
  released(session: Session): void {
    this.#sessions.delete(session);
    if (session.boundAs !== undefined && session.door?.isProxy !== true)
      this.#arrivals.unbound(session.peerAddress);
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#arrivals.total + this.#sessions.size === 0) this.#drained?.();
  }

  #begin(socket: Socket, peer: PeerAddress | undefined, door: DoorFacts | undefined): void {
    const session = new Session(socket, this.#options.session, this.#handler, peer);
    session.door = door;
    session.keeper = this;
    this.#sessions.add(session);
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

/**
 * Connections that the kernel holds for us while we are busy: thousands of clients come back in the same second, and
 * whose SYN is dropped waits 1, 3, 7 s. Linux caps it at net.core.somaxconn, which is 4,096 since 5.4.
 */
const BACKLOG = 4_096;
