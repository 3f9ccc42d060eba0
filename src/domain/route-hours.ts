import type { z } from 'zod';
import type { routeHoursSchema } from './route-schema.ts';
import { DAYS, isOpenAt, weekOf } from './week.ts';
import { clockOf } from './zone-clock.ts';

/** When a route is open, as data. */
export type RouteHoursSpec = z.output<typeof routeHoursSchema>;

/** When a route is open. */
export interface RouteHours {
  /** @param atMs Unix ms */
  isOpen(atMs: number): boolean;
}

/** Compiles hours. */
export function compileHours(spec: RouteHoursSpec): RouteHours {
  const clock = clockOf(spec.timeZone);
  const week = weekOf(spec);
  return { isOpen: (atMs) => isOpenAt(week, clock.minuteAt(atMs)) };
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
