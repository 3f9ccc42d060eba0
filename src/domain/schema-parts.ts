import { z } from 'zod';
import { BALANCE_MAX, type Credits, formatCredits, PRICE_MAX, parseCredits } from './money.ts';
import { TIME_RANGE } from './week.ts';
import { isTimeZone } from './zone-clock.ts';

/*
 * What the schemas of several resources are made of.
 */

const HOURS_MAX = 8760; // a year: beyond any validity that a carrier takes (SMPP 3.4 §7.1.1: relative times are short)
export const COUNT_MAX = 10_000; // sessions, windows: bounded memory
export const RATE_MAX = 1_000_000; // segments a second, far beyond one node
const SYSTEM_ID_OCTETS = 15; // SMPP 3.4 §4.1.1: 16 with its NUL
const PASSWORD_OCTETS = 8; // SMPP 3.4 §4.1.1: 9 with its NUL

/** A name of a resource: it stands in URLs, metric labels and other resources. */
export const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, ".", "_" or "-", a letter or digit first',
  );
/** Credits of an account or a limit, at most {@link BALANCE_MAX}; kept with as few decimals as it needs. */
export const money = moneyUpTo(BALANCE_MAX);
/** Credits of a segment, at most {@link PRICE_MAX}. */
export const price = moneyUpTo(PRICE_MAX);
export const hours = z
  .number(`must be a number of hours, at most ${HOURS_MAX}`)
  .positive('must be more than 0')
  .max(HOURS_MAX, `must be at most ${HOURS_MAX}`);
export const graceHours = z
  .number(`must be a number of hours, at most ${HOURS_MAX}`)
  .min(0, 'must not be negative')
  .max(HOURS_MAX, `must be at most ${HOURS_MAX}`);
/** A whole number within limits, one message for all that it can be else. */
export function whole(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int(error).min(least, error).max(most, error);
}
export const count = whole(1, COUNT_MAX);
export const rate = whole(0, RATE_MAX);
export const fault = z.enum(['platform', 'carrier', 'recipient', 'customer']);
/** What goes over the wire as a C-Octet String: ASCII, so that characters are octets. */
const wire = /^[\x20-\x7e]*$/;
export const systemId = z
  .string()
  .min(1, 'must not be empty')
  .regex(wire, 'must be printable ASCII')
  .max(SYSTEM_ID_OCTETS, 'must be at most 15 octets (SMPP)');
export const clearPassword = z
  .string()
  .min(1, 'must not be empty')
  .regex(wire, 'must be printable ASCII')
  .max(PASSWORD_OCTETS, 'must be at most 8 octets (SMPP)');
/** `{generate: true}`: whoever applies the file makes a random one, once, and says where he put it. */
export const password = z.union([clearPassword, z.strictObject({ generate: z.literal(true) })], {
  error: (issue) => passwordMessage(issue.input),
});

/** SHA-256 of a certificate as openssl and browsers show it: hex, with colons or without. Kept as 64 lower digits. */
export const fingerprint = z
  .string()
  .regex(
    /^(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){31})$/,
    'must be the SHA-256 fingerprint of a certificate: 64 hex digits, with or without colons',
  )
  .transform((text) => text.replaceAll(':', '').toLowerCase());
const zoned = z.iso.datetime({
  offset: true,
  error: 'must be a time such as 2026-12-01T00:00:00Z',
});
/** A point in time with its zone; kept as UTC. */
export const instant = zoned.transform((text) => new Date(text).toISOString());
/** The same in unix ms. */
export const instantMs = zoned.transform((text) => Date.parse(text));

/** "utc", an offset or a zone by name. */
export const timeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, 'must be utc, an offset such as +05:30, or a zone such as Asia/Karachi');
/** A range of the clock; one that ends before it begins ends on the day after. */
export const timeRange = z
  .string()
  .regex(TIME_RANGE, 'must be a range such as "08:00-22:00"')
  .refine((range) => range.slice(0, 5) !== range.slice(6), 'must not end when it begins');

function moneyUpTo(most: Credits) {
  return z.string().transform((text, ctx) => {
    const parsed = parseCredits(text);
    if (typeof parsed === 'bigint' && parsed >= 0n && parsed <= most) return formatCredits(parsed);
    ctx.addIssue({ code: 'custom', message: moneyFault(parsed, most) });
    return z.NEVER;
  });
}

function moneyFault(parsed: ReturnType<typeof parseCredits>, most: Credits): string {
  if (typeof parsed !== 'bigint') return parsed.error;
  return parsed < 0n ? 'must not be negative' : `must be at most ${formatCredits(most)}`;
}

/** What is wrong with a password, in words that never repeat it. */
function passwordMessage(input: unknown): string {
  if (typeof input !== 'string') return 'must be text, or {generate: true}';
  return clearPassword.safeParse(input).error?.issues[0]?.message ?? 'is not a password';
}
