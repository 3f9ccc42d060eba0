import { codesOf, countriesOfMcc } from './mobile-country-codes.ts';
import { PrefixTable } from './prefix-table.ts';
import type { Refusal } from './refusal.ts';

/**
 * An order that nothing goes to some destinations: one of prefix, country (ISO 3166-1) and network (E.212). An MCC alone
 * is all countries that it serves.
 */
export interface Suspension {
  readonly prefix?: string | undefined;
  readonly country?: string | undefined;
  readonly network?: string | undefined;
  readonly reason: string;
  /** The reference of the regulator's order. */
  readonly order?: string | undefined;
  /** ISO 8601; from the beginning, without end. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
}

/** An order in force for a number. */
export interface FoundSuspension {
  readonly suspension: Suspension;
  readonly refusal: Refusal;
}

/** Suspended destinations, ready to be asked. */
export interface Suspensions {
  readonly isEmpty: boolean;
  /** The order that holds for a number at a time (Unix ms). */
  find(
    msisdn: string,
    atMs: number,
    countryOf: (msisdn: string) => string | undefined,
    networkOf: (msisdn: string) => string | undefined,
  ): FoundSuspension | undefined;
  /** When orders begin between two times: what is queued has to be looked through then. */
  beginsBetween(afterMs: number, untilMs: number): boolean;
}

interface Order extends FoundSuspension {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Compiles orders; those of countries and networks are looked up, prefixes walked digit by digit. */
export function compileSuspensions(suspensions: readonly Suspension[]): Suspensions {
  const orders = suspensions.map(orderOf);
  const byPrefix = grouped(orders, ({ prefix }) => prefix ?? []);
  const prefixes = new PrefixTable(
    [...byPrefix].map(([prefix]) => [prefix, byShorter(byPrefix, prefix)] as const),
  );
  const byCountry = grouped(orders, countriesOf);
  const byNetwork = grouped(orders, ({ network }) => network ?? []);
  return {
    isEmpty: orders.length === 0,
    find(msisdn, atMs, countryOf, networkOf) {
      if (orders.length === 0) return undefined;
      const ofPrefix = inForce(prefixes.longest(msisdn), atMs);
      if (ofPrefix !== undefined) return ofPrefix;
      if (byCountry.size > 0) {
        const found = inForce(byCountry.get(countryOf(msisdn) ?? ''), atMs);
        if (found !== undefined) return found;
      }
      if (byNetwork.size === 0) return undefined;
      for (const code of codesOf(networkOf(msisdn) ?? '')) {
        const found = inForce(byNetwork.get(code), atMs);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    beginsBetween: (afterMs, untilMs) =>
      orders.some(({ fromMs }) => fromMs > afterMs && fromMs <= untilMs),
  };
}

function orderOf(suspension: Suspension): Order {
  const { reason, order, from, until } = suspension;
  const detail = `the destination is suspended: ${reason}${order === undefined ? '' : ` (${order})`}`;
  return {
    suspension,
    refusal: { key: 'destinationSuspended', detail },
    fromMs: from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from),
    untilMs: until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until),
  };
}

function countriesOf({ country, network = '' }: Suspension): string | readonly string[] {
  return country ?? countriesOfMcc(network);
}

function grouped(
  orders: readonly Order[],
  keysOf: (suspension: Suspension) => string | readonly string[],
): Map<string, Order[]> {
  const groups = new Map<string, Order[]>();
  for (const order of orders)
    for (const key of [keysOf(order.suspension)].flat())
      groups.set(key, [...(groups.get(key) ?? []), order]);
  return groups;
}

/** A prefix stands under the shorter ones as well. */
function byShorter(groups: ReadonlyMap<string, Order[]>, prefix: string): Order[] {
  const orders: Order[] = [];
  for (let digits = 1; digits <= prefix.length; digits++)
    orders.push(...(groups.get(prefix.slice(0, digits)) ?? []));
  return orders;
}

function inForce(orders: readonly Order[] | undefined, atMs: number): Order | undefined {
  return orders?.find(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs);
}
