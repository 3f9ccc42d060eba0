import type { RunScript } from './rate-buckets.ts';
import { OPEN_PLACES, placesKey } from './scripts.ts';

/** A hash of places is kept for so long after it was last written: three times as long as between two writes. */
const KEPT_MS = 180_000;
/** Every entry is written again so often, whatever became of it in Redis. */
const PUBLISH_MS = 60_000;
/** System_ids in one script: about 1 ms of Redis, which is single-threaded. */
const KEYS_MAX = 100;
/** Scripts under way at once: none waits long enough behind others to be taken for lost. */
const SCRIPTS_MAX = 4;

export interface BindPlacesOptions {
  readonly nodeKey: string;
  readonly now: () => number;
  readonly run: RunScript;
  readonly liveNodes: () => number;
  /** After Redis comes back, the others need so long to publish theirs: until then each node keeps to its share. */
  readonly settleMs: number;
}

/** One system_id on this node. */
interface Places {
  bindsMax: number;
  readonly open: Set<string>;
  /** First come, first served. */
  waiting: Waiting[];
  /** A script for this system_id is under way: one at a time, it writes absolute numbers. */
  asking: boolean;
  /** What Redis has may differ from `open`. */
  stale: boolean;
}

interface Waiting {
  readonly sessionKey: string;
  /** Undefined: it was closed before it was answered. */
  answer: ((open: boolean) => void) | undefined;
}

/**
 * How many sessions each system_id has, over all nodes. With Redis, the sum over living nodes is checked
 * atomically, and exact. Without, each node allows `ceil(bindsMax / nodes)` of its own, so that all together
 * may have up to nodes - 1 too many. A session that is open is never ended here.
 */
export class BindPlaces {
  readonly #options: BindPlacesOptions;
  readonly #all = new Map<string, Places>();
  #up = false;
  #wasUp = false;
  #settledAtMs = 0;
  #publishAtMs = 0;
  /** System_ids that Redis is to be asked about. */
  readonly #due = new Set<string>();
  #immediate: NodeJS.Immediate | undefined;
  /** Under way. */
  #scripts = 0;

  constructor(options: BindPlacesOptions) {
    this.#options = options;
  }

  /** Sessions of a system_id on this node. */
  count(systemId: string): number {
    return this.#all.get(systemId)?.open.size ?? 0;
  }

  /**
   * Takes a place. False: all `bindsMax` are taken. Waits for Redis at most as long as the link waits for an
   * answer (0.5 s); never rejects. A key that has its place gets it again.
   */
  async open(systemId: string, bindsMax: number, sessionKey: string): Promise<boolean> {
    const places = this.#placesOf(systemId, bindsMax);
    if (places.open.has(sessionKey)) return true;
    if (!this.#up || this.#options.now() < this.#settledAtMs) {
      const open = this.#openAlone(places, sessionKey);
      if (open && this.#up) this.#sync(systemId, places);
      this.#tidy(systemId, places);
      return open;
    }
    return new Promise((answer) => {
      places.waiting.push({ sessionKey, answer });
      this.#sync(systemId, places);
    });
  }

  /** Gives the place back; unknown keys are ignored. One that still waits is answered false. */
  close(systemId: string, sessionKey: string): void {
    const places = this.#all.get(systemId);
    if (places === undefined) return;
    const waiting = places.waiting.find((one) => one.sessionKey === sessionKey);
    waiting?.answer?.(false);
    if (waiting !== undefined) waiting.answer = undefined;
    if (!places.open.delete(sessionKey)) return;
    this.#sync(systemId, places);
    this.#tidy(systemId, places);
  }

  /** Forgets system_ids that no longer exist; their sessions are ended by who ended them. */
  forgetAllBut(systemIds: { has(systemId: string): boolean }): void {
    for (const [systemId, places] of this.#all) {
      if (systemIds.has(systemId)) continue;
      places.open.clear();
      this.#sync(systemId, places);
      this.#tidy(systemId, places);
    }
  }

  /** Redis is there: it learns what this node has. */
  up(): void {
    this.#up = true;
    // At the start of a node there is nothing to wait for: the others have long published.
    if (this.#wasUp || this.#all.size > 0) {
      this.#settledAtMs = this.#options.now() + this.#options.settleMs;
    }
    this.#wasUp = true;
    this.publish();
  }

  /** Redis is lost: sessions that wait are decided here. */
  down(): void {
    this.#up = false;
    this.#due.clear();
    for (const [systemId, places] of this.#all) {
      this.#decideWaiting(places);
      this.#tidy(systemId, places);
    }
  }

  /** Called every few seconds: writes all entries again when it is time to. */
  beat(): void {
    if (this.#options.now() >= this.#publishAtMs) this.publish();
  }

  /** Writes all entries of this node. */
  publish(): void {
    this.#publishAtMs = this.#options.now() + PUBLISH_MS;
    for (const [systemId, places] of this.#all) this.#sync(systemId, places);
  }

  /** Has Redis know what is open here and decide who waits; a script under way is followed by another. */
  #sync(systemId: string, places: Places): void {
    places.stale = true;
    if (!this.#up || places.asking) return;
    this.#due.add(systemId);
    // With what else comes in this turn: a storm of binds is a script for each hundred.
    this.#immediate ??= setImmediate(this.#askDue);
  }

  readonly #askDue = (): void => {
    this.#immediate = undefined;
    while (this.#due.size > 0 && this.#scripts < SCRIPTS_MAX) {
      const batch: [string, Places][] = [];
      for (const systemId of this.#due) {
        if (batch.length === KEYS_MAX) break;
        this.#due.delete(systemId);
        const places = this.#all.get(systemId);
        if (places !== undefined && !places.asking) batch.push([systemId, places]);
      }
      if (batch.length > 0) void this.#ask(batch);
    }
  };

  async #ask(batch: readonly (readonly [string, Places])[]): Promise<void> {
    this.#scripts++;
    const keys = batch.map(([systemId]) => placesKey(systemId));
    const args: (string | number)[] = [this.#options.nodeKey, KEPT_MS];
    const wanted: number[] = [];
    for (const [, places] of batch) {
      places.asking = true;
      places.stale = false;
      wanted.push(places.waiting.length);
      args.push(places.open.size, places.waiting.length, places.bindsMax);
    }
    let answer: unknown;
    try {
      answer = await this.#options.run(OPEN_PLACES, keys, args);
    } catch {
      // The link reports it, and down() has decided who waited.
    }
    this.#scripts--;
    for (const [i, [systemId, places]] of batch.entries()) {
      places.asking = false;
      if (Array.isArray(answer)) {
        this.#handOut(places, places.waiting.splice(0, wanted[i]), Number(answer[i]));
      } else {
        places.stale = true;
        this.#decideWaiting(places);
      }
      // What came meanwhile; or Redis was back before the old connection's failure arrived here.
      if (places.stale || places.waiting.length > 0) this.#sync(systemId, places);
      this.#tidy(systemId, places);
    }
    if (this.#due.size > 0) this.#askDue();
  }

  #handOut(places: Places, waiting: readonly Waiting[], given: number): void {
    let left = given;
    for (const { sessionKey, answer } of waiting) {
      if (answer === undefined) continue;
      if (left > 0) places.open.add(sessionKey);
      answer(left > 0);
      if (left > 0) left--;
    }
    // Places of those that were closed meanwhile go back.
    if (left > 0) places.stale = true;
  }

  #decideWaiting(places: Places): void {
    for (const { sessionKey, answer } of places.waiting.splice(0)) {
      if (answer !== undefined) answer(this.#openAlone(places, sessionKey));
    }
  }

  #openAlone(places: Places, sessionKey: string): boolean {
    const nodes = Math.max(1, Math.floor(this.#options.liveNodes()) || 1);
    if (places.open.size >= Math.ceil(places.bindsMax / nodes)) return false;
    places.open.add(sessionKey);
    places.stale = true;
    return true;
  }

  #placesOf(systemId: string, bindsMax: number): Places {
    let places = this.#all.get(systemId);
    if (places === undefined) {
      places = { bindsMax, open: new Set(), waiting: [], asking: false, stale: false };
      this.#all.set(systemId, places);
    }
    places.bindsMax = bindsMax;
    return places;
  }

  /** Forgets what is empty, once Redis knows (or was never told). */
  #tidy(systemId: string, places: Places): void {
    const empty = places.open.size === 0 && places.waiting.length === 0 && !places.asking;
    if (empty && (!places.stale || !this.#wasUp)) this.#all.delete(systemId);
  }
}
