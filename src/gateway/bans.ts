import { siteOf } from '../domain/cidr.ts';

/** Failures of one (address, system_id) within the window that ban the pair. */
const BAN_AFTER = 10;
const BAN_WINDOW_MS = 60_000;
const BAN_MS = 60_000;
/**
 * Pairs remembered; the oldest is forgotten, so a guesser cannot fill memory. To push his ban out he needs as many
 * failures elsewhere, each a hash of 5 ms, two at once: 50 s, where waiting takes 60.
 */
const PAIRS_MAX = 20_000;

/** An (address, system_id) pair that is refused for a while. */
export interface Ban {
  /** The last that failed; in IPv6 its whole /64 is banned. */
  readonly address: string;
  /** As it came: it need not be anybody's. */
  readonly systemId: string;
  /** Failures that led to it. */
  readonly failures: number;
  /** Unix ms. */
  readonly bannedAtMs: number;
  readonly untilMs: number;
}

interface Failures {
  readonly address: string;
  readonly systemId: string;
  readonly sinceMs: number;
  count: number;
  /** 0: not banned. */
  bannedAtMs: number;
}

/**
 * Who guesses. Ten failures of an (address, system_id) within a minute ban it for a minute from the last of them;
 * other names from that address (of IPv6, that /64), and that name from other addresses, are not touched. This node's own, in memory.
 *
 *   none ──failure──> counting ──tenth within BAN_WINDOW_MS──> banned ──BAN_MS, or lift──> none
 *                        └──success, or BAN_WINDOW_MS──> none
 */
export class Bans {
  readonly #now: () => number;
  readonly #pairs = new Map<string, Failures>();

  /** @param now Unix ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  has(address: string, systemId: string): boolean {
    const failures = this.#pairs.get(pairOf(address, systemId));
    return failures !== undefined && isBanned(failures, this.#now());
  }

  /** Counts a failure of a pair that is not banned. @returns until when the pair is banned, if it is by this */
  countFailure(address: string, systemId: string): number | undefined {
    const now = this.#now();
    const pair = pairOf(address, systemId);
    const known = this.#pairs.get(pair);
    const isCounting =
      known !== undefined && known.bannedAtMs === 0 && now - known.sinceMs < BAN_WINDOW_MS;
    const failures = isCounting
      ? { ...known, address }
      : { address, systemId, sinceMs: now, count: 0, bannedAtMs: 0 };
    failures.count++;
    if (failures.count >= BAN_AFTER) failures.bannedAtMs = now;
    this.#pairs.delete(pair);
    remember(this.#pairs, pair, failures, PAIRS_MAX);
    return failures.bannedAtMs === 0 ? undefined : now + BAN_MS;
  }

  /** The right password came: earlier failures were mistakes. */
  forgive(address: string, systemId: string): void {
    this.#pairs.delete(pairOf(address, systemId));
  }

  /** Lifts a ban and forgets its failures. @returns false when there is none */
  lift(address: string, systemId: string): boolean {
    if (!this.has(address, systemId)) return false;
    return this.#pairs.delete(pairOf(address, systemId));
  }

  /** Those in force now, the latest last. */
  list(): Ban[] {
    const now = this.#now();
    return [...this.#pairs.values()]
      .filter((failures) => isBanned(failures, now))
      .map(({ address, systemId, count, bannedAtMs }) => ({
        address,
        systemId,
        failures: count,
        bannedAtMs,
        untilMs: bannedAtMs + BAN_MS,
      }));
  }
}

/** Sets a key as the newest and forgets the oldest above `most`. */
export function remember<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.set(key, value);
  if (map.size <= most) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}

/** An address has no blank. */
function pairOf(address: string, systemId: string): string {
  return `${siteOf(address)} ${systemId}`;
}

function isBanned({ bannedAtMs }: Failures, nowMs: number): boolean {
  return bannedAtMs !== 0 && nowMs < bannedAtMs + BAN_MS;
}
