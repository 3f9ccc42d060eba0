import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compileHours,
  hoursOverlap,
  hoursText,
  type RouteHoursSpec,
} from '../../src/domain/route-hours.ts';
import { routeHoursSchema } from '../../src/domain/route-schema.ts';

const hours = (given: object): RouteHoursSpec => routeHoursSchema.parse(given);
const isOpen = (given: object, at: string) => compileHours(hours(given)).isOpen(Date.parse(at));

describe('compileHours', () => {
  it('opens by the clock of the zone, from its first minute to before its last', () => {
    const given = { timeZone: 'Asia/Riyadh', days: ['sun', 'mon'], times: ['08:00-22:00'] };
    // Riyadh is UTC+3 the whole year; 22 November 2026 is a Sunday.
    expect(isOpen(given, '2026-11-22T04:59:59.999Z')).toBe(false);
    expect(isOpen(given, '2026-11-22T05:00:00Z')).toBe(true);
    expect(isOpen(given, '2026-11-22T18:59:59Z')).toBe(true);
    expect(isOpen(given, '2026-11-22T19:00:00Z')).toBe(false);
    expect(isOpen(given, '2026-11-24T06:00:00Z')).toBe(false);
  });

  it('carries a range over midnight into the next day, also over the end of the week', () => {
    const given = { timeZone: 'UTC', days: ['sat'], times: ['22:00-06:00'] };
    expect(isOpen(given, '2026-11-28T21:59:00Z')).toBe(false);
    expect(isOpen(given, '2026-11-28T22:00:00Z')).toBe(true);
    expect(isOpen(given, '2026-11-29T05:59:00Z')).toBe(true);
    expect(isOpen(given, '2026-11-29T06:00:00Z')).toBe(false);
    expect(isOpen(given, '2026-11-28T05:00:00Z')).toBe(false);
  });

  it('follows summer time: 08:00 in London is 07:00 UTC in July and 08:00 UTC in January', () => {
    const given = { timeZone: 'Europe/London', times: ['08:00-09:00'] };
    expect(isOpen(given, '2026-07-01T07:30:00Z')).toBe(true);
    expect(isOpen(given, '2026-07-01T08:30:00Z')).toBe(false);
    expect(isOpen(given, '2026-01-01T08:30:00Z')).toBe(true);
    expect(isOpen(given, '2026-01-01T07:30:00Z')).toBe(false);
  });

  it('agrees with Intl in any zone at any time', () => {
    const zones = ['Asia/Riyadh', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/New_York'];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) }),
        (timeZone, atMs) => {
          const parts = Object.fromEntries(
            new Intl.DateTimeFormat('en-US', {
              timeZone,
              weekday: 'short',
              hour: '2-digit',
              minute: '2-digit',
              hourCycle: 'h23',
            })
              .formatToParts(atMs)
              .map(({ type, value }) => [type, value]),
          );
          const day = (parts.weekday ?? '').toLowerCase();
          const from = `${parts.hour}:${parts.minute}`;
          const minute = Number(parts.hour) * 60 + Number(parts.minute) + 1;
          const two = (value: number) => String(value).padStart(2, '0');
          const to = `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
          const now = compileHours(hours({ timeZone, days: [day], times: [`${from}-${to}`] }));
          expect(now.isOpen(atMs)).toBe(true);
          expect(now.isOpen(atMs + 60_000)).toBe(false);
        },
      ),
    );
  });
});

describe('hoursText', () => {
  it('is the same for the same hours in another order', () => {
    const one = {
      timeZone: 'UTC',
      days: ['tue', 'mon', 'tue'],
      times: ['20:00-22:00', '08:00-12:00'],
    };
    const other = { timeZone: 'UTC', days: ['mon', 'tue'], times: ['08:00-12:00', '20:00-22:00'] };
    expect(hoursText(hours(one))).toBe('mon,tue 08:00-12:00,20:00-22:00 UTC');
    expect(hoursText(hours(other))).toBe(hoursText(hours(one)));
    expect(hoursText(hours({ timeZone: 'UTC' }))).toBe('daily 00:00-24:00 UTC');
  });
});

describe('hoursOverlap', () => {
  it('finds a common minute, over midnight and the week too', () => {
    const of = (days: string[], times: string[]) => hours({ timeZone: 'UTC', days, times });
    expect(hoursOverlap(of(['mon'], ['08:00-12:00']), of(['mon'], ['12:00-14:00']))).toBe(false);
    expect(hoursOverlap(of(['mon'], ['08:00-12:00']), of(['mon'], ['11:59-14:00']))).toBe(true);
    expect(hoursOverlap(of(['sat'], ['22:00-06:00']), of(['sun'], ['05:59-07:00']))).toBe(true);
    expect(hoursOverlap(of(['sat'], ['22:00-06:00']), of(['sun'], ['06:00-07:00']))).toBe(false);
  });
});

describe('routeHoursSchema', () => {
  it.each([
    [{ timeZone: 'Asia/Nowhere' }],
    [{}],
    [{ timeZone: 'UTC', days: [] }],
    [{ timeZone: 'UTC', days: ['monday'] }],
    [{ timeZone: 'UTC', times: [] }],
    [{ timeZone: 'UTC', times: ['8:00-9:00'] }],
    [{ timeZone: 'UTC', times: ['08:00-25:00'] }],
    [{ timeZone: 'UTC', times: ['08:00-08:00'] }],
    [{ timeZone: 'UTC', open: true }],
  ])('refuses %j', (given) => {
    expect(routeHoursSchema.safeParse(given).success).toBe(false);
  });
});
