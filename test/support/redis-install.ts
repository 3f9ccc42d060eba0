import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { say } from './containers.ts';
import type { RedisProgram } from './redis-server.ts';

const run = promisify(execFile);

/** Where an unpacked Redis is kept for the next run; `npm ci` clears it. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/smppgate-redis', import.meta.url));

/** Another run may be installing: wait for it instead of failing. */
const APT = ['-o', 'DPkg::Lock::Timeout=300', '-y', '-q', '--no-install-recommends'];

/** As root: what installs Redis, by the program that does it. */
const INSTALLERS: Record<string, readonly (readonly string[])[]> = {
  // The first try goes without fresh lists, which take seconds.
  'apt-get': [
    ['install', ...APT, 'redis-server'],
    ['update', '-q'],
    ['install', ...APT, 'redis-server'],
  ],
  apk: [['add', '--no-cache', 'redis']],
  dnf: [['install', '-y', 'redis']],
  yum: [['install', '-y', 'redis']],
  pacman: [['-Sy', '--noconfirm', 'redis']],
};

/**
 * Finds a redis-server, or gets one: as root by the package manager; else, on Debian and its kin,
 * by downloading the packages and unpacking them beside node_modules.
 * @param searchPath the PATH to look in.
 * @throws Error in one line that says what to install.
 */
export async function findRedis(searchPath: string): Promise<RedisProgram> {
  const found = inPath('redis-server', searchPath) ?? inPath('valkey-server', searchPath);
  if (found !== undefined) return { path: found, libraryPath: undefined };
  const root = process.getuid?.() === 0;
  const reason = root ? await install(searchPath) : await unpack(searchPath);
  const now = inPath('redis-server', searchPath) ?? inPath('valkey-server', searchPath);
  if (now !== undefined) return { path: now, libraryPath: undefined };
  const unpacked = unpackedRedis(CACHE);
  if (unpacked !== undefined) return unpacked;
  throw new Error(
    `redis-server is missing and could not be had (${reason}): install Redis 6 or later ` +
      '(Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), start Docker, or set TEST_REDIS_URL',
  );
}

/** Undefined when it went well, else why not. */
async function install(searchPath: string): Promise<string | undefined> {
  const manager = Object.keys(INSTALLERS).find((name) => inPath(name, searchPath) !== undefined);
  if (manager === undefined) return 'no package manager that is known here';
  say(`installing redis-server with ${manager}`);
  // With RUNLEVEL=1 Debian's packages do not start the service: the tests start their own.
  const env = { PATH: searchPath, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', LC_ALL: 'C' };
  let reason: string | undefined;
  for (const argumentsOf of INSTALLERS[manager] ?? []) {
    reason = await attempt(manager, argumentsOf, { env });
    if (reason === undefined && inPath('redis-server', searchPath) !== undefined) return undefined;
  }
  return reason ?? `${manager} installed no redis-server`;
}

async function unpack(searchPath: string): Promise<string | undefined> {
  if (unpackedRedis(CACHE) !== undefined) return undefined;
  if (inPath('apt-get', searchPath) === undefined || inPath('dpkg', searchPath) === undefined) {
    return 'only root can install it here';
  }
  say('downloading redis-server with apt-get');
  const draft = `${CACHE}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  for (const name of ['deb', 'lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(draft, name), { recursive: true });
  }
  try {
    const env = { PATH: searchPath, LC_ALL: 'C' };
    // The machine's package lists, else (a fresh container has none) lists of our own.
    let lists: string[] = [];
    let names = await redisPackages(env, lists);
    if (typeof names === 'string') {
      lists = ['-o', `Dir::State::Lists=${draft}/lists`, '-o', `Dir::Cache=${draft}/cache`];
      const refused = await attempt('apt-get', [...lists, 'update', '-q'], { env });
      if (refused !== undefined) return refused;
      names = await redisPackages(env, lists);
    }
    if (typeof names === 'string') return names;
    const folder = join(draft, 'deb');
    const download = [...lists, 'download', '-q', ...names];
    const failed = await attempt('apt-get', download, { env, cwd: folder });
    if (failed !== undefined) return failed;
    for (const file of readdirSync(folder)) await run('dpkg', ['-x', join(folder, file), draft]);
    for (const name of ['deb', 'lists', 'cache']) {
      rmSync(join(draft, name), { recursive: true, force: true });
    }
    renameSync(draft, CACHE);
    return undefined;
  } catch (error) {
    return firstLine(error);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Redis and the libraries it names that are not installed: their names differ by release. */
async function redisPackages(
  env: NodeJS.ProcessEnv,
  lists: readonly string[],
): Promise<string[] | string> {
  try {
    const wanted = ['redis-server', 'redis-tools'];
    const { stdout } = await run('apt-cache', [...lists, 'depends', ...wanted], { env });
    const named = [...stdout.matchAll(/^ [ |]Depends: ([a-z0-9][a-z0-9.+-]*)$/gm)];
    const needed = new Set(named.map((match) => match[1] ?? ''));
    const missing: string[] = [];
    for (const name of needed) {
      if ((await attempt('dpkg', ['-s', name], { env })) !== undefined) missing.push(name);
    }
    return [...new Set([...wanted, ...missing])];
  } catch (error) {
    return `apt-cache knows no redis-server: ${firstLine(error)}`;
  }
}

function unpackedRedis(folder: string): RedisProgram | undefined {
  const path = join(folder, 'usr', 'bin', 'redis-server');
  if (!existsSync(path)) return undefined;
  const roots = [join(folder, 'usr', 'lib'), join(folder, 'lib')].filter((root) =>
    existsSync(root),
  );
  const folders = roots.flatMap((root) => [
    root,
    ...readdirSync(root).map((name) => join(root, name)),
  ]);
  return { path, libraryPath: folders.join(delimiter) };
}

async function attempt(
  program: string,
  argumentsOf: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string },
): Promise<string | undefined> {
  try {
    await run(program, argumentsOf, options);
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}

function firstLine(error: unknown): string {
  const stderr =
    typeof error === 'object' && error !== null && 'stderr' in error ? error.stderr : '';
  const lines = String(stderr).split('\n');
  const complaint =
    lines.find((line) => line.startsWith('E:')) ?? lines.find((line) => line !== '');
  if (complaint !== undefined) return complaint;
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}

function inPath(program: string, searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find(runnable);
}

function runnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
