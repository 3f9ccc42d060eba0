/** Digits of the destination in which a receipt must agree (docs: The write path). */
const AGREEING_DIGITS = 7;
/** Digits of a country code at most (E.164): so much longer may one of two short numbers be. */
const COUNTRY_CODE_MAX = 3;

/**
 * How the number that a receipt states agrees with a message's destination: it is the number, it ends as the number
 * does (national, with 00 or a trunk zero), it is another, or none is stated.
 */
export type DestinationFit = 'number' | 'lastDigits' | 'other' | 'notStated';

/**
 * Compares a message's destination with the address in its receipt by their last 7 digits. Numbers shorter than that
 * (short codes, the national numbers of small countries) agree whole, or with a country code before one of them.
 * @param destination E.164 digits or a short code
 * @param stated as the receipt has it; a leading + and separators do not count
 */
export function destinationFit(destination: string, stated: string): DestinationFit {
  if (destination === stated) return 'number';
  if (stated === '') return 'notStated';
  const digits = digitsOf(stated);
  if (digits === destination) return 'number';
  // "00966..." is the number as well; "0501..." is national.
  const bare = digits.replace(/^0+/, '');
  if (bare === destination) return 'number';
  return tailsAgree(destination, digits) || tailsAgree(destination, bare) ? 'lastDigits' : 'other';
}

/** An address without what people and carriers put between and before its digits. */
export function digitsOf(address: string): string {
  return PLAIN.test(address) ? address : address.replace(/[\s().+-]/g, '');
}

const PLAIN = /^[0-9A-Za-z]*$/;

function tailsAgree(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  if (shorter >= AGREEING_DIGITS) return a.endsWith(b.slice(-AGREEING_DIGITS));
  if (shorter === 0 || Math.abs(a.length - b.length) > COUNTRY_CODE_MAX) return false;
  return a.endsWith(b) || b.endsWith(a);
}
