import { describe, expect, it } from 'vitest';
import { endOfBusinessDay } from '../../src/domain/business-days.ts';

const at = (text: string) => Date.parse(text);
const shown = (ms: number) => new Date(ms).toISOString();

describe('endOfBusinessDay', () => {
  const western = { timeZone: 'utc', weekend: ['saturday', 'sunday'], holidays: [] } as const;

  it('counts working days after the day itself', () => {
    // 2026-12-01 is a Tuesday.
    expect(shown(endOfBusinessDay(at('2026-12-01T09:00:00Z'), 7, western))).toBe(
      '2026-12-11T00:00:00.000Z',
    );
    expect(shown(endOfBusinessDay(at('2026-12-05T09:00:00Z'), 1, western))).toBe(
      '2026-12-08T00:00:00.000Z',
    );
  });

  it('leaves out holidays, and the weekend of the calendar, by its zone', () => {
    const calendar = {
      timeZone: 'Asia/Karachi',
      weekend: ['friday', 'saturday'],
      holidays: ['2026-12-06'],
    } as const;
    // 20:00 UTC on Wednesday is Thursday 01:00 there: Friday, Saturday and the holiday on Sunday are left out.
    expect(shown(endOfBusinessDay(at('2026-12-02T20:00:00Z'), 1, calendar))).toBe(
      '2026-12-07T19:00:00.000Z',
    );
  });
});
