import type { Pool } from 'pg';
import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import { withClient } from '../store/pool.ts';
import type { Sealing } from '../store/sealing.ts';
import { type UnknownOutcome, unknownTo } from '../store/unknown.ts';
import { type Arrival, errorNumber } from './arrival.ts';
import type { ClockOffsets } from './clock-offsets.ts';
import type { MessageLoader } from './loader.ts';
import type { Message } from './message.ts';
import type { GatewayObserver } from './observer.ts';
import { orphanFits } from './orphan-fit.ts';
import { destinationHash } from './orphans.ts';
import type { ReceiptNote } from './receipt.ts';
import { familyOf } from './receipt-search.ts';
import type { Sending } from './sending.ts';
import { type Orphan, sendingOf } from './unknown.ts';

/** An orphan is held against submits of this age: the longest validity and grace that anybody configures. */
const OLDEST_MS = 31 * 86_400_000;
/** Submits looked at together; with more of them to one set of numbers none is noted. */
const CANDIDATES_MAX = 1_000;

export interface LateOrphansDeps {
  readonly pool: Pool;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly sealing: Sealing;
  readonly loader: MessageLoader;
  readonly clocks: ClockOffsets;
  catalog(): Catalog;
  /** As of an unknown outcome: books its id and weighs it. */
  settleByOrphan(sending: Sending, arrival: Arrival): void;
  /** The note lane. */
  note(note: ReceiptNote): void;
  /** Writes down which message a parked receipt belonged to. */
  markMatched(orphan: Orphan['parked'], message: ReceiptNote['message']): void;
}

/**
 * Receipts that come after their submit_sm, never answered, was sent again: they change nothing (the new attempt has
 * a receipt of its own), but stand on the message's timeline; those of a submit_sm that was given up are the carrier's
 * word after all (corrections.ts). One counts only if it fits exactly one such submit, and that one fits no other
 * receipt.
 */
export class LateOrphans {
  readonly #deps: LateOrphansDeps;
  /** On their way to the store. */
  readonly #noting = new Set<bigint>();

  constructor(deps: LateOrphansDeps) {
    this.#deps = deps;
  }

  /** Receipts of one carrier that fit no dispatch. One that cannot be looked at now comes again with the next sweep. */
  async onUnmatched(carrier: CatalogCarrier, orphans: readonly Orphan[]): Promise<void> {
    try {
      await this.#note(
        carrier,
        orphans.filter(({ parked }) => !this.#noting.has(parked)),
      );
    } catch (error) {
      this.#deps.observer.note('warn', 'lateOrphansNotNoted', { reason: String(error) });
    }
  }

  async #note(carrier: CatalogCarrier, orphans: readonly Orphan[]): Promise<void> {
    const { pool, sealing, loader, clocks } = this.#deps;
    const hashes = orphans.flatMap(({ arrival }) => destinationHash(sealing, arrival) ?? []);
    if (hashes.length === 0) return;
    const sinceMs = this.#deps.now() - OLDEST_MS;
    const family = familyOf(carrier, this.#deps.catalog());
    const carriers = family.map(({ id }) => id);
    const candidates = await withClient(pool, (client) =>
      unknownTo(client, carriers, hashes, sinceMs, CANDIDATES_MAX + 1),
    );
    if (candidates.length === 0 || candidates.length > CANDIDATES_MAX) return;
    const loaded = await loader.load([...new Set(candidates.map(({ id }) => id))]);
    const messages = new Map(loaded.map((message) => [message.id, message]));
    const pairs = orphans.map((orphan) => ({
      orphan,
      fitting: candidates.filter((candidate) => {
        const message = messages.get(candidate.id);
        const sender = family.find(({ id }) => id === candidate.carrier) ?? carrier;
        const offsetMs = clocks.offsetMs(sender.id);
        return (
          message !== undefined && orphanFits(candidate, message, sender, orphan.arrival, offsetMs)
        );
      }),
    }));
    for (const { orphan, fitting } of pairs) {
      const [only] = fitting;
      if (fitting.length !== 1 || only === undefined || only.resolution === null) continue;
      const rivals = pairs.filter((pair) => pair.fitting.includes(only));
      // The same receipt sent twice is one.
      const ids = new Set(rivals.map((pair) => pair.orphan.arrival.ids[0]));
      if (ids.size !== 1) continue;
      const message = messages.get(only.id);
      if (only.resolution === 'resent') this.#keep(carrier, orphan, only);
      else if (message !== undefined) this.#weigh(orphan, only, message);
    }
  }

  /** Given up, and now there is its receipt: it goes the way of a matched one, which corrects what our end posted. */
  #weigh(orphan: Orphan, unknown: UnknownOutcome, message: Message): void {
    const { parked, arrival } = orphan;
    this.#noting.add(parked);
    const answer = (): void => {
      this.#noting.delete(parked);
      this.#deps.markMatched(parked, message.id);
    };
    this.#deps.settleByOrphan(sendingOf(unknown, message, this.#deps.now()), {
      ...arrival,
      answer,
    });
  }

  #keep(
    carrier: CatalogCarrier,
    { parked, arrival }: Orphan,
    { id, segment, attempt }: { id: ReceiptNote['message']; segment: number; attempt: number },
  ): void {
    this.#noting.add(parked);
    this.#deps.note({
      message: id,
      carrier: carrier.id,
      kind: 'late',
      state: arrival.fields.state ?? null,
      err: errorNumber(arrival.fields),
      detail: `of segment ${segment}, attempt ${attempt}`,
      answer: () => {
        this.#noting.delete(parked);
        this.#deps.markMatched(parked, id);
      },
    });
  }
}
