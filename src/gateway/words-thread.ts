import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { inTurns } from '../domain/steps.ts';
import {
  type CompiledWords,
  compileWords,
  openWords,
  type WordSource,
  type WordTable,
} from '../domain/words/compile-words.ts';
import { everyTurn } from './every-turn.ts';

/** Longer lists are compiled on a thread of their own, which takes a quarter of a second to begin: some 2,500 words. */
const COMPILE_HERE_CHARS = 16 * 1024;
/** Of that thread, MiB: what it allocates is thrown away with it. The tables are not of its heap. */
const WORKER_HEAP_MIB = 1_024;

/**
 * Compiles word lists so that no message waits for it: few words in turns of a few milliseconds, many on a thread of
 * their own (80,000 words: some 300 ms), whose tables are handed over without a copy.
 * @throws when lists need more than 1 GiB of heap
 */
export async function compileWordsApart(lists: readonly WordSource[]): Promise<CompiledWords> {
  const chars = lists.reduce((sum, { words }) => sum + words.length, 0);
  if (chars <= COMPILE_HERE_CHARS) return compileWords(lists, everyTurn());
  const worker = new Worker(workerFile, {
    workerData: lists,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
  });
  try {
    // `once` throws what the thread threw.
    const [table] = (await once(worker, 'message')) as [WordTable];
    return await inTurns(openWords(table), everyTurn());
  } finally {
    await worker.terminate();
  }
}

/** Beside this file, in a checkout as in a package. */
const workerFile = new URL(
  `./words-thread-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
);
