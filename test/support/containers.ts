import type { StartedTestContainer } from 'testcontainers';
import type { Source } from './postgres-source.ts';

/** A Docker engine that answers. Either service is undefined when its container cannot be had. */
export interface ContainerEngine {
  /** The URL of a PostgreSQL. */
  postgres(): Promise<Source<string> | undefined>;
  /** The URL of a Redis. */
  redis(): Promise<Source<string> | undefined>;
}

const POSTGRES_PORT = 5432;
const REDIS_PORT = 6379;

/** Finds a container engine; undefined when none answers, which is known after about 0.1 s. */
export async function findContainerEngine(): Promise<ContainerEngine | undefined> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
  } catch {
    return undefined;
  }
  return {
    postgres: () =>
      started('PostgreSQL', async () => {
        const container = await new GenericContainer('postgres:18')
          .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust' })
          .withCommand(['-c', 'max_connections=300'])
          .withExposedPorts(POSTGRES_PORT)
          // It starts twice: the first time for its own set-up.
          .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
          .start();
        const address = `${container.getHost()}:${container.getMappedPort(POSTGRES_PORT)}`;
        return source(container, `postgresql://postgres@${address}/postgres`);
      }),
    redis: () =>
      started('Redis', async () => {
        const container = await new GenericContainer('redis:7')
          .withCommand(['redis-server', '--save', '', '--databases', '10000'])
          .withExposedPorts(REDIS_PORT)
          .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
          .start();
        const address = `${container.getHost()}:${container.getMappedPort(REDIS_PORT)}`;
        return source(container, `redis://${address}`);
      }),
  };
}

/** One line of the set-up's own on the terminal. */
export function say(message: string): void {
  process.stderr.write(`test set-up: ${message}\n`);
}

// An engine without the image and without a registry is no better than no engine.
async function started(
  name: string,
  start: () => Promise<Source<string>>,
): Promise<Source<string> | undefined> {
  try {
    return await start();
  } catch (error) {
    say(`no container for ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function source(container: StartedTestContainer, url: string): Source<string> {
  return {
    provided: url,
    async stop() {
      await container.stop();
    },
  };
}
