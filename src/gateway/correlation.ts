import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import { idKeys } from '../smpp/receipt-text.ts';
import type { Sending } from './sending.ts';

/**
 * Open dispatches held in memory, over all carriers: at about 600 octets each (message included) 90 MB.
 * The oldest go first; their receipts are found in the store instead.
 */
const OPEN_MAX = 150_000;
/** Open dispatches under one id: a carrier that gives many the same id cannot be matched by it anyway. */
const SAME_ID_MAX = 64;
/** Digits of the destination in which a receipt must agree (docs: The write path). */
const DESTINATION_DIGITS = 7;

/** A dispatch that waits for its receipt; several under one id form a list, newest first. */
interface Open {
  readonly sending: Sending;
  next: Open | undefined;
}

/**
 * Finds the dispatch that a receipt is about, by carrier and message_id. Carriers reuse ids, so several may
 * be open under one; the newest whose destination agrees is taken.
 */
export class Correlation {
  /** By carrier, then by id in the carrier's base. Map order is age: re-adding moves a key to the end. */
  readonly #byCarrier = new Map<CarrierId, Map<string, Open>>();
  #size = 0;
  readonly #openMax: number;

  constructor(openMax: number = OPEN_MAX) {
    this.#openMax = openMax;
  }

  /** Entries held: one for each key of a dispatch. */
  get size(): number {
    return this.#size;
  }

  /** The carrier accepted a submit_sm under `upstreamId`. */
  add(carrier: CatalogCarrier, sending: Sending): void {
    if (sending.upstreamId === null) return;
    const open = this.#openOf(carrier.id);
    for (const key of keysOf(sending.upstreamId, carrier.ids.response)) {
      const former = open.get(key);
      if (former !== undefined) {
        open.delete(key);
        this.#size -= cutAfter(former, SAME_ID_MAX - 1);
      }
      open.set(key, { sending, next: former });
      this.#size++;
    }
    while (this.#size > this.#openMax) this.#forgetOldest();
  }

  /**
   * The open dispatch of a receipt, newest first; undefined when none agrees.
   * @param destination digits of the receipt's source_addr; '' when it has none (then only the id counts)
   */
  find(carrier: CatalogCarrier, upstreamId: string, destination: string): Sending | undefined {
    const open = this.#byCarrier.get(carrier.id);
    if (open === undefined) return undefined;
    for (const key of keysOf(upstreamId, carrier.ids.receipt)) {
      for (let at = open.get(key); at !== undefined; at = at.next) {
        const { message } = at.sending;
        if (!carrier.matchDestination || sameDestination(message.destination, destination))
          return at.sending;
      }
    }
    return undefined;
  }

  /** A dispatch is settled: forget it. */
  remove(carrier: CatalogCarrier, sending: Sending): void {
    const open = this.#byCarrier.get(carrier.id);
    if (open === undefined || sending.upstreamId === null) return;
    for (const key of keysOf(sending.upstreamId, carrier.ids.response))
      this.#size -= removeFrom(open, key, sending);
  }

  #openOf(carrier: CarrierId): Map<string, Open> {
    let open = this.#byCarrier.get(carrier);
    if (open === undefined) {
      open = new Map();
      this.#byCarrier.set(carrier, open);
    }
    return open;
  }

  /** The oldest id of the carrier that has most: one without receipts does not push out the others'. */
  #forgetOldest(): void {
    let largest: Map<string, Open> | undefined;
    for (const open of this.#byCarrier.values())
      if (largest === undefined || open.size > largest.size) largest = open;
    const oldest = largest?.entries().next();
    if (largest === undefined || oldest === undefined || oldest.done) return;
    const [key, first] = oldest.value;
    largest.delete(key);
    this.#size -= 1 + cutAfter(first, 1);
  }
}

/** Whether two numbers agree in their last 7 digits; an empty one agrees with any. */
export function sameDestination(a: string, b: string): boolean {
  if (a === b || b === '') return true;
  const n = Math.min(DESTINATION_DIGITS, a.length, b.length);
  return a.endsWith(b.slice(-n));
}

/** An id as it may stand in the other PDU. A base of `text` is the usual and costs nothing. */
export function keysOf(id: string, base: CatalogCarrier['ids']['response']): readonly string[] {
  if (base !== 'text') return idKeys(id, base);
  return id === '' ? [] : [id];
}

/** Cuts a list after `most` entries. @returns how many went */
function cutAfter(first: Open, most: number): number {
  let last: Open | undefined = first;
  for (let n = 1; n < most && last !== undefined; n++) last = last.next;
  let gone = 0;
  for (let at = last?.next; at !== undefined; at = at.next) gone++;
  if (last !== undefined) last.next = undefined;
  return gone;
}

/** Takes a sending out of the list under a key. @returns how many entries went, 0 or 1 */
function removeFrom(open: Map<string, Open>, key: string, sending: Sending): number {
  const first = open.get(key);
  if (first === undefined) return 0;
  if (first.sending === sending) {
    if (first.next === undefined) open.delete(key);
    else open.set(key, first.next);
    return 1;
  }
  for (let at = first; at.next !== undefined; at = at.next) {
    if (at.next.sending !== sending) continue;
    at.next = at.next.next;
    return 1;
  }
  return 0;
}
