import type { CarrierId } from './ids.ts';
import { PrefixTable } from './prefix-table.ts';

/** One carrier that a route may use. */
export interface RouteCandidate {
  readonly carrier: CarrierId;
  /** The lowest number that has a usable carrier is used. */
  readonly priority: number;
  /** Share of the traffic among the usable carriers of one priority; 0 takes none. */
  readonly weight: number;
}

/** Which carriers a number may go to. */
export interface RouteTable {
  /** The candidates of the longest prefix that fits, sorted by priority; undefined when no route fits. */
  candidates(msisdn: string): readonly RouteCandidate[] | undefined;
  /** The same with the prefix that fits. */
  explain(msisdn: string): Route | undefined;
}

/** One route: a prefix and the carriers of numbers that begin with it. */
export interface Route {
  readonly prefix: string;
  readonly candidates: readonly RouteCandidate[];
}

/** Compiles routes (prefix "" fits every number). */
export function compileRoutes(
  routes: Iterable<readonly [prefix: string, candidates: readonly RouteCandidate[]]>,
): RouteTable {
  const table = new PrefixTable<Route>(sorted(routes));
  return {
    candidates: (msisdn) => table.longest(msisdn)?.candidates,
    explain: (msisdn) => table.longest(msisdn),
  };
}

/**
 * Chooses among a route's candidates: the lowest priority with a usable carrier, then by weight.
 * @param candidates sorted by priority, as a RouteTable gives them
 * @param random in [0, 1)
 * @returns undefined when no candidate is usable
 */
export function chooseCarrier(
  candidates: readonly RouteCandidate[],
  usable: (carrier: CarrierId) => boolean,
  random: number,
): CarrierId | undefined {
  let priority = 0;
  let total = 0;
  for (const candidate of candidates) {
    if (total > 0 && candidate.priority !== priority) break;
    if (candidate.weight > 0 && usable(candidate.carrier)) {
      priority = candidate.priority;
      total += candidate.weight;
    }
  }
  if (total === 0) return undefined;
  let left = random * total;
  let chosen: CarrierId | undefined;
  for (const candidate of candidates) {
    if (candidate.priority !== priority || candidate.weight === 0 || !usable(candidate.carrier))
      continue;
    chosen = candidate.carrier;
    left -= candidate.weight;
    if (left < 0) break;
  }
  return chosen;
}

function* sorted(
  routes: Iterable<readonly [prefix: string, candidates: readonly RouteCandidate[]]>,
): Iterable<readonly [string, Route]> {
  for (const [prefix, candidates] of routes) {
    yield [prefix, { prefix, candidates: [...candidates].sort((a, b) => a.priority - b.priority) }];
  }
}
