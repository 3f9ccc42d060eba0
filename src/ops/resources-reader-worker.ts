import { parentPort, workerData } from 'node:worker_threads';
import { type ReadTask, readHere } from './resources-reader.ts';

/* The thread of resources-reader.ts: one file, then it ends. */

parentPort?.postMessage(readHere(workerData as ReadTask));
