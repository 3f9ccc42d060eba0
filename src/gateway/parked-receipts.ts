import type { Pool } from 'pg';
import type { Catalog } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import { listParked, type ParkedRow, readParked } from '../store/parked-list.ts';
import { withClient } from '../store/pool.ts';
import type { Sealing } from '../store/sealing.ts';
import type { Arrival } from './arrival.ts';
import { openParked } from './orphans.ts';
import type { ReceiptExplainer, ReceiptExplanation } from './receipt-explain.ts';

/** A parked receipt, opened; `arrival` is undefined when its carrier is no more. */
export interface ParkedReceiptView extends Omit<ParkedRow, 'fields'> {
  readonly arrival: Arrival | undefined;
}

export interface ParkedReceiptsDeps {
  catalog(): Catalog;
  readonly pool: Pool;
  readonly sealing: Pick<Sealing, 'openRecord'>;
  readonly explainer: Pick<ReceiptExplainer, 'arrival'>;
}

/** The receipts that are matched to nothing, for people. */
export class ParkedReceipts {
  readonly #deps: ParkedReceiptsDeps;

  constructor(deps: ParkedReceiptsDeps) {
    this.#deps = deps;
  }

  /** Newest first. @param before of the page before, its last id */
  async list(
    carrier: CarrierId | undefined,
    before: bigint | undefined,
    limit: number,
  ): Promise<ParkedReceiptView[]> {
    const rows = await withClient(this.#deps.pool, (client) =>
      listParked(client, { carrier, before, limit }),
    );
    return rows.map((row) => this.#open(row));
  }

  /** One of them, and what would be done with it now; undefined: there is none of this id. */
  async explain(
    id: bigint,
  ): Promise<
    { parked: ParkedReceiptView; explanation: ReceiptExplanation | undefined } | undefined
  > {
    const row = await withClient(this.#deps.pool, (client) => readParked(client, id));
    if (row === undefined) return undefined;
    const parked = this.#open(row);
    const explanation =
      parked.arrival === undefined ? undefined : await this.#deps.explainer.arrival(parked.arrival);
    return { parked, explanation };
  }

  #open({ fields, ...rest }: ParkedRow): ParkedReceiptView {
    const { sealing, catalog } = this.#deps;
    const sealed = { parked: rest.parked, carrier: rest.carrier, fields };
    return { ...rest, arrival: openParked(sealing, catalog(), sealed)?.arrival };
  }
}
