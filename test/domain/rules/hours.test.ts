import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlaceHours } from '../../../src/domain/local-hours.ts';
import { policySchema } from '../../../src/domain/policy-schema.ts';
import { DAYS } from '../../../src/domain/week.ts';
import { refusedBy, ruleOf } from './judge-rule.ts';

const DAY = { days: [...DAYS], closedOn: new Set<string>() };
const at = (text: string) => ({ atMs: Date.parse(text) });

/** "Mon 08:59" by the clock on the wall. */
function wall(zone: string, atMs: number): { day: string; time: string; date: string } {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  }).formatToParts(atMs);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? '';
  return {
    day: part('weekday').slice(0, 3).toLowerCase(),
    time: `${part('hour')}:${part('minute')}`,
    date: `${part('year')}-${part('month')}-${part('day')}`,
  };
}

describe('PlaceHours', () => {
  const zones = [
    'Asia/Riyadh',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
  ];
  const minutes = fc.integer({ min: 0, max: 1439 });
  const clock = (n: number) =>
    `${String(Math.floor(n / 60)).padStart(2, '0')}:${String(n % 60).padStart(2, '0')}`;

  it('is open exactly when the clock of the zone says so, at changes of summer time as well', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: Date.parse('2024-01-01'), max: Date.parse('2028-01-01') }),
        minutes,
        minutes,
        (zone, atMs, from, to) => {
          fc.pre(from !== to);
          const place = new PlaceHours([zone], { ...DAY, times: [`${clock(from)}-${clock(to)}`] });
          const { time } = wall(zone, atMs);
          const [start, end] = [clock(from), clock(to)];
          const open = start < end ? time >= start && time < end : time >= start || time < end;
          expect(place.isOpen(atMs)).toBe(open);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('opens at the first minute that is open in each of its zones', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...zones.slice(0, 3)), { minLength: 1, maxLength: 2 }),
        // Around the changes of summer time of 2026.
        fc.constantFrom('2026-03-08', '2026-03-29', '2026-10-25', '2026-11-01', '2026-06-10'),
        minutes,
        minutes,
        (some, date, from, after) => {
          const times = [`${clock(from)}-${clock((from + 600) % 1440)}`];
          const hours = { ...DAY, times };
          const atMs = Date.parse(`${date}T00:00:00Z`) + after * 60_000 - 43_200_000;
          const opens = new PlaceHours(some, hours).opensAt(atMs);
          const isOpen = (ms: number) =>
            some.every((zone) => new PlaceHours([zone], hours).isOpen(ms));
          let first: number | undefined = atMs;
          for (; first < atMs + 3 * 86_400_000 && !isOpen(first); first += 60_000);
          if (first >= atMs + 3 * 86_400_000) first = undefined;
          expect(opens).toBe(first);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('says that it never opens within 35 days', () => {
    const closedOn = new Set(
      Array.from({ length: 60 }, (_, i) => new Date(i * 86_400_000).toISOString().slice(0, 10)),
    );
    const place = new PlaceHours(['UTC'], {
      days: [...DAYS],
      times: ['00:00-24:00'],
      closedOn,
    });
    expect(place.opensAt(0)).toBeUndefined();
    // Asked again by the next message, a minute later.
    expect(place.opensAt(60_000)).toBeUndefined();
  });
});

describe('hours', () => {
  const rule = { hours: { times: ['09:00-21:00'] } };

  it('goes by the clock of the recipient', () => {
    const judge = ruleOf(rule);
    // 18:30 UTC: 21:30 in Riyadh, 23:30 in Karachi, 13:30 in New York.
    expect(refusedBy(judge(at('2026-03-04T18:30:00Z')))).toBe('outsideHours');
    expect(
      refusedBy(judge({ ...at('2026-03-04T18:30:00Z'), destination: '12125550101' })),
    ).toBeUndefined();
    expect(refusedBy(judge(at('2026-03-04T06:00:00Z')))).toBeUndefined();
    expect(refusedBy(judge(at('2026-03-04T05:59:59.999Z')))).toBe('outsideHours');
  });

  it('is strict for every zone of a country whose numbers do not tell, unless the rule says where its recipients are', () => {
    const destination = '79161234567';
    // 12:00 in Moscow is 21:00 in Kamchatka.
    const noon = { ...at('2026-03-04T09:00:00Z'), destination };
    expect(refusedBy(ruleOf(rule)(noon))).toBe('outsideHours');
    const moscow = { hours: { ...rule.hours, zones: { RU: ['Europe/Moscow'] } } };
    expect(refusedBy(ruleOf(moscow)(noon))).toBeUndefined();
  });

  it('defers to the right minute, over a change of summer time and over holidays', () => {
    const deferring = { ...rule, action: 'defer' };
    const night = { ...at('2026-03-29T00:30:00Z'), destination: '4915112345678' };
    // 09:00 in Berlin is 07:00 UTC from that night on.
    expect(ruleOf(deferring)(night).notBeforeMs).toBe(Date.parse('2026-03-29T07:00:00Z'));
    const holidays = [{ date: '2026-03-29', countries: ['DE'] }];
    const closed = { hours: { ...rule.hours, holidays }, action: 'defer' };
    expect(ruleOf(closed)(night).notBeforeMs).toBe(Date.parse('2026-03-30T07:00:00Z'));
    const saudi = { ...night, destination: '966512345678' };
    expect(ruleOf(closed)(saudi).notBeforeMs).toBe(Date.parse('2026-03-29T06:00:00Z'));
  });

  it('takes ranges over midnight, and days', () => {
    const judge = ruleOf({ hours: { times: ['22:00-02:00'], days: ['fri'], timeZone: 'UTC' } });
    expect(refusedBy(judge(at('2026-03-06T23:00:00Z')))).toBeUndefined();
    expect(refusedBy(judge(at('2026-03-07T01:59:00Z')))).toBeUndefined();
    expect(refusedBy(judge(at('2026-03-07T02:00:00Z')))).toBe('outsideHours');
    expect(refusedBy(judge(at('2026-03-07T23:00:00Z')))).toBe('outsideHours');
  });

  it.each([
    { times: ['9:00-21:00'] },
    { times: ['09:00-09:00'] },
    { times: [] },
    { times: ['09:00-21:00'], timeZone: 'Mars/Olympus' },
    { times: ['09:00-21:00'], holidays: [{ date: '2026-02-30' }] },
    { times: ['09:00-21:00'], zones: { XX: ['UTC'] } },
  ])('is not written as %j', (hours) => {
    expect(policySchema.safeParse({ rules: [{ hours }] }).success).toBe(false);
  });
});
