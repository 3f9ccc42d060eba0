import type { Pool } from 'pg';
import type { CatalogAccount } from '../domain/catalog.ts';
import { type CompiledPolicy, compilePolicySteps } from '../domain/policy.ts';
import type { PolicySpec } from '../domain/policy-schema.ts';
import { referenceErrors, referenceText } from '../domain/resource-references.ts';
import { type ResourceFile, type ResourceSet, resourceSetOf } from '../domain/resources.ts';
import { inTurns } from '../domain/steps.ts';
import type { WordListSpec } from '../domain/word-list-schema.ts';
import { keyText } from '../domain/yaml-document.ts';
import { everyTurn } from '../gateway/every-turn.ts';
import { compileWordsApart } from '../gateway/words-thread.ts';
import { loadResources } from '../store/resource-rows.ts';
import type { ApplyFault } from './apply.ts';
import { readResourcesFile } from './resources-reader.ts';

/** Policies that are tried, and are in force nowhere. */
export interface CandidatePolicies {
  /** The policy of the file that an account would have; its own where the file has none of that name. */
  policyOf(account: CatalogAccount): CompiledPolicy;
}

/**
 * Compiles the policies and word lists of a resources file, lists that it does not have from the store; other kinds of
 * resources are not looked at but for the policy that an account has in the file.
 * @param forced the policy that judges every account, by name: of the file, else of the store
 */
export async function candidatePolicies(
  pool: Pool,
  text: string | undefined,
  forced: string | undefined,
): Promise<CandidatePolicies | { readonly faults: readonly ApplyFault[] }> {
  const read = await readResourcesFile(text ?? '{}');
  if ('errors' in read) return { faults: read.errors };
  const { ok: file } = read;
  const stored = await loadResources(pool);
  const policies = new Map<string, PolicySpec>(
    forced === undefined ? [] : stored.policies.map(({ name, spec }) => [name, spec]),
  );
  for (const [name, spec] of file.policies ?? []) policies.set(name, spec);
  const lists = new Map<string, WordListSpec>(
    stored.wordLists.map(({ name, spec }) => [name, spec]),
  );
  for (const [name, spec] of file.wordLists ?? []) lists.set(name, spec);
  const faults = [
    ...unknownNames(file, resourceSetOf(stored), lists),
    ...unknownPolicy(policies, forced),
  ];
  if (faults.length > 0) return { faults };
  const sources = [...lists].map(([name, spec]) => ({ name, ...spec }));
  const words = await compileWordsApart(sources);
  const compiled = new Map<string, CompiledPolicy>();
  const turn = everyTurn();
  for (const [name, spec] of policies)
    compiled.set(name, await inTurns(compilePolicySteps(name, 0, spec, { words }), turn));
  return {
    policyOf: ({ name, policy }) => {
      const asked = forced ?? file.accounts?.get(name)?.policy ?? policy.name;
      return compiled.get(asked) ?? policy;
    },
  };
}

/** What rules of the file name that neither it nor the store has. */
function unknownNames(
  file: ResourceFile,
  stored: ResourceSet,
  wordLists: ResourceSet['wordLists'],
): ApplyFault[] {
  const accounts = new Map([...stored.accounts, ...(file.accounts ?? [])]);
  const whole = { ...stored, ...file, accounts, wordLists };
  return referenceErrors(whole, true)
    .filter(({ path: [kind, name] }) => kind === 'policies' && file.policies?.has(String(name)))
    .map((error) => ({
      line: undefined,
      key: keyText(error.path),
      message: referenceText(error, false),
    }));
}

function unknownPolicy(
  policies: ReadonlyMap<string, unknown>,
  forced: string | undefined,
): ApplyFault[] {
  if (forced === undefined || policies.has(forced)) return [];
  const message = `there is no policy ${forced}: there are ${[...policies.keys()].join(', ')}`;
  return [{ line: undefined, key: 'policy', message }];
}
