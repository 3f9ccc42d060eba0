import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EmbeddedError, errorCode, errorLine } from './embedded-error.ts';

/** Whom PostgreSQL runs as: it refuses root. Undefined stands for the user we are. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Octets of a unix socket's path, without the closing zero (unix(7): sun_path is 108). */
const SOCKET_PATH_MAX = 107;
const SOCKET_NAME = '/.s.PGSQL.5432';

/**
 * Makes the data folder and says whom PostgreSQL is to run as: ourselves, unless we are root; then
 * the owner of the data that is already there, else the first of `runAs`, smppgate, postgres and
 * nobody that this machine has.
 * @throws EmbeddedError when the folder cannot be written, or no such user exists.
 */
export function openDataFolder(dataDir: string, runAs: string | undefined): ServerUser | undefined {
  const root = process.getuid?.() === 0;
  try {
    // Another user has to pass through to its own folder, which is 0700 itself.
    mkdirSync(dataDir, { recursive: true, mode: root ? 0o711 : 0o700 });
    accessSync(dataDir, constants.W_OK | constants.X_OK);
    if (!root) return undefined;
    const owner = statOf(join(dataDir, 'postgres'));
    const found = serverUser(runAs);
    if (owner === undefined || owner.uid === 0) return found;
    return { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  } catch (error) {
    if (error instanceof EmbeddedError) throw error;
    throw new EmbeddedError(
      `cannot write in the data folder ${dataDir} (${errorLine(error)}): ` +
        'give it to this user (chown), or set DATA_DIR to another folder, or DATABASE_URL to a PostgreSQL of your own',
    );
  }
}

/** Where the database lies, and whether it is there already. */
export interface Place {
  readonly base: string;
  readonly exists: boolean;
  /** What to link `dataDir/postgres` to once the database is made; undefined: it lies there. */
  readonly link: string | undefined;
}

/**
 * Finds the place of the database: `dataDir/postgres`, or, where the server's user cannot get
 * there (a checkout under /root), a folder under `elsewhere` that `dataDir/postgres` links to. A
 * second start finds it by the link; with the data folder removed, a new start makes a new database
 * and does not find the old one.
 * @throws EmbeddedError when what stands there cannot be used.
 */
export function findPlace(dataDir: string, user: ServerUser | undefined, elsewhere: string): Place {
  const path = join(realpathSync(dataDir), 'postgres');
  if (lstatOf(path) === undefined) {
    if (user === undefined || reaches(user, dirname(path))) {
      return { base: path, exists: false, link: undefined };
    }
    makeOpenFolder(elsewhere);
    const name = `${digest(path)}-${randomBytes(3).toString('hex')}`;
    const base = join(realpathSync(elsewhere), name, 'postgres');
    return { base, exists: false, link: path };
  }
  const stats = statOf(path);
  if (stats === undefined) {
    throw new EmbeddedError(
      `${path} links to a folder that is gone: bring the folder back, or remove the link to start empty`,
    );
  }
  const base = realpathSync(path);
  checkOwner(base, stats, user);
  if (statOf(join(base, 'PG_VERSION')) === undefined) {
    throw new EmbeddedError(`${base} is not a PostgreSQL data folder: move it away`);
  }
  return { base, exists: true, link: undefined };
}

function checkOwner(base: string, stats: Stats, user: ServerUser | undefined): void {
  const uid = user?.uid ?? process.getuid?.() ?? stats.uid;
  if (stats.uid !== uid) {
    const name = user?.name ?? `uid ${uid}`;
    throw new EmbeddedError(
      `${base} belongs to uid ${stats.uid}, PostgreSQL would run as ${name}: chown -R it to ${name}, or set DATA_DIR to another folder`,
    );
  }
  if (user !== undefined && !reaches(user, dirname(base))) {
    throw new EmbeddedError(
      `${user.name} cannot reach ${base}: open its parent folders (chmod o+x), or move the data and link it`,
    );
  }
}

/** Makes a folder that belongs to the server's user, with the way to it open for everyone. */
export function makeFolder(path: string, user: ServerUser | undefined): void {
  makeOpenFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

/** Makes a folder, and those above it, that everyone can pass through whatever our umask. */
export function makeOpenFolder(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) chmodSync(made, 0o755);
}

/** Links `dataDir/postgres` to a database that was made elsewhere. */
export function linkPlace(place: Place): void {
  if (place.link !== undefined) symlinkSync(place.base, place.link);
}

/**
 * Makes the folder of the server's socket: 0700, owned by the server's user, and short. Its name
 * follows from the base, so that restarts keep the same URL; should somebody else own a folder of
 * that name, a new one is made.
 */
export function makeSocketFolder(base: string, user: ServerUser | undefined): string {
  const name = `smppgate-${digest(base)}`;
  const path = join(suits(tmpdir(), name, user) ? tmpdir() : '/tmp', name);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const uid = user?.uid ?? process.getuid?.();
    const stats = lstatSync(path);
    if (stats.isDirectory() && stats.uid === uid && (stats.mode & 0o077) === 0) return path;
    return owned(mkdtempSync(`${path}-`), user);
  }
  return owned(path, user);
}

// TMPDIR may be long (107 octets are all there is), or root's own (pam_tmpdir).
function suits(folder: string, name: string, user: ServerUser | undefined): boolean {
  const octets = Buffer.byteLength(join(folder, name) + SOCKET_NAME);
  return octets <= SOCKET_PATH_MAX && (user === undefined || reaches(user, folder));
}

function owned(path: string, user: ServerUser | undefined): string {
  if (user !== undefined) chownSync(path, user.uid, user.gid);
  return path;
}

/** Says whether a user can walk down to a folder: each folder on the way lets him through. */
export function reaches(user: ServerUser, folder: string): boolean {
  for (let path = realpathSync(folder); ; path = dirname(path)) {
    if (!allows(user, statSync(path), 0o1)) return false;
    if (path === dirname(path)) return true;
  }
}

/** Says whether a file's mode gives a user all of the bits asked for (4 read, 1 run or pass). */
export function allows(user: ServerUser, stats: Stats, bits: number): boolean {
  const shift = stats.uid === user.uid ? 6 : stats.gid === user.gid ? 3 : 0;
  return ((stats.mode >> shift) & bits) === bits;
}

function serverUser(runAs: string | undefined): ServerUser {
  const wanted = [runAs, 'smppgate', 'postgres', 'nobody'].filter((name) => name !== undefined);
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of wanted) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields === undefined) continue;
    const [uid, gid] = [Number(fields[2]), Number(fields[3])];
    if (uid > 0 && Number.isInteger(gid)) return { name, uid, gid };
  }
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and this machine has none of the users ${wanted.join(', ')}: ` +
      'make one (useradd --system smppgate), or set DATABASE_URL to a PostgreSQL of your own',
  );
}

function digest(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 10);
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function lstatOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
