import type { Socket } from 'node:net';
import { decodePdu } from '../smpp/codec.ts';
import { isResponse, type Pdu, PduError, type RequestPdu, type ResponsePdu } from '../smpp/pdu.ts';
import { Inbox } from './inbox.ts';
import { Outbox } from './outbox.ts';
import type { Session } from './session.ts';
import type { PduTap } from './tap.ts';
import { endOfTurn, type Turn } from './turn.ts';

/** Idle connections are probed by the kernel after this long too, in ms: its default of 2 h is of no use. */
const KEEP_ALIVE_MS = 60_000;

/** Where a peer is. */
export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

/** The limits of a connection; see SessionOptions. */
export interface ConnectionLimits {
  readonly maxPduOctets: number;
  readonly pdusPerTurnMax: number;
  readonly outboundBytesMax: number;
  /** Sees every PDU; undefined: nobody does. */
  readonly tap?: PduTap | undefined;
}

/**
 * PDUs in and out over one socket, without a notion of what they mean: the lower half of Session.
 *
 * Reading: whatever a turn brings is decoded and given to `onRequestPdu`, `onResponsePdu` or
 * `onPduError`, at most pdusPerTurnMax a turn. Writing: one write a turn. A peer that leaves
 * outboundBytesMax unread is not read from until it takes some: it gets no more answers to leave
 * unread. A socket's `error` ends in `onGone`; nothing here throws but the hooks themselves.
 */
export abstract class PduConnection implements Turn {
  readonly peerAddress: string;
  readonly peerPort: number;
  inTurn = false;
  readonly #socket: ConnectionSocket;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #outboundBytesMax: number;
  readonly #tap: PduTap | undefined;
  #gone = false;

  /**
   * @param socket connected; the connection takes it over
   * @param peer where the peer is, when the socket does not know (PROXY protocol)
   */
  constructor(socket: Socket, limits: ConnectionLimits, peer?: PeerAddress) {
    this.peerAddress = peer?.address ?? plainAddress(socket.remoteAddress ?? '');
    this.peerPort = peer?.port ?? socket.remotePort ?? 0;
    this.#socket = socket as ConnectionSocket;
    this.#inbox = new Inbox(socket, this, limits.maxPduOctets, limits.pdusPerTurnMax);
    this.#outbox = new Outbox(socket, this);
    this.#outboundBytesMax = limits.outboundBytesMax;
    this.#tap = limits.tap;
    // The listeners are shared and find us here: four closures less a session.
    this.#socket[CONNECTION] = this;
    // We end our side ourselves, after the last answers: the peer may close its side first.
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('data', PduConnection.#listeners.data);
    socket.on('end', PduConnection.#listeners.end);
    socket.on('error', PduConnection.#listeners.error);
    socket.on('close', PduConnection.#listeners.close);
  }

  /** Our end of the connection; port 0 once the socket is gone. */
  get localAddress(): PeerAddress {
    const { localAddress = '', localPort = 0 } = this.#socket;
    return { address: plainAddress(localAddress), port: localPort };
  }

  /** Whether it is under TLS. */
  get isTls(): boolean {
    return 'encrypted' in this.#socket;
  }

  /** Octets that wait for the peer to read. */
  get outboundBytes(): number {
    return this.#outbox.bytes;
  }

  /**
   * Holds reading for a reason; the kernel's window then stops the peer, and its timers stand still.
   * A reason that is given twice is one, and each must be resumed.
   */
  pauseReading(reason = 'owner'): void {
    this.#inbox.pause(reason);
  }

  resumeReading(reason = 'owner'): void {
    this.#inbox.resume(reason);
  }

  /** The end of a turn. Only endOfTurn calls it. */
  onTurn(): void {
    this.#inbox.newTurn();
    this.#read();
    this.onTurnEnd();
    this.#outbox.flush();
    this.#watchOutbound();
  }

  /** This object as its owner and taps know it. */
  protected abstract get self(): Session;
  /** A decoded request of the peer. */
  protected abstract onRequestPdu(pdu: RequestPdu): void;
  /** A decoded answer of the peer. */
  protected abstract onResponsePdu(pdu: ResponsePdu): void;
  protected abstract onPduError(error: PduError): void;
  /** Octets came, of whatever kind. */
  protected abstract onOctets(): void;
  /** Before this turn's writes leave. */
  protected abstract onTurnEnd(): void;
  /**
   * The peer sent FIN or the socket failed; onGone follows. May be called more than once.
   * @param code the system's error code as ECONNRESET, undefined for a FIN
   */
  protected abstract onEnding(code: string | undefined): void;
  /** The socket is gone; what had come before was given out. Called once, last. */
  protected abstract onGone(): void;

  /** Whether what is put now can still leave. */
  protected get writable(): boolean {
    return this.#outbox.open;
  }

  /** False while somebody holds reading. */
  protected get reading(): boolean {
    return this.#inbox.reading;
  }

  /** Whether as much waits for the peer to read as may. */
  protected get outboundFull(): boolean {
    return this.#outbox.bytes >= this.#outboundBytesMax;
  }

  /** Number of the write that will carry what is put now; see RequestWindow.add. */
  protected get nextFlush(): number {
    return this.#outbox.flushes;
  }

  /** Adds a PDU to this turn's write. @throws PduError when a field does not fit; nothing is added then */
  protected put(pdu: Pdu): void {
    this.#outbox.put(pdu);
    if (this.#tap?.open === true) this.#tap.wrote(this.self, pdu);
  }

  /** Writes now instead of at the end of the turn. */
  protected flush(): void {
    this.#outbox.flush();
  }

  /** Asks for an onTurnEnd at the end of this turn. */
  protected wake(): void {
    if (!this.#gone) endOfTurn(this);
  }

  /** Asks for an onTurnEnd when the peer has taken some of what it is owed. */
  protected wakeWhenWritten(): void {
    this.#outbox.watched = true;
  }

  /** Longest PDU of the peer from here on, in octets; never over the options' limit. */
  protected setMaxPdu(octets: number): void {
    this.#inbox.setMaxPdu(octets);
  }

  /** Octets that came and belong to no PDU yet. */
  get octetsHeld(): number {
    return this.#inbox.octetsHeld;
  }

  /** For how many ms the peer has owed the rest of a PDU. */
  protected partialForMs(nowMs: number): number {
    return this.#inbox.partialForMs(nowMs);
  }

  protected stalledForMs(nowMs: number): number {
    return this.#outbox.stalledForMs(nowMs);
  }

  /** Throws away whatever still comes. */
  protected discardInput(): void {
    this.#inbox.discard();
  }

  /** Flushes and sends FIN. What comes is still read, even if reading was held: the peer's FIN too. */
  protected finish(): void {
    this.#inbox.unhold();
    this.#outbox.end();
  }

  protected destroy(): void {
    this.#socket.destroy();
  }

  /** Shared by all connections; `this` is the socket. */
  static readonly #listeners = {
    data(this: ConnectionSocket, chunk: Buffer): void {
      const connection = this[CONNECTION];
      connection.onOctets();
      connection.#inbox.push(chunk);
      endOfTurn(connection);
      connection.#read();
    },
    end(this: ConnectionSocket): void {
      this[CONNECTION].onEnding(undefined);
    },
    error(this: ConnectionSocket, error: NodeJS.ErrnoException): void {
      this[CONNECTION].onEnding(error.code ?? error.message);
    },
    close(this: ConnectionSocket): void {
      const connection = this[CONNECTION];
      connection.onEnding(undefined);
      connection.#inbox.unhold();
      connection.#inbox.noLimit();
      connection.#read();
      connection.#gone = true;
      connection.onGone();
    },
  };

  #read(): void {
    for (;;) {
      let pdu: Pdu;
      try {
        const frame = this.#inbox.next();
        if (frame === undefined) return;
        if (this.#tap?.open === true) this.#tap.read(this.self, frame.buf, frame.start, frame.end);
        pdu = decodePdu(frame.buf, frame.start, frame.end);
      } catch (error) {
        if (!(error instanceof PduError)) throw error;
        this.onPduError(error);
        if (error.kind === 'fatal') return;
        continue;
      }
      if (isResponse(pdu)) this.onResponsePdu(pdu);
      else this.onRequestPdu(pdu);
    }
  }

  #watchOutbound(): void {
    const full = this.outboundFull;
    // Somebody waits for room, and this turn's write made it.
    if (this.#outbox.watched && !full) this.wake();
    this.#outbox.watched = full;
    if (full) this.#inbox.pause(OUTBOUND);
    else if (!this.#inbox.reading) this.#inbox.resume(OUTBOUND);
  }
}

/** An IPv4 address as such, also where the socket is IPv6 ("::ffff:192.0.2.1", RFC 4291 §2.5.5.2). */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** The reason under which a peer that does not read is not read from. */
const OUTBOUND = 'outbound';
const CONNECTION = Symbol('PduConnection');
type ConnectionSocket = Socket & { [CONNECTION]: PduConnection };
