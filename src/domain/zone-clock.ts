/** Turns a wall clock, read as if it were UTC (Unix ms), into the moment it means. */
export type ToUtc = (wallMs: number) => number;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Zones change their offset at full, half or quarter hours: it is the same within one. */
const QUARTER_MS = 15 * MINUTE_MS;
/** Moments whose offset a zone remembers: what a search of some weeks, or receipts of some days, ask for. */
const OFFSETS_KEPT = 1_000;
/** Zones remembered: Intl knows some 450, and names them in any case of letters. */
const CLOCKS_KEPT = 1_000;

/** Whether `zone` is "utc", an offset such as "+05:30", or a zone that this runtime knows ("Asia/Riyadh"). */
export function isTimeZone(zone: string): boolean {
  // Intl takes any offset; those of the world are whole quarters of an hour.
  if (/^[+-]/.test(zone)) return /^[+-](0[0-9]|1[0-4]):(00|15|30|45)$/.test(zone);
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const clocks = new Map<string, ZoneClock>();

/**
 * The clock of a zone, one for all who ask.
 * @throws RangeError for what `isTimeZone` refuses
 */
export function clockOf(zone: string): ZoneClock {
  const found = clocks.get(zone);
  if (found !== undefined) return found;
  if (clocks.size >= CLOCKS_KEPT) clocks.clear();
  const made = new ZoneClock(zone);
  clocks.set(zone, made);
  return made;
}

/**
 * A zone's offset from UTC. Asking Intl takes some 30 us: each day is asked for at its ends, and each quarter of an hour
 * of those days on which it changes.
 */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat;
  readonly #offsets = new Map<number, number>();
  #quarter = Number.NaN;
  #offset = 0;

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

  /** Milliseconds that the wall is ahead of UTC. @param atMs Unix ms */
  offsetAt(atMs: number): number {
    const quarter = Math.floor(atMs / QUARTER_MS);
    if (quarter !== this.#quarter) {
      this.#offset = this.#offsetOf(quarter * QUARTER_MS);
      this.#quarter = quarter;
    }
    return this.#offset;
  }

  /** Minutes since 1 January 1970 by the clock on the wall. @param atMs Unix ms */
  minuteAt(atMs: number): number {
    return Math.floor((atMs + this.offsetAt(atMs)) / MINUTE_MS);
  }

  /** The moment of a wall clock. One that a change of summer time skips or repeats is read by the offset before the change. */
  toUtc(wallMs: number): number {
    // The offset at the moment meant: guessed at the wall clock itself, then once more there.
    return wallMs - this.offsetAt(wallMs - this.offsetAt(wallMs));
  }

  #offsetOf(quarterMs: number): number {
    const dayMs = Math.floor(quarterMs / DAY_MS) * DAY_MS;
    const offset = this.#known(dayMs);
    return offset === this.#known(dayMs + DAY_MS) ? offset : this.#known(quarterMs);
  }

  #known(startMs: number): number {
    const found = this.#offsets.get(startMs);
    if (found !== undefined) return found;
    const parts = new Map<string, number>();
    for (const { type, value } of this.#format.formatToParts(startMs))
      parts.set(type, Number(value));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
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
