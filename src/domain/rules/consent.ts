import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';

const schema = z.strictObject({});

/**
 * `consent`: a number that is not on the account's consent list, for the message's class or for all. Which classes need
 * consent is the rule's `when`.
 */
export const consent = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile() {
    const found = {
      refusal: { key: 'noConsent', detail: 'the recipient has not allowed such messages' },
    } as const;
    return ({ accountId, destination, trafficClass }, facts) =>
      facts.hasConsent(accountId, destination, trafficClass) ? undefined : found;
  },
});
