import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A redis-server that can be run, with the libraries it needs when it was only unpacked. */
export interface RedisProgram {
  readonly path: string;
  readonly libraryPath: string | undefined;
}

/** A Redis that takes connections. */
export interface RedisServer {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

/** Starting takes some 30 ms; a machine busy with other tests may take its time. */
const START_MS = 10_000;
/** Another process may take a free port between our look and Redis' own. */
const PORT_TRIES = 5;

/**
 * Starts a Redis on a loopback port, with nothing kept on disk. Its pid stands in `redis.pid` of
 * the folder, where the folder's guard looks for it.
 * @param port a former server's, when clients are to find it again; else a free one.
 */
export async function startRedis(
  program: RedisProgram,
  folder: string,
  port?: number,
): Promise<RedisServer> {
  for (let tries = 1; ; tries++) {
    const chosen = port ?? (await freePort());
    const started = await launch(program, folder, chosen);
    if (typeof started !== 'string') return started;
    const again = started.includes('Address already in use') && tries < PORT_TRIES;
    if (!again) throw new Error(`redis-server does not start: ${started}`);
  }
}

/** Ends a Redis and waits until it is gone. */
export async function stopRedis(server: RedisServer): Promise<void> {
  await end(server, 'SIGTERM');
}

/** kill -9. */
export async function killRedis(server: RedisServer): Promise<void> {
  await end(server, 'SIGKILL');
}

async function end({ child }: RedisServer, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.ref();
  child.kill(signal);
  await exited;
}

/** The server, or what it said before it ended. */
async function launch(
  program: RedisProgram,
  folder: string,
  port: number,
): Promise<RedisServer | string> {
  const child = spawn(program.path, redisArguments(folder, port), {
    // Out of the terminal's process group: Ctrl-C ends it through the guard, after its clients.
    detached: true,
    env: program.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: program.libraryPath },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const said = await saidUntilReady(child);
  child.stdout.destroy();
  child.unref();
  if (child.pid === undefined || child.exitCode !== null || !said.includes(READY)) {
    child.kill('SIGKILL');
    return said.trim().split('\n').at(-1) ?? '';
  }
  return { child, port, url: `redis://127.0.0.1:${port}`, pid: child.pid };
}

const READY = 'Ready to accept connections';

function redisArguments(folder: string, port: number): string[] {
  const network = ['--port', String(port), '--bind', '127.0.0.1'];
  const nothingKept = ['--save', '', '--appendonly', 'no', '--dir', folder];
  const rest = ['--databases', '10000', '--pidfile', join(folder, 'redis.pid')];
  return [...network, ...nothingKept, ...rest];
}

function saidUntilReady(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const timer = setTimeout(() => resolve(said), START_MS);
    const done = (more = '') => {
      clearTimeout(timer);
      resolve(said + more);
    };
    child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
      said += chunk;
      if (said.includes(READY)) done();
    });
    child.once('error', (error) => done(error.message));
    child.once('exit', () => done());
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
