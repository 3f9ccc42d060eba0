import type { CatalogAccount } from '../domain/catalog.ts';
import type { RefusalAnswer } from '../domain/policy.ts';
import type { PolicyNote } from '../domain/policy-notes.ts';
import type { Refusal, RefusalKey } from '../domain/refusal.ts';

/**
 * Whether a message that is refused is accepted all the same, to end REJECTD by a receipt.
 * @param answer what a rule says that refuses it; undefined: the account's `refusals` counts
 */
export function isByReceipt(
  { refusals }: Pick<CatalogAccount, 'refusals'>,
  key: RefusalKey,
  answer: RefusalAnswer | undefined,
): boolean {
  if (answer !== undefined) return answer === 'receipt';
  return refusals === 'receipt' && OF_THE_MESSAGE.has(key);
}

/** On the timeline of such a message: the key, and why in words. @param rule '': no rule refuses it */
export function refusalNote({ key, detail }: Refusal, rule: string): PolicyNote {
  return { event: 'refusedByPolicy', rule, reason: `${key}: ${detail}` };
}

/** Refusals of the message itself; the others (rate, money, store) are always answered at once. */
const OF_THE_MESSAGE: ReadonlySet<RefusalKey> = new Set<RefusalKey>([
  'contentRefused',
  'destinationSuspended',
  'optedOut',
  'noConsent',
  'senderRefused',
  'outsideHours',
  'recipientPattern',
  'classRefused',
  'noRoute',
]);
