import type { Session } from '../../session/session.ts';
import type { PduTap, Taps } from '../../session/tap.ts';
import { encodePdu, PduWriter } from '../../smpp/codec.ts';
import type { PeerAlphabet } from '../../smpp/default-alphabet.ts';
import { COMMANDS, type Pdu, PduError } from '../../smpp/pdu.ts';
import type { CapturedPdu, Endpoint } from './pcap.ts';
import { type RedactedPdu, redactPdu } from './redact.ts';

/** Traces at once on a node: each costs some 20 us a PDU of its sessions. */
export const TRACES_MAX = 8;
/** PDUs that wait for whoever takes a trace, and their octets: with what is decoded of them 20 MB. The rest is lost, and said. */
export const TRACE_PDUS_MAX = 5_000;
export const TRACE_OCTETS_MAX = 4 * 1_048_576;

/** Whose sessions are looked at. */
export interface TraceOf {
  readonly side: 'customer' | 'carrier';
  /** system_id of a customer, or name of a carrier. */
  readonly peer: string;
}

/** What is traced, and what of it may be seen. */
export interface TraceSpec extends TraceOf {
  readonly content: boolean;
  /** What the peer means by the default alphabet. */
  readonly alphabet: PeerAlphabet;
}

/** One PDU of a trace, redacted. */
export interface TracedPdu extends CapturedPdu {
  /** `in`: from the peer. */
  readonly direction: 'in' | 'out';
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly tls: boolean;
  readonly redacted: RedactedPdu;
}

/**
 * A trace under way: a bounded buffer between the sessions and who takes it.
 *
 *   RUNNING ──stop()──> STOPPED   what is in the buffer can still be taken
 */
export class Trace {
  readonly spec: TraceSpec;
  readonly #onStop: (trace: Trace) => void;
  #pdus: TracedPdu[] = [];
  #octets = 0;
  #lost = 0;
  #running = true;
  #wake: (() => void) | undefined;

  /** Only TraceHub makes them. */
  constructor(spec: TraceSpec, onStop: (trace: Trace) => void) {
    this.spec = spec;
    this.#onStop = onStop;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Takes what is there, and how many PDUs were lost since the last take. */
  take(): { readonly pdus: readonly TracedPdu[]; readonly lost: number } {
    const taken = { pdus: this.#pdus, lost: this.#lost };
    this.#pdus = [];
    this.#octets = 0;
    this.#lost = 0;
    return taken;
  }

  /** Waits until there is something to take, it is stopped, or the time is over. One waits at a time. */
  async wait(ms: number): Promise<void> {
    if (!this.#running || this.#pdus.length > 0 || this.#lost > 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    this.#wake = undefined;
    clearTimeout(timer);
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#onStop(this);
    this.#wake?.();
  }

  /** Only its hub calls it. */
  add(pdu: TracedPdu): void {
    if (
      this.#pdus.length >= TRACE_PDUS_MAX ||
      this.#octets + pdu.octets.length > TRACE_OCTETS_MAX
    ) {
      this.#lost++;
    } else {
      this.#pdus.push(pdu);
      this.#octets += pdu.octets.length;
    }
    this.#wake?.();
  }
}

/** Times of PDUs need more than the milliseconds of the one, and the date of the other. */
export interface TraceClock {
  /** Unix ms. */
  now(): number;
  /** ms with a fraction, of a clock that does not go back. */
  monotonic(): number;
}

/**
 * Where the sessions of a node meet the traces of its operators. A tap is open only while a trace runs on its side
 * (of a carrier: on that carrier), so that without one a PDU costs one look at a boolean. Of a PDU nobody asked for
 * nothing is copied. A bind is traced by the system_id that it names, before it is known to be good.
 */
export class TraceHub implements Taps {
  readonly customers: PduTap;
  readonly #clock: TraceClock;
  /** What the monotonic clock lacks to unix ms: taken when the first trace begins, so that order never turns. */
  #baseMs = 0;
  readonly #traces = new Set<Trace>();
  readonly #customerTap: Tap;
  readonly #carrierTaps = new Map<string, Tap>();

  constructor(clock: TraceClock) {
    this.#clock = clock;
    this.#customerTap = new Tap((session, octets, direction) =>
      this.#seen(
        'customer',
        peerOfCustomer(session, octets, direction),
        session,
        octets,
        direction,
      ),
    );
    this.customers = this.#customerTap;
  }

  carrier(name: string): PduTap {
    let tap = this.#carrierTaps.get(name);
    if (tap === undefined) {
      tap = new Tap((session, octets, direction) =>
        this.#seen('carrier', name, session, octets, direction),
      );
      this.#carrierTaps.set(name, tap);
      this.#openTaps();
    }
    return tap;
  }

  /** Traces under way. */
  get running(): number {
    return this.#traces.size;
  }

  /** Begins a trace; undefined when TRACES_MAX run. */
  start(spec: TraceSpec): Trace | undefined {
    if (this.#traces.size >= TRACES_MAX) return undefined;
    const trace = new Trace(spec, (stopped) => {
      this.#traces.delete(stopped);
      this.#openTaps();
    });
    if (this.#traces.size === 0) this.#baseMs = this.#clock.now() - this.#clock.monotonic();
    this.#traces.add(trace);
    this.#openTaps();
    return trace;
  }

  /** Stops them all. */
  close(): void {
    for (const trace of this.#traces) trace.stop();
  }

  #openTaps(): void {
    const of = (side: TraceOf['side'], peer?: string) =>
      [...this.#traces].some(
        ({ spec }) => spec.side === side && (peer === undefined || spec.peer === peer),
      );
    this.#customerTap.open = of('customer');
    for (const [name, tap] of this.#carrierTaps) tap.open = of('carrier', name);
  }

  #seen(
    side: TraceOf['side'],
    peer: string | undefined,
    session: Session,
    octets: Buffer,
    direction: 'in' | 'out',
  ): void {
    for (const trace of this.#traces) {
      const { spec } = trace;
      if (spec.side !== side || spec.peer !== peer) continue;
      const allowed = { content: spec.content, bound: session.boundAs !== undefined };
      const redacted = redactPdu(octets, allowed);
      const ends = endsOf(session);
      trace.add({
        atMs: this.#baseMs + this.#clock.monotonic(),
        session: session.id,
        direction,
        ...ends,
        from: direction === 'in' ? ends.peer : ends.local,
        to: direction === 'in' ? ends.local : ends.peer,
        tls: session.isTls,
        octets: redacted.octets,
        redacted,
      });
    }
  }
}

type Seen = (session: Session, octets: Buffer, direction: 'in' | 'out') => void;

class Tap implements PduTap {
  open = false;
  readonly #seen: Seen;

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  read(session: Session, buf: Buffer, start: number, end: number): void {
    this.#seen(session, buf.subarray(start, end), 'in');
  }

  wrote(session: Session, pdu: Pdu): void {
    try {
      encodePdu(WRITER, pdu);
    } catch (error) {
      if (!(error instanceof PduError)) throw error;
      return; // then it was not sent either
    }
    this.#seen(session, WRITER.take(), 'out');
  }
}

const WRITER = new PduWriter();

const BINDS: ReadonlySet<number> = new Set([
  COMMANDS.bind_receiver.id,
  COMMANDS.bind_transmitter.id,
  COMMANDS.bind_transceiver.id,
]);
const HEADER_OCTETS = 16;
/** 15 octets and a NUL (SMPP 3.4 §5.2.1). */
const SYSTEM_ID_OCTETS = 16;

/** What sessions that are not bound asked to be bound as; forgotten with them. */
const ASKED = new WeakMap<Session, string>();
/** Our own end does not change, and a socket that is closing does not know it any more. */
const LOCAL = new WeakMap<Session, Endpoint>();

function peerOfCustomer(session: Session, octets: Buffer, direction: 'in' | 'out'): string {
  if (session.systemId !== '') return session.systemId;
  if (direction === 'in' && BINDS.has(octets.readUInt32BE(4)) && !ASKED.has(session)) {
    const most = octets.subarray(HEADER_OCTETS, HEADER_OCTETS + SYSTEM_ID_OCTETS);
    const nul = most.indexOf(0);
    ASKED.set(session, most.toString('latin1', 0, nul < 0 ? most.length : nul));
  }
  return ASKED.get(session) ?? '';
}

function endsOf(session: Session): { readonly local: Endpoint; readonly peer: Endpoint } {
  let local = LOCAL.get(session);
  if (local === undefined) {
    local = session.localAddress;
    LOCAL.set(session, local);
  }
  return { local, peer: { address: session.peerAddress, port: session.peerPort } };
}
