import type { Branded } from './ids.ts';

/** Money: whole micro-credits (a millionth of a credit). Never a float, never rounded. */
export type Credits = Branded<bigint, 'Credits'>;

/** Micro-credits in one credit: money has at most six decimals. */
export const MICRO_PER_CREDIT = 1_000_000n;
const DECIMALS = 6;
/** PostgreSQL's bigint, in which balances are kept. */
const STORABLE_MAX = 2n ** 63n - 1n;
/** Digits before the point that can still fit a bigint of micro-credits (9,223,372,036,854). */
const WHOLE_DIGITS = 13;

/**
 * The most that one segment may cost, a million credits: a batch of 500 messages of 255 segments at this price still adds
 * up in a bigint, so that no price list can make the batch of another customer fail.
 */
export const PRICE_MAX = (1_000_000n * MICRO_PER_CREDIT) as Credits;
/** The most that an account may have, owe or be lent: a ninth of what the store can hold, so that sums of it fit too. */
export const BALANCE_MAX = (1_000_000_000_000n * MICRO_PER_CREDIT) as Credits;

/** No credits. */
export const ZERO = 0n as Credits;

/** Brands a number of micro-credits, as it comes from the store. */
export function credits(micro: bigint): Credits {
  return micro as Credits;
}

/**
 * Reads a decimal such as "0.05", "1000" or "-1.5", exactly.
 * The error says what is wrong: not a decimal, more than six decimals, or too large for the store.
 */
export function parseCredits(text: string): Credits | { readonly error: string } {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (match === null) return { error: 'is not a decimal number such as "0.05"' };
  const [, sign = '', whole = '', fraction = ''] = match;
  if (fraction.length > DECIMALS) return { error: 'has more than six decimals' };
  if (whole.replace(/^0+/, '').length > WHOLE_DIGITS) return { error: 'is too large' };
  const micro = BigInt(whole) * MICRO_PER_CREDIT + BigInt(fraction.padEnd(DECIMALS, '0'));
  if (micro > STORABLE_MAX) return { error: 'is too large' };
  return (sign === '-' ? -micro : micro) as Credits;
}

/** Writes the decimal with as few decimals as it needs: "0.05", "1000", "-1.5". */
export function formatCredits(amount: Credits): string {
  const micro = amount < 0n ? -amount : amount;
  const fraction = (micro % MICRO_PER_CREDIT).toString().padStart(DECIMALS, '0').replace(/0+$/, '');
  const whole = (micro / MICRO_PER_CREDIT).toString();
  return `${amount < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The price of `n` segments at a unit price. @throws RangeError when n is not a whole number of at least 0 */
export function times(unit: Credits, n: number): Credits {
  return (unit * BigInt(n)) as Credits;
}

/** a + b */
export function add(a: Credits, b: Credits): Credits {
  return (a + b) as Credits;
}

/** a - b */
export function subtract(a: Credits, b: Credits): Credits {
  return (a - b) as Credits;
}
