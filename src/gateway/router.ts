import { CarrierChoice, type WeighedCandidate } from '../domain/carrier-choice.ts';
import type { Catalog, CatalogAccount } from '../domain/catalog.ts';
import type { AccountId, CarrierId } from '../domain/ids.ts';
import type { Credits } from '../domain/money.ts';
import type { NumberLookup } from '../domain/networks.ts';
import type { Route, RouteMatch, RouteQuery } from '../domain/routing.ts';

/** What a route is chosen by; a `Message` has all of it. */
export interface Routable {
  /** E.164 digits. */
  readonly destination: string;
  /** The sender as the customer gave it. */
  readonly echo: { readonly source_addr: string };
  readonly owner: CatalogAccount;
  readonly trafficClass: string;
  /** The price of a segment. */
  readonly unitPrice: Credits;
}

/** Why a message can go nowhere, in words that its sender may read. */
export interface NoRoute {
  readonly noRoute: string;
}

/** A question of an operator: a message that need not exist. */
export interface RouteQuestion {
  /** E.164 digits. */
  readonly destination: string;
  readonly sender: string;
  readonly account: AccountId | undefined;
  readonly trafficClass: string;
  /** Undefined: costs are compared with nothing. */
  readonly unitPrice: Credits | undefined;
  readonly atMs: number;
}

/** How a message with these properties is routed, step by step. */
export interface RouteDecision {
  /** `number`: it stands in the table of numbers; `prefix`: in the resources' networks; `country`: its MCC alone. */
  readonly network:
    | { readonly code: string; readonly from: 'number' | 'prefix' | 'country' }
    | undefined;
  /** Every route that fits, most exact first. */
  readonly matches: readonly RouteMatch[];
  /** The first open one of them. */
  readonly route: Route | undefined;
  readonly candidates: readonly WeighedCandidate[];
  /** Why it would be refused; undefined: it goes to the candidates with a share. */
  readonly refused: string | undefined;
  /** It waits for the one candidate with a share to come up. */
  readonly waits: boolean;
}

export interface RouterDeps {
  catalog(): Catalog;
  readonly random: () => number;
  /** Unix ms. */
  readonly now: () => number;
  /** The table of numbers, before the networks' prefixes. */
  readonly numbers: NumberLookup;
  /** Whether a carrier can take messages now (its link is up and it is not paused). */
  isUsable(carrier: CarrierId): boolean;
}

/** Which carrier a message goes to: at accept, and whenever it has to leave the one it waits for. */
export class Router {
  readonly #deps: RouterDeps;
  readonly #choice: CarrierChoice;
  /** Filled anew for each message, which costs nothing. */
  readonly #query: { -readonly [K in keyof RouteQuery]: RouteQuery[K] } & {
    unitPrice: Credits | undefined;
  } = {
    msisdn: '',
    network: undefined,
    account: undefined,
    sender: '',
    trafficClass: '',
    atMs: 0,
    unitPrice: undefined,
  };

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#choice = new CarrierChoice((carrier) => deps.isUsable(carrier));
  }

  /** By the routes as they stand. With every carrier of its route down the message waits for the first one. */
  choose(message: Routable): CarrierId | NoRoute {
    const route = this.#routeOf(message);
    if (route === undefined) return NO_ROUTE;
    const chosen = this.#choice.choose(route, this.#query, undefined, this.#deps.random());
    return chosen ?? this.#choice.waitFor(route) ?? this.#refusal(route);
  }

  /**
   * As `choose`, for a message that waits already and was tried at some carriers: it may also be told to wait for one
   * that is down. Undefined: nowhere better.
   */
  again(message: Routable, tried: ReadonlySet<CarrierId>): CarrierId | undefined {
    const route = this.#routeOf(message);
    if (route === undefined) return undefined;
    const chosen = this.#choice.choose(route, this.#query, tried, this.#deps.random());
    return chosen ?? this.#choice.waitFor(route);
  }

  /** A usable carrier of the route as it now stands that is not in `tried`; undefined when there is none. */
  next(message: Routable, tried: ReadonlySet<CarrierId>): CarrierId | undefined {
    const route = this.#routeOf(message);
    return route && this.#choice.choose(route, this.#query, tried, this.#deps.random());
  }

  /** The decision of `choose` laid open: made by the same steps. */
  explain(question: RouteQuestion): RouteDecision {
    const { destination, sender, unitPrice, ...rest } = question;
    const { routes } = this.#deps.catalog();
    const network = this.#networkOf(destination);
    const query = {
      ...rest,
      msisdn: destination,
      sender: senderOf(sender),
      network: network?.code,
      unitPrice,
    };
    const matches = routes.matches(query);
    const route = routes.find(query);
    if (route === undefined)
      return { network, matches, route, candidates: [], refused: NO_ROUTE.noRoute, waits: false };
    const candidates = this.#choice.explain(route, query);
    const taken = candidates.find(({ share }) => share > 0);
    const refused = taken === undefined ? this.#refusal(route).noRoute : undefined;
    return { network, matches, route, candidates, refused, waits: taken?.verdict === 'notUp' };
  }

  #routeOf({ destination, echo, owner, trafficClass, unitPrice }: Routable): Route | undefined {
    const { routes } = this.#deps.catalog();
    const query = this.#query;
    query.msisdn = destination;
    query.network = routes.usesNetworks ? this.networkOf(destination) : undefined;
    query.account = owner.id;
    query.sender = senderOf(echo.source_addr);
    query.trafficClass = trafficClass;
    query.atMs = this.#deps.now();
    query.unitPrice = unitPrice;
    return routes.find(query);
  }

  /** MCC and MNC of a number, or MCC alone: of the table of numbers, else of the networks' prefixes, else its country's. */
  networkOf(msisdn: string): string | undefined {
    return this.#deps.numbers.networkOf(msisdn) ?? this.#deps.catalog().networks.networkOf(msisdn);
  }

  #networkOf(msisdn: string): RouteDecision['network'] {
    const code = this.networkOf(msisdn);
    if (code === undefined) return undefined;
    if (this.#deps.numbers.networkOf(msisdn) !== undefined) return { code, from: 'number' };
    const { networks } = this.#deps.catalog();
    return { code, from: networks.hasPrefixOf(msisdn) ? 'prefix' : 'country' };
  }

  #refusal(route: Route): NoRoute {
    return this.#choice.isOverCost(route) ? OVER_COST : NO_CARRIER;
  }
}

const NO_ROUTE: NoRoute = { noRoute: 'no route to this number' };
const OVER_COST: NoRoute = { noRoute: 'no route to this number at its price' };
const NO_CARRIER: NoRoute = { noRoute: 'no carrier of the route to this number takes traffic' };

/** Numeric senders come with "+" or without; routes have them without. */
function senderOf(addr: string): string {
  return addr.charCodeAt(0) === PLUS && isDigit(addr.charCodeAt(1)) ? addr.slice(1) : addr;
}

const PLUS = 0x2b;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
