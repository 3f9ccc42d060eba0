import { LatencyHistogram } from './latency.ts';
import { type BindAs, BindState, bindRequest, isBindResponse, type LoadBind } from './load-bind.ts';
import { numberDigits, type SubmitTemplate, submitTemplate } from './templates.ts';
import {
  bareResponse,
  connectWire,
  digits,
  headerOctets,
  ids,
  pastCString,
  putDigits,
  putU32,
  u32,
  type Wire,
  type WireTarget,
} from './wire.ts';

/** Where the load goes. */
export interface LoadTarget extends WireTarget {
  binds: LoadBind[];
  /** Default transceiver; a transmitter gets no receipts. */
  bindAs?: BindAs;
  /** Unanswered submits on one bind. */
  windowMax: number;
  /** Of the destinations, as `destinationPrefix`, and of its length. */
  prefix?: string;
}

/** One run. */
export interface LoadRun {
  messages: number;
  /** Submits a second, open loop: each has its time, and waiting for a window counts as latency. 0: as the windows allow. */
  ratePerSecond: number;
  /** true: waits for every receipt; false: ends with the last answer. */
  awaitReceipts: boolean;
  /** Nothing heard for so long ends the run as it stands, milliseconds. */
  patienceMs: number;
  /** true: measures from submit to receipt as well, at 8 octets a message. */
  timesReceipts?: boolean;
}

/** What a run came to. */
export interface LoadResult {
  accepted: number;
  /** Submits with another status than 0, by status in hex; the temporary ones were submitted again. */
  refused: Record<string, number>;
  /** Messages with exactly one final receipt, and with more. */
  delivered: number;
  repeated: number;
  /** First submit to last answer, and to last receipt, milliseconds. */
  acceptedMs: number;
  lifecycleMs: number;
  /** submit_sm to submit_sm_resp, milliseconds; from the intended time when paced. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** From the submit (intended when paced) to its receipt, milliseconds; with `timesReceipts`. */
  receiptP99Ms?: number;
  /** Ended by patience or a lost session: the figures are not a run's. */
  broken?: string;
}

/** How often the paced load is fed, milliseconds; the wait for it counts as latency. */
const tickMs = 2;
/** On so many binds a tick's messages are spread, as applications send in bursts: a write for each message would cost 20 us. */
const burstBinds = 4;
/** For ten connections: two thirds of what the gateway takes from one address. */
const connectPaceMs = 150;
/** A temporarily refused message is submitted again after this. */
const retryMs = 20;
/** Throttled, queue full, system error: temporary (interface.md). */
const temporary = new Set([0x58, 0x14, 0x08]);

/**
 * The customers of the load: some hundred binds that submit numbered messages
 * and count their receipts, at about 4 us of CPU a message.
 *
 *   connect() -> run() -> result, run() -> result ... -> close()
 */
export class Load {
  readonly #target: LoadTarget;
  readonly #binds: BindState[] = [];
  readonly #histogram = new LatencyHistogram();
  readonly #template: SubmitTemplate;
  readonly #deliverResponse = bareResponse(ids.deliverSmResp, true);
  /** Receipts by message number of the run. */
  #receipts = new Uint8Array(0);
  /** Intended time by message number; empty unless receipts are timed. */
  #intended = new Float64Array(0);
  readonly #receiptTimes = new LatencyHistogram();
  #run: LoadRun = { messages: 0, ratePerSecond: 0, awaitReceipts: true, patienceMs: 60_000 };
  /** Number of the run's first message: numbers go on over the runs. */
  #base = 0;
  #next = 0;
  #retries: number[] = [];
  #retryAt = 0;
  #nextBind = 0;
  #startedAt = 0;
  #now = 0;
  #accepted = 0;
  #refusedForGood = 0;
  #refused = new Map<number, number>();
  #delivered = 0;
  #repeated = 0;
  #lastAnswerAt = 0;
  #lastReceiptAt = 0;
  #finish: ((result: LoadResult) => void) | undefined;

  constructor(target: LoadTarget) {
    this.#target = target;
    this.#template = submitTemplate('Bench', target.prefix);
  }

  /** Binds everything, ten at a time; the gateway takes 100 connections a second from one address. Rejects when one is refused. */
  async connect(): Promise<void> {
    const { binds } = this.#target;
    for (let from = 0; from < binds.length; from += 10) {
      const pace = new Promise((resolve) => setTimeout(resolve, connectPaceMs));
      await Promise.all(binds.slice(from, from + 10).map((bind) => this.#bind(bind)));
      if (from + 10 < binds.length) await pace;
    }
  }

  /** Submits `messages` and settles when all is accounted for. One run at a time. */
  run(run: LoadRun): Promise<LoadResult> {
    this.#run = run;
    this.#base += this.#next;
    this.#next = 0;
    this.#receipts = new Uint8Array(run.messages);
    this.#intended = new Float64Array(run.timesReceipts ? run.messages : 0);
    this.#histogram.reset();
    this.#receiptTimes.reset();
    this.#accepted = 0;
    this.#refusedForGood = 0;
    this.#refused = new Map();
    this.#delivered = 0;
    this.#repeated = 0;
    this.#startedAt = performance.now();
    this.#now = this.#startedAt;
    this.#lastAnswerAt = this.#startedAt;
    this.#lastReceiptAt = this.#startedAt;
    const timer = setInterval(() => this.#tick(), tickMs);
    const result = new Promise<LoadResult>((resolve) => {
      this.#finish = (value) => {
        this.#finish = undefined;
        clearInterval(timer);
        resolve(value);
      };
    });
    this.#tick();
    return result;
  }

  /** Messages answered positively and receipts counted in the run under way. */
  progress(): { accepted: number; delivered: number } {
    return { accepted: this.#accepted, delivered: this.#delivered };
  }

  /** Cuts every session. */
  close(): void {
    this.#finish?.(this.#result('closed'));
    for (const bind of this.#binds) bind.wire.socket.destroy();
  }

  #bind(bind: LoadBind): Promise<void> {
    const { windowMax, bindAs = 'transceiver' } = this.#target;
    return new Promise((resolve, reject) => {
      connectWire(this.#target, this).then((wire) => {
        wire.index = this.#binds.length;
        this.#binds.push(new BindState(wire, windowMax, bind.systemId, resolve, reject));
        wire.append(bindRequest(bind, bindAs));
        wire.flush();
      }, reject);
    });
  }

  onPdu(wire: Wire, buf: Buffer, start: number, end: number): void {
    const commandId = u32(buf, start + 4);
    const bind = this.#binds[wire.index] as BindState;
    if (commandId === ids.submitSmResp)
      this.#onAnswer(bind, u32(buf, start + 12), u32(buf, start + 8));
    else if (commandId === ids.deliverSm) this.#onReceipt(wire, buf, start, end);
    else if (isBindResponse(commandId)) bind.onBindAnswer(u32(buf, start + 8));
    else if (commandId === ids.genericNack)
      this.#onAnswer(bind, u32(buf, start + 12), u32(buf, start + 8));
    else if (commandId < ids.genericNack) {
      const at = wire.append(bareResponse(commandId + ids.genericNack, false));
      putU32(wire.buffer, at + 12, u32(buf, start + 12));
    }
  }

  onReadEnd(wire: Wire): void {
    this.#now = performance.now();
    if (this.#run.ratePerSecond === 0) this.#fill(this.#binds[wire.index] as BindState);
    if (this.#isComplete()) this.#finish?.(this.#result());
  }

  onClosed(wire: Wire): void {
    const bind = this.#binds[wire.index];
    bind?.onBindAnswer(0xffffffff);
    this.#finish?.(this.#result(`the gateway closed the session of ${bind?.systemId}`));
  }

  #tick(): void {
    this.#now = performance.now();
    const { messages, ratePerSecond, patienceMs } = this.#run;
    if (ratePerSecond === 0) {
      for (const bind of this.#binds) {
        this.#fill(bind);
        bind.wire.flush();
      }
    } else {
      const elapsed = this.#now - this.#startedAt;
      const due = Math.min(messages, Math.floor((elapsed * ratePerSecond) / 1000) + 1);
      this.#submitPaced(due);
    }
    const heard = Math.max(this.#lastAnswerAt, this.#lastReceiptAt);
    if (this.#now - heard > patienceMs) this.#finish?.(this.#result('nothing heard any more'));
  }

  #submitPaced(due: number): void {
    const { ratePerSecond } = this.#run;
    let bind = this.#freeBind();
    while (bind && this.#retries.length > 0 && this.#now >= this.#retryAt) {
      this.#submit(bind, this.#retries.pop() as number, this.#now);
      bind = this.#freeBind();
    }
    const burst = Math.ceil((due - this.#next) / burstBinds);
    while (bind && this.#next < due) {
      const end = Math.min(due, this.#next + Math.min(burst, bind.free));
      while (this.#next < end) {
        const intended = this.#startedAt + (this.#next * 1000) / ratePerSecond;
        this.#submit(bind, this.#next++, intended);
      }
      bind = this.#freeBind();
    }
    for (const each of this.#binds) each.wire.flush();
  }

  #freeBind(): BindState | undefined {
    const binds = this.#binds;
    for (let tried = 0; tried < binds.length; tried += 1) {
      this.#nextBind = this.#nextBind + 1 < binds.length ? this.#nextBind + 1 : 0;
      const bind = binds[this.#nextBind] as BindState;
      if (bind.free > 0) return bind;
    }
    return undefined;
  }

  #fill(bind: BindState): void {
    const { messages } = this.#run;
    while (bind.free > 0 && this.#retries.length > 0 && this.#now >= this.#retryAt) {
      this.#submit(bind, this.#retries.pop() as number, this.#now);
    }
    while (bind.free > 0 && this.#next < messages) this.#submit(bind, this.#next++, this.#now);
  }

  #submit(bind: BindState, index: number, intended: number): void {
    const template = this.#template;
    const sequence = bind.take(index, intended);
    if (index < this.#intended.length) this.#intended[index] = intended;
    const at = bind.wire.append(template.pdu);
    const out = bind.wire.buffer;
    putU32(out, at + 12, sequence);
    putDigits(out, at + template.destinationAt, numberDigits, this.#base + index);
    putDigits(out, at + template.textAt, numberDigits, this.#base + index);
  }

  #onAnswer(bind: BindState, sequence: number, status: number): void {
    const slot = sequence & bind.mask;
    const index = bind.release(slot);
    if (index < 0) return;
    const now = this.#timeOfRead();
    this.#lastAnswerAt = now;
    if (status === 0) {
      this.#histogram.add(now - (bind.intended[slot] as number));
      this.#accepted += 1;
      return;
    }
    this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1);
    if (!temporary.has(status)) {
      this.#refusedForGood += 1;
      return;
    }
    this.#retries.push(index);
    this.#retryAt = now + retryMs;
  }

  /** One clock reading a millisecond is enough for bins of 0.1 ms only if reads are short: so once a PDU of answers. */
  #timeOfRead(): number {
    return performance.now();
  }

  #onReceipt(wire: Wire, buf: Buffer, start: number, _end: number): void {
    const at = wire.append(this.#deliverResponse);
    const out = wire.buffer;
    putU32(out, at + 12, u32(buf, start + 12));
    const sourceAt = pastCString(buf, start + headerOctets) + 2;
    const sourceEnd = pastCString(buf, sourceAt) - 1;
    const index = digits(buf, sourceEnd - numberDigits, numberDigits) - this.#base;
    // Of an earlier run that was broken off: not ours to count.
    if (index < 0 || index >= this.#receipts.length) return;
    this.#lastReceiptAt = this.#now;
    const before = this.#receipts[index] as number;
    if (before === 0) {
      this.#delivered += 1;
      if (index < this.#intended.length)
        this.#receiptTimes.add(performance.now() - (this.#intended[index] as number));
    } else if (before === 1) this.#repeated += 1;
    this.#receipts[index] = Math.min(255, before + 1);
  }

  #isComplete(): boolean {
    const { messages, awaitReceipts } = this.#run;
    if (this.#accepted + this.#refusedForGood < messages) return false;
    return !awaitReceipts || this.#delivered >= this.#accepted;
  }

  #result(broken?: string): LoadResult {
    const refused: Record<string, number> = {};
    for (const [status, count] of this.#refused) refused[`0x${status.toString(16)}`] = count;
    return {
      accepted: this.#accepted,
      refused,
      delivered: this.#delivered,
      repeated: this.#repeated,
      acceptedMs: this.#lastAnswerAt - this.#startedAt,
      lifecycleMs: this.#lastReceiptAt - this.#startedAt,
      p50Ms: this.#histogram.quantile(0.5),
      p99Ms: this.#histogram.quantile(0.99),
      maxMs: this.#histogram.quantile(1),
      ...(this.#run.timesReceipts && { receiptP99Ms: this.#receiptTimes.quantile(0.99) }),
      ...(broken !== undefined && { broken }),
    };
  }
}
