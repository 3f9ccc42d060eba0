import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierId } from '../domain/ids.ts';
import type { ReceiptFields } from '../smpp/receipt-text.ts';

/** Receipts state local wall clocks: zones are quarters of an hour apart. */
const QUARTER_MS = 900_000;

/** How far each carrier's clock is from ours, zone included, learnt from the submit dates of matched receipts. */
export class ClockOffsets {
  readonly #byCarrier = new Map<CarrierId, number>();

  /** A matched receipt: its submit date against our write. The last one counts, so that summer time is followed. */
  learn(carrier: CatalogCarrier, fields: ReceiptFields, sentAtMs: number): void {
    if (fields.submitDateMs === undefined || sentAtMs === 0) return;
    this.#byCarrier.set(
      carrier.id,
      Math.round((fields.submitDateMs - sentAtMs) / QUARTER_MS) * QUARTER_MS,
    );
  }

  /** Their clock minus ours in ms; undefined while nothing was learnt. */
  offsetMs(carrier: CarrierId): number | undefined {
    return this.#byCarrier.get(carrier);
  }
}
