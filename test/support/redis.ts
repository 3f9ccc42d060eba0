import { randomInt } from 'node:crypto';
import { inject } from 'vitest';
import { guardedFolder } from './guard.ts';
import { killRedis, startRedis, stopRedis } from './redis-server.ts';

/**
 * The URL of the run's Redis, each call with another logical database of it where the server has
 * as many (ours has 10,000; a TEST_REDIS_URL is given out as it is). Channels are not separated by
 * database: give them unique names. A test that flushes or stops Redis takes `ownRedis`.
 */
export function redisUrl(): string {
  const { url, databases } = inject('redis');
  if (databases < 10_000) return url;
  const own = new URL(url);
  // Drawn, not counted: test files run in processes of their own. A clash among the few dozen of
  // a run has a chance of one in ten thousand for each pair.
  own.pathname = `/${randomInt(1, databases)}`;
  return own.href;
}

/** A Redis of one test alone, which may be killed and started again. */
export interface OwnRedis {
  /** The same over every restart. */
  readonly url: string;
  readonly pid: number;
  /** kill -9; it stays down until `start()`, and starts empty: nothing is persisted. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it for good and removes it. */
  dispose(): Promise<void>;
}

/** Starts a private Redis, in about 50 ms. */
export async function ownRedis(): Promise<OwnRedis> {
  const folder = guardedFolder();
  const program = inject('redisProgram');
  let server = await startRedis(program, folder.path);
  return {
    get url() {
      return server.url;
    },
    get pid() {
      return server.pid;
    },
    kill: () => killRedis(server),
    async start() {
      server = await startRedis(program, folder.path, server.port);
    },
    async dispose() {
      await stopRedis(server);
      await folder.release();
    },
  };
}
