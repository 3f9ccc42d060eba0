import type { z } from 'zod';
import { mccOf } from './mobile-country-codes.ts';
import { PrefixTable } from './prefix-table.ts';
import type { networkSchema } from './route-schema.ts';

/** An operator or country and its prefixes, as data. */
export type NetworkSpec = z.output<typeof networkSchema>;

/**
 * Says which network a number belongs to: the hook for number portability. Asked once a message while it is routed, so
 * it answers from memory.
 */
export interface NumberLookup {
  /** MCC and MNC ("42001"), or MCC alone; undefined when it does not know the number. @param msisdn E.164 digits */
  networkOf(msisdn: string): string | undefined;
}

/** The networks of the resources: whose a number is by its prefix, else the MCC of its country. */
export interface Networks extends NumberLookup {
  /** Whether a prefix of the resources says it; else it is only the number's country. */
  hasPrefixOf(msisdn: string): boolean;
  /** What an operator is called; undefined where the resources do not say. */
  operatorOf(network: string): string | undefined;
}

/**
 * Compiles networks by MCC and MNC: of the prefixes that fit a number the longest says whose it is. Where none fits its
 * country has an MCC.
 */
export function compileNetworks(networks: Iterable<readonly [string, NetworkSpec]>): Networks {
  const operators = new Map<string, string>();
  const prefixes: [string, string][] = [];
  for (const [network, spec] of networks) {
    if (spec.operator !== undefined) operators.set(network, spec.operator);
    for (const prefix of spec.prefixes) prefixes.push([prefix, network]);
  }
  const table = new PrefixTable(prefixes);
  return {
    networkOf: (msisdn) => table.longest(msisdn) ?? mccOf(msisdn),
    hasPrefixOf: (msisdn) => table.longest(msisdn) !== undefined,
    operatorOf: (network) => operators.get(network),
  };
}

/** Prefixes that two networks have: which network has it second, and which first. */
export function sharedPrefixes(
  networks: Iterable<readonly [string, NetworkSpec]>,
): { readonly network: string; readonly first: string; readonly index: number }[] {
  const owners = new Map<string, string>();
  const shared: { network: string; first: string; index: number }[] = [];
  for (const [network, { prefixes }] of networks) {
    for (const [index, prefix] of prefixes.entries()) {
      const first = owners.get(prefix);
      if (first === undefined) owners.set(prefix, network);
      else shared.push({ network, first, index });
    }
  }
  return shared;
}
