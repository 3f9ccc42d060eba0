import type { Socket } from 'node:net';
import type { RequestPdu, ResponsePdu } from '../smpp/pdu.ts';
import type { AdaptiveRateState } from './adaptive-rate.ts';
import { BACKOFF_DEFAULTS } from './backoff.ts';
import { CarrierAddresses, type Endpoint } from './carrier-addresses.ts';
import {
  type CarrierAddress,
  CarrierBind,
  type CarrierBindOwner,
  type CarrierBindStatus,
} from './carrier-bind.ts';
import type { BindCommand } from './legal.ts';
import { OutbindListener, type OutbindOptions, type OutbindResult } from './outbind-listener.ts';
import { SendRate } from './send-rate.ts';
import type { Session } from './session.ts';
import type {
  InFlight,
  SessionEndReason,
  SessionHandler,
  SessionOptions,
} from './session-types.ts';

/** One carrier: where it is, how it is bound, and its limits. */
export interface CarrierLinkOptions extends CarrierAddress {
  readonly bindAs: 'transceiver' | 'transmitter+receiver';
  /** Sessions, or pairs of sessions. */
  readonly binds: number;
  /** Over all binds; 0: unlimited. */
  readonly segmentsPerSecond: number;
  /** Default one second's worth. */
  readonly burst?: number;
  /**
   * Whether an answer of this status says that there were too many requests: the link then finds the rate that the carrier
   * takes (AdaptiveRate). Undefined: no answer slows it.
   */
  readonly slowsDown?: (commandStatus: number) => boolean;
  /** The carrier may ask us to bind. As many sessions as `binds` can come of it. */
  readonly outbind?: OutbindOptions;
  /** Limits of each session; windowMax is per session. closeOnResponseTimeout is set whatever is given. */
  readonly session: SessionOptions;
  /** 0 to below 1, for the jitter. */
  random(): number;
  /** The link looks at its timers and its rate this often, in ms. 0: the owner calls `tick`. Default LINK_TICK_MS. */
  readonly tickMs?: number;
}

/**
 * Default of CarrierLinkOptions.tickMs: at 1,000 segments a second 20 tokens come at once, smooth
 * enough for a carrier that measures by the second, and 50 wake-ups a second cost nothing.
 */
export const LINK_TICK_MS = 20;

/** Requests in a row to one session: a write for each session and turn costs more than what it carries. */
const RUN_REQUESTS = 64;

/** Retries and sessions' timers are looked at this often: a fifth of the shortest backoff. */
const BIND_TICK_MS = 100;

/** What a link asks of its owner. As with SessionHandler, nothing here may throw. */
export interface CarrierLinkHandler {
  /** The carrier's answer, or generic_nack, to a request of ours. */
  onResponse(link: CarrierLink, pdu: ResponsePdu, context: unknown, sentAtMs: number): void;
  /** deliver_sm, data_sm or alert_notification: answer the first two with session.respond or refuse. */
  onRequest(link: CarrierLink, session: Session, pdu: RequestPdu, overWindow: boolean): void;
  /** It can both transmit and receive, having been unable to. */
  onUp?(link: CarrierLink): void;
  /** It can no longer do both. Sessions that are left go on. */
  onDown?(link: CarrierLink, reason: SessionEndReason): void;
  /**
   * Requests that a lost session leaves unanswered, each once: not `written` ones never left, the
   * others may have arrived.
   */
  onReturned(link: CarrierLink, requests: InFlight[], reason: SessionEndReason): void;
  /** After windowFree() gave 0 or send() false: there is room again. */
  onWindowOpen?(link: CarrierLink): void;
  /** A bind changed its state, for logs and metrics. */
  onBindChange?(link: CarrierLink, bind: CarrierBindStatus): void;
  /** What became of a connection to the port of `outbind`. */
  onOutbind?(link: CarrierLink, result: OutbindResult, address: string): void;
  /** The port of `outbind` cannot be had; it is tried again. */
  onOutbindUnavailable?(link: CarrierLink, code: string): void;
}

/**
 * One carrier's set of binds: keeps them up, spreads requests over them, holds the rate.
 *
 *   DOWN ──a bound session transmits and one receives──> UP ──no longer──> DOWN ...
 *     └───────────────── stop(): all unbind ───────────────┴──> STOPPED
 *
 * `pause` stops sending only: binds stay and receipts come. A request unanswered for the session's
 * responseTimeoutMs ends its session (a stalled peer would hold its window for ever); what it leaves
 * comes to onReturned.
 */
export class CarrierLink {
  readonly options: CarrierLinkOptions;
  /** For the owner: its own state of this link. */
  attachment: unknown = undefined;
  readonly #handler: CarrierLinkHandler;
  readonly #binds: CarrierBind[] = [];
  readonly #rate: SendRate;
  readonly #owner: CarrierBindOwner;
  readonly #outbind: OutbindListener | undefined;
  #sessionOptions: SessionOptions;
  #interval: NodeJS.Timeout | undefined;
  #up = false;
  #takesTlvs = false;
  #paused = false;
  #stopping = false;
  /** Somebody was told that there is no room and waits for onWindowOpen. */
  #awaited = false;
  #readingHeldFor: string[] = [];
  #bindTickMs = Number.NEGATIVE_INFINITY;
  #stopped: (() => void) | undefined;
  /** The session that gets the next requests, and how many more. */
  #running: Session | undefined;
  #runLeft = 0;

  constructor(options: CarrierLinkOptions, handler: CarrierLinkHandler) {
    this.options = options;
    this.#sessionOptions = { ...options.session, side: 'esme', closeOnResponseTimeout: true };
    this.#handler = handler;
    this.#rate = new SendRate(options, options.session.now, () => this.#opened());
    this.#owner = this.#bindOwner();
    this.#outbind = this.#outbindListener();
    for (let pair = 0; pair < options.binds; pair++) {
      for (const command of COMMANDS_OF[options.bindAs])
        this.#binds.push(new CarrierBind(command, this.#owner));
    }
  }

  /** See the diagram. */
  get state(): 'down' | 'up' | 'stopped' {
    if (this.#stopping && this.#binds.every((bind) => bind.state === 'stopped')) return 'stopped';
    return this.#up ? 'up' : 'down';
  }

  get paused(): boolean {
    return this.#paused;
  }

  get binds(): CarrierBindStatus[] {
    return this.#binds.map((bind) => bind.status);
  }

  /** Whether the carrier said on every bind that it knows optional parameters. */
  get takesTlvs(): boolean {
    return this.#takesTlvs;
  }

  /** What the carrier's answers made of the rate; undefined when none may. */
  get adaptiveRate(): AdaptiveRateState | undefined {
    return this.#rate.adaptive?.state;
  }

  /** Requests outstanding on all binds. */
  get windowInUse(): number {
    let inUse = 0;
    for (const { session } of this.#binds) inUse += session?.windowInUse ?? 0;
    return inUse;
  }

  /** Starts to bind. */
  start(): void {
    if (this.#stopping) return;
    const { tickMs = LINK_TICK_MS } = this.options;
    if (tickMs > 0)
      this.#interval ??= setInterval(() => this.tick(this.options.session.now()), tickMs);
    this.tick(this.options.session.now());
  }

  /**
   * How many requests `send` would take now: free windows of all binds that transmit, at most what
   * the rate allows. 0 asks for onWindowOpen.
   */
  windowFree(): number {
    const free = this.#free();
    if (free === 0) {
      this.#awaited = true;
      this.#rate.wakeSoon();
    }
    return free;
  }

  /**
   * Sends in runs, each on the session with most room.
   * @param segments what it counts for the rate
   * @returns false when there is none; onWindowOpen follows
   */
  send(pdu: RequestPdu, context: unknown, segments = 1): boolean {
    const session = this.#paused ? undefined : this.#nextSession();
    if (session === undefined || !this.#rate.take(segments, this)) {
      this.#awaited = true;
      return false;
    }
    let sent = false;
    try {
      sent = session.request(pdu, context);
    } finally {
      if (!sent) this.#rate.giveBack(segments);
    }
    if (sent) this.#rate.sent(segments);
    else this.#awaited = true;
    return sent;
  }

  /** Stops sending; see the diagram. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#opened();
  }

  /** Holds reading on all binds, also those to come, as Session.pauseReading. */
  pauseReading(reason = 'owner'): void {
    if (!this.#readingHeldFor.includes(reason)) this.#readingHeldFor.push(reason);
    for (const { session } of this.#binds) session?.pauseReading(reason);
  }

  resumeReading(reason = 'owner'): void {
    this.#readingHeldFor = this.#readingHeldFor.filter((other) => other !== reason);
    for (const { session } of this.#binds) session?.resumeReading(reason);
  }

  /** Changes rate and windows in force. */
  reshape(limits: { segmentsPerSecond: number; burst?: number; windowMax: number }): void {
    const { segmentsPerSecond, burst = segmentsPerSecond, windowMax } = limits;
    this.#rate.reshape(segmentsPerSecond, burst);
    this.#sessionOptions = { ...this.#sessionOptions, windowMax };
    for (const { session } of this.#binds) session?.setLimits({ windowMax });
    this.#opened();
  }

  /** Timers and rate; only for owners that set tickMs 0. */
  tick(nowMs: number): void {
    if (nowMs - this.#bindTickMs >= BIND_TICK_MS || this.#stopping) {
      this.#bindTickMs = nowMs;
      for (const bind of this.#binds) bind.tick(nowMs);
      this.#outbind?.tick(nowMs);
    }
    this.#rate.tick(nowMs);
    this.#opened();
  }

  /** Unbinds everything and resolves when the last socket is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const bind of [...this.#binds]) bind.stop();
    this.#outbind?.close();
    if (this.state !== 'stopped') {
      await new Promise<void>((resolve) => {
        this.#stopped = resolve;
      });
    }
    clearInterval(this.#interval);
    this.#interval = undefined;
    this.#rate.stop();
  }

  #free(): number {
    if (this.#paused) return 0;
    let free = 0;
    for (const { session } of this.#binds) free += session?.windowFree() ?? 0;
    return free === 0 ? 0 : Math.min(free, this.#rate.available(this));
  }

  /** The session of the present run while it has room, so that a run leaves as one write; then the one with most room. */
  #nextSession(): Session | undefined {
    if (this.#runLeft > 0 && this.#running !== undefined && this.#running.windowFree() > 0) {
      this.#runLeft--;
      return this.#running;
    }
    this.#running = this.#roomiest();
    this.#runLeft = RUN_REQUESTS - 1;
    return this.#running;
  }

  #roomiest(): Session | undefined {
    let roomiest: Session | undefined;
    let most = 0;
    for (const { session } of this.#binds) {
      const free = session?.windowFree() ?? 0;
      if (free <= most) continue;
      most = free;
      roomiest = session;
    }
    return roomiest;
  }

  #opened(): void {
    if (!this.#awaited) return;
    if (this.#free() === 0) return this.#rate.wakeSoon();
    this.#awaited = false;
    this.#handler.onWindowOpen?.(this);
  }

  #bindOwner(): CarrierBindOwner {
    const link = this;
    const { host, port, addresses = [], backoff = BACKOFF_DEFAULTS, random } = this.options;
    return {
      address: this.options,
      addresses: new CarrierAddresses([{ host, port }, ...addresses], backoff, random),
      backoff,
      sessionHandler: this.#sessionHandler(),
      get sessionOptions() {
        return link.#sessionOptions;
      },
      random,
      bindChanged: (bind) => this.#bindChanged(bind),
    };
  }

  #sessionHandler(): SessionHandler {
    const handler = this.#handler;
    return {
      onBound: (session) => this.#bound(session),
      onRequest: (session, pdu, overWindow) => handler.onRequest(this, session, pdu, overWindow),
      onResponse: (_session, pdu, context, sentAtMs) => {
        this.#rate.answered(pdu, sentAtMs);
        handler.onResponse(this, pdu, context, sentAtMs);
      },
      onWindowOpen: () => this.#opened(),
      onClosed: (session, reason, inFlight) => {
        if (inFlight.length > 0) handler.onReturned(this, inFlight, reason);
        (session.attachment as CarrierBind).lost(reason);
      },
    };
  }

  #outbindListener(): OutbindListener | undefined {
    const { outbind, session } = this.options;
    if (outbind === undefined) return undefined;
    const handler = this.#handler;
    return new OutbindListener(
      outbind,
      {
        onOutbind: (socket, from) => this.#adopt(socket, from, outbind),
        onResult: (result, address) => handler.onOutbind?.(this, result, address),
        onUnavailable: (code) => handler.onOutbindUnavailable?.(this, code),
      },
      session.now,
    );
  }

  #adopt(socket: Socket, from: Endpoint, outbind: OutbindOptions): boolean {
    const made = this.#binds.filter((bind) => bind.isOutbind).length;
    if (this.#stopping || made >= this.options.binds) return false;
    const bind = new CarrierBind(outbind.command, this.#owner);
    this.#binds.push(bind);
    bind.adopt(socket, from);
    return true;
  }

  #bound(session: Session): void {
    for (const reason of this.#readingHeldFor) session.pauseReading(reason);
    (session.attachment as CarrierBind).bound();
  }

  #bindChanged(bind: CarrierBind): void {
    const status = bind.status;
    // The carrier makes another when it wants one.
    if (bind.isOutbind && status.state === 'stopped')
      this.#binds.splice(this.#binds.indexOf(bind), 1);
    this.#handler.onBindChange?.(this, status);
    const bound = this.#binds.filter((other) => other.state === 'bound');
    this.#takesTlvs = bound.length > 0 && bound.every((other) => other.takesTlvs);
    const up =
      bound.some(({ command }) => command !== 'bind_receiver') &&
      bound.some(({ command }) => command !== 'bind_transmitter');
    if (up !== this.#up) {
      this.#up = up;
      if (up) this.#handler.onUp?.(this);
      else this.#handler.onDown?.(this, status.reason ?? STOPPED);
    }
    if (status.state === 'bound') this.#opened();
    if (this.state === 'stopped') this.#stopped?.();
  }
}

const COMMANDS_OF: Readonly<Record<CarrierLinkOptions['bindAs'], readonly BindCommand[]>> = {
  transceiver: ['bind_transceiver'],
  'transmitter+receiver': ['bind_transmitter', 'bind_receiver'],
};

/** Why a link goes down that its owner stops. */
const STOPPED: SessionEndReason = { kind: 'unbound', detail: 'stopped', status: undefined };
