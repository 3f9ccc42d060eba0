import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { newPdu } from '../smpp/pdu.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';
import type { BindCommand } from './legal.ts';
import { Session } from './session.ts';
import type { SessionEndReason, SessionHandler, SessionOptions } from './session-types.ts';

/** How to reach a carrier and what to bind with. */
export interface CarrierAddress {
  readonly host: string;
  readonly port: number;
  /** TLS instead of TCP; certificates are verified unless told otherwise here. */
  readonly tls?: ConnectionOptions;
  /** 1-15 octets. */
  readonly systemId: string;
  /** At most 8 octets. */
  readonly password: string;
  /** At most 12 octets; default ''. */
  readonly systemType?: string;
  /** 0x34 by default. */
  readonly interfaceVersion?: number;
  readonly addrTon?: number;
  readonly addrNpi?: number;
  readonly addressRange?: string;
  /** From connect() to connected, TLS included, in ms. Default 10 s: three SYN retries of Linux (1, 3, 7 s). */
  readonly connectTimeoutMs?: number;
  readonly backoff?: BackoffOptions;
}

/** What an operator sees of one bind. */
export interface CarrierBindStatus {
  readonly command: BindCommand;
  readonly state: CarrierBindState;
  readonly sinceMs: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Why the last session or attempt ended; undefined if none did. */
  readonly reason: SessionEndReason | undefined;
  readonly windowInUse: number;
}

export type CarrierBindState =
  | 'waiting'
  | 'connecting'
  | 'binding'
  | 'bound'
  | 'closing'
  | 'stopped';

/** What a bind needs of its link. */
export interface CarrierBindOwner {
  readonly address: CarrierAddress;
  readonly sessionOptions: SessionOptions;
  readonly backoff: BackoffOptions;
  readonly sessionHandler: SessionHandler;
  random(): number;
  /** Its state changed. */
  bindChanged(bind: CarrierBind): void;
}

/** Default of CarrierAddress.connectTimeoutMs. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * One bind to a carrier, made again whenever it is lost.
 *
 *   WAITING ──retry time──> CONNECTING ──connected──> BINDING ──bind_resp ok──> BOUND
 *      ^                        │ failed, timeout         │ rejected, lost        │ lost, unbound
 *      └──── backoff ───────────┴─────────────────────────┴───────────────────────┘
 *   stop(): BOUND ──> CLOSING (unbind) ──> STOPPED; from all other states at once
 *
 * The next attempt is not made before the old socket is gone: many carriers count binds and refuse
 * one too many.
 */
export class CarrierBind {
  readonly command: BindCommand;
  readonly #owner: CarrierBindOwner;
  #state: CarrierBindState = 'waiting';
  #sinceMs: number;
  #dueMs: number;
  #failures = 0;
  #reason: SessionEndReason | undefined = undefined;
  #socket: Socket | undefined = undefined;
  #stopping = false;
  session: Session | undefined = undefined;

  constructor(command: BindCommand, owner: CarrierBindOwner) {
    this.command = command;
    this.#owner = owner;
    this.#sinceMs = owner.sessionOptions.now();
    this.#dueMs = this.#sinceMs;
  }

  get state(): CarrierBindState {
    return this.#state;
  }

  get status(): CarrierBindStatus {
    return {
      command: this.command,
      state: this.#state,
      sinceMs: this.#sinceMs,
      failures: this.#failures,
      reason: this.#reason,
      windowInUse: this.session?.windowInUse ?? 0,
    };
  }

  /** Connects when it is time, gives up connecting when it is time, and ticks the session. */
  tick(nowMs: number): void {
    if (this.#state === 'waiting' && nowMs >= this.#dueMs) this.#connect(nowMs);
    else if (this.#state === 'connecting' && nowMs >= this.#dueMs)
      this.#fail('connectFailed', 'timeout');
    this.session?.tick(nowMs);
  }

  stop(): void {
    this.#stopping = true;
    if (this.session !== undefined) {
      this.#become('closing');
      this.session.unbind();
    } else if (this.#socket !== undefined) this.#fail('dropped', 'stopped');
    else this.#become('stopped');
  }

  /** Its session was bound. */
  bound(): void {
    this.#become('bound');
  }

  /** Its session is over and the socket gone. */
  lost(reason: SessionEndReason): void {
    this.session = undefined;
    this.#socket = undefined;
    this.#retryLater(reason);
  }

  #connect(nowMs: number): void {
    const { host, port, tls, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#owner.address;
    this.#dueMs = nowMs + connectTimeoutMs;
    const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...tls });
    this.#socket = socket;
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#connected(socket));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#setReason('connectFailed', error.code ?? error.message),
    );
    socket.once('close', () => this.#closedEarly(socket));
    this.#become('connecting');
  }

  #connected(socket: Socket): void {
    const { address, sessionOptions, sessionHandler } = this.#owner;
    if (this.#socket !== socket || this.#state !== 'connecting') return;
    const session = new Session(socket, sessionOptions, sessionHandler);
    session.attachment = this;
    this.session = session;
    this.#reason = undefined;
    const pdu = newPdu(this.command, 0);
    pdu.system_id = address.systemId;
    pdu.password = address.password;
    pdu.system_type = address.systemType ?? '';
    pdu.interface_version = address.interfaceVersion ?? 0x34;
    pdu.addr_ton = address.addrTon ?? 0;
    pdu.addr_npi = address.addrNpi ?? 0;
    pdu.address_range = address.addressRange ?? '';
    session.bind(pdu);
    this.#become('binding');
  }

  #fail(kind: 'connectFailed' | 'dropped', detail: string): void {
    this.#setReason(kind, detail);
    this.#state = 'closing';
    this.#socket?.destroy();
  }

  /** The socket closed before there was a session; later closes come through `lost`. */
  #closedEarly(socket: Socket): void {
    if (this.#socket !== socket || this.session !== undefined) return;
    this.#socket = undefined;
    this.#retryLater(
      this.#reason ?? { kind: 'connectFailed', detail: 'closed', status: undefined },
    );
  }

  #setReason(kind: 'connectFailed' | 'dropped', detail: string): void {
    if (this.session === undefined && this.#state === 'connecting')
      this.#reason = { kind, detail, status: undefined };
  }

  #retryLater(reason: SessionEndReason): void {
    const nowMs = this.#owner.sessionOptions.now();
    const { backoff } = this.#owner;
    // A bind that does not even last as long as the longest wait is one more failure, not a success.
    const lasted = this.#state === 'bound' && nowMs - this.#sinceMs >= backoff.maxMs;
    this.#failures = lasted ? 1 : this.#failures + 1;
    this.#dueMs = nowMs + backoffMs(this.#failures, backoff, this.#owner.random());
    this.#reason = reason;
    this.#become(this.#stopping ? 'stopped' : 'waiting');
  }

  #become(state: CarrierBindState): void {
    this.#state = state;
    this.#sinceMs = this.#owner.sessionOptions.now();
    this.#owner.bindChanged(this);
  }
}
