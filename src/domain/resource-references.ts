import { classesOf } from './resource-schema.ts';
import { BUILT_IN_CLASSES, BUILT_IN_POLICIES, type ResourceFile } from './resources.ts';
import { hasLimit, priceEntries } from './tariff.ts';
import type { TariffSpec } from './tariff-schema.ts';
import type { DataPath } from './yaml-document.ts';

/** A reference to a resource that is not there. */
export interface ReferenceError {
  /** Where it stands; names where the file has lists: [accounts, acme, tariff]. */
  readonly path: DataPath;
  readonly kind: ReferredKind;
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
  | 'carriers';

/**
 * Checks the references of what is given to kinds that are given as well: a kind that is absent is not judged. Accounts
 * only where `set` is all that is stored, because a file need not have all of them.
 */
export function referenceErrors(set: ResourceFile, complete: boolean): ReferenceError[] {
  const errors: ReferenceError[] = [];
  const refer = (kind: ReferredKind, name: string, path: DataPath) => {
    const known = set[kind];
    if (known !== undefined && !known.has(name) && !isBuiltIn(kind, name))
      errors.push({ path, kind, name });
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
    for (const [index, carrier] of route.carriers.entries())
      refer('carriers', carrier.name, ['routes', name, 'carriers', index, 'name']);
  }
  for (const [name, { rules }] of set.policies ?? [])
    for (const [rule, { words }] of rules.entries())
      for (const [index, list] of words?.lists.entries() ?? [])
        refer('wordLists', list, ['policies', name, 'rules', rule, 'words', 'lists', index]);
  for (const [name, { receiptsWith }] of set.carriers ?? [])
    for (const [index, other] of receiptsWith.entries())
      refer('carriers', other, ['carriers', name, 'receiptsWith', index]);
  for (const [name, { account, carrier }] of set.inbound ?? []) {
    if (complete) refer('accounts', account, ['inbound', name, 'account']);
    if (carrier !== undefined) refer('carriers', carrier, ['inbound', name, 'carrier']);
  }
  return errors;
}

/** Where the prices stand in a tariff. */
function pricePath(spec: TariffSpec): DataPath {
  return hasLimit(spec) ? ['prices'] : [];
}

function isBuiltIn(kind: ReferredKind, name: string): boolean {
  if (kind === 'classes') return BUILT_IN_CLASSES.has(name);
  return kind === 'policies' && BUILT_IN_POLICIES.has(name);
}
