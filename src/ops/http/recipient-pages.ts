import { z } from 'zod';
import type { AccountId } from '../../domain/ids.ts';
import type { ListedRecipient, RecipientQuery } from '../../store/recipient-scopes.ts';
import type { ApiDeps } from './api.ts';
import { accountNamed, hashesOf, msisdnOf } from './bulk.ts';
import { badRequest } from './problem.ts';

/*
 * Lists of an account's recipients by page: a page ends at the hash and the scope of its last entry.
 */

/** What a list of recipients is asked by. */
export const recipientQuery = z.object({
  account: z.string().min(1).max(64).describe('"*": those of all accounts'),
  number: z.string().max(20).optional(),
  after: z
    .string()
    .regex(/^([0-9a-f]{32}(-[0-9]{1,10})?)?$/)
    .default('')
    .describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
});

/**
 * A page of a list, or what it has of one number.
 * @param list reads it from the store
 * @throws Problem 404 for an account that there is not, 400 for a number that is none
 */
export async function recipientPage<T extends ListedRecipient>(
  deps: ApiDeps,
  { account, number, after, limit }: z.output<typeof recipientQuery>,
  list: (account: AccountId, query: RecipientQuery) => Promise<T[]>,
): Promise<{ readonly shown: readonly T[]; readonly next?: string }> {
  const id = await accountNamed(deps, account);
  const [hash = '', scope = '0'] = after.split('-');
  const rows = await list(id, {
    after: Buffer.from(hash, 'hex'),
    afterScope: Number(scope),
    limit: limit + 1,
    hashes: number === undefined ? undefined : hashesOf(deps, asked(number)),
  });
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { shown, ...(last && { next: `${last.hash.toString('hex')}-${last.scope}` }) };
}

function asked(number: string): string {
  const msisdn = msisdnOf(number);
  if (msisdn === undefined) throw badRequest('querystring.number: is not international');
  return msisdn;
}
