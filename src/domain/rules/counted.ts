import { z } from 'zod';
import { countryOf } from '../number-country.ts';
import type { QuotaMessage } from '../policy-rule.ts';
import { whole } from '../schema-parts.ts';
import { foldSender } from '../sender-id.ts';

const SECONDS_MAX = 2_678_400; // 31 days: the longest month

/** What is counted by itself, for how long; of `caps` and `spend`. */
export const countedShape = {
  /** Each recipient, each prefix of so many digits, each country, each sender (whatever its case), or all of the account. */
  per: z.enum(['recipient', 'prefix', 'country', 'sender', 'account']),
  prefixDigits: whole(1, 15).default(5),
  /** From the first message counted on. */
  withinSeconds: whole(1, SECONDS_MAX).default(86_400),
};

const countedSchema = z.strictObject(countedShape);
type Counted = z.output<typeof countedSchema>;

/** The key of what a message is counted with. Numbers of no country are one. */
export function keyOfCounted(
  { per, prefixDigits }: Pick<Counted, 'per' | 'prefixDigits'>,
  { destination, sender }: Pick<QuotaMessage, 'destination' | 'sender'>,
): string {
  switch (per) {
    case 'recipient':
      return destination;
    case 'prefix':
      return destination.slice(0, prefixDigits);
    case 'country':
      return countryOf(destination) ?? '-';
    case 'sender':
      return foldSender(sender);
    case 'account':
      return '*';
  }
}

/** What a rule counts, in words that stand for it in the store: with another `per` or time it counts anew. */
export function nameOfCounted(
  kind: string,
  name: string,
  { per, prefixDigits, withinSeconds }: Counted,
): string {
  const what = per === 'prefix' ? `prefix${prefixDigits}` : per;
  return `${kind} ${name} ${what} ${withinSeconds}`;
}
