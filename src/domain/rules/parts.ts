import { z } from 'zod';
import { isCountry } from '../number-country.ts';

/*
 * What the schemas of several kinds of rules are made of.
 */

/** ISO 3166-1 alpha-2. */
export const country = z
  .string()
  .refine(isCountry, 'must be a country by ISO 3166-1, two capital letters such as SA');
/** The first digits of E.164 numbers. */
export const prefix = z.string().regex(/^[0-9]{1,15}$/, 'must be 1 to 15 digits');
