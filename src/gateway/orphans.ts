import type { Pool } from 'pg';
import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import { type CarrierId, carrierId, type MessageId } from '../domain/ids.ts';
import { normaliseDestination } from '../domain/msisdn.ts';
import { readId, responseKey } from '../smpp/message-ids.ts';
import type { ReceiptFields } from '../smpp/receipt-text.ts';
import { dependencyError } from '../store/errors.ts';
import { unmatchedSince } from '../store/orphans.ts';
import {
  anyParked,
  type ParkedReceipt,
  park,
  resolveParked,
  takeParkedDue,
  takeParkedFor,
} from '../store/parked.ts';
import { withClient } from '../store/pool.ts';
import type { Sealing } from '../store/sealing.ts';
import type { Arrival } from './arrival.ts';
import type { GatewayObserver, UnmatchedReason } from './observer.ts';
import type { ReceiptPath } from './receipt.ts';
import { type Finding, familyOf, type ReceiptSearch } from './receipt-search.ts';
import type { Sending } from './sending.ts';
import type { Orphan } from './unknown.ts';

/** Receipts looked up in one round. */
const BATCH = 500;
/** Receipts that wait to be looked up; above it the carriers' sessions are no longer read (`behind`). */
const PENDING_MAX = 5_000;
/** Parked receipts of this node kept in memory, so that an answer that comes a moment later matches at once. */
const PARKED_MEMORY_MAX = 10_000;
/** Pause after the store failed. */
const RETRY_MS = 500;
/** Orphans of one carrier considered for its unknown outcomes. */
const ORPHANS_MAX = 5_000;

export interface OrphansDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly pool: Pool;
  readonly sealing: Sealing;
  readonly search: Pick<ReceiptSearch, 'find'>;
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
 *        ├── the answer comes to this node, or is stored ──┤
 *        ├── swept each second, then ever more seldom ─────┘
 *        └── fits a submit_sm that was sent again: noted there (unknown.ts)
 * ```
 * Storing a dispatch and parking each look for the other after their own commit, so one of the two sees the other; what
 * neither could decide (`ambiguous`) is swept until the carrier's base is learnt.
 */
export class Orphans {
  readonly #deps: OrphansDeps;
  #pending: Arrival[] = [];
  #running = false;
  #sweeping = false;
  /** Parked by this node, by carrier and each key of the id. */
  readonly #parkedHere = new Map<string, Orphan>();
  /** Parked ones that this node matched lately. */
  readonly #weighed = new Set<bigint>();
  /** Whether the last sweep saw anything parked, by any node: only then is it looked for after each stored answer. */
  #isAnyParked = false;

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

  /** A dispatch was just accepted under this id: a receipt that came before it, to this node, is weighed now. */
  onAccepted(sending: Sending): void {
    if (this.#parkedHere.size === 0 || sending.upstreamId === null) return;
    const carrier = this.#deps.catalog().carriers.get(sending.carrier);
    if (carrier === undefined) return;
    const key = responseKey(sending.upstreamId, carrier.ids);
    const early = this.#parkedHere.get(memoryKey({ carrier: carrier.id, key }));
    if (early === undefined) return;
    const found = this.#deps.receipts.find(early.arrival);
    if (found !== undefined) this.#weighParked(early, found);
    else void this.#lookUpAgain([early]);
  }

  /** Answers of carriers were committed: a receipt that came before one of them, to any node, is looked up now. */
  onStored(sendings: readonly Sending[]): void {
    if (!this.#isAnyParked) return;
    for (const [id, ofCarrier] of Map.groupBy(sendings, (sending) => sending.carrier)) {
      const carrier = this.#deps.catalog().carriers.get(id);
      const keys = ofCarrier.flatMap(({ upstreamId }) =>
        carrier === undefined || upstreamId === null ? [] : [responseKey(upstreamId, carrier.ids)],
      );
      if (keys.length > 0) void this.#wake(id, keys);
    }
  }

  /** Looks once more for what was parked a while ago, by any node. */
  async sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      const due = await withClient(this.#deps.pool, async (client) => {
        this.#isAnyParked = await anyParked(client);
        return takeParkedDue(client, this.#deps.now(), BATCH);
      });
      await this.#lookUpParked(due.flatMap((parked) => this.#unseal(parked) ?? []));
    } catch (error) {
      this.#deps.observer.note('warn', 'parkedReceiptsNotSwept', { reason: String(error) });
    } finally {
      this.#sweeping = false;
    }
  }

  /** Parked receipts of a carrier that came since a time and fit no dispatch: what unknown outcomes are held against. */
  async orphansOf(carrier: CatalogCarrier, sinceMs: number): Promise<Orphan[]> {
    const carriers = familyOf(carrier, this.#deps.catalog()).map(({ id }) => id);
    const rows = await withClient(this.#deps.pool, (client) =>
      unmatchedSince(client, carriers, sinceMs, ORPHANS_MAX),
    );
    return rows.flatMap((row) => this.#unseal(row) ?? []);
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
    const findings = await this.#deps.search.find(batch);
    const missing: { arrival: Arrival; reason: UnmatchedReason }[] = [];
    for (const [i, arrival] of batch.entries()) {
      const finding = findings[i];
      if (finding === undefined) throw new Error('a finding for each receipt');
      const { sending } = finding;
      if (sending !== undefined) this.#deps.receipts.weigh(arrival, sending);
      else missing.push({ arrival, reason: reasonOf(arrival, finding) });
    }
    if (missing.length > 0) await this.#park(missing);
  }

  async #park(missing: readonly { arrival: Arrival; reason: UnmatchedReason }[]): Promise<void> {
    const rows = missing.map(({ arrival, reason }) => ({
      carrier: arrival.carrier.id,
      keys: keysOf(arrival, this.#deps.catalog()),
      destinationHash: this.#hashOf(arrival),
      receivedAtMs: arrival.receivedAtMs,
      fields: this.#seal(arrival),
      reason,
    }));
    const ids = await withClient(this.#deps.pool, (client) => park(client, rows));
    const orphans: Orphan[] = [];
    this.#isAnyParked = true;
    for (const [i, { arrival, reason }] of missing.entries()) {
      const parked = ids[i];
      if (parked === undefined) throw new Error('each parked receipt has its id');
      this.#deps.observer.receiptUnmatched(arrival.carrier, reason, arrival.destination);
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
    const findings = await this.#deps.search.find(orphans.map((orphan) => orphan.arrival));
    const unmatched: Orphan[] = [];
    for (const [i, orphan] of orphans.entries()) {
      const sending = findings[i]?.sending;
      if (sending === undefined) unmatched.push(orphan);
      else this.#weighParked(orphan, sending);
    }
    for (const [carrier, ofCarrier] of Map.groupBy(unmatched, ({ arrival }) => arrival.carrier))
      this.#deps.unmatched(carrier, ofCarrier);
  }

  /** Receipts that an answer which was just stored may explain. */
  async #wake(carrier: CarrierId, keys: readonly string[]): Promise<void> {
    try {
      const parked = await withClient(this.#deps.pool, (client) =>
        takeParkedFor(client, carrier, keys),
      );
      await this.#lookUpParked(parked.flatMap((one) => this.#unseal(one) ?? []));
    } catch (error) {
      this.#deps.observer.note('warn', 'parkedReceiptsNotWoken', { reason: String(error) });
    }
  }

  /** What memory could not decide; the sweep comes back to it when the store is away. */
  async #lookUpAgain(orphans: readonly Orphan[]): Promise<void> {
    try {
      await this.#lookUpParked(orphans);
    } catch (error) {
      this.#deps.observer.note('warn', 'parkedReceiptsNotWoken', { reason: String(error) });
    }
  }

  #weighParked(orphan: Orphan, sending: Sending): void {
    const { arrival, parked } = orphan;
    if (!this.claim(orphan)) return;
    const { carrier, destination } = arrival;
    this.#deps.observer.receiptUnmatched(carrier, 'matchedLater', destination);
    const answer = (): void => {
      void this.markMatched(parked, sending.id);
    };
    this.#deps.receipts.weigh({ ...arrival, answer }, sending);
  }

  /**
   * An answer, the look after parking, the sweep and an unknown outcome may each find it: it counts once. False: it did
   * already. Who has it ends with markMatched.
   */
  claim(orphan: Orphan): boolean {
    this.#forget(orphan);
    if (this.#weighed.has(orphan.parked)) return false;
    this.#weighed.add(orphan.parked);
    if (this.#weighed.size > PARKED_MEMORY_MAX) dropFirst(this.#weighed);
    return true;
  }

  /** Writes down which message a parked receipt belonged to. */
  async markMatched(parked: bigint, message: MessageId): Promise<void> {
    try {
      await withClient(this.#deps.pool, (client) => resolveParked(client, [{ parked, message }]));
    } catch (error) {
      // It is looked up and weighed again, which changes nothing.
      this.#weighed.delete(parked);
      this.#deps.observer.note('warn', 'parkedReceiptNotMarked', { reason: String(error) });
    }
  }

  #hashOf(arrival: Arrival): Buffer | null {
    return destinationHash(this.#deps.sealing, arrival);
  }

  #remember(orphan: Orphan): void {
    for (const key of keysOf(orphan.arrival, this.#deps.catalog()))
      this.#parkedHere.set(memoryKey(key), orphan);
    while (this.#parkedHere.size > PARKED_MEMORY_MAX) {
      const oldest = this.#parkedHere.keys().next();
      if (oldest.done) return;
      this.#parkedHere.delete(oldest.value);
    }
  }

  #forget({ arrival, parked }: Orphan): void {
    for (const key of keysOf(arrival, this.#deps.catalog())) {
      const name = memoryKey(key);
      if (this.#parkedHere.get(name)?.parked === parked) this.#parkedHere.delete(name);
    }
  }

  /** What is needed to match it later, encrypted: it has the number and the beginning of the text. */
  #seal(arrival: Arrival): Buffer {
    const { fields, ids, destination, sender, receivedAtMs } = arrival;
    return this.#deps.sealing.sealRecord(
      Buffer.from(JSON.stringify({ fields, ids, destination, sender, receivedAtMs })),
    );
  }

  #unseal(parked: Sealed): Orphan | undefined {
    return openParked(this.#deps.sealing, this.#deps.catalog(), parked);
  }
}

function dropFirst(set: Set<bigint>): void {
  const first = set.values().next();
  if (!first.done) set.delete(first.value);
}

type Sealed = Pick<ParkedReceipt, 'parked' | 'carrier' | 'fields'>;

/** A parked receipt as it came; undefined when its carrier is no more. */
export function openParked(
  sealing: Pick<Sealing, 'openRecord'>,
  catalog: Catalog,
  sealed: Sealed,
): Orphan | undefined {
  const carrier = catalog.carriers.get(carrierId(sealed.carrier));
  if (carrier === undefined) return undefined;
  const kept = JSON.parse(sealing.openRecord(sealed.fields).toString()) as Kept;
  return { parked: sealed.parked, arrival: { ...kept, carrier, answer: () => {} } };
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

function reasonOf(arrival: Arrival, finding: Finding): UnmatchedReason {
  const isReadable = arrival.ids.length > 0 && arrival.fields.state !== undefined;
  return isReadable ? (finding.choice.reason ?? 'unknownId') : 'unreadable';
}

/** Every key that the id of its submit_sm_resp can have, of each carrier that it can be of. */
function keysOf(arrival: Arrival, catalog: Catalog): { carrier: CarrierId; key: string }[] {
  return familyOf(arrival.carrier, catalog).flatMap((carrier) =>
    arrival.ids.flatMap((id) =>
      readId(id, carrier.ids).map(({ key }) => ({ carrier: carrier.id, key })),
    ),
  );
}

function memoryKey({ carrier, key }: { carrier: CarrierId; key: string }): string {
  return `${carrier} ${key}`;
}
