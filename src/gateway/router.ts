import type { Catalog, CatalogAccount } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import type { Credits } from '../domain/money.ts';
import { chooseCarrier } from '../domain/routing.ts';

/** What a route is chosen by; a `Message` has all of it. */
export interface Routable {
  /** E.164 digits. */
  readonly destination: string;
  /** As the customer gave it. */
  readonly sender: string;
  readonly owner: CatalogAccount;
  /** The price of a segment. */
  readonly unitPrice: Credits;
}

export interface RouterDeps {
  catalog(): Catalog;
  readonly random: () => number;
  /** Whether a carrier can take messages now (its link is up and it is not paused). */
  isUsable(carrier: CarrierId): boolean;
}

/** Which carrier a message goes to: at accept, and whenever it has to leave the one it waits for. */
export class Router {
  readonly #deps: RouterDeps;

  constructor(deps: RouterDeps) {
    this.#deps = deps;
  }

  /** Undefined when no route fits. With every carrier of the route down the message waits for the first one. */
  choose({ destination }: Routable): CarrierId | undefined {
    const candidates = this.#deps.catalog().routes.candidates(destination);
    if (candidates === undefined) return undefined;
    const { isUsable, random } = this.#deps;
    return chooseCarrier(candidates, isUsable, random()) ?? candidates[0]?.carrier;
  }

  /** A usable carrier of the route as it now stands that is not in `without`; undefined when there is none. */
  next({ destination }: Routable, without: ReadonlySet<CarrierId>): CarrierId | undefined {
    const candidates = this.#deps.catalog().routes.candidates(destination);
    const { isUsable, random } = this.#deps;
    const usable = (carrier: CarrierId) => !without.has(carrier) && isUsable(carrier);
    return candidates && chooseCarrier(candidates, usable, random());
  }
}
