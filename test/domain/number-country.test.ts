import { describe, expect, it } from 'vitest';
import { countryOf, isCountry, zonesOf, zonesOfCountry } from '../../src/domain/number-country.ts';

describe('countryOf', () => {
  // Numbers of the numbering plans' own examples, and of Ofcom's and NANPA's reserved ranges.
  it.each([
    ['966512345678', 'SA'],
    ['923001234567', 'PK'],
    ['79161234567', 'RU'],
    ['77011234567', 'KZ'],
    ['447700900123', 'GB'],
    ['447624123456', 'IM'],
    ['12125550101', 'US'],
    ['14165550101', 'CA'],
    ['18765550101', 'JM'],
    ['390669812345', 'VA'],
    ['393201234567', 'IT'],
    ['4779123456', 'SJ'],
    ['38344123456', 'XK'],
  ])('%s is of %s', (msisdn, country) => {
    expect(countryOf(msisdn)).toBe(country);
  });

  it.each(['88213000000', '15555550101', '99912345678', '21012345678'])(
    '%s is of no country',
    (msisdn) => {
      expect(countryOf(msisdn)).toBeUndefined();
      expect(zonesOf(msisdn)).toEqual([]);
    },
  );
});

describe('zonesOf', () => {
  it.each([
    ['966512345678', ['Asia/Riyadh']],
    ['12125550101', ['America/New_York']],
    ['13125550101', ['America/Chicago']],
    ['14155550101', ['America/Los_Angeles']],
    ['19285550101', ['America/Phoenix', 'America/Denver']],
    ['16045550101', ['America/Vancouver']],
  ])('%s is in %j', (msisdn, zones) => {
    expect(zonesOf(msisdn)).toEqual(zones);
  });

  it('says all zones of a country whose numbers do not tell', () => {
    const zones = zonesOf('79161234567');
    expect(zones).toContain('Europe/Kaliningrad');
    expect(zones).toContain('Asia/Kamchatka');
    expect(zones).not.toContain('Asia/Almaty');
  });
});

describe('isCountry', () => {
  it('takes two capital letters of a country that has numbers', () => {
    expect([isCountry('PK'), isCountry('pk'), isCountry('XX')]).toEqual([true, false, false]);
  });
});

describe('zonesOfCountry', () => {
  it('knows the zones of every country', () => {
    for (const code of 'AC AE BQ CW FM ID KI MN MX SX US XK ZW'.split(' '))
      expect(zonesOfCountry(code).length, code).toBeGreaterThan(0);
  });
});
