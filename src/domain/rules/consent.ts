import { z } from 'zod';
import { type ConsentEvidence, ruleKind } from '../policy-rule.ts';

/** What may be told of a consent: the version of what was agreed to, where, when, and how that can be shown. */
export const CONSENT_EVIDENCE = ['textVersion', 'source', 'at', 'evidence'] as const;

/** One of them. */
export type EvidenceField = (typeof CONSENT_EVIDENCE)[number];

/** Those that a consent has, one bit each in this order: as they are stored, and as nodes hold them. */
export function evidenceBits(has: (field: EvidenceField) => boolean): ConsentEvidence {
  const bits = CONSENT_EVIDENCE.reduce((sum, field, i) => (has(field) ? sum | (1 << i) : sum), 0);
  return bits as ConsentEvidence;
}

const schema = z.strictObject({
  /** A consent without these does not count, whenever it was given; `PUT /v1/consents` takes none of such an account. */
  evidence: z.array(z.enum(CONSENT_EVIDENCE)).max(CONSENT_EVIDENCE.length).default([]),
});

/**
 * `consent`: a number that is not on the account's consent list, for the message's class or for all. Which classes need
 * consent is the rule's `when`. A consent counts by the evidence that it has when the message is judged.
 */
export const consent = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  asksAgain: true,
  compile({ evidence }) {
    const needed = evidenceBits((field) => evidence.includes(field));
    const by = evidence.length === 0 ? '' : ` with ${evidence.join(', ')}`;
    const found = {
      refusal: { key: 'noConsent', detail: `the recipient has not allowed such messages${by}` },
    } as const;
    return ({ accountId, destination, trafficClass }, facts) =>
      facts.hasConsent(accountId, destination, trafficClass, needed) ? undefined : found;
  },
});
