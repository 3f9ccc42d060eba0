import { parentPort, workerData } from 'node:worker_threads';
import { buffersOf, type WordSource, wordTable } from '../domain/words/compile-words.ts';

/* The thread of words-thread.ts: all lists once, then it ends. */

const table = await wordTable(workerData as readonly WordSource[], () => undefined);
parentPort?.postMessage(table, buffersOf(table));
