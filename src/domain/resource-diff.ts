import { type Credits, parseCredits, ZERO } from './money.ts';
import { saltOf } from './password-hash.ts';
import { policiesOfChangedLists } from './policy-lists.ts';
import { priceErrors } from './resource-prices.ts';
import { type DanglingReference, referenceErrors, referenceText } from './resource-references.ts';
import { keepSecrets, type SecretMatcher } from './resource-secrets.ts';
import {
  type AccountSpec,
  RESOURCE_KINDS,
  type ResourceFile,
  type ResourceKind,
  type ResourceSet,
  type SpecOf,
} from './resources.ts';
import { uncostedCarriers } from './route-name.ts';
import { type FieldChange, fieldChangeText, specChanges } from './spec-changes.ts';
import { tariffChanges } from './tariff-changes.ts';
import type { TariffSpec } from './tariff-schema.ts';
import { type DataPath, keyText } from './yaml-document.ts';

/** One resource that an apply makes, changes or removes. */
export type ResourceChange = { readonly [K in ResourceKind]: ChangeOf<K> }[ResourceKind];

/** A change of one kind. */
export type ChangeOf<K extends ResourceKind> = {
  readonly kind: K;
  /** A route's is what it fits: see routeName. */
  readonly name: string;
} & (
  | {
      readonly action: 'add' | 'change';
      /** Without `credit`. A secret that changed is clear or `{generate: true}`: see resource-secrets.ts. */
      readonly spec: SpecOf[K];
      /** Of a change: what differs, secrets by name only. */
      readonly fields: readonly FieldChange[];
    }
  | { readonly action: 'remove' }
);

/** What an apply would do; without `changes` nothing. */
export interface ResourceDiff {
  /** In an order in which they can be stored: what is referred to before what refers to it. */
  readonly changes: readonly ResourceChange[];
  /** The opening top-ups of new accounts; `credit` of an account that exists is ignored. */
  readonly openings: ReadonlyMap<string, Credits>;
  /** Accounts that a file with accounts leaves out: they stay as they are. */
  readonly notInFile: readonly string[];
  /** Everything as it would stand. */
  readonly result: ResourceSet;
}

/** Why a file cannot be applied to what is stored. The path has names where the file has lists. */
export interface DiffError {
  readonly path: DataPath;
  readonly key: string;
  readonly message: string;
  /** Prices change too much: `allowLargeChanges` lets it pass. */
  readonly isLargeChange?: boolean;
}

/** What an apply may do, and when. */
export interface DiffOptions {
  /** Prices may change as much as they like (see resource-prices.ts). */
  readonly allowLargeChanges?: boolean;
  /** Unix ms: prices are compared as they apply then. Undefined: large changes are not looked for. */
  readonly nowMs?: number;
}

/** Wrong references that are told; the rest would only bury them. */
const REFERENCES_MAX = 100;

/**
 * Compares a file with what is stored. Only the kinds in the file are touched; within them an absent resource is
 * removed, which is an error while something uses it, but an absent account stays. A policy changes with its word lists.
 * @param matches whether a clear secret is the stored one
 */
export function diffResources(
  current: ResourceSet,
  next: ResourceFile,
  matches: SecretMatcher,
  options: DiffOptions = {},
): { readonly ok: ResourceDiff } | { readonly errors: readonly DiffError[] } {
  const changes: ResourceChange[] = [];
  const result: { -readonly [K in ResourceKind]: ResourceSet[K] } = { ...current };
  for (const kind of RESOURCE_KINDS) diffKind(kind, current, next, matches, changes, result);
  changes.push(...policiesOfChangedLists(changes, result));
  const openings = openingsOf(current, next);
  const errors = [
    ...danglingErrors(current, result, changes).slice(0, REFERENCES_MAX),
    ...systemIdErrors(result.accounts),
    ...saltErrors(next, result),
    ...costErrors(result),
    ...largeChangeErrors(current, result, changes, options),
    ...openingErrors(openings, result),
  ];
  if (errors.length > 0) return { errors };
  return {
    ok: {
      changes: inStoringOrder(changes),
      openings,
      notInFile: leftOut(current, next),
      result,
    },
  };
}

/** The diff for people, a line for each resource; secrets by name only. */
export function diffLines(diff: ResourceDiff): string[] {
  const lines = diff.changes.map((change) => {
    const name = `${change.kind} ${change.name === '' ? '""' : change.name}`;
    if (change.action === 'remove') return `- ${name}`;
    return change.action === 'add'
      ? `+ ${name}`
      : `~ ${name}: ${change.fields.map(fieldChangeText).join(', ')}`;
  });
  return [...lines, ...diff.notInFile.map((name) => `= accounts ${name}: not in the file, kept`)];
}

function diffKind<K extends ResourceKind>(
  kind: K,
  current: ResourceSet,
  next: ResourceFile,
  matches: SecretMatcher,
  changes: ResourceChange[],
  result: { [P in K]: ReadonlyMap<string, SpecOf[P]> },
): void {
  const after = next[kind] as ReadonlyMap<string, SpecOf[K]> | undefined;
  if (after === undefined) return;
  const before: ReadonlyMap<string, SpecOf[K]> = current[kind];
  const merged = new Map<string, SpecOf[K]>(kind === 'accounts' ? before : []);
  for (const [name, wanted] of after) {
    const stored = before.get(name);
    const spec = keepSecrets(withoutCredit(wanted), stored, matches);
    merged.set(name, spec);
    const fields = stored === undefined ? [] : fieldsOf(kind, stored, spec);
    if (stored !== undefined && fields.length === 0) continue;
    changes.push({
      kind,
      name,
      action: stored === undefined ? 'add' : 'change',
      spec,
      fields,
    } as ResourceChange);
  }
  for (const name of before.keys()) {
    if (!merged.has(name)) changes.push({ kind, name, action: 'remove' } as ResourceChange);
  }
  result[kind] = merged;
}

/** What differs: of a tariff by price, else by key. */
function fieldsOf<K extends ResourceKind>(
  kind: K,
  stored: SpecOf[K],
  spec: SpecOf[K],
): readonly FieldChange[] {
  return kind === 'tariffs'
    ? tariffChanges(stored as TariffSpec, spec as TariffSpec)
    : specChanges(stored, spec);
}

/** The opening credit is no part of what an account is. */
function withoutCredit<Spec extends object>(spec: Spec): Spec {
  if (!('credit' in spec)) return spec;
  const { credit: _, ...rest } = spec;
  return rest as Spec;
}

/**
 * References to what is not there. One that stood so before, in what is not changed now, is left: what an earlier version
 * took keeps nobody from changing something else.
 */
function danglingErrors(
  current: ResourceSet,
  result: ResourceSet,
  changes: readonly ResourceChange[],
): DiffError[] {
  const found = referenceErrors(result, true);
  if (found.length === 0) return [];
  const before = new Set(referenceErrors(current, true).map(referenceKey));
  const changed = new Set(changes.map(({ kind, name }) => keyText([kind, name])));
  return found.flatMap((error) => {
    const { path, kind, name } = error;
    if (before.has(referenceKey(error)) && !changed.has(keyText(path.slice(0, 2)))) return [];
    const isRemoved = kind !== 'categories' && current[kind].has(name);
    return { path, key: keyText(path), message: referenceText(error, isRemoved) };
  });
}

function referenceKey({ path, name }: DanglingReference): string {
  return `${keyText(path)} ${name}`;
}

/** A system_id is one account's, also among accounts that are not in the file. */
function systemIdErrors(accounts: ReadonlyMap<string, AccountSpec>): DiffError[] {
  const owners = new Map<string, string>();
  const errors: DiffError[] = [];
  for (const [name, account] of accounts) {
    for (const [index, { systemId }] of account.binds.entries()) {
      const owner = owners.get(systemId);
      if (owner !== undefined) {
        const path = ['accounts', name, 'binds', index, 'systemId'];
        errors.push({
          path,
          key: keyText(path),
          message: `${systemId} is a system_id of account ${owner}`,
        });
      }
      owners.set(systemId, name);
    }
  }
  return errors;
}

/**
 * Two hashes that come ready-made must share their salt: else a bind would be tried by two derivations, and the time
 * of a wrong guess would tell that its name exists.
 */
function saltErrors(next: ResourceFile, result: ResourceSet): DiffError[] {
  const errors: DiffError[] = [];
  for (const name of next.accounts?.keys() ?? []) {
    for (const [index, bind] of (result.accounts.get(name)?.binds ?? []).entries()) {
      const { passwordHash: current, formerPasswordHash: former } = bind;
      if (current === undefined || former === undefined || saltOf(current) === saltOf(former))
        continue;
      const path = ['accounts', name, 'binds', index, 'formerPasswordHash'];
      const message =
        'was not made beside passwordHash: give one of the two as a password in clear';
      errors.push({ path, key: keyText(path), message });
    }
  }
  return errors;
}

/** What is chosen by cost must have one. */
function costErrors({ routes, carriers }: ResourceSet): DiffError[] {
  return uncostedCarriers(routes, (name) => carriers.get(name)?.cost).map(({ route, index }) => {
    const path = ['routes', route, 'carriers', index, 'name'];
    const message = 'has no cost: the route selects by leastCost';
    return { path, key: keyText(path), message };
  });
}

/** Prices that change too much at once, unless that is asked for. */
function largeChangeErrors(
  current: ResourceSet,
  result: ResourceSet,
  changes: readonly ResourceChange[],
  { allowLargeChanges = false, nowMs }: DiffOptions,
): DiffError[] {
  if (allowLargeChanges || nowMs === undefined) return [];
  const namesOf = (kind: ResourceKind): Set<string> =>
    new Set(changes.flatMap((change) => (change.kind === kind ? change.name : [])));
  const changed = {
    tariffs: namesOf('tariffs'),
    accounts: namesOf('accounts'),
    networks: namesOf('networks').size > 0,
  };
  return priceErrors(current, result, changed, nowMs);
}

/** Removals last and in reverse, so that a reference never dangles on the way; carriers come before routes already. */
function inStoringOrder(changes: readonly ResourceChange[]): ResourceChange[] {
  const kept = changes.filter((change) => change.action !== 'remove');
  return [...kept, ...changes.filter((change) => change.action === 'remove').reverse()];
}

function openingsOf(current: ResourceSet, next: ResourceFile): ReadonlyMap<string, Credits> {
  const openings = new Map<string, Credits>();
  for (const [name, { credit }] of next.accounts ?? []) {
    if (credit === undefined || current.accounts.has(name)) continue;
    const parsed = parseCredits(credit);
    if (typeof parsed === 'bigint' && parsed > ZERO) openings.set(name, parsed);
  }
  return openings;
}

/** An opening credit is a top-up: the terms' smallest one holds for it. */
function openingErrors(
  openings: ReadonlyMap<string, Credits>,
  { accounts, terms }: ResourceSet,
): DiffError[] {
  return [...openings].flatMap(([name, opening]) => {
    const minimum = terms.get(accounts.get(name)?.terms ?? '')?.topUpMinimum ?? '0';
    const parsed = parseCredits(minimum);
    if (typeof parsed !== 'bigint' || opening >= parsed) return [];
    const path = ['accounts', name, 'credit'];
    const message = `must be at least ${minimum}, the topUpMinimum of its terms`;
    return [{ path, key: keyText(path), message }];
  });
}

function leftOut(current: ResourceSet, next: ResourceFile): string[] {
  const accounts = next.accounts;
  return accounts === undefined
    ? []
    : [...current.accounts.keys()].filter((name) => !accounts.has(name));
}
