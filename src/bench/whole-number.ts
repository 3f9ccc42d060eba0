import { InvalidArgumentError } from 'commander';

/** An option's value: digits only. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}
