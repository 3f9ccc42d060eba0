import { bindRequest, isBindResponse, type LoadBind } from './load-bind.ts';
import { numberDigits, type SubmitTemplate, submitTemplate } from './templates.ts';
import {
  bareResponse,
  connectWire,
  ids,
  putDigits,
  putU32,
  u32,
  type Wire,
  type WireHandler,
  type WireTarget,
} from './wire.ts';

/** Where the flood goes. */
export interface FloodTarget extends WireTarget {
  binds: LoadBind[];
  /** Submits a second over all binds; 0: as fast as the sockets take them. */
  perSecond: number;
  /** Of the destinations, as `destinationPrefix`. */
  prefix?: string;
}

/** What the flood came to since the last look. */
export interface FloodCounts {
  submitted: number;
  /** Answers by status in hex. */
  answers: Record<string, number>;
  receipts: number;
  /** Sessions that the gateway ended. */
  closed: number;
}

/** How often it pours. */
const tickMs = 2;
/** So much unwritten on a socket: it takes no more now. */
const socketFullOctets = 256 * 1024;
/** Submits in one write. */
const burst = 100;
/** Sequence numbers and destinations go around. */
const numbers = 50_000_000;

/** A customer that pays no heed to answers: submits on all of its binds, regardless of window, status and latency. */
export class Flood implements WireHandler {
  readonly #target: FloodTarget;
  readonly #wires: Wire[] = [];
  readonly #template: SubmitTemplate;
  readonly #deliverResponse = bareResponse(ids.deliverSmResp, true);
  readonly #answers = new Map<number, number>();
  #submitted = 0;
  #counted = 0;
  #receipts = 0;
  #closed = 0;
  #startedAt = 0;
  #owed = 0;
  #timer: NodeJS.Timeout | undefined;
  #onBound: (() => void) | undefined;
  #onRefused: ((error: Error) => void) | undefined;

  constructor(target: FloodTarget) {
    this.#target = target;
    this.#template = submitTemplate('Bench', target.prefix);
  }

  /** Binds everything; rejects when one is refused. */
  async connect(): Promise<void> {
    for (const bind of this.#target.binds) {
      const wire = await connectWire(this.#target, this);
      this.#wires.push(wire);
      wire.append(bindRequest(bind, 'transceiver'));
      await new Promise<void>((resolve, reject) => {
        this.#onBound = resolve;
        this.#onRefused = reject;
        wire.flush();
      });
    }
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#owed = 0;
    this.#timer ??= setInterval(() => this.#pour(), tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** What happened since it was asked last. */
  counts(): FloodCounts {
    const answers: Record<string, number> = {};
    for (const [status, count] of this.#answers) answers[`0x${status.toString(16)}`] = count;
    const counts = {
      submitted: this.#submitted - this.#counted,
      answers,
      receipts: this.#receipts,
      closed: this.#closed,
    };
    this.#counted = this.#submitted;
    this.#answers.clear();
    this.#receipts = 0;
    this.#closed = 0;
    return counts;
  }

  close(): void {
    this.stop();
    for (const wire of this.#wires) wire.socket.destroy();
  }

  onPdu(wire: Wire, buf: Buffer, start: number): void {
    const commandId = u32(buf, start + 4);
    const status = u32(buf, start + 8);
    if (commandId === ids.submitSmResp || commandId === ids.genericNack)
      this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1);
    else if (commandId === ids.deliverSm) {
      this.#receipts += 1;
      const at = wire.append(this.#deliverResponse);
      putU32(wire.buffer, at + 12, u32(buf, start + 12));
    } else if (isBindResponse(commandId)) {
      if (status === 0) this.#onBound?.();
      else
        this.#onRefused?.(new Error(`the flood's bind was refused with 0x${status.toString(16)}`));
    } else if (commandId < ids.genericNack) {
      const at = wire.append(bareResponse(commandId + ids.genericNack, false));
      putU32(wire.buffer, at + 12, u32(buf, start + 12));
    }
  }

  onClosed(): void {
    this.#closed += 1;
    this.#onRefused?.(new Error('the gateway closed a session of the flood'));
  }

  #pour(): void {
    const { perSecond } = this.#target;
    const due = Math.floor(((performance.now() - this.#startedAt) * perSecond) / 1000);
    const each =
      perSecond === 0 ? burst : Math.ceil((due - this.#owed) / Math.max(1, this.#wires.length));
    for (const wire of this.#wires) {
      const count = perSecond === 0 ? burst : Math.min(each, due - this.#owed);
      this.#owed += count;
      // What a full socket does not take is not made up for.
      if (!wire.isOpen || wire.socket.writableLength > socketFullOctets) continue;
      for (let left = count; left > 0; left -= 1) this.#submit(wire);
      wire.flush();
    }
  }

  #submit(wire: Wire): void {
    const { pdu, destinationAt, textAt } = this.#template;
    this.#submitted += 1;
    const number = this.#submitted % numbers;
    const at = wire.append(pdu);
    putU32(wire.buffer, at + 12, number + 2);
    putDigits(wire.buffer, at + destinationAt, numberDigits, number);
    putDigits(wire.buffer, at + textAt, numberDigits, number);
  }
}
