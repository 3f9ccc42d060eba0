import { z } from 'zod';
import { name, whole } from './schema-parts.ts';

/** Which carriers numbers of a prefix go to. */
export const routeSchema = z.strictObject({
  prefix: z.string().regex(/^[0-9]{0,15}$/, 'must be digits, or "" for every number'),
  carriers: z
    .array(
      z.strictObject({
        name,
        weight: whole(0, 1000).default(1),
        priority: whole(0, 1000).default(1),
      }),
    )
    .min(1, 'must name at least one carrier'),
});

/** Digits of a number or short code that subscribers write to. */
const inboundNumber = z.string().regex(/^[0-9]{1,20}$/, 'must be 1 to 20 digits');

/** Which account gets what subscribers send: to a number, a range of numbers, or a number with a keyword. */
export const inboundSchema = z
  .strictObject({
    number: inboundNumber.optional(),
    from: inboundNumber.optional(),
    to: inboundNumber.optional(),
    keyword: z
      .string()
      .regex(/^[\p{L}\p{N}\p{M}]{1,30}$/u, 'must be one word of letters and digits')
      .optional(),
    account: name,
    carrier: name.optional(),
  })
  .refine(
    ({ number, from, to }) => (number === undefined) === (from !== undefined && to !== undefined),
    {
      path: ['number'],
      error: 'needs either number, or from and to',
    },
  )
  .refine(({ from, to }) => (from === undefined) === (to === undefined), {
    path: ['from'],
    error: 'needs both from and to',
  })
  .refine(
    ({ from, to }) =>
      from === undefined || to === undefined || (from.length === to.length && from <= to),
    {
      path: ['to'],
      error: 'must have as many digits as from and not be below it',
    },
  )
  .refine(({ number, keyword }) => keyword === undefined || number !== undefined, {
    path: ['keyword'],
    error: 'needs a number: a range has no keywords',
  });
