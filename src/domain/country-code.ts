import { PrefixTable } from './prefix-table.ts';

/** Country codes of one digit: North America, and Russia with Kazakhstan (ITU-T E.164.D). */
const OF_ONE = '1 7';
/** Country codes of two digits (ITU-T E.164.D); every other has three. */
const OF_TWO =
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 ' +
  '91 92 93 94 95 98';

/** Every country code there is room for: of three digits all that begin with no shorter one, assigned or not. */
export function countryCodes(): readonly string[] {
  const shorter = new Set([...OF_ONE.split(' '), ...OF_TWO.split(' ')]);
  const codes = [...shorter];
  // No country code begins with 0.
  for (let n = 200; n < 1_000; n++) {
    const code = String(n);
    if (!shorter.has(code.slice(0, 1)) && !shorter.has(code.slice(0, 2))) codes.push(code);
  }
  return codes;
}

const CODES = new PrefixTable<string>(countryCodes().map((code) => [code, code]));

/** The country code that digits begin with; '' when they begin with none. */
export function countryCode(digits: string): string {
  return CODES.longest(digits) ?? '';
}
