import type { StoredResources } from '../domain/resources.ts';
import { type CompiledWords, compileWords, NO_WORDS } from '../domain/words/compile-words.ts';
import { everyTurn } from './every-turn.ts';

/**
 * The word lists, compiled once for each change of them: a reload for another reason takes what is there. Compiling
 * pauses every few milliseconds, so that 80,000 words (some 300 ms) hold no message up.
 */
export class WordsInForce {
  #versions = '';
  #compiled: CompiledWords = NO_WORDS;

  /** The lists of this configuration. */
  async of({ wordLists }: Pick<StoredResources, 'wordLists'>): Promise<CompiledWords> {
    const versions = wordLists.map(({ name, version }) => `${name} ${version}`).join('\n');
    if (versions === this.#versions) return this.#compiled;
    const sources = wordLists.map(({ name, spec }) => ({ name, ...spec }));
    this.#compiled = await compileWords(sources, everyTurn());
    this.#versions = versions;
    return this.#compiled;
  }
}
