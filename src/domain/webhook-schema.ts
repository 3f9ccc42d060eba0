import { z } from 'zod';
import { money, whole } from './schema-parts.ts';

/*
 * Where an account's own systems are told of its credit, and when.
 */

const SECRET_MIN = 16; // characters: an HMAC key that nobody guesses
const SECRET_MAX = 256;
const URL_MAX = 2_000; // characters: what servers take
const EXPIRY_DAYS_MAX = 3_650;
const EXPIRY_DAYS_COUNT = 10; // warnings before one expiry

/** When an account is warned: so many days before credit expires, and when what is available falls below a sum. */
export const warningsSchema = z.strictObject({
  expiryDays: z.array(whole(1, EXPIRY_DAYS_MAX)).max(EXPIRY_DAYS_COUNT).default([30, 7, 1]),
  balanceBelow: money.optional(),
});

/** Where events are sent; the secret signs them and is stored encrypted. */
export const webhookSchema = z
  .strictObject({
    url: z
      .string()
      .max(URL_MAX)
      .refine(
        isAllowedUrl,
        'must be an https URL without user or password, or http to a loopback address',
      ),
    secret: z
      .string()
      .min(SECRET_MIN, `must have at least ${SECRET_MIN} characters`)
      .max(SECRET_MAX, `must have at most ${SECRET_MAX} characters`)
      .optional(),
    sealedSecret: z.string().min(1).optional(),
  })
  .refine((webhook) => (webhook.secret === undefined) !== (webhook.sealedSecret === undefined), {
    path: ['secret'],
    error: 'needs either secret or sealedSecret',
  });

/** What tells of credit goes encrypted, or does not leave the machine. */
export function isAllowedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
