import type { AccountId } from '../domain/ids.ts';
import type { TokenBucket } from '../session/rate.ts';
import type { Delivery } from './delivery.ts';
import { SessionTurns } from './session-turns.ts';

/** A first-in-first-out list that counts what went through it. */
export class Fifo {
  #items: (Delivery | undefined)[] = [];
  #head = 0;
  /** How many were pushed, and how many of them have left, ever. */
  pushed = 0;
  left = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(delivery: Delivery): void {
    this.pushed++;
    this.#items.push(delivery);
  }

  peek(): Delivery | undefined {
    return this.#items[this.#head];
  }

  /** Whether one to this recipient is in it. Walks the list: for what is rare. */
  has(recipient: string): boolean {
    for (let at = this.#head; at < this.#items.length; at++)
      if (this.#items[at]?.recipient === recipient) return true;
    return false;
  }

  shift(): void {
    this.left++;
    this.#items[this.#head++] = undefined;
    // Half the array is spent: move the rest down, so that memory follows what waits.
    if (this.#head * 2 < this.#items.length) return;
    this.#items.splice(0, this.#head);
    this.#head = 0;
  }
}

/** A recipient whose deliveries went to the store, until nothing younger of his can be in a queue here. */
interface Blocked {
  readonly delivery: Delivery;
  readonly asked: number;
  liveMark: number;
  replayMark: number;
}

/**
 * One account's deliveries in this node's memory, in order for each recipient: while one is with the customer the
 * next ones to the same recipient wait behind it.
 *
 * ```
 *   unchecked ──> live ──┐
 *                        ├── recipient free ──> with the customer ── answered ──> the recipient's next: ready
 *   (store) ──> replay ──┘        │ busy                  │ "later"
 *                                 v                       v
 *                          behind the first        to the store, with all behind it
 * ```
 * What was just settled is live and goes before what comes from the waiting list.
 */
export class AccountBox {
  readonly account: AccountId;
  /** Sessions bound as receiver or transceiver; the next to be used is first. */
  readonly sessions = new SessionTurns();
  /** How fast the waiting list is read. */
  readonly pace: TokenBucket;
  readonly live = new Fifo();
  readonly replay = new Fifo();
  /** Live ones that first ask the store whether something older of their recipient waits there. */
  unchecked: Delivery[] = [];
  /** Deliveries here, wherever they stand. */
  size = 0;
  /** The store may hold some of this account. */
  backlog = true;
  /** Some of those may be taken now. */
  due = true;
  taking = false;
  checking = false;
  /** Number of the last deferral that matters here: see DeferralMarks. */
  mark: number;
  /** Temporary errors in a row, pauses in a row, and until when nothing is sent. */
  failures = 0;
  pauses = 0;
  pausedUntilMs = 0;
  readonly #ready = new Fifo();
  /** By recipient: the one with the customer (or ready to go), or the last of those on their way to the store. */
  readonly #first = new Map<string, Delivery>();
  #blocked: Blocked[] = [];
  #asked = 0;
  #checked = 0;
  readonly #defer: (delivery: Delivery) => void;

  /** @param defer puts a delivery on the waiting list: its recipient's older ones are going there */
  constructor(
    account: AccountId,
    pace: TokenBucket,
    mark: number,
    defer: (delivery: Delivery) => void,
  ) {
    this.account = account;
    this.pace = pace;
    this.mark = mark;
    this.#defer = defer;
  }

  /** A live delivery that the store is to be asked about. */
  ask(delivery: Delivery): void {
    this.#asked++;
    this.unchecked.push(delivery);
  }

  /** The store answered for the first `count` of those asked about; they are in a queue or deferred. */
  answered(count: number): void {
    this.#checked += count;
    this.#unblock();
  }

  /** The next that may be sent; it stays until `sent`. */
  peek(): Delivery | undefined {
    const ready = this.#ready.peek();
    if (ready !== undefined) return ready;
    for (;;) {
      const queue = this.live.length > 0 ? this.live : this.replay;
      const delivery = queue.peek();
      if (delivery === undefined) {
        if (this.#blocked.length > 0) this.#unblock();
        return undefined;
      }
      const first = this.#first.get(delivery.recipient);
      if (first === undefined) return delivery;
      queue.shift();
      if (first.deferring) {
        this.#first.set(delivery.recipient, delivery);
        this.#defer(delivery);
      } else {
        (first.last ?? first).next = delivery;
        first.last = delivery;
      }
    }
  }

  /** What `peek` gave is with the customer. */
  sent(delivery: Delivery): void {
    if (this.#ready.length > 0) return this.#ready.shift();
    this.#first.set(delivery.recipient, delivery);
    if (this.live.length > 0) this.live.shift();
    else this.replay.shift();
  }

  /** The customer took it, or refused it for good: the next to this recipient may go. */
  done(delivery: Delivery): void {
    const { next } = delivery;
    if (next === undefined) {
      this.#first.delete(delivery.recipient);
      return;
    }
    next.last = delivery.last === next ? undefined : delivery.last;
    delivery.next = undefined;
    delivery.last = undefined;
    this.#first.set(next.recipient, next);
    this.#ready.push(next);
  }

  /** The session that had it ended before it was answered: it goes first, over another. */
  again(delivery: Delivery): void {
    this.#ready.push(delivery);
  }

  /** It and all behind it are going to the store: until they are there, younger ones follow them. */
  putOff(chain: readonly Delivery[]): void {
    const last = chain.at(-1);
    if (last !== undefined) this.#first.set(last.recipient, last);
  }

  /** A deferral is committed. */
  stored(delivery: Delivery): void {
    if (this.#first.get(delivery.recipient) !== delivery) return;
    this.#blocked.push({ delivery, asked: this.#asked, liveMark: -1, replayMark: -1 });
    this.#unblock();
  }

  /** Everything that is here but not with the customer, nor behind what is with him. */
  empty(): Delivery[] {
    const all: Delivery[] = [];
    for (const queue of [this.#ready, this.live, this.replay]) {
      for (let at = queue.peek(); at !== undefined; at = queue.peek()) {
        all.push(...chainOf(at));
        queue.shift();
      }
    }
    all.push(...this.unchecked);
    this.unchecked = [];
    return all;
  }

  /** What was asked about or queued before a deferral was committed must have met it before it is forgotten. */
  #unblock(): void {
    for (;;) {
      const blocked = this.#blocked[0];
      if (blocked === undefined || this.#checked < blocked.asked) return;
      if (blocked.liveMark < 0) {
        blocked.liveMark = this.live.pushed;
        blocked.replayMark = this.replay.pushed;
      }
      if (this.live.left < blocked.liveMark || this.replay.left < blocked.replayMark) return;
      this.#blocked.shift();
      const { delivery } = blocked;
      if (this.#first.get(delivery.recipient) === delivery) this.#first.delete(delivery.recipient);
    }
  }
}

/** A delivery and those behind it, taken apart. */
export function chainOf(first: Delivery): Delivery[] {
  const chain: Delivery[] = [];
  for (let at: Delivery | undefined = first; at !== undefined; ) {
    const next: Delivery | undefined = at.next;
    at.next = undefined;
    at.last = undefined;
    chain.push(at);
    at = next;
  }
  return chain;
}
