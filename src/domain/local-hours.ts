/*
 * When it is a proper time where a recipient is. A place is the set of time zones that he may be in: it is open when it
 * is open in each of them.
 */

/** Names of the days, as the numbers of Date.getUTCDay(). */
export const WEEK_DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** Open hours by the clock on the wall. */
export interface LocalHours {
  readonly days: readonly (typeof WEEK_DAYS)[number][];
  /** "09:00-21:00"; a range that ends before it begins ends on the day after. */
  readonly times: readonly string[];
  /** Local dates on which it is closed, "2026-09-23"; a range of the evening before ends at midnight. */
  readonly closedOn: ReadonlySet<string>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MINUTES = 1_440;
const DAY_MS = DAY_MINUTES * MINUTE_MS;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** Zones change their offset at full, half or quarter hours: it is the same within one. */
const QUARTER_MS = 15 * MINUTE_MS;
/** 1 January 1970 was a Thursday. */
const EPOCH_DAY = 4;
/** Nothing is looked for beyond: longer than any row of holidays, and than nearly every validity. */
const AHEAD_MS = 35 * DAY_MS;
/** Moments whose offset a zone remembers: what a search of some weeks asks for. */
const OFFSETS_KEPT = 1_000;

/** The opening times of one place. */
export class PlaceHours {
  readonly #zones: readonly ZoneHours[];
  /** It is known to be closed from here until there; equal: not known. */
  #closedFromMs = 0;
  #closedUntilMs = 0;
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
    if (atMs >= this.#closedFromMs && atMs < this.#closedUntilMs) return this.#closedUntilMs;
    const opens = this.#search(atMs);
    // What is looked for once is asked again by each message until then.
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
    return this.#isOpenAt(Math.floor((atMs + this.#clock.offsetAt(atMs)) / MINUTE_MS));
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
    const ofWeek = (minute + EPOCH_DAY * DAY_MINUTES) % WEEK_MINUTES;
    if (this.#week[ofWeek] !== 1) return false;
    if (this.#closedOn.size === 0) return true;
    const day = Math.floor(minute / DAY_MINUTES);
    if (day !== this.#day) {
      this.#day = day;
      this.#isClosed = this.#closedOn.has(new Date(day * DAY_MS).toISOString().slice(0, 10));
    }
    return !this.#isClosed;
  }
}

/**
 * A zone's offset from UTC. Asking Intl takes some 30 us: each day is asked for at its ends, and each quarter of an hour
 * of those days on which it changes.
 */
class ZoneClock {
  readonly #format: Intl.DateTimeFormat;
  readonly #offsets = new Map<number, number>();

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  offsetAt(atMs: number): number {
    const dayMs = Math.floor(atMs / DAY_MS) * DAY_MS;
    const offset = this.#known(dayMs);
    if (offset === this.#known(dayMs + DAY_MS)) return offset;
    return this.#known(Math.floor(atMs / QUARTER_MS) * QUARTER_MS);
  }

  #known(startMs: number): number {
    const found = this.#offsets.get(startMs);
    if (found !== undefined) return found;
    const parts = new Map<string, number>();
    for (const { type, value } of this.#format.formatToParts(startMs))
      parts.set(type, Number(value));
    const part = (type: string): number => parts.get(type) ?? 0;
    const wallMs = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    );
    if (this.#offsets.size >= OFFSETS_KEPT) this.#offsets.clear();
    this.#offsets.set(startMs, wallMs - startMs);
    return wallMs - startMs;
  }
}

const clocks = new Map<string, ZoneClock>();

/** One for each zone of the process: there are some 450. */
function clockOf(zone: string): ZoneClock {
  const found = clocks.get(zone) ?? new ZoneClock(zone);
  clocks.set(zone, found);
  return found;
}

/** The minutes of a week from Sunday 00:00, 1 where it is open. */
function weekOf({ days, times }: LocalHours): Uint8Array {
  const week = new Uint8Array(WEEK_MINUTES);
  for (const day of days) {
    for (const range of times) {
      const [from = 0, to = 0] = range.split('-').map(minutesOf);
      const first = WEEK_DAYS.indexOf(day) * DAY_MINUTES + from;
      const length = to > from ? to - from : to + DAY_MINUTES - from;
      for (let i = 0; i < length; i++) week[(first + i) % WEEK_MINUTES] = 1;
    }
  }
  return week;
}

/** Of "08:30". */
function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}
