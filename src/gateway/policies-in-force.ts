import { policiesOf } from '../domain/compile-catalog.ts';
import { type CompiledPolicy, compilePolicySteps } from '../domain/policy.ts';
import type { StoredResources } from '../domain/resources.ts';
import { inTurns } from '../domain/steps.ts';
import { type CompiledWords, NO_WORDS } from '../domain/words/compile-words.ts';
import { everyTurn } from './every-turn.ts';

/**
 * The policies, each compiled once for each change of it or of the word lists: a reload for another reason takes what
 * is there. Compiling pauses every few milliseconds, so that a rule with 200,000 words (some 500 ms) holds no message up.
 */
export class PoliciesInForce {
  #words: CompiledWords = NO_WORDS;
  /** By id, name and version. */
  #compiled: ReadonlyMap<string, CompiledPolicy> = new Map();

  /** The policies of this configuration by name, the built-in ones too. @param words its word lists */
  async of(
    stored: Pick<StoredResources, 'policies'>,
    words: CompiledWords,
  ): Promise<ReadonlyMap<string, CompiledPolicy>> {
    const before = words === this.#words ? this.#compiled : new Map<string, CompiledPolicy>();
    const [compiled, byName] = [
      new Map<string, CompiledPolicy>(),
      new Map<string, CompiledPolicy>(),
    ];
    const turn = everyTurn();
    for (const { id, name, version, spec } of policiesOf(stored)) {
      const key = `${id} ${version} ${name}`;
      const policy =
        before.get(key) ??
        (await inTurns(compilePolicySteps(name, version, spec, { words }), turn));
      compiled.set(key, policy);
      byName.set(name, policy);
    }
    [this.#words, this.#compiled] = [words, compiled];
    return byName;
  }
}
