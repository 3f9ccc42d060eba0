import { countryOf } from './number-country.ts';
import type { PolicyInput } from './policy-rule.ts';
import type { WhenSpec } from './policy-schema.ts';
import { compileHours } from './route-hours.ts';
import { foldSender } from './sender-id.ts';

/** What conditions look at. */
export type Conditional = Pick<
  PolicyInput,
  'account' | 'trafficClass' | 'sender' | 'destination' | 'atMs'
>;

/** Compiles the conditions of a rule: all that are given must hold. */
export function compileWhen(when: WhenSpec): (input: Conditional) => boolean {
  const accounts = when.accounts && new Set(when.accounts);
  const classes = when.classes && new Set(when.classes);
  const senders = when.senders && sendersAmong(when.senders);
  const { prefixes } = when;
  const countries = when.countries && new Set(when.countries);
  const hours = when.hours && compileHours(when.hours);
  const fromMs = when.from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(when.from);
  const untilMs = when.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(when.until);
  return (input) =>
    input.atMs >= fromMs &&
    input.atMs < untilMs &&
    (accounts === undefined || accounts.has(input.account)) &&
    (classes === undefined || classes.has(input.trafficClass)) &&
    (senders === undefined || senders(foldSender(input.sender))) &&
    (prefixes === undefined || prefixes.some((prefix) => input.destination.startsWith(prefix))) &&
    (countries === undefined || countries.has(countryOf(input.destination) ?? '')) &&
    (hours === undefined || hours.isOpen(input.atMs));
}

/** Whether a folded sender is one of these: whole, or by the beginning before a "*". */
function sendersAmong(given: readonly string[]): (folded: string) => boolean {
  const whole = new Set(given.filter((sender) => !sender.endsWith('*')).map(foldSender));
  const beginnings = given
    .filter((sender) => sender.endsWith('*'))
    .map((sender) => sender.slice(0, -1).toLowerCase());
  return (folded) =>
    whole.has(folded) || beginnings.some((beginning) => folded.startsWith(beginning));
}
