import type { Credits } from './money.ts';
import { PrefixTable } from './prefix-table.ts';

/** A price list, compiled from a `tariffs` resource. */
export interface CompiledTariff {
  readonly name: string;
  readonly version: number;
  /** The price of one segment to a number (digits): longest prefix, then "*"; undefined when it has no price. */
  priceFor(msisdn: string): Credits | undefined;
}

/** The key that prices every number no prefix fits. */
export const ANY_DESTINATION = '*';

/** Compiles a price list of prefix (digits or "*") to unit price. */
export function compileTariff(
  name: string,
  version: number,
  prices: Iterable<readonly [prefix: string, price: Credits]>,
): CompiledTariff {
  const table = new PrefixTable<Credits>(rooted(prices));
  return { name, version, priceFor: (msisdn) => table.longest(msisdn) };
}

/** "*" is the empty prefix: it fits every number and every other prefix is longer. */
function* rooted(
  prices: Iterable<readonly [string, Credits]>,
): Iterable<readonly [string, Credits]> {
  for (const [prefix, price] of prices) yield [prefix === ANY_DESTINATION ? '' : prefix, price];
}
