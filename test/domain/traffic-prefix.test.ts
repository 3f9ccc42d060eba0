import { describe, expect, it } from 'vitest';
import { countryCode } from '../../src/domain/country-code.ts';
import { compileTrafficPrefixes } from '../../src/domain/traffic-prefix.ts';

describe('countryCode', () => {
  // ITU-T E.164.D: one, two and three digits.
  it.each([
    ['12025550123', '1'],
    ['79161234567', '7'],
    ['201001234567', '20'],
    ['442071234567', '44'],
    ['966500000001', '966'],
    ['998901234567', '998'],
    ['37060000000', '370'],
    ['8801711123456', '880'],
  ])('of %s is %s', (number, code) => expect(countryCode(number)).toBe(code));

  it('is none of what begins with none', () => {
    expect([countryCode('0500000001'), countryCode(''), countryCode('96')]).toEqual(['', '', '']);
  });
});

describe('compileTrafficPrefixes', () => {
  it('tells numbers apart by the longest prefix of a route, but at least by country', () => {
    const prefixes = compileTrafficPrefixes(['', '9', '966', '96650', '7']);
    expect(prefixes.of('966501234567')).toBe('96650');
    expect(prefixes.of('966541234567')).toBe('966');
    expect(prefixes.of('971501234567')).toBe('971'); // "9" is no country
    expect(prefixes.of('442071234567')).toBe('44');
    expect(prefixes.of('0123')).toBe('');
    expect(prefixes.of('')).toBe('');
  });
});
