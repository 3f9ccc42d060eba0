import { describe, expect, it } from 'vitest';
import { refusedBy, ruleOf } from './judge-rule.ts';

const [PK, GB, US, CA] = ['923001234567', '447946000001', '12025550100', '14165550100'];
const DAY_MS = 86_400_000;

describe('closedPrefixes', () => {
  const closed = (rule: object, input: object) =>
    refusedBy(ruleOf({ closedPrefixes: rule })(input)) === 'destinationSuspended';

  it('closes countries apart, those of one calling code too, and opens longer prefixes within', () => {
    const rule = { countries: ['PK', 'CA'], open: ['92300'] };
    const found = [PK, '923111234567', GB, US, CA].map((destination) =>
      closed(rule, { destination }),
    );
    expect(found).toEqual([false, true, false, false, true]);
  });

  it('opens to an account what its own resource allows it, whatever is closed', () => {
    const allows = (destination: string) => destination.startsWith('92');
    expect(closed({}, { destination: PK, allows })).toBe(false);
    expect(closed({}, { destination: GB, allows })).toBe(true);
    expect(closed({ openCountries: ['GB'] }, { destination: GB })).toBe(false);
  });

  it('is for accounts younger than its days, to the millisecond', () => {
    const atMs = 100 * DAY_MS;
    const of = (accountMadeMs: number) =>
      closed({ youngerThanDays: 30 }, { destination: PK, atMs, accountMadeMs });
    expect(of(70 * DAY_MS)).toBe(false);
    expect(of(70 * DAY_MS + 1)).toBe(true);
    expect(of(101 * DAY_MS)).toBe(true);
    expect(closed({}, { destination: PK, atMs, accountMadeMs: 0 })).toBe(true);
  });
});
