import type { z } from 'zod';
import type { routeHoursSchema } from './route-schema.ts';

/** When a route is open, as data. */
export type RouteHoursSpec = z.output<typeof routeHoursSchema>;

/** When a route is open. */
export interface RouteHours {
  /** @param atMs Unix ms */
  isOpen(atMs: number): boolean;
}

/** Names of the days, as the numbers of Date.getUTCDay(). */
export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** A whole day as a range of time. */
export const WHOLE_DAY = '00:00-24:00';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** Zones change their offset at full, half or quarter hours: it is asked of Intl (30 us) once in each. */
const OFFSET_KEPT_MS = 15 * MINUTE_MS;
/** 1 January 1970 was a Thursday. */
const EPOCH_DAY = 4;

/** Whether Intl knows a time zone, such as Asia/Riyadh or UTC. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Compiles hours; the clocks of zones are shared by all that one compiler makes. */
export function hoursCompiler(): (spec: RouteHoursSpec) => RouteHours {
  const zones = new Map<string, ZoneClock>();
  return (spec) => {
    const zone = zones.get(spec.timeZone) ?? new ZoneClock(spec.timeZone);
    zones.set(spec.timeZone, zone);
    const week = weekOf(spec);
    return { isOpen: (atMs) => week[zone.minuteOfWeek(atMs)] === 1 };
  };
}

/** Whether two hours of one time zone have a minute in common. */
export function hoursOverlap(one: RouteHoursSpec, other: RouteHoursSpec): boolean {
  const week = weekOf(other);
  return weekOf(one).some((open, minute) => open === 1 && week[minute] === 1);
}

/** Hours in words, the same for the same hours: "mon,tue 08:00-12:00,13:00-22:00 Asia/Riyadh". */
export function hoursText({ days, times, timeZone }: RouteHoursSpec): string {
  const named = days.length === DAYS.length ? 'daily' : days.join(',');
  return `${named} ${times.join(',')} ${timeZone}`;
}

/** The minutes of a week from Sunday 00:00, 1 where it is open. A range that ends before it begins ends the day after. */
function weekOf({ days, times }: RouteHoursSpec): Uint8Array {
  const week = new Uint8Array(WEEK_MINUTES);
  for (const day of days) {
    for (const range of times) {
      const [from = 0, to = 0] = range.split('-').map(minutesOf);
      const first = DAYS.indexOf(day) * DAY_MINUTES + from;
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

/** Local time in one zone. */
class ZoneClock {
  readonly #format: Intl.DateTimeFormat;
  #keptFor = Number.NaN;
  #offsetMs = 0;

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

  /** Minutes since Sunday 00:00 by the clock on the wall. */
  minuteOfWeek(atMs: number): number {
    const quarter = Math.floor(atMs / OFFSET_KEPT_MS);
    if (quarter !== this.#keptFor) {
      this.#offsetMs = this.#offsetAt(quarter * OFFSET_KEPT_MS);
      this.#keptFor = quarter;
    }
    const minutes = Math.floor((atMs + this.#offsetMs) / MINUTE_MS) + EPOCH_DAY * DAY_MINUTES;
    return ((minutes % WEEK_MINUTES) + WEEK_MINUTES) % WEEK_MINUTES;
  }

  #offsetAt(atMs: number): number {
    const part = new Map(
      this.#format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]),
    );
    const of = (type: Intl.DateTimeFormatPartTypes) => part.get(type) ?? 0;
    const local = Date.UTC(
      of('year'),
      of('month') - 1,
      of('day'),
      of('hour'),
      of('minute'),
      of('second'),
    );
    return local - atMs;
  }
}
