import type { PolicyFacts } from '../../src/domain/policy-rule.ts';
import { PolicyMemory } from '../../src/gateway/policy-memory.ts';
import { saidHere } from '../../src/gateway/said-texts.ts';
import { textSegments } from '../../src/smpp/default-alphabet.ts';

/** Nobody opted out or gave consent, nothing is registered, and nothing is remembered between tests. */
export const NOBODY: PolicyFacts = facts();

/** What rules look up: nothing but what is given. */
export function facts(given: Partial<PolicyFacts> = {}): PolicyFacts {
  const memory = new PolicyMemory();
  return {
    optedOut: () => false,
    hasConsent: () => false,
    registrationsOf: () => [],
    networkOf: () => undefined,
    segmentsOf: textSegments,
    isUnusual: () => false,
    said: saidHere(),
    remembered: (rule, account, make) => memory.of(rule, account, make),
    ...given,
  };
}
