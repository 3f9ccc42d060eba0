import { z } from 'zod';

/*
 * Where a page of a list of recipients ends: the hash and the scope of its last entry.
 */

/** `next` of the page before. */
export const afterSchema = z
  .string()
  .regex(/^([0-9a-f]{32}(-[0-9]{1,10})?)?$/)
  .default('')
  .describe('`next` of the page before');

/** What stands after it. */
export function afterOf(after: string): { readonly after: Buffer; readonly afterScope: number } {
  const [hash = '', scope = '0'] = after.split('-');
  return { after: Buffer.from(hash, 'hex'), afterScope: Number(scope) };
}

/** Of the last entry shown. */
export function nextOf(
  last: { readonly hash: Buffer; readonly scope: number } | undefined,
): string | undefined {
  return last && `${last.hash.toString('hex')}-${last.scope}`;
}
