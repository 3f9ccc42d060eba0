/*
 * Open hours of a week, by the clock on a wall.
 */

/** Names of the days, as the numbers of Date.getUTCDay(). */
export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** A whole day as a range of time. */
export const WHOLE_DAY = '00:00-24:00';
/** A range of the clock, such as "08:00-22:00". */
export const TIME_RANGE = /^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/;

/** Which hours of a week are open. */
export interface WeekHours {
  readonly days: readonly (typeof DAYS)[number][];
  /** Each as {@link TIME_RANGE}; one that ends before it begins ends on the day after. */
  readonly times: readonly string[];
}

const DAY_MINUTES = 1_440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** 1 January 1970 was a Thursday. */
const EPOCH_MINUTES = 4 * DAY_MINUTES;

/** The minutes of a week from Sunday 00:00, 1 where it is open. */
export function weekOf({ days, times }: WeekHours): Uint8Array {
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

/** Whether a week is open at a minute. @param minute since 1 January 1970, by the same wall */
export function isOpenAt(week: Uint8Array, minute: number): boolean {
  const ofWeek = (minute + EPOCH_MINUTES) % WEEK_MINUTES;
  return week[ofWeek < 0 ? ofWeek + WEEK_MINUTES : ofWeek] === 1;
}

/** Of "08:30". */
function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}
