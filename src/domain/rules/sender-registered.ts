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
import { foldSender } from '../sender-id.ts';

/** GSM characters of an alphanumeric sender (3GPP TS 23.040 §9.1.2.5). */
const SENDER_MAX = 11;
const AFFIX = z
  .string()
  .min(1)
  .max(SENDER_MAX - 1);

const schema = z.strictObject({
  /** By class: what senders of it end or begin with ("-AD"), in whatever case; other classes must not. */
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
    const affixes = [
      ...affixesOf(spec.suffixes, 'ends with', (sender, affix) => sender.endsWith(affix)),
      ...affixesOf(spec.prefixes, 'begins with', (sender, affix) => sender.startsWith(affix)),
    ];
    return (input, facts) => wrongAffix(affixes, input) ?? unregistered(spec, input, facts);
  },
});

/** What senders of a class have, and those of other classes have not. */
interface Affix {
  readonly trafficClass: string;
  readonly required: Finding;
  readonly reserved: Finding;
  isOn(foldedSender: string): boolean;
  /** What is compared: two classes may have one. */
  readonly key: string;
}

function affixesOf(
  byClass: Spec['suffixes'],
  how: string,
  isOn: (sender: string, affix: string) => boolean,
): Affix[] {
  return Object.entries(byClass).map(([trafficClass, affix]) => {
    const folded = affix.toLowerCase();
    return {
      trafficClass,
      required: found(`a sender of class ${trafficClass} ${how} ${affix}`),
      reserved: found(`${affix} is for class ${trafficClass}`),
      isOn: (sender) => isOn(sender, folded),
      key: `${how} ${folded}`,
    };
  });
}

function wrongAffix(affixes: readonly Affix[], input: PolicyInput): Finding | undefined {
  if (affixes.length === 0) return undefined;
  const sender = foldSender(input.sender);
  const own = affixes.filter(({ trafficClass }) => trafficClass === input.trafficClass);
  const missing = own.find((affix) => !affix.isOn(sender));
  if (missing !== undefined) return missing.required;
  return affixes.find((affix) => affix.isOn(sender) && !own.some(({ key }) => key === affix.key))
    ?.reserved;
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
