import { CALLING_CODES, CANADA_AREAS, NANP_COUNTRIES, US_AREAS } from './calling-codes.ts';
import { PrefixTable } from './prefix-table.ts';

/** The country code that the United States, Canada and most of the Caribbean share. */
const NANP = '1';
/** Of those whose letters are no country's in the runtime's table. */
const ZONES_OF: Readonly<Record<string, readonly string[]>> = {
  AC: ['Atlantic/St_Helena'],
  XK: ['Europe/Belgrade'],
};

interface Place {
  readonly country: string;
  /** Undefined: all of its country. */
  readonly zones?: readonly string[];
}

const PLACES = new PrefixTable<Place>(places());
const COUNTRIES: ReadonlySet<string> = new Set([...places()].map(([, { country }]) => country));

/**
 * The country of a number, ISO 3166-1 alpha-2 ("SA").
 * @param msisdn E.164 digits
 * @returns undefined: its first digits are no country's, or no area code of the North American plan
 */
export function countryOf(msisdn: string): string | undefined {
  return PLACES.longest(msisdn)?.country;
}

/** Whether ISO 3166-1 alpha-2 letters are those of a country that has numbers. */
export function isCountry(code: string): boolean {
  return COUNTRIES.has(code);
}

/**
 * The time zones (IANA) in which the recipient may be: one where his first digits say it, else all of his country. A
 * number without a country is in none.
 * @param msisdn E.164 digits
 */
export function zonesOf(msisdn: string): readonly string[] {
  const place = PLACES.longest(msisdn);
  return place === undefined ? [] : (place.zones ?? zonesOfCountry(place.country));
}

/** Of ECMA-402's Intl Locale Info, which TypeScript's library does not have yet. */
interface WithTimeZones extends Intl.Locale {
  getTimeZones?(): readonly string[] | undefined;
}

const known = new Map<string, readonly string[]>();

/** All time zones of a country, by the runtime's own table (Unicode CLDR, which follows the IANA zone.tab). */
export function zonesOfCountry(country: string): readonly string[] {
  const found = known.get(country);
  if (found !== undefined) return found;
  const locale: WithTimeZones = new Intl.Locale(`und-${country}`);
  const zones = ZONES_OF[country] ?? locale.getTimeZones?.() ?? [];
  known.set(country, zones);
  return zones;
}

function* places(): Iterable<readonly [prefix: string, place: Place]> {
  for (const [country, prefix] of pairsOf(CALLING_CODES)) yield [prefix, { country }];
  for (const [country, area] of pairsOf(NANP_COUNTRIES)) yield [NANP + area, { country }];
  for (const [country, areas] of [
    ['US', US_AREAS],
    ['CA', CANADA_AREAS],
  ] as const)
    for (const [zones, codes] of areas)
      for (const area of codes.split(' ')) yield [NANP + area, { country, zones }];
}

/** Of "SA 966|KZ 76 77". */
function* pairsOf(table: string): Iterable<readonly [country: string, prefix: string]> {
  for (const line of table.trim().split(/[|\n]/)) {
    const [country = '', ...prefixes] = line.split(' ');
    for (const prefix of prefixes) yield [country, prefix];
  }
}
