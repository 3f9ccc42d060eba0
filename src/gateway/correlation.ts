import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import { type IdReading, readId, responseKey } from '../smpp/message-ids.ts';
import { type DestinationFit, destinationFit } from './destination-fit.ts';
import type { IdLearning, IdSource } from './id-learning.ts';
import type { Sending } from './sending.ts';

/**
 * Open dispatches held in memory, over all carriers: at about 600 octets each (message included) 90 MB.
 * The oldest go first; their receipts are found in the store instead.
 */
const OPEN_MAX = 150_000;
/** Open dispatches under one id: a carrier that gives many the same id cannot be matched by it anyway. */
const SAME_ID_MAX = 64;

/** A dispatch that waits for its receipt; several under one id form a list, newest first. */
interface Open {
  readonly sending: Sending;
  next: Open | undefined;
}

/** An open dispatch that a receipt's id can mean, whatever its destination. */
export interface OpenCandidate {
  readonly sending: Sending;
  readonly reading: IdReading;
}

/**
 * Finds the dispatch that a receipt is about, by carrier and message_id, where memory alone can tell. Carriers reuse
 * ids, so several may be open under one; the newest whose destination agrees is taken. What memory cannot decide is
 * decided with the store (receipt-search.ts), by the same rule with more before its eyes (receipt-choice.ts).
 */
export class Correlation {
  /** By carrier, then by key of the id. Map order is age: re-adding moves a key to the end. */
  readonly #byCarrier = new Map<CarrierId, Map<string, Open>>();
  #size = 0;
  readonly #learning: Pick<IdLearning, 'reading'>;
  readonly #openMax: number;

  constructor(learning: Pick<IdLearning, 'reading'>, openMax: number = OPEN_MAX) {
    this.#learning = learning;
    this.#openMax = openMax;
  }

  /** Dispatches held. */
  get size(): number {
    return this.#size;
  }

  /** The carrier accepted a submit_sm under `upstreamId`. */
  add(carrier: CatalogCarrier, sending: Sending): void {
    if (sending.upstreamId === null) return;
    const key = responseKey(sending.upstreamId, carrier.ids);
    if (key === '') return;
    const open = this.#openOf(carrier.id);
    const former = open.get(key);
    if (former !== undefined) {
      open.delete(key);
      this.#size -= cutAfter(former, SAME_ID_MAX - 1);
    }
    open.set(key, { sending, next: former });
    this.#size++;
    while (this.#size > this.#openMax) this.#forgetOldest();
  }

  /**
   * The open dispatch of a receipt, newest first; undefined when none agrees, or when the store has to be asked first:
   * the carrier's base is not learnt yet, or several would agree with a receipt that does not state the whole number.
   * @param destination of the receipt; '' when it states none
   */
  find(
    carrier: CatalogCarrier,
    upstreamId: string,
    destination: string,
    source: IdSource = 'text',
  ): Sending | undefined {
    const open = this.#byCarrier.get(carrier.id);
    if (open === undefined) return undefined;
    const key = this.#keyOf(carrier, upstreamId, source);
    const first = key === undefined ? undefined : open.get(key);
    if (first === undefined) return undefined;
    return carrier.matchDestination ? newestThatFits(first, destination) : first.sending;
  }

  /** Every open dispatch that the id can mean, under each reading of it. */
  all(carrier: CatalogCarrier, upstreamId: string): OpenCandidate[] {
    const open = this.#byCarrier.get(carrier.id);
    if (open === undefined) return [];
    const found: OpenCandidate[] = [];
    for (const { reading, key } of readId(upstreamId, carrier.ids))
      for (let at = open.get(key); at !== undefined; at = at.next)
        found.push({ sending: at.sending, reading });
    return found;
  }

  /** A dispatch is settled: forget it. */
  remove(carrier: CatalogCarrier, sending: Pick<Sending, 'upstreamId'>): void {
    const open = this.#byCarrier.get(carrier.id);
    if (open === undefined || sending.upstreamId === null) return;
    this.#size -= removeFrom(open, responseKey(sending.upstreamId, carrier.ids), sending);
  }

  /** The key that a receipt's id means; undefined: none, or that is not known yet. */
  #keyOf(carrier: CatalogCarrier, id: string, source: IdSource): string | undefined {
    const { response, receipt } = carrier.ids;
    // The usual case, at no cost.
    if (response === 'text' && receipt === 'text') return id === '' ? undefined : id;
    const readings = readId(id, carrier.ids);
    if (readings.length <= 1) return readings[0]?.key;
    const learnt = this.#learning.reading(carrier.id, source);
    return readings.find(({ reading }) => reading === learnt)?.key;
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

/** The newest of the stated number; else the newest that agrees in the last digits, if all that do have one number. */
function newestThatFits(first: Open, destination: string): Sending | undefined {
  let fitting: Sending | undefined;
  let several = false;
  for (let at: Open | undefined = first; at !== undefined; at = at.next) {
    const fit: DestinationFit = destinationFit(at.sending.message.destination, destination);
    if (fit === 'number') return at.sending;
    if (fit === 'other') continue;
    if (fitting === undefined) fitting = at.sending;
    else if (fitting.message.destination !== at.sending.message.destination) several = true;
  }
  return several ? undefined : fitting;
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
function removeFrom(
  open: Map<string, Open>,
  key: string,
  sending: Pick<Sending, 'upstreamId'>,
): number {
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
