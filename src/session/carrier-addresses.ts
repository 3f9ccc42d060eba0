import { type BackoffOptions, backoffMs } from './backoff.ts';

/** Where a carrier listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** No address may be tried now. */
export const NO_ADDRESS = -1;

/**
 * So long, in ms, the other binds wait for the one that tries a doubtful address before they go to the next: ten round
 * trips around the world, and short against an operator's patience.
 */
const HEAD_START_MS = 1_000;
/** A bind that came back must last so long before the others follow: a carrier that cuts at once does it within a second. */
const SETTLE_MS = 1_000;

interface Site {
  /** In a row, counted once while it rests. */
  failures: number;
  restUntilMs: number;
  /** Since when one bind tries it while the others wait or go elsewhere. */
  triedSinceMs: number | undefined;
  /** Since when a bind has been up without a failure since. */
  upSinceMs: number | undefined;
  /** Sessions bound there now. */
  bound: number;
}

/**
 * The addresses of one carrier, in order of preference, and how each fares; shared by all binds of its link. Pure: it
 * knows the time it is told.
 *
 *   UP ──failed──> RESTING (backoff, doubled) ──over──> DOUBTFUL ──one bind tries it──> bound, lasts SETTLE_MS: UP
 *                     ^                                                └── failed ──> RESTING
 *
 * A bind takes the first address that is not resting. A doubtful one is tried by one bind alone, so that a carrier
 * that is down or cuts what it accepts sees one attempt a backoff, however many binds there are; with several addresses
 * an untried one is doubtful too, and a dead first one costs the others HEAD_START_MS. Binds that are up stay where
 * they are: the first address is preferred again by the next bind that is made.
 */
export class CarrierAddresses {
  readonly #endpoints: readonly Endpoint[];
  readonly #sites: Site[];
  readonly #backoff: BackoffOptions;
  readonly #random: () => number;

  /** @param random 0 to below 1, for the jitter */
  constructor(endpoints: readonly Endpoint[], backoff: BackoffOptions, random: () => number) {
    this.#endpoints = endpoints;
    this.#backoff = backoff;
    this.#random = random;
    this.#sites = endpoints.map(() => ({
      failures: 0,
      restUntilMs: Number.NEGATIVE_INFINITY,
      triedSinceMs: undefined,
      upSinceMs: undefined,
      bound: 0,
    }));
  }

  at(index: number): Endpoint | undefined {
    return this.#endpoints[index];
  }

  /**
   * The address to try now, NO_ADDRESS to wait. What it gives must be followed by `bound`, `failed` or `released`.
   * @param first where to begin: a bind that was refused at one address begins with the next
   */
  choose(nowMs: number, first = 0): number {
    const count = this.#sites.length;
    for (let step = 0; step < count; step++) {
      const index = (first + step) % count;
      const site = this.#site(index);
      if (nowMs < site.restUntilMs) continue;
      if (site.triedSinceMs !== undefined) {
        if (count === 1 || nowMs - site.triedSinceMs < HEAD_START_MS) return NO_ADDRESS;
        continue;
      }
      if (site.failures > 0 && site.upSinceMs !== undefined && nowMs - site.upSinceMs < SETTLE_MS)
        return NO_ADDRESS;
      const isDoubtful = site.upSinceMs === undefined && (site.failures > 0 || count > 1);
      if (isDoubtful) site.triedSinceMs = nowMs;
      return index;
    }
    return NO_ADDRESS;
  }

  /** When the first of those that rest may be tried; undefined when one may be now. */
  nextAtMs(nowMs: number): number | undefined {
    const at = Math.min(...this.#sites.map(({ restUntilMs }) => restUntilMs));
    return at > nowMs ? at : undefined;
  }

  /** Whether a session is bound there. */
  isInUse(index: number): boolean {
    return this.#site(index).bound > 0;
  }

  bound(index: number, nowMs: number): void {
    const site = this.#site(index);
    site.triedSinceMs = undefined;
    site.upSinceMs ??= nowMs;
    site.bound++;
  }

  /** A bound session ended. @param lasted long enough to say that the address is well */
  lost(index: number, nowMs: number, lasted: boolean): void {
    const site = this.#site(index);
    site.bound--;
    if (lasted) site.failures = 0;
    else this.failed(index, nowMs);
  }

  /** It could not be had, or refused the bind. @param slow rests as long as it may */
  failed(index: number, nowMs: number, slow = false): void {
    const site = this.#site(index);
    site.triedSinceMs = undefined;
    site.upSinceMs = undefined;
    // Several binds fail together: that is one failure.
    if (nowMs < site.restUntilMs) return;
    site.failures++;
    const failures = slow ? Number.MAX_SAFE_INTEGER : site.failures;
    site.restUntilMs = nowMs + backoffMs(failures, this.#backoff, this.#random());
  }

  /** The attempt ended without saying anything about the address. */
  released(index: number): void {
    this.#site(index).triedSinceMs = undefined;
  }

  #site(index: number): Site {
    const site = this.#sites[index];
    if (site === undefined) throw new RangeError(`no address ${index}`);
    return site;
  }
}
