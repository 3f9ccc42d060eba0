/** A destination in the form that everything inside uses: E.164 digits without "+", or why it is none. */
export type Destination = { readonly msisdn: string } | { readonly malformed: string };

const DIGITS_MIN = 7; // no country has shorter subscriber numbers with its code
const DIGITS_MAX = 15; // ITU-T E.164 §6.1
const TON_UNKNOWN = 0; // SMPP 3.4 §5.2.5
const TON_INTERNATIONAL = 1;
const TON_NATIONAL = 2;
const NPI_UNKNOWN = 0; // SMPP 3.4 §5.2.6
const NPI_ISDN = 1;

/**
 * Normalises a destination address. Taken are international numbers: with or without "+", or with the prefix
 * "00", of TON 0, 1 or 2 and NPI 0 or 1. TON 2 (national) is no more than a habit: Kannel puts it on every number
 * that has no "+" or "00", and a gateway to all countries knows no national form. Other types, numbers with a
 * single leading 0 and other characters are malformed.
 */
export function normaliseDestination(addr: string, ton: number, npi: number): Destination {
  if (ton !== TON_UNKNOWN && ton !== TON_INTERNATIONAL && ton !== TON_NATIONAL)
    return TON_MALFORMED;
  if (npi !== NPI_UNKNOWN && npi !== NPI_ISDN) return NPI_MALFORMED;
  const digits = addr.startsWith('+')
    ? addr.slice(1)
    : addr.startsWith('00')
      ? addr.slice(2)
      : addr;
  if (!/^[0-9]*$/.test(digits))
    return { malformed: 'the destination has characters other than digits' };
  if (digits.length < DIGITS_MIN || digits.length > DIGITS_MAX) {
    return {
      malformed: `the destination has ${digits.length} digits, not ${DIGITS_MIN} to ${DIGITS_MAX}`,
    };
  }
  if (digits.startsWith('0')) return { malformed: 'the destination is not in international form' };
  return { msisdn: digits };
}

const TON_MALFORMED: Destination = {
  malformed: 'dest_addr_ton is none of 0, 1 (international) and 2',
};
const NPI_MALFORMED: Destination = { malformed: 'dest_addr_npi is neither 0 nor 1 (E.164)' };
