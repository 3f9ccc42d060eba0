import { countriesOfMcc, isMccAlone, MCC_DIGITS } from './mobile-country-codes.ts';
import { namedByRules, unknownCategories } from './policy-references.ts';
import { classesOf } from './resource-schema.ts';
import { BUILT_IN_CLASSES, BUILT_IN_POLICIES, type ResourceFile } from './resources.ts';
import { hasLimit, priceEntries } from './tariff.ts';
import type { TariffSpec } from './tariff-schema.ts';
import type { DataPath } from './yaml-document.ts';

/** A reference to a resource that is not there. */
export interface DanglingReference {
  /** Where it stands; names where the file has lists: [accounts, acme, tariff]. */
  readonly path: DataPath;
  readonly kind: ReferredKind | 'categories';
  readonly name: string;
}

/** The kinds that others refer to. */
export type ReferredKind =
  | 'tariffs'
  | 'terms'
  | 'classes'
  | 'wordLists'
  | 'policies'
  | 'accounts'
  | 'carriers'
  | 'networks';

/**
 * Checks the references of what is given to kinds that are given as well: a kind that is absent is not judged. Accounts
 * only with what is stored: a file need not have all. Networks of prices are not judged: price lists have those of the
 * whole world.
 * @param complete all that is stored is given
 */
export function referenceErrors(set: ResourceFile, complete: boolean): DanglingReference[] {
  const errors: DanglingReference[] = [];
  const refer = (kind: ReferredKind, name: string, path: DataPath) => {
    const known = set[kind];
    if (known !== undefined && !known.has(name) && !isBuiltIn(kind, name))
      errors.push({ path, kind, name });
  };
  const networks = set.networks && new Set(set.networks.keys());
  const referNetwork = (code: string | undefined, path: DataPath) => {
    if (code !== undefined && networks !== undefined && !isKnownNetwork(code, networks))
      errors.push({ path, kind: 'networks', name: code });
  };
  for (const [name, account] of set.accounts ?? []) {
    refer('tariffs', account.tariff, ['accounts', name, 'tariff']);
    refer('terms', account.terms, ['accounts', name, 'terms']);
    refer('policies', account.policy, ['accounts', name, 'policy']);
    for (const named of classesOf(account))
      refer('classes', named.name, ['accounts', name, ...named.path]);
    for (const [index, allowed] of account.classes?.entries() ?? [])
      refer('classes', allowed, ['accounts', name, 'classes', index]);
    for (const [index, own] of priceEntries(account.prices ?? {}).entries())
      if (own.class !== undefined)
        refer('classes', own.class, ['accounts', name, 'prices', index, 'class']);
  }
  for (const [name, spec] of set.tariffs ?? [])
    for (const [index, { class: trafficClass }] of priceEntries(spec).entries())
      if (trafficClass !== undefined)
        refer('classes', trafficClass, ['tariffs', name, ...pricePath(spec), index, 'class']);
  for (const [name, { cost }] of set.carriers ?? [])
    if (cost !== undefined) refer('tariffs', cost, ['carriers', name, 'cost']);
  for (const [name, route] of set.routes ?? []) {
    if (complete && route.account !== undefined)
      refer('accounts', route.account, ['routes', name, 'account']);
    if (route.class !== undefined) refer('classes', route.class, ['routes', name, 'class']);
    referNetwork(route.network, ['routes', name, 'network']);
    for (const [index, carrier] of route.carriers.entries())
      refer('carriers', carrier.name, ['routes', name, 'carriers', index, 'name']);
  }
  for (const { kind, name, path } of namedByRules(set.policies ?? new Map())) {
    if (kind === 'networks') referNetwork(name, path);
    else if (kind !== 'accounts' || complete) refer(kind, name, path);
  }
  if (set.wordLists !== undefined)
    for (const { path, name } of unknownCategories(set.policies ?? new Map(), set.wordLists))
      errors.push({ path, kind: 'categories', name });
  for (const [name, { receiptsWith }] of set.carriers ?? [])
    for (const [index, other] of receiptsWith.entries())
      refer('carriers', other, ['carriers', name, 'receiptsWith', index]);
  for (const [name, { account, carrier }] of set.inbound ?? []) {
    if (complete) refer('accounts', account, ['inbound', name, 'account']);
    if (carrier !== undefined) refer('carriers', carrier, ['inbound', name, 'carrier']);
  }
  return errors;
}

/** Why a reference holds nothing, and of a network what to do. */
export function referenceText({ kind, name }: DanglingReference, isRemoved: boolean): string {
  if (kind === 'categories') return `refers to ${name}, which is a category of none of its lists`;
  const text = `refers to ${name}, which ${isRemoved ? 'the file would remove from' : 'is not in'} ${kind}`;
  if (kind !== 'networks') return text;
  if (isMccAlone(name)) return `${text}, and is no country's mobile country code`;
  const mcc = name.slice(0, MCC_DIGITS);
  return `${text}: give its prefixes there ([] where its numbers stand in the table of numbers), or name the MCC alone, ${mcc}`;
}

/** Whether numbers may be of a network: it is a country's MCC, or one of these, or the MCC of one. */
export function isKnownNetwork(code: string, networks: ReadonlySet<string>): boolean {
  if (!isMccAlone(code)) return networks.has(code);
  return countriesOfMcc(code).length > 0 || [...networks].some((known) => known.startsWith(code));
}

/** Where the prices stand in a tariff. */
function pricePath(spec: TariffSpec): DataPath {
  return hasLimit(spec) ? ['prices'] : [];
}

function isBuiltIn(kind: ReferredKind, name: string): boolean {
  if (kind === 'classes') return BUILT_IN_CLASSES.has(name);
  return kind === 'policies' && BUILT_IN_POLICIES.has(name);
}
