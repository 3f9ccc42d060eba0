import { execFile } from 'node:child_process';
import { chownSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './embedded-binaries.ts';
import { EmbeddedError, errorLine } from './embedded-error.ts';
import { linkPlace, makeFolder, type Place, type ServerUser } from './embedded-place.ts';
import { embeddedSettings } from './embedded-settings.ts';

const run = promisify(execFile);

/**
 * Makes the database cluster at a place: beside its final name, then renamed, so that a first start
 * that is killed leaves nothing half made. Data checksums are on; files are synced before the
 * rename. About a second.
 * @throws EmbeddedError when initdb fails.
 */
export async function initialize(
  place: Place,
  binaries: Binaries,
  user: ServerUser | undefined,
): Promise<void> {
  const draft = `${place.base}.new`;
  rmSync(draft, { recursive: true, force: true });
  makeFolder(draft, user);
  try {
    await run(binaries.initdb, initdbArguments(draft), { cwd: draft, env: {}, ...identity(user) });
  } catch (error) {
    throw new EmbeddedError(`the embedded PostgreSQL could not be made: ${initdbComplaint(error)}`);
  }
  const configuration = join(draft, 'postgresql.conf');
  const shipped = readFileSync(configuration, 'utf8');
  writeFileSync(configuration, `include_if_exists = 'smppgate.conf'\n${overridable(shipped)}`);
  renameSync(draft, place.base);
  linkPlace(place);
}

/** Writes the settings of this version into the cluster; done before every start. */
export function writeSettings(
  base: string,
  user: ServerUser | undefined,
  extra: Readonly<Record<string, string>> | undefined,
): void {
  const path = join(base, 'smppgate.conf');
  writeFileSync(path, embeddedSettings(extra), { mode: 0o600 });
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

/**
 * Refuses data of another major version of PostgreSQL than the one that is installed.
 * @throws EmbeddedError that says how to go on.
 */
export async function checkVersion(
  base: string,
  binaries: Binaries,
  user: ServerUser | undefined,
): Promise<void> {
  const data = readFileSync(join(base, 'PG_VERSION'), 'utf8').trim();
  const options = { cwd: base, env: {}, ...identity(user) };
  const { stdout } = await run(binaries.postgres, ['--version'], options);
  // "postgres (PostgreSQL) 18.4"
  const installed = /(\d+)\.\d+/.exec(stdout)?.[1];
  if (installed === data) return;
  throw new EmbeddedError(
    `${base} was made by PostgreSQL ${data}, the embedded one is ${installed}: ` +
      'dump it with the former version of smppgate and load it into this one',
  );
}

/** The options of a child process that make it run as the server's user. */
export function identity(user: ServerUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}

// The builtin C.UTF-8 locale: the same sort order on every machine, whatever its libc.
function initdbArguments(folder: string): string[] {
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const access = ['--auth-local=trust', '--auth-host=reject'];
  return ['-D', folder, '-U', 'postgres', '-E', 'UTF8', ...locale, ...access, '--data-checksums'];
}

// initdb writes its findings (max_connections, shared_buffers, max_wal_size ...) as live lines into
// postgresql.conf, where they would win over our file: they become comments.
function overridable(shipped: string): string {
  const ours = new Set(embeddedSettings().match(/^\w+(?= =)/gm) ?? []);
  return shipped
    .split('\n')
    .map((line) => (ours.has(/^\w+(?= =)/.exec(line)?.[0] ?? '') ? `#${line}` : line))
    .join('\n');
}

function initdbComplaint(error: unknown): string {
  const stderr =
    typeof error === 'object' && error !== null && 'stderr' in error ? error.stderr : '';
  const lines = String(stderr).split('\n');
  const complaint = lines.find((line) => /error|FATAL|not found|could not/.test(line));
  const hint = 'free the obstacle, or set DATABASE_URL to a PostgreSQL of your own';
  return `${complaint ?? errorLine(error)} (${hint})`;
}
