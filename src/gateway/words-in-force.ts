import type { StoredResources } from '../domain/resources.ts';
import { type CompiledWords, NO_WORDS } from '../domain/words/compile-words.ts';
import { compileWordsApart } from './words-thread.ts';

/** The word lists, compiled once for each change of them: a reload for another reason takes what is there. */
export class WordsInForce {
  #versions = '';
  #compiled: CompiledWords = NO_WORDS;

  /** The lists of this configuration. */
  async of({ wordLists }: Pick<StoredResources, 'wordLists'>): Promise<CompiledWords> {
    const versions = wordLists.map(({ name, version }) => `${name} ${version}`).join('\n');
    if (versions === this.#versions) return this.#compiled;
    const sources = wordLists.map(({ name, spec }) => ({ name, ...spec }));
    this.#compiled = await compileWordsApart(sources);
    this.#versions = versions;
    return this.#compiled;
  }
}
