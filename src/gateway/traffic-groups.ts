import type { Pool } from 'pg';
import type { Catalog, CatalogAccount } from '../domain/catalog.ts';
import { shownSender, type TrafficGroup, UNKNOWN } from '../domain/traffic-group.ts';
import { withClient } from '../store/pool.ts';
import { GroupIds } from '../store/traffic-groups.ts';

/** Groups that wait to be made or found. Messages of further ones are told apart by who counts them. */
const WANTED_MAX = 1_000;

export interface TrafficGroupsDeps {
  readonly pool: Pool;
  catalog(): Catalog;
  /** MCC and MNC of a number; undefined: nobody knows. */
  networkOf(msisdn: string): string | undefined;
}

/**
 * Says what messages are counted by as they are accepted: the id of their group from memory. The first of a group are
 * accepted without; whoever counts them reads their content for it (ops/books/traits.ts).
 */
export class TrafficGroups {
  readonly #deps: TrafficGroupsDeps;
  readonly #ids = new GroupIds();
  #wanted: TrafficGroup[] = [];
  #asking: Promise<void> | undefined;

  constructor(deps: TrafficGroupsDeps) {
    this.#deps = deps;
  }

  /** 0: not known yet. @param sender as the customer gave it */
  idOf(account: CatalogAccount, trafficClass: string, sender: string, msisdn: string): number {
    const { pricePrefixes } = this.#deps.catalog();
    const prefix = pricePrefixes.of(msisdn) || UNKNOWN;
    const network = this.#deps.networkOf(msisdn) ?? '';
    const shown = shownSender(sender);
    const id = this.#ids.find(account.id, trafficClass, shown, prefix, network);
    if (id !== undefined) return id;
    this.#want({ account: account.id, class: trafficClass, sender: shown, prefix, network });
    return 0;
  }

  #want(group: TrafficGroup): void {
    if (this.#wanted.length < WANTED_MAX) this.#wanted.push(group);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
  }

  async #ask(): Promise<void> {
    // What this turn of the event loop asks for goes in one statement.
    await new Promise(setImmediate);
    const wanted = this.#wanted;
    this.#wanted = [];
    try {
      await withClient(this.#deps.pool, (client) => this.#ids.of(client, wanted));
    } catch {
      // The store is away, as the lanes say: the next message asks again.
    }
  }
}
