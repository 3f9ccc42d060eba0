import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compactDate,
  formatAbsoluteTime,
  formatRelativeTime,
  parseSmppTime,
} from '../../src/smpp/smpp-time.ts';

const now = Date.UTC(2026, 10, 22, 14, 11, 24, 500);

describe('parseSmppTime', () => {
  it('reads absolute times with their offset in quarter hours (SMPP 3.4 §7.1.1.1)', () => {
    // cloudhopper decodeReplaceSm, which Wireshark shows as Feb 3, 2015 02:05:06.7 UTC.
    expect(parseSmppTime('150203040506708+', now)).toBe(Date.UTC(2015, 1, 3, 2, 5, 6, 700));
    expect(parseSmppTime('150203040506708-', now)).toBe(Date.UTC(2015, 1, 3, 6, 5, 6, 700));
    // jasmin test_unknown_tag_value_38636: Nov 10, 2015 14:56:07 UTC.
    expect(parseSmppTime('151110145607000+', now)).toBe(Date.UTC(2015, 10, 10, 14, 56, 7));
    expect(parseSmppTime('261122234500048+', now)).toBe(Date.UTC(2026, 10, 22, 11, 45));
  });

  it('reads relative times (SMPP 3.4 §7.1.1.2: 2 years, 6 months, 10 days, 23:34:29 from now)', () => {
    expect(parseSmppTime('020610233429000R', Date.UTC(2026, 0, 1))).toBe(
      Date.UTC(2028, 6, 11, 23, 34, 29),
    );
    expect(parseSmppTime('000002000000000R', now)).toBe(now + 2 * 86_400_000);
    expect(parseSmppTime('000000000000000R', now)).toBe(now);
  });

  it('keeps to the last day of a shorter month', () => {
    expect(parseSmppTime('000100000000000R', Date.UTC(2027, 0, 31))).toBe(Date.UTC(2027, 1, 28));
    expect(parseSmppTime('010000000000000R', Date.UTC(2028, 1, 29))).toBe(Date.UTC(2029, 1, 28));
  });

  it('reads an empty time as none', () => {
    expect(parseSmppTime('', now)).toBeUndefined();
  });

  it.each([
    '2611221411',
    '261122141124000',
    '261322141124000+',
    '260230141124000+',
    '261122241124000+',
    '261122146024000+',
    '261122141160000+',
    '261122141124049+',
    '261122141124000Z',
    '26112214112400 +',
    'tomorrow',
    '261122141124000+0',
  ])('says malformed for %j', (text) => {
    expect(parseSmppTime(text, now)).toBe('malformed');
  });

  it('takes any text without throwing', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), (text) => {
        expect(['number', 'string', 'undefined']).toContain(typeof parseSmppTime(text, now));
      }),
    );
  });
});

describe('formatAbsoluteTime', () => {
  it('writes UTC to a tenth of a second', () => {
    expect(formatAbsoluteTime(now)).toBe('261122141124500+');
  });

  it('round-trips', () => {
    const tenths = fc.integer({ min: 0, max: 3_000_000_000_0 / 1 });
    fc.assert(
      fc.property(tenths, (tenth) => {
        const ms = Date.UTC(2000, 0, 1) + tenth * 100;
        expect(parseSmppTime(formatAbsoluteTime(ms), now)).toBe(ms);
      }),
    );
  });
});

describe('formatRelativeTime', () => {
  it('writes days, hours, minutes and seconds', () => {
    expect(formatRelativeTime(2 * 86_400_000)).toBe('000002000000000R');
    expect(formatRelativeTime(86_399_000)).toBe('000000235959000R');
  });

  it('is never zero, which would mean the default, and at most 31 days', () => {
    expect(formatRelativeTime(0)).toBe('000000000001000R');
    expect(formatRelativeTime(-5)).toBe('000000000001000R');
    expect(formatRelativeTime(400 * 86_400_000)).toBe('000031000000000R');
  });

  it('round-trips in whole seconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 31 * 86_400 }), (seconds) => {
        expect(parseSmppTime(formatRelativeTime(seconds * 1000), now)).toBe(now + seconds * 1000);
      }),
    );
  });
});

describe('compactDate', () => {
  it('is YYMMDDhhmm', () => {
    expect(compactDate(Date.UTC(2007, 0, 2, 3, 4, 59))).toBe('0701020304');
  });
});
