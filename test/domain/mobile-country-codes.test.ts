import { describe, expect, it } from 'vitest';
import { codesOf, countriesOfMcc, mccOf } from '../../src/domain/mobile-country-codes.ts';
import { isCountry } from '../../src/domain/number-country.ts';

/** ITU-T E.212: the first digit says the region; 2 to 7 are those of countries. */
const EVERY_CODE = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));

describe('countriesOfMcc', () => {
  // The list of the ITU, and networks in service of mcc-mnc-list.
  it.each([
    ['410', ['PK']],
    ['420', ['SA']],
    ['405', ['IN']],
    ['401', ['KZ']],
    ['250', ['RU']],
    ['270', ['LU']],
    ['212', ['MC']],
    ['225', ['VA']],
    ['425', ['IL', 'PS']],
    ['234', ['GB', 'GG', 'IM', 'JE']],
    ['505', ['AU', 'CC', 'CX', 'NF']],
    ['362', ['BQ', 'CW', 'SX']],
    ['647', ['RE', 'YT']],
    ['340', ['BL', 'GF', 'GP', 'MF', 'MQ']],
    ['310', ['BM', 'GU', 'MP', 'PR', 'US', 'VI']],
    ['316', ['US']],
  ])('%s serves %j', (mcc, countries) => {
    expect([...countriesOfMcc(mcc)].sort()).toEqual(countries);
  });

  it.each(['001', '901', '999', '289', '', '41001'])("%s is no country's", (code) => {
    expect(countriesOfMcc(code)).toEqual([]);
  });

  it('names countries that have numbers, each in the region that its first digit says', () => {
    const codes = EVERY_CODE.filter((code) => countriesOfMcc(code).length > 0);
    expect(codes.length).toBeGreaterThan(230);
    expect(codes.filter((code) => !/^[2-7]/.test(code))).toEqual([]);
    // Saint Barthelemy and Saint Martin have the numbers of Guadeloupe.
    const odd = codes.flatMap((code) => countriesOfMcc(code)).filter((one) => !isCountry(one));
    expect(odd).toEqual(['BL', 'MF']);
  });

  it('has a code of every country but the British Indian Ocean Territory', () => {
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
    const countries = letters.flatMap((a) => letters.map((b) => a + b)).filter(isCountry);
    const served = new Set(EVERY_CODE.flatMap(countriesOfMcc));
    expect(countries.filter((one) => !served.has(one))).toEqual(['IO']);
  });
});

describe('mccOf', () => {
  it.each([
    ['923001234567', '410'],
    ['77011234567', '401'],
    ['79161234567', '250'],
    ['12125550101', '310'],
    ['16715550101', '535'],
    ['594694123456', '742'],
    ['447700900123', '234'],
    ['99912345678', undefined],
  ])('%s: %s', (msisdn, mcc) => {
    expect(mccOf(msisdn)).toBe(mcc);
  });
});

describe('codesOf', () => {
  it('goes from the operator to its country', () => {
    expect(codesOf('41001')).toEqual(['41001', '410']);
    expect(codesOf('310410')).toEqual(['310410', '310']);
  });

  it('has all codes of a country of which no more is known', () => {
    expect(codesOf('404')).toEqual(['404', '405', '406']);
    expect(codesOf('410')).toEqual(['410']);
    expect(codesOf('405')).toEqual(['405']);
  });
});
