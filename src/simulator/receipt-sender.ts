import type { PduInput, Session } from 'smpp';
import { batchWrites } from './batch-writes.ts';

/** Something to be sent in a deliver_sm or data_sm until a peer has taken it. */
export interface Owed {
  attempts: number;
}

/** What the sender needs of its owner. */
export interface ReceiptSenderOptions<Item extends Owed> {
  /** Unanswered deliver_sm on one session. */
  windowMax: number;
  /** After a negative answer, milliseconds. */
  retryMs: number;
  /** A deliver_sm without an answer counts as not taken after this, milliseconds. */
  answerTimeoutMs: number;
  now(): number;
  pdu(item: Item): PduInput;
  /** The operation that carries it. */
  carriage(item: Item): 'deliver_sm' | 'data_sm';
  /** Notes the sending in the book, then runs `send` once that is written. */
  onSend(item: Item, send: () => void): void;
  /** The peer answered; status 0 = taken. */
  onAnswer(item: Item, status: number): void;
}

/** How often due items are looked for, milliseconds: the grain of every delay. */
const tickMs = 5;

/**
 * Sends receipts over whichever receiving sessions there are, and keeps each
 * until it is taken:
 *
 *   scheduled --due--> ready --window--> in flight --status 0--> taken
 *                        ^                   | session ends, no answer in time
 *                        +-------------------+
 *   scheduled <--retryMs-- in flight answered with an error
 *
 * Order: ready ones leave in order of their due time; one given back goes to the front.
 */
export class ReceiptSender<Item extends Owed> {
  readonly #options: ReceiptSenderOptions<Item>;
  readonly #scheduled = new Map<number, Item[]>();
  #returned: Item[] = [];
  #ready: Item[] = [];
  #readyHead = 0;
  readonly #sessions: ReceiverSession<Item>[] = [];
  #nextSession = 0;
  #lastTick: number;
  #count = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(options: ReceiptSenderOptions<Item>) {
    this.#options = options;
    this.#lastTick = Math.floor(options.now() / tickMs);
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Items not yet taken, in whatever place. */
  get owed(): number {
    return this.#count;
  }

  /** Sends `item` at `dueMs` (unix) or at once when that is past. */
  schedule(item: Item, dueMs: number): void {
    this.#count += 1;
    this.#place(item, dueMs);
  }

  /** Uses this bound session for receipts from now on. */
  addSession(session: Session): void {
    this.#sessions.push({ session, inFlight: new Map() });
    this.#pump();
  }

  /** Takes back what this session did not answer. Call it when the session has ended. */
  removeSession(session: Session): void {
    const index = this.#sessions.findIndex((entry) => entry.session === session);
    const [entry] = index < 0 ? [] : this.#sessions.splice(index, 1);
    if (!entry) return;
    this.#returned.push(...entry.inFlight.keys());
    this.#pump();
  }

  /** Stops the timer; what is owed is forgotten. */
  close(): void {
    clearInterval(this.#timer);
  }

  #place(item: Item, dueMs: number): void {
    const bucket = Math.ceil(dueMs / tickMs);
    if (dueMs <= this.#options.now() || bucket <= this.#lastTick) {
      this.#ready.push(item);
      this.#pump();
      return;
    }
    const items = this.#scheduled.get(bucket);
    if (items) items.push(item);
    else this.#scheduled.set(bucket, [item]);
  }

  #tick(): void {
    const now = Math.floor(this.#options.now() / tickMs);
    // Bound the walk: after a clock step the few buckets themselves are looked at instead.
    const buckets =
      now - this.#lastTick > this.#scheduled.size
        ? [...this.#scheduled.keys()].filter((bucket) => bucket <= now).sort((a, b) => a - b)
        : range(this.#lastTick + 1, now);
    this.#lastTick = Math.max(now, this.#lastTick);
    for (const bucket of buckets) {
      const items = this.#scheduled.get(bucket);
      if (!items) continue;
      this.#scheduled.delete(bucket);
      for (const item of items) this.#ready.push(item);
    }
    this.#expireUnanswered();
    this.#pump();
  }

  #pump(): void {
    while (this.#returned.length > 0 || this.#readyHead < this.#ready.length) {
      const entry = this.#freeSession();
      if (!entry) return;
      const item = this.#returned.pop() ?? this.#shiftReady();
      if (item) this.#send(entry, item);
    }
  }

  #freeSession(): ReceiverSession<Item> | undefined {
    for (let tried = 0; tried < this.#sessions.length; tried += 1) {
      this.#nextSession = (this.#nextSession + 1) % this.#sessions.length;
      const entry = this.#sessions[this.#nextSession];
      if (entry && entry.inFlight.size < this.#options.windowMax) return entry;
    }
    return undefined;
  }

  #shiftReady(): Item | undefined {
    const item = this.#ready[this.#readyHead];
    this.#readyHead += 1;
    // Half of the array spent: drop it in one go instead of shifting each time.
    if (this.#readyHead > 1024 && this.#readyHead * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#readyHead);
      this.#readyHead = 0;
    }
    return item;
  }

  #send(entry: ReceiverSession<Item>, item: Item): void {
    item.attempts += 1;
    entry.inFlight.set(item, this.#options.now());
    this.#options.onSend(item, () => {
      // A session that ended meanwhile has given the item back already.
      if (!entry.inFlight.has(item)) return;
      batchWrites(entry.session);
      entry.session[this.#options.carriage(item)](this.#options.pdu(item), (answer) => {
        if (!entry.inFlight.delete(item)) return;
        this.#options.onAnswer(item, answer.command_status);
        if (answer.command_status === 0) this.#count -= 1;
        else this.#place(item, this.#options.now() + this.#options.retryMs);
        this.#pump();
      });
    });
  }

  #expireUnanswered(): void {
    const deadline = this.#options.now() - this.#options.answerTimeoutMs;
    for (const entry of this.#sessions) {
      for (const [item, sentAt] of entry.inFlight) {
        if (sentAt > deadline) break;
        entry.inFlight.delete(item);
        this.#returned.push(item);
      }
    }
  }
}

interface ReceiverSession<Item> {
  session: Session;
  /** Item to the time of its sending, oldest first. */
  inFlight: Map<Item, number>;
}

function range(from: number, to: number): number[] {
  const numbers: number[] = [];
  for (let number = from; number <= to; number += 1) numbers.push(number);
  return numbers;
}
