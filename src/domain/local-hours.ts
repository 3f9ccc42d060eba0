import { isOpenAt, type WeekHours, weekOf } from './week.ts';
import { clockOf, type ZoneClock } from './zone-clock.ts';

/*
 * When it is a proper time where a recipient is. A place is the set of time zones that he may be in: it is open when it
 * is open in each of them.
 */

/** Open hours by the clock on the wall. */
export interface LocalHours extends WeekHours {
  /** Local dates on which it is closed, "2026-09-23"; a range of the evening before ends at midnight. */
  readonly closedOn: ReadonlySet<string>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MINUTES = 1_440;
const DAY_MS = DAY_MINUTES * MINUTE_MS;
/** Zones change their offset at full, half or quarter hours: it is the same within one. */
const QUARTER_MS = 15 * MINUTE_MS;
/** Nothing is looked for beyond: longer than any row of holidays, and than nearly every validity. */
const AHEAD_MS = 35 * DAY_MS;

/** The opening times of one place. */
export class PlaceHours {
  readonly #zones: readonly ZoneHours[];
  /** It is known to be closed from here until there; equal: not known. */
  #closedFromMs = 0;
  #closedUntilMs = 0;
  /** When it opens then; undefined: not within 35 days. */
  #opensAtMs: number | undefined;
  #openMinute = -1;

  constructor(zones: readonly string[], hours: LocalHours) {
    const week = weekOf(hours);
    this.#zones = zones.map((zone) => new ZoneHours(clockOf(zone), week, hours.closedOn));
  }

  /** @param atMs Unix ms */
  isOpen(atMs: number): boolean {
    const minute = Math.floor(atMs / MINUTE_MS);
    if (minute === this.#openMinute) return true;
    if (atMs >= this.#closedFromMs && atMs < this.#closedUntilMs) return false;
    for (const zone of this.#zones) if (!zone.isOpen(atMs)) return false;
    this.#openMinute = minute;
    return true;
  }

  /**
   * The first minute from `atMs` on at which it is open; `atMs` itself when it is.
   * @returns Unix ms; undefined: not within 35 days
   */
  opensAt(atMs: number): number | undefined {
    if (this.isOpen(atMs)) return atMs;
    if (atMs >= this.#closedFromMs && atMs < this.#closedUntilMs) return this.#opensAtMs;
    const opens = this.#search(atMs);
    // What is looked for once is asked again by each message until then.
    this.#opensAtMs = opens;
    this.#closedFromMs = atMs;
    this.#closedUntilMs = opens ?? atMs + HOUR_MS;
    return opens;
  }

  #search(fromMs: number): number | undefined {
    let atMs = Math.ceil(fromMs / MINUTE_MS) * MINUTE_MS;
    const untilMs = fromMs + AHEAD_MS;
    // Each zone moves the minute on to its next open one, until a whole round moves it no more.
    for (let before = Number.NaN; atMs !== before; ) {
      before = atMs;
      for (const zone of this.#zones) {
        const next = zone.opensAt(atMs, untilMs);
        if (next === undefined) return undefined;
        atMs = next;
      }
    }
    return atMs;
  }
}

/** Hours by the clock of one zone. */
class ZoneHours {
  readonly #clock: ZoneClock;
  readonly #week: Uint8Array;
  readonly #closedOn: ReadonlySet<string>;
  /** The last day asked about, and whether it is a closed one. */
  #day = Number.NaN;
  #isClosed = false;

  constructor(clock: ZoneClock, week: Uint8Array, closedOn: ReadonlySet<string>) {
    this.#clock = clock;
    this.#week = week;
    this.#closedOn = closedOn;
  }

  isOpen(atMs: number): boolean {
    return this.#isOpenAt(this.#clock.minuteAt(atMs));
  }

  /** The first whole minute from `atMs` (a whole one) on that is open. */
  opensAt(atMs: number, untilMs: number): number | undefined {
    let at = atMs;
    while (at < untilMs) {
      const quarterEnd = (Math.floor(at / QUARTER_MS) + 1) * QUARTER_MS;
      const offset = this.#clock.offsetAt(at);
      for (; at < quarterEnd; at += MINUTE_MS)
        if (this.#isOpenAt(Math.floor((at + offset) / MINUTE_MS))) return at;
    }
    return undefined;
  }

  /** @param minute since 1 January 1970 by the clock on the wall */
  #isOpenAt(minute: number): boolean {
    if (!isOpenAt(this.#week, minute)) return false;
    if (this.#closedOn.size === 0) return true;
    const day = Math.floor(minute / DAY_MINUTES);
    if (day !== this.#day) {
      this.#day = day;
      this.#isClosed = this.#closedOn.has(new Date(day * DAY_MS).toISOString().slice(0, 10));
    }
    return !this.#isClosed;
  }
}
