import { connect } from 'node:net';
import { LatencyHistogram } from './latency.ts';
import { bindRequest, isBindResponse, type LoadBind } from './load-bind.ts';
import { bareResponse, ids, putU32, u32, Wire, type WireHandler } from './wire.ts';

/** Where the idle binds go. */
export interface IdleTarget {
  host: string;
  port: number;
  binds: LoadBind[];
  /** They come from so many addresses of loopback, 127.0.0.1 onwards, in turn; at most 250. */
  addresses: number;
  /** First attempts a second; later ones are as eager as their clients. */
  startPerSecond: number;
}

/** How the binds stand. */
export interface IdleState {
  bound: number;
  /** From the begin of counting to when the last of them was accepted, milliseconds. */
  lastBoundMs: number;
  /** Attempts that ended before a positive answer, by why: the socket's error code, 'closed', or the status in hex. */
  failures: Record<string, number>;
  /** Bound sessions that ended. */
  lost: number;
}

/** Round trips of enquire_link. */
export interface EnquireResult {
  asked: number;
  unanswered: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** How often due attempts and enquire_links are looked for; waiting for it counts as latency. */
const tickMs = 2;
/** What clients wait after a lost session and each failure: 1 s, then a second more each time up to 5 s. */
const backoffStepMs = 1000;
const backoffMaxMs = 5000;
/** A connection without an answer to its bind for so long is given up. */
const bindTimeoutMs = 10_000;
/** An idle bind writes a header at a time. */
const slabOctets = 512;
/** Answers to what was asked last may take so long. */
const graceMs = 5000;

/**
 * Thousands of clients that bind and do nothing but ask and answer
 * enquire_link; each reconnects by itself for as long as it lives.
 *
 *   waiting ──due──> connecting ──bind_resp 0──> bound ──lost──> waiting (1 s, 2 s .. 5 s)
 *      ^                 └──refused, closed, 10 s──┘
 */
export class IdleBinds implements WireHandler {
  readonly #target: IdleTarget;
  readonly #clients: Client[];
  readonly #histogram = new LatencyHistogram();
  readonly #enquire = bareResponse(ids.enquireLink, false);
  readonly #timer: NodeJS.Timeout;
  readonly #failures = new Map<string, number>();
  #from = performance.now();
  #bound = 0;
  #lost = 0;
  #lastBoundAt = 0;
  /** The round of enquire_links under way: its interval (0: none), its start, and the turns so far. */
  #everyMs = 0;
  #askFrom = 0;
  #next = 0;
  #asked = 0;
  #answered = 0;

  constructor(target: IdleTarget) {
    this.#target = target;
    this.#clients = target.binds.map((bind, index) => ({
      bind: bindRequest(bind, 'transceiver'),
      localAddress: `127.0.0.${1 + (index % target.addresses)}`,
      wire: undefined,
      isBound: false,
      dueAt: this.#from + (index * 1000) / target.startPerSecond,
      attempts: 0,
      askedAt: 0,
      error: undefined,
    }));
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** The binds now; counting of failures, losses and time begins anew with `restart`. */
  state(restart: boolean): IdleState {
    const state: IdleState = {
      bound: this.#bound,
      lastBoundMs: Math.max(0, this.#lastBoundAt - this.#from),
      failures: Object.fromEntries(this.#failures),
      lost: this.#lost,
    };
    if (restart) {
      this.#from = performance.now();
      this.#failures.clear();
      this.#lost = 0;
    }
    return state;
  }

  /** Has each bind send an enquire_link every `everyMs`, evenly spread, for `seconds`; counts from when each was due. */
  async ask(run: { seconds: number; everyMs: number }): Promise<EnquireResult> {
    this.#histogram.reset();
    this.#next = 0;
    this.#asked = 0;
    this.#answered = 0;
    this.#askFrom = performance.now();
    this.#everyMs = run.everyMs;
    await new Promise((resolve) => setTimeout(resolve, run.seconds * 1000));
    this.#everyMs = 0;
    const deadline = performance.now() + graceMs;
    while (this.#answered < this.#asked && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100));
    return {
      asked: this.#asked,
      unanswered: this.#asked - this.#answered,
      p50Ms: this.#histogram.quantile(0.5),
      p99Ms: this.#histogram.quantile(0.99),
      maxMs: this.#histogram.quantile(1),
    };
  }

  /** Cuts everything. */
  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) {
      client.dueAt = Number.POSITIVE_INFINITY;
      client.wire?.socket.destroy();
    }
  }

  onPdu(wire: Wire, buf: Buffer, start: number): void {
    const client = this.#clients[wire.index];
    const commandId = u32(buf, start + 4);
    if (client === undefined) return;
    if (commandId === ids.enquireLinkResp) this.#onEnquired(client);
    else if (isBindResponse(commandId)) this.#onBindAnswer(client, wire, u32(buf, start + 8));
    else if (commandId < ids.genericNack) {
      const at = wire.append(bareResponse(commandId + ids.genericNack, false));
      putU32(wire.buffer, at + 12, u32(buf, start + 12));
    }
  }

  onClosed(wire: Wire): void {
    const client = this.#clients[wire.index];
    if (client?.wire !== wire) return;
    if (client.isBound) {
      this.#bound -= 1;
      this.#lost += 1;
      client.attempts = 0;
    } else this.#fail(client.error ?? 'closed');
    this.#later(client);
  }

  #onBindAnswer(client: Client, wire: Wire, status: number): void {
    if (status !== 0) {
      this.#fail(`0x${status.toString(16)}`);
      this.#later(client);
      wire.socket.destroy();
      return;
    }
    client.isBound = true;
    client.attempts = 0;
    client.dueAt = Number.POSITIVE_INFINITY;
    this.#bound += 1;
    this.#lastBoundAt = performance.now();
  }

  #onEnquired(client: Client): void {
    if (client.askedAt === 0) return;
    this.#histogram.add(performance.now() - client.askedAt);
    this.#answered += 1;
    client.askedAt = 0;
  }

  #tick(): void {
    const now = performance.now();
    for (let index = 0; index < this.#clients.length; index += 1) {
      const client = this.#clients[index] as Client;
      if (client.dueAt > now) continue;
      if (client.wire === undefined) this.#connect(client, index, now);
      else {
        this.#fail('timeout');
        const { wire } = client;
        this.#later(client);
        wire.socket.destroy();
      }
    }
    this.#askDue(now);
  }

  #askDue(now: number): void {
    if (this.#everyMs === 0) return;
    const total = this.#clients.length;
    const due = Math.floor(((now - this.#askFrom) * total) / this.#everyMs) + 1;
    for (; this.#next < due; this.#next += 1) {
      const client = this.#clients[this.#next % total] as Client;
      // Its last one is not answered yet, and its latency goes on.
      if (!client.isBound || client.askedAt !== 0) continue;
      client.askedAt = this.#askFrom + (this.#next * this.#everyMs) / total;
      this.#asked += 1;
      const { wire } = client;
      if (wire === undefined) continue;
      const at = wire.append(this.#enquire);
      putU32(wire.buffer, at + 12, (this.#next % 0x7ffffffe) + 2);
      wire.flush();
    }
  }

  #connect(client: Client, index: number, now: number): void {
    const { host, port } = this.#target;
    client.dueAt = now + bindTimeoutMs;
    const socket = connect({ host, port, localAddress: client.localAddress });
    const wire = new Wire(socket, this, slabOctets);
    wire.index = index;
    client.wire = wire;
    client.error = undefined;
    socket.once('error', (error: NodeJS.ErrnoException) => {
      client.error = error.code;
    });
    wire.append(client.bind);
    // Written when it is connected.
    wire.flush();
  }

  /** Its connection is gone or given up: the next attempt, a step later than the last. */
  #later(client: Client): void {
    client.isBound = false;
    client.wire = undefined;
    client.askedAt = 0;
    client.attempts += 1;
    client.dueAt = performance.now() + Math.min(backoffMaxMs, client.attempts * backoffStepMs);
  }

  #fail(why: string): void {
    this.#failures.set(why, (this.#failures.get(why) ?? 0) + 1);
  }
}

interface Client {
  readonly bind: Buffer;
  readonly localAddress: string;
  wire: Wire | undefined;
  isBound: boolean;
  /** When it connects, or gives its connection up. */
  dueAt: number;
  /** Since it was bound last. */
  attempts: number;
  /** When its enquire_link was due; 0: none is unanswered. */
  askedAt: number;
  /** The socket's, of the attempt under way. */
  error: string | undefined;
}
