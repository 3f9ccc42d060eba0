import { z } from 'zod';
import { codesOf } from '../mobile-country-codes.ts';
import { countryOf } from '../number-country.ts';
import {
  type Finding,
  type PolicyFacts,
  type PolicyInput,
  ruleKind,
  type SenderRegistration,
} from '../policy-rule.ts';
import { name } from '../schema-parts.ts';

/** GSM characters of an alphanumeric sender (3GPP TS 23.040 §9.1.2.5). */
const SENDER_MAX = 11;
const AFFIX = z
  .string()
  .min(1)
  .max(SENDER_MAX - 1);

const schema = z.strictObject({
  /** By class: what senders of it end or begin with ("-AD"); other classes must not. */
  suffixes: z.record(name, AFFIX).default({}),
  prefixes: z.record(name, AFFIX).default({}),
  /** Senders of digits: registered like others, or taken as they are. */
  numeric: z.enum(['registered', 'allowed']).default('registered'),
  /** False: only suffixes and prefixes are looked at. */
  registry: z.boolean().default(true),
});

type Spec = z.output<typeof schema>;

/**
 * `senderRegistered`: a sender that is not approved for this account, class, country and operator at this time, or that
 * has not the suffix or prefix of its class. A blocked one is found whatever else is approved.
 */
export const senderRegistered = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'rewrite', 'flag', 'suspend'],
  compile(spec) {
    return (input, facts) => wrongAffix(spec, input) ?? unregistered(spec, input, facts);
  },
});

function wrongAffix(
  { suffixes, prefixes }: Spec,
  { sender, trafficClass }: PolicyInput,
): Finding | undefined {
  const suffix = suffixes[trafficClass];
  if (suffix !== undefined && !sender.endsWith(suffix))
    return found(`a sender of class ${trafficClass} ends with ${suffix}`);
  const prefix = prefixes[trafficClass];
  if (prefix !== undefined && !sender.startsWith(prefix))
    return found(`a sender of class ${trafficClass} begins with ${prefix}`);
  for (const [other, affix] of Object.entries(suffixes))
    if (affix !== suffix && sender.endsWith(affix)) return found(`${affix} is for class ${other}`);
  for (const [other, affix] of Object.entries(prefixes))
    if (affix !== prefix && sender.startsWith(affix))
      return found(`${affix} is for class ${other}`);
  return undefined;
}

function unregistered(spec: Spec, input: PolicyInput, facts: PolicyFacts): Finding | undefined {
  const { sender } = input;
  if (!spec.registry || (spec.numeric === 'allowed' && /^\+?[0-9]+$/.test(sender)))
    return undefined;
  const registrations = facts.registrationsOf(input.accountId, sender);
  if (registrations.length === 0) return found('the sender is not registered');
  const country = countryOf(input.destination) ?? '';
  const fitting = registrations.filter((one) => fits(one, input, country, facts));
  if (fitting.some(({ status }) => status === 'blocked')) return found('the sender is blocked');
  if (fitting.some(({ status }) => status === 'approved')) return undefined;
  return found(
    fitting.length > 0
      ? 'the sender is not approved yet'
      : 'the sender is not registered for this class, destination or time',
  );
}

function fits(
  one: SenderRegistration,
  input: PolicyInput,
  country: string,
  facts: PolicyFacts,
): boolean {
  return (
    (one.trafficClass === '' || one.trafficClass === input.trafficClass) &&
    (one.country === '' || one.country === country) &&
    (one.operator === '' ||
      codesOf(facts.networkOf(input.destination) ?? '').includes(one.operator)) &&
    one.fromMs <= input.atMs &&
    input.atMs < one.untilMs
  );
}

function found(detail: string): Finding {
  return { refusal: { key: 'senderRefused', detail } };
}
