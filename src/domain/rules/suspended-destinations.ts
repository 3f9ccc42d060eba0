import { z } from 'zod';
import { countryOf } from '../number-country.ts';
import { ruleKind } from '../policy-rule.ts';
import { networkCode } from '../route-schema.ts';
import { instant } from '../schema-parts.ts';
import { compileSuspensions } from '../suspensions.ts';
import { country, prefix } from './parts.ts';

const SUSPENSIONS_MAX = 10_000; // every country and operator of the world several times

/** One order: what it is about, why, and when. */
export const suspensionSchema = z
  .strictObject({
    prefix: prefix.optional(),
    country: country.optional(),
    network: networkCode.optional(),
    /** What customers are told. */
    reason: z.string().min(1).max(200),
    /** The regulator's reference. */
    order: z.string().min(1).max(100).optional(),
    from: instant.optional(),
    until: instant.optional(),
  })
  .refine(
    (one) =>
      [one.prefix, one.country, one.network].filter((what) => what !== undefined).length === 1,
    { error: 'needs exactly one of prefix, country and network' },
  )
  .refine(({ from, until }) => from === undefined || until === undefined || from < until, {
    path: ['until'],
    error: 'must be after from',
  });

const schema = z.strictObject({ destinations: z.array(suspensionSchema).max(SUSPENSIONS_MAX) });

/**
 * `suspendedDestinations`: a number of a suspended prefix, country or network (MCC, or MCC and MNC). What holds for all
 * accounts stands in `/v1/suspensions` instead.
 */
export const suspendedDestinations = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  asksAgain: true,
  compile({ destinations }) {
    const suspended = compileSuspensions(destinations);
    return ({ destination, atMs }, facts) => {
      const found = suspended.find(destination, atMs, countryOf, facts.networkOf);
      return found && { refusal: found.refusal };
    };
  },
});
