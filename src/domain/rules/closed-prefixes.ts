import { z } from 'zod';
import { countryOf } from '../number-country.ts';
import { type RuleCheck, ruleKind } from '../policy-rule.ts';
import { PrefixTable } from '../prefix-table.ts';
import { name, whole } from '../schema-parts.ts';
import { country, prefix } from './parts.ts';

const PREFIXES_MAX = 10_000;
const COUNTRIES_MAX = 300; // all that there are
const ACCOUNTS_MAX = 10_000;
const DAYS_MAX = 3_650;
const DAY_MS = 86_400_000;

const schema = z.strictObject({
  /** Closed to every account that is not allowed them; where neither is given all numbers are. */
  prefixes: z.array(prefix).max(PREFIXES_MAX).optional(),
  countries: z.array(country).max(COUNTRIES_MAX).optional(),
  /** Open to everyone. Of prefixes a longer one stands above a shorter one, and above a country. */
  open: z.array(prefix).max(PREFIXES_MAX).default([]),
  openCountries: z.array(country).max(COUNTRIES_MAX).default([]),
  /** Open to an account; beside what its own `allowedPrefixes` and `allowedCountries` open. */
  allowed: z
    .record(name, z.array(prefix).max(PREFIXES_MAX))
    .refine(
      (accounts) => Object.keys(accounts).length <= ACCOUNTS_MAX,
      `at most ${ACCOUNTS_MAX} accounts`,
    )
    .default({}),
  /** Closed only to accounts made less than so many days ago. */
  youngerThanDays: whole(1, DAYS_MAX).optional(),
});

/**
 * `closedPrefixes`: numbers that nobody may send to before he was allowed to: where premium and fraud traffic goes. For
 * new accounts alone where `youngerThanDays` says so.
 */
export const closedPrefixes = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile(spec): RuleCheck {
    const { prefixes, countries, open, openCountries, allowed, youngerThanDays } = spec;
    const isAll = prefixes === undefined && countries === undefined;
    const common: [string, boolean][] = (prefixes ?? []).map((one) => [one, true]);
    common.push(...open.map((one): [string, boolean] => [one, false]));
    const everyone = new PrefixTable(common);
    const accounts = new Map(
      Object.entries(allowed).map(([account, its]) => [
        account,
        new PrefixTable([...common, ...its.map((one): [string, boolean] => [one, false])]),
      ]),
    );
    const closedCountries = new Set(countries);
    const opened = new Set(openCountries);
    const youngMs = (youngerThanDays ?? Number.POSITIVE_INFINITY) * DAY_MS;
    const found = {
      refusal: { key: 'destinationSuspended', detail: 'the destination is closed to this account' },
    } as const;
    const isClosed = (account: string, destination: string): boolean => {
      const byPrefix = (accounts.get(account) ?? everyone).longest(destination);
      if (byPrefix !== undefined) return byPrefix;
      const itsCountry = countryOf(destination) ?? '';
      return !opened.has(itsCountry) && (isAll || closedCountries.has(itsCountry));
    };
    return ({ account, accountMadeMs = 0, allows, destination, atMs }) =>
      atMs - accountMadeMs < youngMs &&
      isClosed(account, destination) &&
      allows?.(destination) !== true
        ? found
        : undefined;
  },
});
