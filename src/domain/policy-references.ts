import type { PolicySpec, RuleSpec } from './policy-schema.ts';
import type { WordListSpec } from './word-list-schema.ts';
import { categoriesOf } from './words/parse-words.ts';
import type { DataPath } from './yaml-document.ts';

/** A resource that a rule names. */
export interface NamedByRule {
  readonly path: DataPath;
  readonly kind: 'accounts' | 'classes' | 'wordLists' | 'networks';
  readonly name: string;
}

/** Policies by name. */
export type Policies = ReadonlyMap<string, PolicySpec>;

/** What the rules of policies name: a rule about what is not there would never find anything. */
export function* namedByRules(policies: Policies): Generator<NamedByRule> {
  for (const { path, rule } of rulesOf(policies)) {
    const { when, words, closedPrefixes, suspendedDestinations } = rule;
    yield* each('accounts', when?.accounts, [...path, 'when', 'accounts']);
    yield* each('classes', when?.classes, [...path, 'when', 'classes']);
    yield* each('classes', rule.classes?.allowed, [...path, 'classes', 'allowed']);
    yield* each('classes', rule.deliveryFalls?.classes, [...path, 'deliveryFalls', 'classes']);
    for (const affix of ['suffixes', 'prefixes'] as const)
      for (const name of Object.keys(rule.senderRegistered?.[affix] ?? {}))
        yield { path: [...path, 'senderRegistered', affix, name], kind: 'classes', name };
    for (const name of Object.keys(closedPrefixes?.allowed ?? {}))
      yield { path: [...path, 'closedPrefixes', 'allowed', name], kind: 'accounts', name };
    for (const [index, { network }] of suspendedDestinations?.destinations.entries() ?? [])
      if (network !== undefined)
        yield {
          path: [...path, 'suspendedDestinations', 'destinations', index, 'network'],
          kind: 'networks',
          name: network,
        };
    yield* each('wordLists', words?.lists, [...path, 'words', 'lists']);
  }
}

/**
 * Categories of rules that none of their lists has. A list that is not there, or that has no entries, does not say which
 * it would have: rules about it are not judged.
 */
export function unknownCategories(
  policies: Policies,
  lists: ReadonlyMap<string, WordListSpec>,
): { readonly path: DataPath; readonly name: string }[] {
  const known = new Map<string, ReadonlySet<string>>();
  const categoriesIn = (list: string): ReadonlySet<string> => {
    const spec = lists.get(list);
    const found = known.get(list) ?? categoriesOf(spec?.words ?? '', spec?.category ?? '');
    known.set(list, found);
    return found;
  };
  return rulesOf(policies).flatMap(({ path, rule: { words } }) => {
    if (words?.categories === undefined) return [];
    const ofLists = words.lists.map(categoriesIn);
    if (ofLists.some(({ size }) => size === 0)) return [];
    return words.categories.flatMap((name, index) =>
      ofLists.some((categories) => categories.has(name))
        ? []
        : { path: [...path, 'words', 'categories', index], name },
    );
  });
}

function rulesOf(policies: Policies): { readonly path: DataPath; readonly rule: RuleSpec }[] {
  return [...policies].flatMap(([policy, { rules }]) =>
    rules.map((rule, index) => ({ path: ['policies', policy, 'rules', index], rule })),
  );
}

function* each(
  kind: NamedByRule['kind'],
  names: readonly string[] | undefined,
  path: DataPath,
): Generator<NamedByRule> {
  for (const [index, name] of names?.entries() ?? []) yield { path: [...path, index], kind, name };
}
