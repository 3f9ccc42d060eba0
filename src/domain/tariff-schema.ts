import { z } from 'zod';
import { networkCode } from './route-schema.ts';
import { instant, name, price } from './schema-parts.ts';
import { SENDER_KINDS } from './sender-kind.ts';

/** Prices of one tariff: a price list for a country has hundreds, one for the world with networks some ten thousand. */
const PRICES_MAX = 200_000;
/** A price changed by as much or more is refused unless it is asked for: most such changes are a point misplaced. */
export const CHANGE_MAX = 10;

const prefix = z.string().regex(/^([0-9]{1,15}|\*)$/, 'must be 1 to 15 digits, or "*"');

/** The plain form: digits of a prefix, or "*", to the price of a segment. */
const plainSchema = z.record(prefix, price);

/** A price with conditions. All that stand there have to hold. */
export const priceSchema = z
  .strictObject({
    prefix: prefix.optional(),
    network: networkCode.optional(),
    class: name.optional(),
    sender: z.enum(SENDER_KINDS).optional(),
    from: instant.optional(),
    until: instant.optional(),
    price,
  })
  .refine((entry) => (entry.prefix === undefined) !== (entry.network === undefined), {
    path: ['prefix'],
    error: 'needs either prefix or network',
  })
  .refine(({ from, until }) => from === undefined || until === undefined || from < until, {
    path: ['until'],
    error: 'must be after from',
  });

const listSchema = z
  .array(priceSchema)
  .max(PRICES_MAX)
  .superRefine((entries, context) => {
    const seen = new Set<string>();
    for (const [index, { price: _, ...rest }] of entries.entries()) {
      const key = JSON.stringify(Object.entries(rest).sort());
      if (seen.has(key))
        context.addIssue({ code: 'custom', path: [index], message: 'stands twice' });
      seen.add(key);
    }
  });

/** Either form, with how far a price may change at once. */
const limitedSchema = z.strictObject({
  changeMax: z.coerce.number('needs a number over 1').min(1.01).max(1_000_000),
  prices: z
    .unknown()
    .transform((value, context) => parsedBy(pricesSchemaOf(value), value, context)),
});

/** The prices of a tariff: the plain map or the list. */
export type TariffPrices = z.output<typeof plainSchema> | z.output<typeof listSchema>;
/** One price of the list form. */
export type PriceSpec = z.output<typeof priceSchema>;
/** A tariff as data. */
export type TariffSpec =
  | TariffPrices
  | { readonly changeMax: number; readonly prices: TariffPrices };

/**
 * A price list in one of its three forms: a map of prefix to price, a list of prices with conditions, or
 * `{changeMax, prices}` around either. The form decides which schema speaks, so that errors name the key at fault.
 */
export const tariffSchema = z.unknown().transform((value, context): TariffSpec => {
  if (isObject(value) && 'prices' in value) {
    return parsedBy(limitedSchema, value, context) as TariffSpec;
  }
  return parsedBy(pricesSchemaOf(value), value, context);
});

/** An account's own prices: the map or the list. */
export const pricesSchema = z
  .unknown()
  .transform((value, context) => parsedBy(pricesSchemaOf(value), value, context));

function pricesSchemaOf(value: unknown): z.ZodType<TariffPrices> {
  return Array.isArray(value) ? listSchema : plainSchema;
}

function parsedBy<T>(schema: z.ZodType<T>, value: unknown, context: z.core.ParsePayload): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues)
    context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
  return z.NEVER;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
