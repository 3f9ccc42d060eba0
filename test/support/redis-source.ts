import { Redis } from 'ioredis';
import { errorLine } from '../../src/store/embedded-error.ts';
import type { ContainerEngine } from './containers.ts';
import { guardedFolder } from './guard.ts';
import type { Source } from './postgres-source.ts';
import { type RedisProgram, startRedis, stopRedis } from './redis-server.ts';

/** What test files are told of the run's Redis. */
export interface ProvidedRedis {
  readonly url: string;
  /** How many logical databases it has. */
  readonly databases: number;
}

/**
 * Provides the Redis of a run: the given one, else a container, else one started here.
 * @throws Error in one line when the given one does not answer.
 */
export async function provideRedis(
  given: string | undefined,
  containers: () => Promise<ContainerEngine | undefined>,
  program: RedisProgram,
): Promise<Source<ProvidedRedis>> {
  if (given !== undefined) return { provided: await ask(given), stop: async () => {} };
  const engine = await containers();
  const server = (await engine?.redis()) ?? (await own(program));
  return { ...server, provided: { url: server.provided, databases: 10_000 } };
}

async function own(program: RedisProgram): Promise<Source<string>> {
  const folder = guardedFolder();
  const server = await startRedis(program, folder.path);
  return {
    provided: server.url,
    async stop() {
      await stopRedis(server);
      await folder.release();
    },
  };
}

async function ask(url: string): Promise<ProvidedRedis> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 });
  // connect() rejects with "Connection is closed"; why it was closed comes as an event.
  let cause: unknown;
  redis.on('error', (error) => {
    cause = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    return { url, databases: 1 };
  } catch (error) {
    const reason = errorLine(cause ?? error);
    throw new Error(`TEST_REDIS_URL names no Redis that answers (${reason})`);
  } finally {
    redis.disconnect();
  }
}
