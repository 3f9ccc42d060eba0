import type { AccountId, CarrierId } from './ids.ts';
import { codesOf } from './mobile-country-codes.ts';
import { PrefixTable } from './prefix-table.ts';
import type { RouteHours } from './route-hours.ts';
import type { CompiledTariff } from './tariff.ts';

/** One carrier that a route may use. */
export interface RouteCandidate {
  readonly carrier: CarrierId;
  /** The lowest number that has a usable carrier is used. */
  readonly priority: number;
  /** Share of the traffic among the usable carriers of one priority; 0 takes none. */
  readonly weight: number;
  /** What it takes for a segment; undefined: nobody said, and nothing is compared. */
  readonly cost: CompiledTariff | undefined;
  /** It is used also where it costs more than the message's price. */
  readonly allowLoss: boolean;
}

/** Which messages go to which carriers. Exactly one of `prefix` and `network` is there; what else is undefined fits all. */
export interface RouteDraft {
  /** As the resources have it (route-name.ts). */
  readonly name: string;
  readonly prefix: string | undefined;
  readonly network: string | undefined;
  readonly account: AccountId | undefined;
  /** A sender, or the beginning of one and "*". */
  readonly sender: string | undefined;
  readonly trafficClass: string | undefined;
  readonly hours: RouteHours | undefined;
  readonly select: 'priority' | 'leastCost';
  readonly candidates: readonly RouteCandidate[];
}

/** A route as it is found: its candidates sorted by priority. */
export type Route = RouteDraft;

/** What a route is looked for by. */
export interface RouteQuery {
  /** E.164 digits. */
  readonly msisdn: string;
  /** MCC or MCC and MNC; undefined: not known. */
  readonly network: string | undefined;
  /** Undefined: only routes for every account fit. */
  readonly account: AccountId | undefined;
  readonly sender: string;
  readonly trafficClass: string;
  readonly atMs: number;
}

/** A route that fits a message but perhaps for its hours. */
export interface RouteMatch {
  readonly route: Route;
  /** False: it is closed now. */
  readonly isOpen: boolean;
}

/**
 * All routes, compiled. Of those that fit a message and are open the most exact one is its route, told by these in turn:
 *
 * 1. one for its account, before those for any
 * 2. one for its sender: in full, then by the longest beginning, then for any
 * 3. one for its traffic class, before those for any
 * 4. one for its network: MCC and MNC, then MCC; then by the longest prefix
 * 5. one with hours, before one that is always open
 *
 * Who sends comes before where it goes, because that is what an exception is made for ("acme's traffic goes by that
 * carrier"); an operator known by number says more than any prefix, because ported numbers keep theirs.
 */
export interface RouteTable {
  /** The route of a message; undefined when none fits. */
  find(query: RouteQuery): Route | undefined;
  /** Every route that fits, most exact first: the first open one is what `find` finds. */
  matches(query: RouteQuery): readonly RouteMatch[];
  /** Whether any route, or the cost of a carrier in one, needs the query's network. */
  readonly usesNetworks: boolean;
  /** Whether any route, or the cost of a carrier in one, needs the query's traffic class. */
  readonly usesClasses: boolean;
}

/** Compiles routes. Equal ones are told apart before (route-name.ts); here the first of them wins. */
export function compileRoutes(drafts: Iterable<RouteDraft>): RouteTable {
  const routes = Array.from(drafts, (draft) => ({
    ...draft,
    candidates: draft.candidates.toSorted((a, b) => a.priority - b.priority),
  }));
  const ofAccount = new Map<AccountId, BySender>();
  for (const [account, group] of Map.groupBy(routes, (route) => route.account))
    if (account !== undefined) ofAccount.set(account, new BySender(group));
  const ofAny = new BySender(routes.filter((route) => route.account === undefined));
  const walk = (query: RouteQuery, visitor: Visitor): boolean => {
    const own = query.account === undefined ? undefined : ofAccount.get(query.account);
    return (own?.walk(query, visitor) ?? false) || ofAny.walk(query, visitor);
  };
  const first = new FirstOpen();
  return {
    find: (query) => {
      first.route = undefined;
      walk(query, first);
      return first.route;
    },
    matches: (query) => {
      const all = new EveryMatch();
      walk(query, all);
      return all.matches;
    },
    usesNetworks: routes.some(
      (route) =>
        route.network !== undefined ||
        route.candidates.some(({ cost }) => cost?.usesNetworks === true),
    ),
    usesClasses: routes.some(
      (route) =>
        route.trafficClass !== undefined ||
        route.candidates.some(({ cost }) => cost?.isConditional === true),
    ),
  };
}

/** Is shown the routes that fit a message, most exact first, until it has seen enough. */
interface Visitor {
  /** @returns true: that was the last */
  see(route: Route, isOpen: boolean): boolean;
}

class FirstOpen implements Visitor {
  route: Route | undefined;

  see(route: Route, isOpen: boolean): boolean {
    if (isOpen) this.route = route;
    return isOpen;
  }
}

class EveryMatch implements Visitor {
  readonly matches: RouteMatch[] = [];

  see(route: Route, isOpen: boolean): boolean {
    this.matches.push({ route, isOpen });
    return false;
  }
}

/** The routes of one account, or of any. */
class BySender {
  readonly #exact = new Map<string, ByClass>();
  /** By the length of the beginning, the longest first. */
  readonly #beginnings: { readonly length: number; readonly tables: Map<string, ByClass> }[] = [];
  readonly #any: ByClass;

  constructor(routes: readonly Route[]) {
    const beginnings = new Map<number, Map<string, ByClass>>();
    for (const [sender, group] of Map.groupBy(routes, (route) => route.sender)) {
      if (sender === undefined) continue;
      if (!sender.endsWith('*')) this.#exact.set(sender, new ByClass(group));
      else {
        const length = sender.length - 1;
        const tables = beginnings.get(length) ?? new Map<string, ByClass>();
        beginnings.set(length, tables.set(sender.slice(0, -1), new ByClass(group)));
      }
    }
    this.#any = new ByClass(routes.filter((route) => route.sender === undefined));
    for (const [length, tables] of beginnings) this.#beginnings.push({ length, tables });
    this.#beginnings.sort((a, b) => b.length - a.length);
  }

  walk(query: RouteQuery, visitor: Visitor): boolean {
    const { sender } = query;
    if (this.#exact.get(sender)?.walk(query, visitor) === true) return true;
    for (const { length, tables } of this.#beginnings) {
      if (sender.length < length) continue;
      if (tables.get(sender.slice(0, length))?.walk(query, visitor) === true) return true;
    }
    return this.#any.walk(query, visitor);
  }
}

/** Those of one sender, or of any. */
class ByClass {
  readonly #ofClass = new Map<string, ByDestination>();
  readonly #any: ByDestination;

  constructor(routes: readonly Route[]) {
    for (const [name, group] of Map.groupBy(routes, (route) => route.trafficClass))
      if (name !== undefined) this.#ofClass.set(name, new ByDestination(group));
    this.#any = new ByDestination(routes.filter((route) => route.trafficClass === undefined));
  }

  walk(query: RouteQuery, visitor: Visitor): boolean {
    return (
      this.#ofClass.get(query.trafficClass)?.walk(query, visitor) === true ||
      this.#any.walk(query, visitor)
    );
  }
}

/** Those of one traffic class, or of any. */
class ByDestination {
  readonly #networks: ReadonlyMap<string, Leaf>;
  readonly #prefixes: PrefixTable<Leaf>;

  constructor(routes: readonly Route[]) {
    this.#networks = new Map(
      leavesOf(routes, (route) => route.network).map((leaf) => [leaf.key, leaf]),
    );
    const leaves = leavesOf(routes, (route) => route.prefix);
    const table = new PrefixTable(leaves.map((leaf) => [leaf.key, leaf] as const));
    for (const leaf of leaves)
      if (leaf.key !== '') leaf.shorter = table.longest(leaf.key.slice(0, -1));
    this.#prefixes = table;
  }

  walk(query: RouteQuery, visitor: Visitor): boolean {
    const { network, atMs } = query;
    if (network !== undefined && this.#networks.size > 0) {
      for (const code of codesOf(network))
        if (see(this.#networks.get(code), atMs, visitor)) return true;
    }
    let leaf = this.#prefixes.longest(query.msisdn);
    while (leaf !== undefined) {
      if (see(leaf, atMs, visitor)) return true;
      leaf = leaf.shorter;
    }
    return false;
  }
}

/** The routes of one prefix or network: those with hours first. */
interface Leaf {
  readonly key: string;
  readonly routes: readonly Route[];
  /** Of a prefix: the longest shorter one that has routes. */
  shorter: Leaf | undefined;
}

function leavesOf(routes: readonly Route[], keyOf: (route: Route) => string | undefined): Leaf[] {
  const leaves: Leaf[] = [];
  for (const [key, group] of Map.groupBy(routes, keyOf)) {
    if (key === undefined) continue;
    const hasHours = (route: Route) => route.hours !== undefined;
    const sorted = [...group.filter(hasHours), ...group.filter((route) => !hasHours(route))];
    leaves.push({ key, routes: sorted, shorter: undefined });
  }
  return leaves;
}

function see(leaf: Leaf | undefined, atMs: number, visitor: Visitor): boolean {
  if (leaf === undefined) return false;
  for (const route of leaf.routes)
    if (visitor.see(route, route.hours?.isOpen(atMs) ?? true)) return true;
  return false;
}
