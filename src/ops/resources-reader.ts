import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { parseResources } from '../domain/resource-file.ts';
import type { ResourceFile } from '../domain/resources.ts';
import type { DataPath, FileError } from '../domain/yaml-document.ts';
import { carrierProfiles } from './carrier-profiles.ts';
import { randomSecret } from './random-secret.ts';
import { wordFiles } from './word-files.ts';

/**
 * Longer files are read on a thread of their own, which takes half a second to begin: 64 KiB take some 5 ms, 80,000
 * words 20 ms, 10,000 accounts 3 s, and messages wait for none of it.
 */
export const READ_HERE_CHARS = 64 * 1024;
/** Of that thread, MiB: a file of 32 MiB (FILE_CHARS_MAX) as text, as a document and as resources. */
const WORKER_HEAP_MIB = 2_048;

/** A resources file that is read, with the lines of what was asked for; or what is wrong with it. */
export type ReadFile =
  | { readonly ok: ResourceFile; readonly lines: readonly number[] }
  | { readonly errors: readonly FileError[] };

/**
 * Reads a resources file and checks it (domain/resource-file.ts), with the ready profiles and word lists.
 * @param paths of which the lines are wanted
 * @throws Error when reading it takes more memory than WORKER_HEAP_MIB, which ends the thread
 */
export async function readResourcesFile(
  text: string,
  paths: readonly DataPath[] = [],
): Promise<ReadFile> {
  if (text.length <= READ_HERE_CHARS) return readHere({ text, paths });
  const worker = new Worker(workerFile, {
    workerData: { text, paths } satisfies ReadTask,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
  });
  try {
    // `once` throws what the thread threw.
    const [read] = (await once(worker, 'message')) as [ReadFile];
    return read;
  } finally {
    await worker.terminate();
  }
}

/** What the thread is given. */
export interface ReadTask {
  readonly text: string;
  readonly paths: readonly DataPath[];
}

/** On the thread that asks. */
export function readHere({ text, paths }: ReadTask): ReadFile {
  const parsed = parseResources(text, {
    suggest: randomSecret,
    profiles: carrierProfiles(),
    wordFiles: wordFiles(),
  });
  return 'errors' in parsed ? parsed : { ok: parsed.ok, lines: paths.map(parsed.lineOf) };
}

/** Beside this file, in a checkout as in a package. */
const workerFile = new URL(
  `./resources-reader-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
);
