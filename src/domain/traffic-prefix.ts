import { countryCode, countryCodes } from './country-code.ts';
import { PrefixTable } from './prefix-table.ts';

/** What numbers are told apart by where traffic is counted. */
export interface TrafficPrefixes {
  /** The longest prefix of the routes that a number begins with, but at least its country code; '' when it has none. */
  of(msisdn: string): string;
}

/** Compiles them out of the routes' prefixes. A look-up walks once over the digits and allocates nothing. */
export function compileTrafficPrefixes(ofRoutes: Iterable<string>): TrafficPrefixes {
  const table = new PrefixTable<string>(known(ofRoutes));
  return { of: (msisdn) => table.longest(msisdn) ?? '' };
}

function* known(ofRoutes: Iterable<string>): Iterable<readonly [string, string]> {
  for (const code of countryCodes()) yield [code, code];
  // A prefix that is only the beginning of a country code would stand for many countries.
  for (const prefix of ofRoutes) if (countryCode(prefix) !== '') yield [prefix, prefix];
}
