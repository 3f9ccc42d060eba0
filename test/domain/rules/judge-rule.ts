import { type AccountId, accountId } from '../../../src/domain/ids.ts';
import { compilePolicy, type PolicyVerdict } from '../../../src/domain/policy.ts';
import type { PolicyFacts, PolicyInput } from '../../../src/domain/policy-rule.ts';
import { policySchema } from '../../../src/domain/policy-schema.ts';
import { facts } from '../facts.ts';

/** The account of every input that names no other. */
export const ACCOUNT: AccountId = accountId(7);

const INPUT: PolicyInput = {
  text: 'hello',
  sender: 'ACME',
  destination: '966512345678',
  accountId: ACCOUNT,
  account: 'acme',
  trafficClass: 'promotional',
  segments: 1,
  isWhole: true,
  tlvs: undefined,
  atMs: Date.parse('2026-03-04T12:00:00Z'),
};

/** A policy of one rule, with a memory of its own: each call judges one more message. */
export function ruleOf(
  rule: object,
  given: Partial<PolicyFacts> = {},
): (input?: Partial<PolicyInput>) => PolicyVerdict {
  const policy = compilePolicy('p', 1, policySchema.parse({ rules: [rule] }));
  const memory = facts(given);
  return (input = {}) => policy.judge({ ...INPUT, ...input }, memory);
}

/** The key of the refusal; undefined: it passed. */
export function refusedBy(verdict: PolicyVerdict): string | undefined {
  return verdict.refused?.refusal.key;
}
