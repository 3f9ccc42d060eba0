import { z } from 'zod';
import { name, timeRange, timeZone, whole } from './schema-parts.ts';
import { DAYS, WHOLE_DAY } from './week.ts';

/** Carriers of one route: more than any destination has. */
const CARRIERS_MAX = 100;
/** Ranges of time of one route. */
const TIMES_MAX = 24;

/** An operator (MCC and MNC) or a country (MCC) by ITU-T E.212. */
export const networkCode = z
  .string()
  .regex(/^[0-9]{3}([0-9]{2,3})?$/, 'must be an MCC (3 digits) or MCC and MNC (5 or 6 digits)');

/** When a route is open, by the clock of a time zone. Lists are kept in order, so that the same hours are one text. */
export const routeHoursSchema = z.strictObject({
  timeZone,
  days: z
    .array(z.enum(DAYS))
    .min(1, 'must name at least one day')
    .default([...DAYS])
    .transform((days) => DAYS.filter((day) => days.includes(day))),
  times: z
    .array(timeRange)
    .min(1, 'must have at least one range')
    .max(TIMES_MAX)
    .default([WHOLE_DAY])
    .transform((times) => [...new Set(times)].sort()),
});

/** Which carriers messages of a destination go to, for all or for some senders, accounts, classes and hours. */
export const routeSchema = z
  .strictObject({
    prefix: z
      .string()
      .regex(/^[0-9]{0,15}$/, 'must be digits, or "" for every number')
      .optional(),
    network: networkCode.optional(),
    account: name.optional(),
    sender: z
      .string()
      .regex(/^[^*]{0,20}\*?$/, 'must be a sender, or its beginning and "*"')
      .min(1)
      .transform((sender) => sender.replace(/^\+(?=[0-9])/, ''))
      .optional(),
    class: name.optional(),
    hours: routeHoursSchema.optional(),
    select: z.enum(['priority', 'leastCost']).default('priority'),
    carriers: z
      .array(
        z.strictObject({
          name,
          weight: whole(0, 1000).default(1),
          priority: whole(0, 1000).default(1),
          allowLoss: z.boolean().default(false),
        }),
      )
      .min(1, 'must name at least one carrier')
      .max(CARRIERS_MAX),
  })
  .refine(({ prefix, network }) => (prefix === undefined) !== (network === undefined), {
    path: ['prefix'],
    error: 'stands in each route that has no network, and in no other',
  });

/** The numbers of an operator or a country, but for those that are known one by one. */
export const networkSchema = z.strictObject({
  operator: z.string().min(1).max(64).optional(),
  prefixes: z
    .array(z.string().regex(/^[0-9]{1,15}$/, 'must be 1 to 15 digits'))
    .transform((prefixes) => [...new Set(prefixes)].sort()),
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
