import { env } from 'node:process';
import type { TestProject } from 'vitest/node';
import { type ContainerEngine, findContainerEngine } from './containers.ts';
import { type ProvidedPostgres, providePostgres } from './postgres-source.ts';
import { findRedis } from './redis-install.ts';
import type { RedisProgram } from './redis-server.ts';
import { type ProvidedRedis, provideRedis } from './redis-source.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgres: ProvidedPostgres;
    redis: ProvidedRedis;
    redisProgram: RedisProgram;
  }
}

/**
 * vitest's global set-up: one PostgreSQL and one Redis for the whole run. `TEST_DATABASE_URL` and
 * `TEST_REDIS_URL` if set, else containers when a Docker engine answers, else the embedded
 * PostgreSQL and a redis-server of this machine, installed if need be. A service that cannot be had
 * fails the run. What was started is ended with the run, also by Ctrl-C or kill -9.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let engine: Promise<ContainerEngine | undefined> | undefined;
  const containers = () => {
    engine ??= findContainerEngine();
    return engine;
  };
  // Also beside containers: ownRedis() needs a server that a test may kill.
  const program = findRedis(env.PATH ?? '');
  const services = await Promise.allSettled([
    providePostgres(setting('TEST_DATABASE_URL'), containers),
    program.then((found) => provideRedis(setting('TEST_REDIS_URL'), containers, found)),
  ]);
  const stop = async () => {
    await Promise.all(
      services.map((service) =>
        service.status === 'fulfilled' ? service.value.stop() : undefined,
      ),
    );
  };
  const [postgres, redis] = services;
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    await stop();
    throw postgres.status === 'rejected'
      ? postgres.reason
      : redis.status === 'rejected' && redis.reason;
  }
  project.provide('postgres', postgres.value.provided);
  project.provide('redis', redis.value.provided);
  project.provide('redisProgram', await program);
  return stop;
}

function setting(name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}
