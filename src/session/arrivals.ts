import type { Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls';
import { siteOf } from '../domain/cidr.ts';
import {
  ConnectionCount,
  type ConnectionLimitOptions,
  type ConnectionRefusal,
} from './connection-limits.ts';
import { type PeerAddress, plainAddress } from './pdu-connection.ts';

/**
 * A proxy writes its header at once; the protocol asks for at least 3 s, so that a lost segment is sent
 * again (proxy-protocol.txt §3).
 */
const PREAMBLE_MS = 5_000;

/**
 * Certificate and key as PEM. With `ca` customers must show a certificate of it; without it they may show any, which
 * a bind's `certificates` may then ask for.
 */
export type TlsMaterial = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>;

/** What a preamble told: who the peer really is, undefined when the sender speaks for itself; or why it is none. */
export type Preamble = { readonly peer: PeerAddress | undefined } | { readonly refused: string };

/** What some peers send before SMPP, and before TLS (PROXY protocol). */
export interface ConnectionPreamble {
  /** Whether a connection from this address must begin with one. Those of others are not read. */
  expectedFrom(address: string): boolean;
  /**
   * Calls `done` once, with the socket paused and the octets beyond the preamble given back by
   * `socket.unshift`; never when the socket ends before that. Waits as long as the socket lives.
   */
  read(socket: Socket, done: (preamble: Preamble) => void): void;
}

/** What its door learned of a connection before the first PDU. */
export interface DoorFacts {
  readonly isTls: boolean;
  /** SHA-256 of the client's certificate, 64 hex digits in lower case; undefined when it showed none. */
  readonly certificate: string | undefined;
  /** The peer's address is a trusted proxy's own: no limit by address and no ban may meet it. */
  readonly isProxy: boolean;
}

/** Why a connection did not become a session. */
export type ArrivalRefusal = ConnectionRefusal | 'draining' | 'preamble' | 'tls';

/** How connections are let in. */
export interface ArrivalsOptions {
  readonly limits: ConnectionLimitOptions;
  readonly preamble: ConnectionPreamble | undefined;
  readonly tls: TlsMaterial | undefined;
  /** A TLS handshake may take this long. */
  readonly handshakeMs: number;
  /** ms of a clock that does not go back. */
  now(): number;
}

/** What becomes of a connection. */
export interface ArrivalsHandler {
  /** It speaks SMPP from here on. `peer` where the socket does not know it; `door` undefined: plain, from the peer itself. */
  onArrived(socket: Socket, peer: PeerAddress | undefined, door: DoorFacts | undefined): void;
  onRefused(address: string, why: ArrivalRefusal, detail: string): void;
  /** A connection that was let in is gone. */
  onGone(): void;
}

/**
 * The way of a connection from its first octet to SMPP.
 *
 *   accepted ──trusted proxy──> PREAMBLE (5 s) ──> limits of the real address ──┐
 *      └──limits of its address────────────────────────────────────────────────┴─> TLS (handshakeMs), if this
 *                                                                      door has it ──> onArrived
 *
 * Out of time, broken or over a limit: destroyed. A proxy's connection counts for its peer, and for nobody but the
 * total while it has none. No socket's error leaves it.
 */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #handler: ArrivalsHandler;
  readonly #count: ConnectionCount;
  /** On their way, by the addresses of both ends: what a TLSSocket and the socket under it have in common. */
  readonly #early = new Map<string, Arrival>();
  /** Never listens: it is handed connections. A new one for each certificate, so that no session resumes under an old CA. */
  #tls: TlsServer | undefined;
  #closing = false;

  /** @throws Error when certificate and key are not usable */
  constructor(options: ArrivalsOptions, handler: ArrivalsHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#count = new ConnectionCount(options.limits);
    if (options.tls !== undefined) this.#tls = this.#tlsServer(options.tls);
  }

  /** Connections that are there, sessions' included. */
  get total(): number {
    return this.#count.total;
  }

  /** Takes over a connection that was just accepted. */
  accept(socket: Socket): void {
    socket.on('error', ignore);
    // Reset before we looked at it.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const address = plainAddress(socket.remoteAddress);
    const isProxy = this.#options.preamble?.expectedFrom(address) ?? false;
    const counted = isProxy ? undefined : siteOf(address);
    const refusal = this.#closing ? 'draining' : this.#count.admit(counted, this.#options.now());
    if (refusal !== undefined) {
      socket.destroy();
      return this.#handler.onRefused(address, refusal, '');
    }
    const arrival = new Arrival(socket, address, counted);
    socket.once('close', () => this.#onClose(arrival));
    if (isProxy) this.#readPreamble(arrival);
    else this.#secure(arrival);
  }

  /** A session of this address (not a proxy's own) was bound; see ConnectionCount.bound. */
  bound(address: string): void {
    this.#count.bound(siteOf(address), this.#options.now());
  }

  /** A session that was bound is gone. */
  unbound(address: string): void {
    this.#count.unbound(siteOf(address));
  }

  /** New connections use this certificate and this CA; those that are there live on. @throws as the constructor, and keeps the old */
  reloadTls(tls: TlsMaterial): void {
    if (this.#tls !== undefined) this.#tls = this.#tlsServer(tls);
  }

  /** Drops who is out of time. */
  tick(nowMs: number): void {
    for (const arrival of this.#early.values())
      if (nowMs >= arrival.dueMs) this.#refuse(arrival, 'out of time');
  }

  /** Lets nobody in any more, and drops who is on his way. */
  close(): void {
    this.#closing = true;
    for (const arrival of this.#early.values()) {
      arrival.stage = 'over';
      arrival.socket.destroy();
    }
  }

  #readPreamble(arrival: Arrival): void {
    const { preamble, now } = this.#options;
    arrival.dueMs = now() + PREAMBLE_MS;
    this.#early.set(arrival.key, arrival);
    preamble?.read(arrival.socket, (found) => {
      if (arrival.stage !== 'preamble' || arrival.socket.destroyed) return;
      if ('refused' in found) return this.#refuse(arrival, found.refused);
      if (found.peer !== undefined && !this.#isAdmitted(arrival, found.peer)) return;
      this.#secure(arrival);
    });
  }

  /** Counts the connection for whom the proxy speaks for. */
  #isAdmitted(arrival: Arrival, peer: PeerAddress): boolean {
    const counted = siteOf(peer.address);
    const refusal = this.#count.identify(counted, this.#options.now());
    if (refusal !== undefined) {
      arrival.stage = 'over';
      arrival.socket.destroy();
      this.#handler.onRefused(peer.address, refusal, '');
      return false;
    }
    arrival.peer = peer;
    arrival.counted = counted;
    return true;
  }

  #secure(arrival: Arrival): void {
    if (this.#tls === undefined) return this.#arrived(arrival, arrival.socket, undefined);
    arrival.stage = 'tls';
    arrival.dueMs = this.#options.now() + this.#options.handshakeMs;
    this.#early.set(arrival.key, arrival);
    // What was unshifted is read by the TLSSocket first.
    this.#tls.emit('connection', arrival.socket);
  }

  #tlsServer(tls: TlsMaterial): TlsServer {
    const server = createTlsServer({
      ...tls,
      minVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: tls.ca !== undefined,
      handshakeTimeout: this.#options.handshakeMs,
    });
    server.on('secureConnection', (socket) => {
      const arrival = this.#early.get(keyOf(socket));
      // Reset at this very moment: its addresses are gone. Or we close.
      if (arrival === undefined || arrival.stage === 'over') return void socket.destroy();
      this.#arrived(arrival, socket, socket);
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const arrival = this.#early.get(keyOf(socket));
      // Whoever hung up has said nothing wrong.
      if (arrival !== undefined && error.code !== 'ECONNRESET')
        arrival.detail = error.code ?? error.message;
      socket.destroy();
    });
    return server;
  }

  #arrived(arrival: Arrival, socket: Socket, tls: TLSSocket | undefined): void {
    const wasPaused = arrival.stage === 'preamble' && arrival.isProxys;
    arrival.stage = 'over';
    this.#early.delete(arrival.key);
    if (socket.destroyed) return;
    // It flows from the next tick on, when the session listens; whoever holds reading until then has the last word.
    if (wasPaused) socket.resume();
    this.#handler.onArrived(socket, arrival.peer, doorFacts(arrival, tls));
  }

  #refuse(arrival: Arrival, detail: string): void {
    arrival.detail = detail;
    arrival.socket.destroy();
  }

  #onClose(arrival: Arrival): void {
    if (this.#early.get(arrival.key) === arrival) this.#early.delete(arrival.key);
    this.#count.release(arrival.counted);
    const { stage, detail, socket } = arrival;
    // Who hangs up without a word, or as a proxy that spoke for itself, looks whether the port is open: no news.
    const isCheck = stage === 'tls' && arrival.isProxys && arrival.peer === undefined;
    const wasLooking = detail === '' && (isCheck || socket.bytesRead === 0);
    if (stage !== 'over' && !wasLooking)
      this.#handler.onRefused(arrival.peer?.address ?? arrival.address, stage, detail || 'hung up');
    this.#handler.onGone();
  }
}

/** A connection on its way. */
class Arrival {
  readonly socket: Socket;
  readonly key: string;
  /** As the socket has it. */
  readonly address: string;
  readonly isProxys: boolean;
  /** Whom it counts for; undefined: for the total alone. */
  counted: string | undefined;
  peer: PeerAddress | undefined = undefined;
  stage: 'preamble' | 'tls' | 'over' = 'preamble';
  dueMs = 0;
  detail = '';

  constructor(socket: Socket, address: string, counted: string | undefined) {
    this.socket = socket;
    this.key = keyOf(socket);
    this.address = address;
    this.isProxys = counted === undefined;
    this.counted = counted;
  }
}

function doorFacts(arrival: Arrival, tls: TLSSocket | undefined): DoorFacts | undefined {
  const isProxy = arrival.isProxys && arrival.peer === undefined;
  if (tls === undefined && !isProxy) return undefined;
  const fingerprint = tls?.getPeerX509Certificate()?.fingerprint256;
  const certificate = fingerprint?.replaceAll(':', '').toLowerCase();
  return { isTls: tls !== undefined, certificate, isProxy };
}

/** The four that make a TCP connection unique. */
function keyOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** An error is always followed by `close`, which is what counts. */
function ignore(): void {}
