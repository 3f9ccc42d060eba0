import type { Catalog, CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import { type QualityChange, type QualityView, TrafficQuality } from '../domain/traffic-quality.ts';

/** Prefixes of one carrier that are counted apart; the rest as `other`. Each is six and more series of the metrics. */
const PREFIXES_MAX = 50;
/** Over all carriers: 6 KB each make 6 MB. */
const STREAMS_MAX = 1_000;
/** A prefix without traffic for a day gives its place up. */
const IDLE_MINUTES_MAX = 24 * 60;
/** What stands in the place of a prefix: all of the carrier's traffic, and what has no place of its own. */
export const ALL_PREFIXES = '*';
export const OTHER_PREFIX = 'other';
/** How often what passes is held against what is usual. */
const STEP_MS = 60_000;

/** A change of one carrier's traffic to one prefix. */
export interface CarrierQualityChange extends QualityChange {
  readonly carrier: string;
  readonly prefix: string;
}

/** What is known of one carrier's traffic to one prefix. */
export interface CarrierQuality extends QualityView {
  readonly prefix: string;
}

/** One carrier's traffic: all of it, and by prefix. */
interface Streams {
  name: string;
  readonly all: TrafficQuality;
  readonly byPrefix: Map<string, TrafficQuality>;
}

export interface QualityBookDeps {
  /** Undefined until it is read. */
  catalog(): Catalog | undefined;
  readonly now: () => number;
}

/**
 * The quality of what every carrier does, by prefix: counted by the observer, a few additions a message. The prefix is
 * the longest of the routes that the number begins with, at least its country code. It is this node's, and begins anew
 * with the process: what is usual is learnt again within half an hour.
 */
export class QualityBook {
  readonly #deps: QualityBookDeps;
  readonly #carriers = new Map<CarrierId, Streams>();
  #streams = 0;
  #steppedMs = 0;

  constructor(deps: QualityBookDeps) {
    this.#deps = deps;
  }

  /** A carrier answered a submit_sm, `seconds` after it was written. */
  submitAnswered(
    carrier: CatalogCarrier,
    destination: string,
    accepted: boolean,
    seconds: number,
  ): void {
    const awaited = accepted && carrier.receipts;
    const streams = this.#of(carrier);
    streams.all.window.submitAnswered(awaited, seconds);
    this.#stream(streams, destination).window.submitAnswered(awaited, seconds);
  }

  /** A carrier's receipt ended a segment, `seconds` after its submit_sm_resp; undefined: not known when that was. */
  receipt(
    carrier: CatalogCarrier,
    destination: string,
    delivered: boolean,
    seconds: number | undefined,
  ): void {
    const { quickReceiptSeconds } = carrier.quality;
    const quick = delivered && seconds !== undefined && seconds < quickReceiptSeconds;
    const streams = this.#of(carrier);
    streams.all.window.receipt(delivered, seconds, quick);
    this.#stream(streams, destination).window.receipt(delivered, seconds, quick);
  }

  /** A carrier's receipt fits no message; -1: its message was found after all. */
  unmatched(carrier: CatalogCarrier, destination: string, count: 1 | -1): void {
    const streams = this.#of(carrier);
    streams.all.window.unmatched(count);
    this.#stream(streams, destination).window.unmatched(count);
  }

  /** To be called once a second. @returns what became unusual or usual again */
  tick(nowMs: number): readonly CarrierQualityChange[] {
    this.#forgetRemoved();
    const isStep = Math.floor(nowMs / STEP_MS) > Math.floor(this.#steppedMs / STEP_MS);
    if (isStep) this.#steppedMs = nowMs;
    const changes: CarrierQualityChange[] = [];
    for (const [carrier, streams] of this.#carriers) {
      for (const [prefix, stream] of each(streams)) {
        stream.window.tick(nowMs);
        if (!isStep) continue;
        for (const change of stream.step(nowMs))
          changes.push({ ...change, carrier: streams.name, prefix });
        if (stream.window.idleMinutes >= IDLE_MINUTES_MAX) this.#forget(carrier, prefix);
      }
    }
    return changes;
  }

  /** What is known of a carrier's traffic, all of it first; empty while nothing passed. */
  of(name: string): readonly CarrierQuality[] {
    for (const streams of this.#carriers.values()) {
      if (streams.name === name)
        return Array.from(each(streams), ([prefix, stream]) => ({ prefix, ...stream.view() }));
    }
    return [];
  }

  /** The carriers of which something is known. */
  get carriers(): readonly string[] {
    return Array.from(this.#carriers.values(), ({ name }) => name);
  }

  #of(carrier: CatalogCarrier): Streams {
    let streams = this.#carriers.get(carrier.id);
    if (streams === undefined) {
      streams = {
        name: carrier.name,
        all: new TrafficQuality(this.#deps.now()),
        byPrefix: new Map(),
      };
      this.#carriers.set(carrier.id, streams);
    }
    return streams;
  }

  #stream(streams: Streams, destination: string): TrafficQuality {
    const prefix = this.#deps.catalog()?.prefixes.of(destination) ?? '';
    const known = streams.byPrefix.get(prefix);
    if (known !== undefined) return known;
    const hasRoom = streams.byPrefix.size < PREFIXES_MAX && this.#streams < STREAMS_MAX;
    const place = prefix === '' || !hasRoom ? OTHER_PREFIX : prefix;
    let stream = streams.byPrefix.get(place);
    if (stream === undefined) {
      stream = new TrafficQuality(this.#deps.now());
      streams.byPrefix.set(place, stream);
      this.#streams++;
    }
    return stream;
  }

  #forget(carrier: CarrierId, prefix: string): void {
    if (this.#carriers.get(carrier)?.byPrefix.delete(prefix)) this.#streams--;
  }

  #forgetRemoved(): void {
    const catalog = this.#deps.catalog();
    if (catalog === undefined) return;
    for (const [id, streams] of this.#carriers) {
      const carrier = catalog.carriers.get(id);
      if (carrier !== undefined) streams.name = carrier.name;
      else if (this.#carriers.delete(id)) this.#streams -= streams.byPrefix.size;
    }
  }
}

function* each(streams: Streams): Iterable<readonly [string, TrafficQuality]> {
  yield [ALL_PREFIXES, streams.all];
  yield* streams.byPrefix;
}
