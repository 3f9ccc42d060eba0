import { z } from 'zod';
import { ruleKind } from '../policy-rule.ts';
import { PrefixTable } from '../prefix-table.ts';
import { name } from '../schema-parts.ts';
import { prefix } from './parts.ts';

const PREFIXES_MAX = 10_000;
const ACCOUNTS_MAX = 10_000;

const schema = z.strictObject({
  /** Closed to every account that is not allowed them; absent: all numbers are. */
  prefixes: z.array(prefix).max(PREFIXES_MAX).optional(),
  /** Prefixes that are open to everyone, or to an account. A longer prefix stands above a shorter one. */
  open: z.array(prefix).max(PREFIXES_MAX).default([]),
  allowed: z
    .record(name, z.array(prefix).max(PREFIXES_MAX))
    .refine(
      (accounts) => Object.keys(accounts).length <= ACCOUNTS_MAX,
      `at most ${ACCOUNTS_MAX} accounts`,
    )
    .default({}),
});

/** `closedPrefixes`: numbers that nobody may send to before he was allowed to: where premium and fraud traffic goes. */
export const closedPrefixes = ruleKind({
  schema,
  actions: ['refuse', 'hold', 'flag', 'suspend'],
  compile({ prefixes, open, allowed }) {
    const common: [string, boolean][] = (prefixes ?? ['']).map((one) => [one, true]);
    common.push(...open.map((one): [string, boolean] => [one, false]));
    const everyone = new PrefixTable(common);
    const accounts = new Map(
      Object.entries(allowed).map(([account, its]) => [
        account,
        new PrefixTable([...common, ...its.map((one): [string, boolean] => [one, false])]),
      ]),
    );
    const found = {
      refusal: { key: 'destinationSuspended', detail: 'the destination is closed to this account' },
    } as const;
    return ({ account, destination }) =>
      (accounts.get(account) ?? everyone).longest(destination) === true ? found : undefined;
  },
});
