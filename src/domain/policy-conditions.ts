import { countryOf } from './number-country.ts';
import type { PolicyInput } from './policy-rule.ts';
import type { WhenSpec } from './policy-schema.ts';
import { compileHours } from './route-hours.ts';

/** What conditions look at. */
export type Conditional = Pick<
  PolicyInput,
  'account' | 'trafficClass' | 'sender' | 'destination' | 'atMs'
>;

/** Compiles the conditions of a rule: all that are given must hold. */
export function compileWhen(when: WhenSpec): (input: Conditional) => boolean {
  const accounts = when.accounts && new Set(when.accounts);
  const classes = when.classes && new Set(when.classes);
  const exact = new Set(when.senders?.filter((sender) => !sender.endsWith('*')));
  const beginnings = when.senders
    ?.filter((sender) => sender.endsWith('*'))
    .map((sender) => sender.slice(0, -1));
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
    (beginnings === undefined ||
      exact.has(input.sender) ||
      beginnings.some((beginning) => input.sender.startsWith(beginning))) &&
    (prefixes === undefined || prefixes.some((prefix) => input.destination.startsWith(prefix))) &&
    (countries === undefined || countries.has(countryOf(input.destination) ?? '')) &&
    (hours === undefined || hours.isOpen(input.atMs));
}
