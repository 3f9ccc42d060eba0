import { name } from './schema-parts.ts';

/** What a carrier takes for its segments: keys of the carrier. */
export const carrierCostShape = {
  /** A tariff: credits a segment by prefix. */
  cost: name.optional(),
};
