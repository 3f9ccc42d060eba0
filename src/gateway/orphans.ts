import type { Pool } from 'pg';
import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import { type CarrierId, carrierId, type MessageId } from '../domain/ids.ts';
import { normaliseDestination } from '../domain/msisdn.ts';
import type { ReceiptFields } from '../smpp/receipt-text.ts';
import { dependencyError } from '../store/errors.ts';
import { type DispatchCandidate, findDispatch } from '../store/find-dispatch.ts';
import { unmatchedSince } from '../store/orphans.ts';
import { type ParkedReceipt, park, resolveParked, takeParkedDue } from '../store/parked.ts';
import { withClient } from '../store/pool.ts';
import type { Sealing } from '../store/sealing.ts';
import { sameDestination } from './correlation.ts';
import { NO_LEASE } from './lease-book.ts';
import type { MessageLoader } from './loader.ts';
import type { GatewayObserver, UnmatchedReason } from './observer.ts';
import type { Arrival, ReceiptPath } from './receipt.ts';
import type { Sending } from './sending.ts';
import type { Orphan } from './unknown.ts';
import { spellings } from './upstream-ids.ts';

/** Receipts looked up in one round. */
const BATCH = 500;
/** Receipts that wait to be looked up; above it the carriers' sessions are no longer read (`behind`). */
const PENDING_MAX = 5_000;
/** Parked receipts of this node kept in memory, so that an answer that comes a moment later matches at once. */
const PARKED_MEMORY_MAX = 10_000;
/** A message may be receipted this long after its accept: the longest validity and grace that anybody configures. */
const OLDEST_MS = 31 * 86_400_000;
/** Pause after the store failed. */
const RETRY_MS = 500;
/** Orphans of one carrier considered for its unknown outcomes. */
const ORPHANS_MAX = 5_000;

export interface OrphansDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly pool: Pool;
  readonly sealing: Sealing;
  readonly loader: MessageLoader;
  readonly observer: GatewayObserver;
  readonly receipts: ReceiptPath;
  /** More wait to be looked up than may: the carriers are to be held. */
  onBehind(): void;
  /** Parked, looked up after that, and of no dispatch: it may be of a submit_sm that was sent again since. */
  unmatched(carrier: CatalogCarrier, orphans: readonly Orphan[]): void;
}

/**
 * Receipts whose dispatch is not in memory:
 *
 * ```
 *   look up in the store ── found ──> weigh
 *        │ not found
 *        v
 *   park (committed, carrier answered) ── look up once more ── found ──> weigh
 *        │ not found                                       ^
 *        └── the answer comes to this node ────────────────┤
 *        ├── swept each second, then ever more seldom ─────┘
 *        └── fits a submit_sm that was sent again: noted there (unknown.ts)
 * ```
 * Storing a dispatch and parking each look for the other after their own commit, so one of the two sees the other.
 */
export class Orphans {
  readonly #deps: OrphansDeps;
  #pending: Arrival[] = [];
  #running = false;
  #sweeping = false;
  /** Parked by this node, by carrier and each spelling of the id. */
  readonly #parkedHere = new Map<string, { readonly arrival: Arrival; readonly parked: bigint }>();

  constructor(deps: OrphansDeps) {
    this.#deps = deps;
  }

  /** Whether carriers must wait until receipts are looked up. */
  get behind(): boolean {
    return this.#pending.length > PENDING_MAX;
  }

  lookUp(arrival: Arrival): void {
    this.#pending.push(arrival);
    if (this.behind) this.#deps.onBehind();
    void this.#run();
  }

  /** A dispatch was just accepted under this id: a receipt that came before it is weighed now. */
  onAccepted(sending: Sending): void {
    if (this.#parkedHere.size === 0 || sending.upstreamId === null) return;
    const early = this.#parkedHere.get(keyOf(sending.carrier, sending.upstreamId));
    if (early === undefined || !fits(early.arrival, sending.message.destination)) return;
    this.#forget(early.arrival);
    this.#weighParked(early, sending);
  }

  /** Looks once more for what was parked a while ago, by any node. */
  async sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      const due = await withClient(this.#deps.pool, (client) =>
        takeParkedDue(client, this.#deps.now(), BATCH),
      );
      await this.#lookUpParked(due.flatMap((parked) => this.#unseal(parked) ?? []));
    } catch (error) {
      this.#deps.observer.note('warn', 'parkedReceiptsNotSwept', { reason: String(error) });
    } finally {
      this.#sweeping = false;
    }
  }

  /** Parked receipts of a carrier that came since a time and fit no dispatch: what unknown outcomes are held against. */
  async orphansOf(carrier: CatalogCarrier, sinceMs: number): Promise<Orphan[]> {
    const rows = await withClient(this.#deps.pool, (client) =>
      unmatchedSince(client, carrier.id, sinceMs, ORPHANS_MAX),
    );
    return rows.flatMap((row) => this.#unseal({ ...row, carrier: carrier.id }) ?? []);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    let size = BATCH;
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, size);
      try {
        await this.#round(batch);
        size = BATCH;
      } catch (error) {
        this.#deps.observer.note('warn', 'receiptsNotLookedUp', {
          count: batch.length,
          reason: String(error),
        });
        if (dependencyError(error).kind === 'data') {
          // One of them can never be looked up: halves find it, and it alone stays unanswered.
          size = Math.ceil(batch.length / 2);
          if (batch.length > 1) this.#pending.unshift(...batch);
          continue;
        }
        this.#pending.unshift(...batch);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.#running = false;
  }

  async #round(batch: readonly Arrival[]): Promise<void> {
    const found = await this.#find(batch);
    const missing: Arrival[] = [];
    for (const [i, arrival] of batch.entries()) {
      const sending = found[i];
      if (sending !== undefined) this.#deps.receipts.weigh(arrival, sending);
      // Its submit_sm_resp may have come while we looked.
      else if (!this.#deps.receipts.match(arrival)) missing.push(arrival);
    }
    if (missing.length > 0) await this.#park(missing);
  }

  async #park(arrivals: readonly Arrival[]): Promise<void> {
    const rows = arrivals.map((arrival) => ({
      carrier: arrival.carrier.id,
      upstreamIds: arrival.ids.flatMap((id) => spellings(id, arrival.carrier)),
      destinationHash: this.#hashOf(arrival),
      receivedAtMs: arrival.receivedAtMs,
      fields: this.#seal(arrival),
      reason: reasonOf(arrival),
    }));
    const ids = await withClient(this.#deps.pool, (client) => park(client, rows));
    const orphans: Orphan[] = [];
    for (const [i, arrival] of arrivals.entries()) {
      const parked = ids[i];
      if (parked === undefined) throw new Error('each parked receipt has its id');
      const { carrier, destination } = arrival;
      this.#deps.observer.receiptUnmatched(carrier, reasonOf(arrival), destination);
      arrival.answer();
      const orphan = { arrival: { ...arrival, answer: () => {} }, parked };
      // Its submit_sm_resp may have come while it was parked; one that comes from here on finds it.
      const sending = this.#deps.receipts.find(arrival);
      if (sending !== undefined) this.#weighParked(orphan, sending);
      else {
        orphans.push(orphan);
        this.#remember(orphan);
      }
    }
    await this.#lookUpParked(orphans);
  }

  async #lookUpParked(orphans: readonly Orphan[]): Promise<void> {
    const found = await this.#find(orphans.map((orphan) => orphan.arrival));
    const unmatched: Orphan[] = [];
    for (const [i, orphan] of orphans.entries()) {
      const sending = found[i];
      if (sending === undefined) unmatched.push(orphan);
      else {
        this.#forget(orphan.arrival);
        this.#weighParked(orphan, sending);
      }
    }
    for (const [carrier, ofCarrier] of Map.groupBy(unmatched, ({ arrival }) => arrival.carrier))
      this.#deps.unmatched(carrier, ofCarrier);
  }

  #weighParked(orphan: Orphan, sending: Sending): void {
    const { carrier, destination } = orphan.arrival;
    this.#deps.observer.receiptUnmatched(carrier, 'matchedLater', destination);
    this.#deps.receipts.weigh(
      { ...orphan.arrival, answer: () => void this.markMatched(orphan.parked, sending.id) },
      sending,
    );
  }

  /** Writes down which message a parked receipt belonged to. */
  async markMatched(parked: bigint, message: MessageId): Promise<void> {
    try {
      await withClient(this.#deps.pool, (client) => resolveParked(client, [{ parked, message }]));
    } catch (error) {
      // It is looked up and weighed again, which changes nothing.
      this.#deps.observer.note('warn', 'parkedReceiptNotMarked', { reason: String(error) });
    }
  }

  async #find(arrivals: readonly Arrival[]): Promise<(Sending | undefined)[]> {
    const found: (Sending | undefined)[] = arrivals.map(() => undefined);
    for (const [id, indexes] of Map.groupBy(
      arrivals.keys(),
      (i: number) => arrivals[i]?.carrier.id,
    )) {
      if (id === undefined) continue;
      const ofCarrier = indexes.flatMap((i) => arrivals[i] ?? []);
      const sendings = await this.#findOf(id, ofCarrier);
      for (const [nth, index] of indexes.entries()) found[index] = sendings[nth];
    }
    return found;
  }

  async #findOf(
    carrier: CarrierId,
    arrivals: readonly Arrival[],
  ): Promise<(Sending | undefined)[]> {
    const hashes = arrivals.map((arrival) => this.#hashOf(arrival));
    /** Candidates whose whole number differs: they may still agree in the last digits. */
    const others: DispatchCandidate[][] = arrivals.map(() => []);
    const agrees = (index: number, candidate: DispatchCandidate): boolean => {
      const hash = hashes[index];
      if (
        arrivals[index]?.carrier.matchDestination === false ||
        hash?.equals(candidate.message.destinationHash)
      )
        return true;
      others[index]?.push(candidate);
      return false;
    };
    const queries = arrivals.map((arrival) => ({
      upstreamIds: arrival.ids.flatMap((id) => spellings(id, arrival.carrier)),
    }));
    const oldestMs = this.#deps.now() - OLDEST_MS;
    const found = await withClient(this.#deps.pool, (client) =>
      findDispatch(client, carrier, queries, agrees, oldestMs),
    );
    return Promise.all(
      arrivals.map((arrival, i) => this.#choose(arrival, found[i], others[i] ?? [])),
    );
  }

  async #choose(
    arrival: Arrival,
    found: DispatchCandidate | undefined,
    others: readonly DispatchCandidate[],
  ): Promise<Sending | undefined> {
    const candidates =
      found === undefined
        ? [...others].sort(
            (a, b) => Number(a.message.end !== undefined) - Number(b.message.end !== undefined),
          )
        : [found];
    for (const candidate of candidates) {
      const [message] = await this.#deps.loader.revive([candidate.message]);
      if (message === undefined || (found === undefined && !fits(arrival, message.destination)))
        continue;
      return {
        message,
        id: message.id,
        segment: candidate.segment,
        attempt: candidate.attempt,
        carrier: arrival.carrier.id,
        lease: NO_LEASE,
        pdu: undefined,
        sentAtMs: candidate.sentAtMs,
        upstreamId: candidate.upstreamId,
        status: 0,
        atMs: candidate.sentAtMs,
      };
    }
    return undefined;
  }

  #hashOf(arrival: Arrival): Buffer | null {
    return destinationHash(this.#deps.sealing, arrival);
  }

  #remember(orphan: Orphan): void {
    for (const id of arrivalKeys(orphan.arrival)) this.#parkedHere.set(id, orphan);
    while (this.#parkedHere.size > PARKED_MEMORY_MAX) {
      const oldest = this.#parkedHere.keys().next();
      if (oldest.done) return;
      this.#parkedHere.delete(oldest.value);
    }
  }

  #forget(arrival: Arrival): void {
    for (const id of arrivalKeys(arrival)) this.#parkedHere.delete(id);
  }

  /** What is needed to match it later, encrypted: it has the number and the beginning of the text. */
  #seal(arrival: Arrival): Buffer {
    const { fields, ids, destination, sender, receivedAtMs } = arrival;
    return this.#deps.sealing.sealRecord(
      Buffer.from(JSON.stringify({ fields, ids, destination, sender, receivedAtMs })),
    );
  }

  #unseal(parked: Pick<ParkedReceipt, 'parked' | 'carrier' | 'fields'>): Orphan | undefined {
    const carrier = this.#deps.catalog().carriers.get(carrierId(parked.carrier));
    if (carrier === undefined) return undefined;
    const kept = JSON.parse(this.#deps.sealing.openRecord(parked.fields).toString()) as Kept;
    return { parked: parked.parked, arrival: { ...kept, carrier, answer: () => {} } };
  }
}

/** What of an arrival is stored. */
interface Kept {
  readonly fields: ReceiptFields;
  readonly ids: readonly string[];
  readonly destination: string;
  readonly sender: string;
  readonly receivedAtMs: number;
}

/** The keyed hash of the number that a receipt is about, as messages have it; null when it names none. */
export function destinationHash(sealing: Sealing, arrival: Arrival): Buffer | null {
  const destination = normaliseDestination(arrival.destination, 0, 0);
  return 'msisdn' in destination ? sealing.numberHash(destination.msisdn) : null;
}

function fits(arrival: Arrival, destination: string): boolean {
  return !arrival.carrier.matchDestination || sameDestination(destination, arrival.destination);
}

function reasonOf(arrival: Arrival): UnmatchedReason {
  return arrival.ids.length === 0 || arrival.fields.state === undefined
    ? 'unreadable'
    : 'unknownId';
}

function arrivalKeys(arrival: Arrival): string[] {
  return arrival.ids
    .flatMap((id) => spellings(id, arrival.carrier))
    .map((id) => keyOf(arrival.carrier.id, id));
}

function keyOf(carrier: CarrierId, upstreamId: string): string {
  return `${carrier} ${upstreamId}`;
}
