import { setImmediate } from 'node:timers/promises';
import type { StoredResources } from '../domain/resources.ts';
import { type CompiledWords, compileWords, NO_WORDS } from '../domain/words/compile-words.ts';

/** Compiling pauses after so much work: a message waits no longer for it, and the garbage of it is little. */
const TURN_MS = 4;

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

/** Pauses when a turn's time is over. */
export function everyTurn(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < TURN_MS) return undefined;
    return setImmediate().then(() => {
      began = performance.now();
    });
  };
}
