import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Session } from '../../src/session/session.ts';
import {
  type InFlight,
  type SessionEndReason,
  type SessionHandler,
  type SessionOptions,
  sessionOptions,
} from '../../src/session/session-types.ts';
import {
  type BindRequest,
  newPdu,
  newResponse,
  type RequestPdu,
  type ResponsePdu,
  type SubmitSm,
} from '../../src/smpp/pdu.ts';

/** A clock that moves only when told; it ticks what is given once a second of its time, as owners do. */
export class TestClock {
  ms = 1_000;
  readonly now = (): number => this.ms;

  advance(ms: number, ...targets: { tick(nowMs: number): void }[]): void {
    const end = this.ms + ms;
    while (this.ms < end) {
      this.ms = Math.min(end, this.ms + 1_000);
      for (const target of targets) target.tick(this.ms);
    }
  }
}

/** Waits for conditions without a timer: each condition is looked at again whenever something happened. */
export class Happenings {
  readonly #waiting = new Set<() => void>();

  happened(): void {
    for (const look of [...this.#waiting]) look();
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        try {
          if (!condition()) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** A handler that records everything and answers what `answer` says. */
export class Recorder extends Happenings implements SessionHandler {
  readonly binds: BindRequest[] = [];
  /** Who asked for them. */
  readonly binding: Session[] = [];
  readonly bound: Session[] = [];
  readonly requests: { pdu: RequestPdu; overWindow: boolean }[] = [];
  readonly responses: { pdu: ResponsePdu; context: unknown; sentAtMs: number }[] = [];
  readonly timeouts: InFlight[] = [];
  readonly closed: { session: Session; reason: SessionEndReason; inFlight: InFlight[] }[] = [];
  windowOpened = 0;
  /** What to do with a bind: undefined leaves it unanswered. */
  bind: ((session: Session, pdu: BindRequest) => void) | undefined = (session) => {
    session.acceptBind({ systemId: 'gw' });
  };
  /** What to do with a request: undefined leaves it unanswered. */
  answer: ((session: Session, pdu: RequestPdu) => void) | undefined;

  onBind(session: Session, pdu: BindRequest): void {
    this.binds.push(pdu);
    this.binding.push(session);
    this.bind?.(session, pdu);
    this.happened();
  }

  onBound(session: Session): void {
    this.bound.push(session);
    this.happened();
  }

  onRequest(session: Session, pdu: RequestPdu, overWindow: boolean): void {
    this.requests.push({ pdu, overWindow });
    this.answer?.(session, pdu);
    this.happened();
  }

  onResponse(_session: Session, pdu: ResponsePdu, context: unknown, sentAtMs: number): void {
    this.responses.push({ pdu, context, sentAtMs });
    this.happened();
  }

  onTimeout(_session: Session, request: InFlight): void {
    this.timeouts.push(request);
    this.happened();
  }

  onWindowOpen(): void {
    this.windowOpened++;
    this.happened();
  }

  onClosed(session: Session, reason: SessionEndReason, inFlight: InFlight[]): void {
    this.closed.push({ session, reason, inFlight });
    this.happened();
  }

  /** How the only session ended; waits for it. */
  async ended(): Promise<{ reason: SessionEndReason; inFlight: InFlight[] }> {
    await this.until(() => this.closed.length > 0);
    const [end] = this.closed;
    if (end === undefined || this.closed.length > 1) throw new Error('onClosed was called twice');
    return end;
  }
}

/** A peer without any SMPP of ours: octets out, octets in. */
export class RawPeer extends Happenings {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  ended = false;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.happened();
    });
    socket.on('error', () => this.#end());
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  write(hex: string): void {
    this.socket.write(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
  }

  /** The PDUs that came, each as hex, cut by command_length. */
  get pdus(): string[] {
    const cut: string[] = [];
    for (let at = 0; at + 4 <= this.received.length; ) {
      const end = at + this.received.readUInt32BE(at);
      if (end > this.received.length) break;
      cut.push(this.received.toString('hex', at, end));
      at = end;
    }
    return cut;
  }

  /** Waits for so many PDUs, returns and forgets them. */
  async take(count: number): Promise<string[]> {
    await this.until(() => this.#whole >= count);
    const taken = this.pdus.slice(0, count);
    this.received = this.received.subarray(taken.join('').length / 2);
    return taken;
  }

  async untilEnd(): Promise<void> {
    await this.until(() => this.ended);
  }

  /** How many whole PDUs came. */
  get #whole(): number {
    let count = 0;
    for (let at = 0; at + 4 <= this.received.length; count++) {
      at += this.received.readUInt32BE(at);
      if (at > this.received.length) break;
    }
    return count;
  }

  #end(): void {
    this.ended = true;
    this.happened();
  }
}

/** Everything opened by a test; `release` closes it and waits until it is gone. */
export class Opened {
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];

  socket(socket: Socket): Socket {
    this.#sockets.push(socket);
    return socket;
  }

  /** Two connected sockets. */
  async pair(): Promise<{ near: Socket; far: Socket }> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const far = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    const [[near]] = await Promise.all([accepted, once(far, 'connect')]);
    server.close();
    this.#sockets.push(near, far);
    return { near, far };
  }

  /** A server that does with each connection what it is told. */
  async server(
    connected: (socket: Socket) => void,
    port = 0,
  ): Promise<{ server: Server; port: number }> {
    const server = createServer((socket) => {
      this.#sockets.push(socket);
      socket.on('error', () => {});
      connected(socket);
    });
    this.#servers.push(server);
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  async release(): Promise<void> {
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of this.#sockets.splice(0)) {
      if (socket.closed) continue;
      const closed = once(socket, 'close');
      socket.on('error', () => {});
      socket.destroy();
      await closed;
    }
  }
}

/** Options of a session under a test clock. */
export function testOptions(clock: TestClock, given: Partial<SessionOptions> = {}): SessionOptions {
  return sessionOptions({ side: 'smsc', now: clock.now, ...given });
}

/** A session of ours and a peer of octets. */
export async function sessionAndPeer(
  opened: Opened,
  clock: TestClock,
  given: Partial<SessionOptions> = {},
): Promise<{ session: Session; handler: Recorder; peer: RawPeer }> {
  const { near, far } = await opened.pair();
  const handler = new Recorder();
  const session = new Session(near, testOptions(clock, given), handler);
  return { session, handler, peer: new RawPeer(far) };
}

/** The same, bound: a customer's transceiver unless told otherwise. */
export async function boundSessionAndPeer(
  opened: Opened,
  clock: TestClock,
  given: Partial<SessionOptions> = {},
  bind: string = BIND_TRANSCEIVER,
): Promise<{ session: Session; handler: Recorder; peer: RawPeer }> {
  const made = await sessionAndPeer(opened, clock, given);
  made.peer.write(bind);
  await made.peer.take(1);
  return made;
}

/** Two sessions of ours, bound to each other as a transceiver. */
export async function sessionPair(
  opened: Opened,
  clock: TestClock,
  given: { smsc?: Partial<SessionOptions>; esme?: Partial<SessionOptions> } = {},
): Promise<{ smsc: Session; esme: Session; atSmsc: Recorder; atEsme: Recorder }> {
  const { near, far } = await opened.pair();
  const [atSmsc, atEsme] = [new Recorder(), new Recorder()];
  const smsc = new Session(near, testOptions(clock, { ...given.smsc, side: 'smsc' }), atSmsc);
  const esme = new Session(far, testOptions(clock, { ...given.esme, side: 'esme' }), atEsme);
  const bind = newPdu('bind_transceiver', 0);
  bind.system_id = 'acme';
  bind.interface_version = 0x34;
  esme.bind(bind);
  await atEsme.until(() => atEsme.bound.length > 0);
  return { smsc, esme, atSmsc, atEsme };
}

export function submitSm(text = 'hello'): SubmitSm {
  const pdu = newPdu('submit_sm', 0);
  pdu.source_addr = 'Sender';
  pdu.destination_addr = '966500000001';
  pdu.short_message = Buffer.from(text, 'latin1');
  return pdu;
}

/** Answers every submit_sm or deliver_sm with status 0. */
export function answerOk(session: Session, pdu: RequestPdu): void {
  if (pdu.command === 'submit_sm') {
    const response = newResponse('submit_sm_resp', pdu.sequence_number, 0);
    response.message_id = '42';
    session.respond(response);
  } else if (pdu.command === 'deliver_sm') {
    session.respond(newResponse('deliver_sm_resp', pdu.sequence_number, 0));
  }
}

/** Header of a PDU, SMPP 3.4 §3.2; the body is hex. */
export function pduHex(commandId: number, status: number, sequence: number, body = ''): string {
  const octets = body.replaceAll(/\s/g, '');
  const words = [16 + octets.length / 2, commandId, status, sequence];
  return words.map((word) => word.toString(16).padStart(8, '0')).join('') + octets;
}

/** system_id "acme", password "secret", system_type "", interface_version 0x34, ton, npi, address_range "". */
const BIND_BODY = '61636d6500 73656372657400 00 34 00 00 00';
/** SMPP 3.4 §4.1.5, sequence_number 1. */
export const BIND_TRANSCEIVER = pduHex(0x09, 0, 1, BIND_BODY);
export const BIND_RECEIVER = pduHex(0x01, 0, 1, BIND_BODY);
export const BIND_TRANSMITTER = pduHex(0x02, 0, 1, BIND_BODY);
/** The same by a 3.3 customer. */
export const BIND_TRANSCEIVER_33 = pduHex(
  0x09,
  0,
  1,
  BIND_BODY.replace('34 00 00 00', '33 00 00 00'),
);
/** service_type "", source 0 0 "", dest 0 0 "1", esm_class to sm_default_msg_id 0, sm_length 1, "A": 3.4 §4.4.1. */
export const SM_BODY = '00 0000 00 0000 3100 00 00 00 00 00 00 00 00 00 01 41';
export const submitHex = (sequence: number): string => pduHex(0x04, 0, sequence, SM_BODY);
export const deliverHex = (sequence: number): string => pduHex(0x05, 0, sequence, SM_BODY);
