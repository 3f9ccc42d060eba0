import { z } from 'zod';
import { whole } from './schema-parts.ts';
import { isTimeZone } from './zone-clock.ts';

/*
 * How a carrier writes its receipts, where that differs from SMPP 3.4 appendix B.
 */

const ALIASES_MAX = 16; // of one field
const STATES_MAX = 100; // words of one carrier
const DATE_FORMATS_MAX = 8;
const COLUMNS_MAX = 32;
const TEXT_FIELDS = [
  'id',
  'sub',
  'dlvrd',
  'submitDate',
  'doneDate',
  'stat',
  'err',
  'text',
] as const;

const alias = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9 _.-]{0,31}$/, 'must be the name of a field, without its colon');
const aliases = z.array(alias).max(ALIASES_MAX).optional();

const dateFormat = z.string().refine(isDateFormat, {
  error: 'must be iso, epoch, epochMs, or made of YYYY YY MM DD hh mm ss, such as YYMMDDhhmmss',
});

const esmClass = z.union([
  whole(0, 255),
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{1,2}$/, 'must be 0 to 255 or 0x..')
    .transform(Number),
]);

const STATE_WORDS = [
  'SCHEDULED',
  'ENROUTE',
  'DELIVRD',
  'EXPIRED',
  'DELETED',
  'UNDELIV',
  'ACCEPTD',
  'UNKNOWN',
  'REJECTD',
  'SKIPPED',
] as const;

/** The keys of a carrier that say how its receipts are read: carrier-schema.ts spreads them. */
export const receiptDialect = {
  receiptDialect: z
    .strictObject({
      read: z.enum(['any', 'text', 'tlv']).default('any'),
      octets: z.enum(['auto', 'latin1', 'gsm7', 'gsm7-packed', 'ucs2', 'ucs2le']).default('auto'),
      fields: z
        .strictObject({
          id: aliases,
          sub: aliases,
          dlvrd: aliases,
          submitDate: aliases,
          doneDate: aliases,
          stat: aliases,
          err: aliases,
          text: aliases,
        })
        .default({}),
      columns: z
        .strictObject({
          separator: z.string().min(1).max(3),
          fields: z
            .array(z.enum([...TEXT_FIELDS, '-']))
            .min(1)
            .max(COLUMNS_MAX),
        })
        .optional(),
      dates: z.array(dateFormat).min(1).max(DATE_FORMATS_MAX).optional(),
      timeZone: z
        .string()
        .refine((zone) => zone === 'learnt' || isTimeZone(zone), {
          error: 'must be utc, learnt, an offset such as "+05:30", or a zone such as Asia/Riyadh',
        })
        .default('utc'),
      states: z
        .record(z.string().min(1).max(32), z.enum(STATE_WORDS))
        .refine((states) => Object.keys(states).length <= STATES_MAX, {
          error: `must be at most ${STATES_MAX} words`,
        })
        .default({}),
      err: z
        .strictObject({
          from: z.enum(['text', 'tlv', 'tlv+type']).default('text'),
          base: z.enum(['decimal', 'hex']).default('decimal'),
        })
        .default({ from: 'text', base: 'decimal' }),
    })
    .optional(),
  receiptMarks: z
    .strictObject({
      final: z.array(esmClass).max(16).default([0x04]),
      intermediate: z.array(esmClass).max(16).default([0x20]),
      text: z.boolean().default(false),
    })
    .optional(),
};

/** Whether a date can be read by it: year, month, day, hour and minute, each once. */
export function isDateFormat(format: string): boolean {
  if (format === 'iso' || format === 'epoch' || format === 'epochMs') return true;
  if (format.length > 32) return false;
  const tokens = format.match(/YYYY|YY|MM|DD|hh|mm|ss/g) ?? [];
  const names = tokens.map((token) => (token === 'YYYY' ? 'YY' : token));
  const rest = format.replace(/YYYY|YY|MM|DD|hh|mm|ss/g, '');
  const isWhole = ['YY', 'MM', 'DD', 'hh', 'mm'].every((token) => names.includes(token));
  return (
    isWhole && new Set(names).size === names.length && !/[A-Za-z0-9]/.test(rest.replace('T', ''))
  );
}
