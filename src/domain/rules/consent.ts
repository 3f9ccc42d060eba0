import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';

/** What may be told of a consent: the version of what was agreed to, where, when, and how that can be shown. */
export const CONSENT_EVIDENCE = ['textVersion', 'source', 'at', 'evidence'] as const;

const schema = z.strictObject({
  /** Without these no consent is taken (`PUT /v1/consents`) of an account with such a rule. */
  evidence: z.array(z.enum(CONSENT_EVIDENCE)).max(CONSENT_EVIDENCE.length).default([]),
});

/**
 * `consent`: a number that is not on the account's consent list, for the message's class or for all. Which classes need
 * consent is the rule's `when`; what a consent must come with is held when it is given, not here.
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
