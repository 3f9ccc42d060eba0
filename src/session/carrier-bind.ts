import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls';
import { newPdu } from '../smpp/pdu.ts';
import { ESME_RALYBND, ESME_RBINDFAIL, ESME_RINVPASWD, ESME_RINVSYSID } from '../smpp/status.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';
import { type CarrierAddresses, type Endpoint, NO_ADDRESS } from './carrier-addresses.ts';
import { type BindCommand, takesTlvs } from './legal.ts';
import { Session } from './session.ts';
import type { SessionEndReason, SessionHandler, SessionOptions } from './session-types.ts';

/** How to reach a carrier and what to bind with. */
export interface CarrierAddress extends Endpoint {
  /** Tried in this order when the one before cannot be had; see CarrierAddresses. */
  readonly addresses?: readonly Endpoint[];
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
  /** In use, or tried last; undefined before the first attempt. */
  readonly address: Endpoint | undefined;
  /** sc_interface_version of the bind's answer; undefined: it had none, or is not bound. */
  readonly carrierVersion: number | undefined;
  /** Made because the carrier asked for it. */
  readonly isOutbind: boolean;
  /** Such as TLSv1.3; undefined without TLS. */
  readonly tlsProtocol: string | undefined;
  /** The session's clock when the next attempt is due; undefined while there is none to come. */
  readonly nextAttemptMs: number | undefined;
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
  readonly addresses: CarrierAddresses;
  readonly sessionOptions: SessionOptions;
  readonly backoff: BackoffOptions;
  readonly sessionHandler: SessionHandler;
  random(): number;
  /** Its state changed. */
  bindChanged(bind: CarrierBind): void;
}

/** Default of CarrierAddress.connectTimeoutMs. */
const CONNECT_TIMEOUT_MS = 10_000;

/** A session of this length was one in which messages pass, not a bind that is cut at once. */
const WORKED_MS = 1_000;

/**
 * Answers to a bind that only time or an operator changes: tried again at the slow end of the backoff at once. The carrier
 * still counts a session of ours (ESME_RALYBND), does not know us (ESME_RINVPASWD, ESME_RINVSYSID), or does not say
 * (ESME_RBINDFAIL). Asking faster gives the same answer, and many carriers lock an account after a few failures.
 */
const SLOW_STATUSES: ReadonlySet<number> = new Set([
  ESME_RALYBND,
  ESME_RBINDFAIL,
  ESME_RINVPASWD,
  ESME_RINVSYSID,
]);

/**
 * One bind to a carrier, made again whenever it is lost.
 *
 *   WAITING ──due, an address──> CONNECTING ──connected──> BINDING ──bind_resp ok──> BOUND
 *      ^                             │ failed, timeout         │ rejected, lost        │ lost, unbound
 *      └── next address, backoff ────┴─────────────────────────┴───────────────────────┘
 *   stop(): BOUND ──> CLOSING (unbind) ──> STOPPED; from all other states at once
 *   adopt(): a connection that the carrier made (outbind): BINDING ... and STOPPED when it is lost
 *
 * The next attempt is not made before the old socket is gone: many carriers count binds and refuse
 * one too many. How long an address rests after a failure is CarrierAddresses'; the bind itself waits only after
 * a session that was bound, and where the answer was meant for this bind alone because others are bound there.
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
  #tlsProtocol: string | undefined = undefined;
  #stopping = false;
  /** Index of the address in use or tried last. */
  #index = NO_ADDRESS;
  /** Where the next choice begins. */
  #first = 0;
  #outbindFrom: Endpoint | undefined = undefined;
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

  get isOutbind(): boolean {
    return this.#outbindFrom !== undefined;
  }

  get status(): CarrierBindStatus {
    const { addresses, sessionOptions } = this.#owner;
    const rests = addresses.nextAtMs(sessionOptions.now()) ?? this.#dueMs;
    return {
      command: this.command,
      state: this.#state,
      sinceMs: this.#sinceMs,
      failures: this.#failures,
      reason: this.#reason,
      windowInUse: this.session?.windowInUse ?? 0,
      address: this.#outbindFrom ?? addresses.at(this.#index),
      carrierVersion: this.session?.carrierVersion,
      isOutbind: this.isOutbind,
      tlsProtocol: this.#tlsProtocol,
      nextAttemptMs: this.#state === 'waiting' ? Math.max(this.#dueMs, rests) : undefined,
    };
  }

  /** Whether what is sent on it may have optional parameters. */
  get takesTlvs(): boolean {
    const { session } = this;
    return session !== undefined && takesTlvs(session.interfaceVersion, session.carrierVersion);
  }

  /** Connects when it is time, gives up connecting when it is time, and ticks the session. */
  tick(nowMs: number): void {
    if (this.#state === 'waiting' && nowMs >= this.#dueMs) this.#connect(nowMs);
    else if (this.#state === 'connecting' && nowMs >= this.#dueMs)
      this.#fail('connectFailed', 'timeout');
    this.session?.tick(nowMs);
  }

  /** Binds over a connection that the carrier made. */
  adopt(socket: Socket, from: Endpoint): void {
    this.#outbindFrom = from;
    this.#bind(socket);
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
    this.#first = 0;
    if (!this.isOutbind) this.#owner.addresses.bound(this.#index, this.#owner.sessionOptions.now());
    this.#become('bound');
  }

  /** Its session is over and the socket gone. */
  lost(reason: SessionEndReason): void {
    const wasBound = this.session?.boundAs !== undefined;
    this.session = undefined;
    this.#socket = undefined;
    if (this.isOutbind) return this.#ended(reason, true);
    if (wasBound) this.#lostBound(reason);
    else this.#notBound(reason);
  }

  #connect(nowMs: number): void {
    const { address, addresses } = this.#owner;
    const index = addresses.choose(nowMs, this.#first);
    const endpoint = addresses.at(index);
    if (endpoint === undefined) return; // all rest, or another bind tries them
    this.#index = index;
    const { host, port } = endpoint;
    const { tls, connectTimeoutMs = CONNECT_TIMEOUT_MS } = address;
    this.#dueMs = nowMs + connectTimeoutMs;
    const socket =
      tls === undefined
        ? connect({ host, port })
        : connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...tls });
    this.#socket = socket;
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#connected(socket));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#setReason('connectFailed', error.code ?? error.message),
    );
    socket.once('close', () => this.#closedEarly(socket));
    this.#become('connecting');
  }

  #connected(socket: Socket): void {
    if (this.#socket !== socket || this.#state !== 'connecting') return;
    this.#bind(socket);
  }

  #bind(socket: Socket): void {
    const { address, sessionOptions, sessionHandler } = this.#owner;
    this.#socket = socket;
    this.#tlsProtocol =
      socket instanceof TLSSocket ? (socket.getProtocol() ?? undefined) : undefined;
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
    const closed = { kind: 'connectFailed', detail: 'closed', status: undefined } as const;
    this.#notBound(this.#reason ?? closed);
  }

  #setReason(kind: 'connectFailed' | 'dropped', detail: string): void {
    if (this.session === undefined && this.#state === 'connecting')
      this.#reason = { kind, detail, status: undefined };
  }

  /** A session that was bound: it comes back after a backoff of its own, to the first address that is well. */
  #lostBound(reason: SessionEndReason): void {
    const nowMs = this.#owner.sessionOptions.now();
    const { backoff, addresses, random } = this.#owner;
    const lastedMs = this.#state === 'bound' ? nowMs - this.#sinceMs : 0;
    const worked = lastedMs >= WORKED_MS;
    addresses.lost(this.#index, nowMs, worked || this.#stopping);
    // A bind that does not even last as long as the longest wait is one more failure, not a success. But where sessions
    // work for a while, no wait is longer than the last one was: such a carrier is bound for half of the time.
    this.#failures = lastedMs >= backoff.maxMs ? 1 : this.#failures + 1;
    const waitMs = backoffMs(this.#failures, backoff, random());
    this.#dueMs = nowMs + (worked ? Math.min(waitMs, lastedMs) : waitMs);
    this.#ended(reason, this.#stopping);
  }

  /** No session: on to the next address at once, while this one rests. */
  #notBound(reason: SessionEndReason): void {
    const { addresses, backoff, sessionOptions } = this.#owner;
    const nowMs = sessionOptions.now();
    const isSlow = reason.kind === 'bindRejected' && SLOW_STATUSES.has(reason.status ?? 0);
    this.#failures++;
    this.#dueMs = nowMs;
    if (this.#stopping) addresses.released(this.#index);
    else if (reason.kind === 'bindRejected' && addresses.isInUse(this.#index)) {
      // The address is well, as the others show: it is this one bind that it does not want.
      addresses.released(this.#index);
      const failures = isSlow ? Number.MAX_SAFE_INTEGER : this.#failures;
      this.#dueMs = nowMs + backoffMs(failures, backoff, this.#owner.random());
      this.#first = this.#index + 1;
    } else addresses.failed(this.#index, nowMs, isSlow);
    this.#ended(reason, this.#stopping);
  }

  #ended(reason: SessionEndReason, forGood: boolean): void {
    this.#reason = reason;
    this.#tlsProtocol = undefined;
    this.#become(forGood ? 'stopped' : 'waiting');
  }

  #become(state: CarrierBindState): void {
    this.#state = state;
    this.#sinceMs = this.#owner.sessionOptions.now();
    this.#owner.bindChanged(this);
  }
}
