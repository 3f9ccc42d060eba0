import type { PolicySpec } from './policy-schema.ts';
import type { ResourceChange } from './resource-diff.ts';
import type { ResourceSet } from './resources.ts';

/**
 * The policies that stay as they are but judge otherwise, because a word list of theirs changes: each is a change too,
 * so that the version of a policy says what judged, lists included.
 * @param result everything as it would stand
 */
export function policiesOfChangedLists(
  changes: readonly ResourceChange[],
  result: ResourceSet,
): ResourceChange[] {
  const namesOf = (kind: ResourceChange['kind']) =>
    new Set(changes.flatMap((change) => (change.kind === kind ? change.name : [])));
  const lists = namesOf('wordLists');
  if (lists.size === 0) return [];
  const changed = namesOf('policies');
  return [...result.policies].flatMap(([name, spec]): ResourceChange | [] => {
    const anew = changed.has(name) ? [] : listsOf(spec).filter((list) => lists.has(list));
    if (anew.length === 0) return [];
    const fields = anew.map((list) => ({
      path: `wordLists[${list}]`,
      before: undefined,
      after: undefined,
      hidden: true,
    }));
    return { kind: 'policies', name, action: 'change', spec, fields };
  });
}

/** Names of the word lists that a policy's rules read, each once. */
function listsOf({ rules }: PolicySpec): string[] {
  return [...new Set(rules.flatMap(({ words }) => words?.lists ?? []))];
}
