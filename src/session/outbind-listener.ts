import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { decodePdu } from '../smpp/codec.ts';
import { PduError } from '../smpp/pdu.ts';
import type { Endpoint } from './carrier-addresses.ts';
import { plainAddress } from './pdu-connection.ts';
import { TokenBucket } from './rate.ts';

/** Where a carrier asks us to bind, and how we know that it is the carrier (SMPP 3.4 §2.2.1, §4.1.7.1). */
export interface OutbindOptions {
  readonly host: string;
  readonly port: number;
  allows(address: string): boolean;
  /** What its outbind must say. */
  readonly systemId: string;
  readonly password: string;
  /** How we answer: as a receiver by the specification, or as a transceiver. */
  readonly command: 'bind_receiver' | 'bind_transceiver';
}

/** What became of a connection to the port. */
export type OutbindResult =
  | 'accepted'
  | 'refusedAddress'
  | 'refusedPassword'
  /** Something else than one outbind in time. */
  | 'malformed'
  /** More connections than there may be. */
  | 'tooMany';

/** What a listener tells its owner. */
export interface OutbindHandler {
  /** A right outbind. @returns false: there are enough sessions, it is closed */
  onOutbind(socket: Socket, from: Endpoint): boolean;
  onResult(result: OutbindResult, address: string): void;
  /** The port cannot be had; it is tried again. `code` as EADDRINUSE. */
  onUnavailable(code: string): void;
}

/** Connections that have not said their outbind: a carrier makes one at a time. */
const PENDING_MAX = 16;
/** From connection to outbind, in ms: it is the first thing that a carrier sends. */
const OUTBIND_MS = 5_000;
/** Header, system_id and password with their NULs: 16 + 16 + 9. TLVs may follow; nobody defines any. */
const OUTBIND_OCTETS_MAX = 256;
/** From allowed addresses, a second, and at once: a carrier comes back a few times a minute, a guesser tries thousands. */
const PER_SECOND = 1;
const BURST = 20;
/** A port that was not to be had is tried again after this, in ms. */
const RETRY_MS = 10_000;

/**
 * The port on which one carrier asks us to bind: a connection from an allowed address that says the right outbind within
 * OUTBIND_MS is handed on. All else is closed without a word: what is wrong with it is ours to know.
 */
export class OutbindListener {
  readonly #options: OutbindOptions;
  readonly #handler: OutbindHandler;
  readonly #now: () => number;
  readonly #rate: TokenBucket;
  readonly #pending = new Map<Socket, { readonly sinceMs: number; octets: Buffer }>();
  #server: Server | undefined;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #closing = false;

  /** @param now ms of a clock that does not go back */
  constructor(options: OutbindOptions, handler: OutbindHandler, now: () => number) {
    this.#options = options;
    this.#handler = handler;
    this.#now = now;
    this.#rate = new TokenBucket(PER_SECOND, now(), BURST);
  }

  /** Opens the port when it is time, and ends connections that said nothing. */
  tick(nowMs: number): void {
    if (this.#server === undefined && !this.#closing && nowMs >= this.#retryAtMs) this.#open(nowMs);
    for (const [socket, { sinceMs }] of this.#pending)
      if (nowMs - sinceMs >= OUTBIND_MS) this.#refuse(socket, 'malformed');
  }

  /** Closes the port; what was handed on is not its own any more. */
  close(): void {
    this.#closing = true;
    for (const socket of this.#pending.keys()) socket.destroy();
    this.#pending.clear();
    const server = this.#server;
    this.#server = undefined;
    if (server?.listening === true) server.close();
  }

  #open(nowMs: number): void {
    const { host, port } = this.#options;
    const server = createServer((socket) => this.#connected(socket));
    this.#server = server;
    this.#retryAtMs = nowMs + RETRY_MS;
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (server.listening) return; // too many files and the like: it goes on listening
      if (this.#server === server) this.#server = undefined;
      this.#handler.onUnavailable(error.code ?? error.message);
    });
    server.once('listening', () => {
      if (this.#server !== server) server.close(); // closed while it was opening
    });
    server.listen({ host, port });
  }

  #connected(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#pending.delete(socket));
    const nowMs = this.#now();
    if (!this.#options.allows(address)) return this.#refuse(socket, 'refusedAddress');
    if (this.#pending.size >= PENDING_MAX || !this.#rate.take(1, nowMs))
      return this.#refuse(socket, 'tooMany');
    this.#pending.set(socket, { sinceMs: nowMs, octets: Buffer.alloc(0) });
    socket.on('data', (chunk: Buffer) => this.#onData(socket, chunk));
  }

  #onData(socket: Socket, chunk: Buffer): void {
    const pending = this.#pending.get(socket);
    if (pending === undefined) return;
    const octets = Buffer.concat([pending.octets, chunk]);
    pending.octets = octets;
    const length = octets.length < LENGTH_OCTETS ? undefined : octets.readUInt32BE(0);
    if (octets.length > OUTBIND_OCTETS_MAX || (length ?? 0) > OUTBIND_OCTETS_MAX)
      return this.#refuse(socket, 'malformed');
    if (length === undefined || octets.length < length) return;
    const said = readOutbind(octets);
    if (said === undefined) return this.#refuse(socket, 'malformed');
    const { systemId, password } = this.#options;
    // Both are compared whatever the first gives: the time tells nothing.
    const isRight = [isSame(said.systemId, systemId), isSame(said.password, password)];
    if (isRight.includes(false)) return this.#refuse(socket, 'refusedPassword');
    this.#handOn(socket);
  }

  #handOn(socket: Socket): void {
    this.#pending.delete(socket);
    socket.removeAllListeners('data');
    socket.removeAllListeners('close');
    const address = plainAddress(socket.remoteAddress ?? '');
    const from = { host: address, port: socket.remotePort ?? 0 };
    if (!this.#handler.onOutbind(socket, from)) return this.#refuse(socket, 'tooMany');
    this.#handler.onResult('accepted', address);
  }

  #refuse(socket: Socket, result: OutbindResult): void {
    this.#pending.delete(socket);
    this.#handler.onResult(result, plainAddress(socket.remoteAddress ?? ''));
    socket.destroy();
  }
}

const LENGTH_OCTETS = 4;

/** What an outbind says; undefined for anything else, or more behind it: the carrier waits for our bind. */
function readOutbind(octets: Buffer): { systemId: string; password: string } | undefined {
  if (octets.readUInt32BE(0) !== octets.length) return undefined;
  try {
    const pdu = decodePdu(octets, 0, octets.length);
    if (pdu.command !== 'outbind') return undefined;
    return { systemId: pdu.system_id, password: pdu.password };
  } catch (error) {
    if (error instanceof PduError) return undefined;
    throw error;
  }
}

function isSame(said: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(said), digest(wanted));
}
