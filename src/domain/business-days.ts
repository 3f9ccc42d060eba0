import { clockOf } from './zone-clock.ts';

/** The days of a week as a calendar names them, Sunday first. */
export const WEEKDAYS = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
] as const;
/** One of {@link WEEKDAYS}. */
export type Weekday = (typeof WEEKDAYS)[number];

/** On which days a business works. */
export interface BusinessCalendar {
  /** As `isTimeZone` takes it. */
  readonly timeZone: string;
  /** Not all seven. */
  readonly weekend: readonly Weekday[];
  /** Such as "2026-12-25". */
  readonly holidays: readonly string[];
}

const DAY_MS = 86_400_000;
/** A calendar that is nearly all holidays still comes to an end: three years of days are looked at. */
const DAYS_LOOKED_MAX = 1_100;

/**
 * The end of the n-th business day after the day of `fromMs`, in unix ms: the midnight that follows it in the calendar's
 * zone. The day of `fromMs` itself does not count. A calendar without enough business days in three years ends there.
 * @param days 0: the end of the day of `fromMs`
 */
export function endOfBusinessDay(fromMs: number, days: number, calendar: BusinessCalendar): number {
  const { timeZone, weekend, holidays } = calendar;
  const clock = clockOf(timeZone);
  let wallDayMs = Math.floor((fromMs + clock.offsetAt(fromMs)) / DAY_MS) * DAY_MS;
  let left = days;
  for (let looked = 0; left > 0 && looked < DAYS_LOOKED_MAX; looked++) {
    wallDayMs += DAY_MS;
    if (isBusinessDay(wallDayMs, weekend, holidays)) left--;
  }
  return clock.toUtc(wallDayMs + DAY_MS);
}

function isBusinessDay(
  wallDayMs: number,
  weekend: readonly Weekday[],
  holidays: readonly string[],
): boolean {
  const day = new Date(wallDayMs);
  const name = WEEKDAYS[day.getUTCDay()];
  return (
    name !== undefined &&
    !weekend.includes(name) &&
    !holidays.includes(day.toISOString().slice(0, 10))
  );
}
