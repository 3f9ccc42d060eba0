import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import { idKeys } from '../smpp/receipt-text.ts';
import type { Sending } from './dispatch.ts';

/**
 * Open dispatches held in memory, over all carriers: at about 600 octets each (message included) 90 MB.
 * The oldest go first; their receipts are found in the store instead.
 */
const OPEN_MAX = 150_000;
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

  get size(): number {
    return this.#size;
  }

  /** The carrier accepted a submit_sm under `upstreamId`. */
  add(carrier: CatalogCarrier, sending: Sending): void {
    if (sending.upstreamId === null) return;
    const open = this.#openOf(carrier.id);
    for (const key of keysOf(sending.upstreamId, carrier.ids.response)) {
      const former = open.get(key);
      if (former === undefined) this.#size++;
      else open.delete(key);
      open.set(key, { sending, next: former });
    }
    while (this.#size > this.#openMax) this.#forgetOldest(carrier.id);
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
        if (
          !carrier.matchDestination ||
          sameDestination(at.sending.message.destination, destination)
        )
          return at.sending;
      }
    }
    return undefined;
  }

  /** A dispatch is settled: forget it. */
  remove(carrier: CatalogCarrier, sending: Sending): void {
    const open = this.#byCarrier.get(carrier.id);
    if (open === undefined || sending.upstreamId === null) return;
    for (const key of keysOf(sending.upstreamId, carrier.ids.response)) {
      const rest = without(open.get(key), sending);
      if (rest !== undefined) open.set(key, rest);
      else if (open.delete(key)) this.#size--;
    }
  }

  #openOf(carrier: CarrierId): Map<string, Open> {
    let open = this.#byCarrier.get(carrier);
    if (open === undefined) {
      open = new Map();
      this.#byCarrier.set(carrier, open);
    }
    return open;
  }

  #forgetOldest(carrier: CarrierId): void {
    const open = this.#openOf(carrier);
    const oldest = open.keys().next();
    if (oldest.done) return;
    open.delete(oldest.value);
    this.#size--;
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
  return base === 'text' ? [id] : idKeys(id, base);
}

function without(list: Open | undefined, sending: Sending): Open | undefined {
  if (list === undefined) return undefined;
  if (list.sending === sending) return list.next;
  const next = without(list.next, sending);
  if (next !== list.next) list.next = next;
  return list;
}
