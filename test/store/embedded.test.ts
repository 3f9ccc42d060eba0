import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.ts';
import { packageRoot } from '../../src/store/embedded-binaries.ts';
import { processState } from '../../src/store/process-probe.ts';
import { type GuardedFolder, guardedFolder } from '../support/guard.ts';
import { type EmbeddedParent, startParent } from '../support/parent.ts';
import { withClient } from '../support/postgres.ts';

const root = process.getuid?.() === 0;
/** A user that is neither us nor the one PostgreSQL runs as when we are root. */
const stranger = strangersUid();

// Making a database takes a second: most tests go on with the data of the one before them, each
// starting from a server that is stopped.
let folder: GuardedFolder;
let dataDir: string;
let elsewhere: string;
let packageCopy: string;
let parents: EmbeddedParent[];
let servers: EmbeddedPostgres[];
let log: string[];

beforeAll(() => {
  folder = guardedFolder();
  dataDir = join(folder.path, 'shared');
  elsewhere = join(folder.path, 'elsewhere');
  packageCopy = join(folder.path, 'package');
  cpSync(packageRoot(), packageCopy, { recursive: true, verbatimSymlinks: true });
});

afterAll(() => folder.release());

beforeEach(() => {
  parents = [];
  servers = [];
  log = [];
});

afterEach(async () => {
  for (const parent of parents) await parent.kill();
  for (const server of servers) await server.stop();
});

describe('startEmbedded', () => {
  it('makes a durable UTF-8 database, reached by a socket in a 0700 folder and by no port', async () => {
    // What a first start leaves that was killed halfway.
    mkdirSync(join(dataDir, 'postgres.new', 'base'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres.new', 'PG_VERSION'), '18\n');
    const postgres = await start();
    expect(existsSync(join(dataDir, 'postgres.new'))).toBe(false);
    expect(postgres.created).toBe(true);
    const settings = await withClient(postgres.url, async (client) => {
      const { rows } = await client.query(
        `SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name`,
        [
          [
            'data_checksums',
            'fsync',
            'full_page_writes',
            'listen_addresses',
            'server_encoding',
            'synchronous_commit',
            'unix_socket_permissions',
          ],
        ],
      );
      return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    });
    expect(settings).toEqual({
      data_checksums: 'on',
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '',
      server_encoding: 'UTF8',
      synchronous_commit: 'on',
      unix_socket_permissions: '0700',
    });
    expect(statSync(socketFolder(postgres.url)).mode & 0o777).toBe(0o700);
  });

  it('keeps the data over a stop and a second start, and leaves no process or socket behind', async () => {
    const first = await start();
    await write(first.url, 'kept');
    await first.stop();
    expect(processState(first.pid)).not.toBe('running');
    expect(existsSync(socketFolder(first.url))).toBe(false);

    const second = await start();
    expect(second.created).toBe(false);
    expect(second.url).toBe(first.url);
    expect(await read(second.url)).toContain('kept');
  });

  it('refuses a second daemon on the same folder and names the first', async () => {
    const first = await parent();
    await expect(start()).rejects.toThrow(
      /^another smppgate \(pid \d+\) already runs on .*: stop it, or set DATA_DIR/,
    );
    expect(processState(first.pid)).toBe('running');
  });

  it('takes over the server of a daemon that was killed', async () => {
    const killed = await parent();
    await write(killed.url, 'before the kill');
    await killed.kill();
    expect(processState(killed.pid)).toBe('running');

    const postgres = await start();
    expect(postgres.adopted).toBe(true);
    expect(postgres.pid).toBe(killed.pid);
    expect(await read(postgres.url)).toContain('before the kill');
    await postgres.stop();
    // A zombie until init looks after it.
    expect(processState(killed.pid)).not.toBe('running');
  });

  it('starts a new server when the one left behind has lost its socket', async () => {
    const killed = await parent();
    await write(killed.url, 'before the loss');
    await killed.kill();
    rmSync(socketFolder(killed.url), { recursive: true });

    const postgres = await start();
    expect(postgres.adopted).toBe(false);
    expect(processState(killed.pid)).not.toBe('running');
    expect(await read(postgres.url)).toContain('before the loss');
  });

  it('survives the Ctrl-C that ends its daemon', async () => {
    const interrupted = await parent();
    await interrupted.interrupt();
    expect(processState(interrupted.pid)).toBe('running');
    expect((await start()).adopted).toBe(true);
  });

  it('starts the server again on the same address when it is killed', async () => {
    const postgres = await start();
    await write(postgres.url, 'committed');
    const killed = postgres.pid;
    process.kill(killed, 'SIGKILL');
    await vi.waitFor(() => expect(postgres.pid).not.toBe(killed), { timeout: 60_000 });
    expect(await read(postgres.url)).toContain('committed');
    expect(log).toContain(`the embedded PostgreSQL (pid ${killed}) ended, starting it again`);
  });

  it('recovers when daemon and server are both killed, also when the pid went to another process', async () => {
    const killed = await parent();
    await write(killed.url, 'committed before both died');
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
    await killed.kill();
    process.kill(killed.pid, 'SIGKILL');
    const other = spawn('sleep', ['60'], root ? { uid: ownerOf(pidFile) } : {});
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    writeFileSync(pidFile, [other.pid, ...lines.slice(1)].join('\n'));

    const postgres = await start();
    expect(postgres.adopted).toBe(false);
    expect(await read(postgres.url)).toContain('committed before both died');
    expect(processState(other.pid ?? 0)).toBe('running');
    const ended = once(other, 'exit');
    other.kill();
    await ended;
  });

  it("lets the operator's postgresql.conf win over its own settings", async () => {
    const first = await start();
    await first.stop();
    const path = join(dataDir, 'postgres', 'postgresql.conf');
    writeFileSync(path, `${readFileSync(path, 'utf8')}\nwork_mem = '7MB'\nmax_connections = 33\n`);
    const second = await start();
    const { rows } = await withClient(second.url, (client) =>
      client.query(
        `SELECT current_setting('work_mem') AS m, current_setting('max_connections') AS c`,
      ),
    );
    expect(rows).toEqual([{ m: '7MB', c: '33' }]);
  });

  it('says what PostgreSQL says when it does not start, and lets go of the folder', async () => {
    const first = await start();
    await first.stop();
    const path = join(dataDir, 'postgres', 'postgresql.conf');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, `${before}\nshared_buffers = 'much'\n`);
    await expect(start()).rejects.toThrow(
      /^the embedded PostgreSQL does not start: .*postgres\.log\)$/,
    );
    writeFileSync(path, before);
    expect((await start()).created).toBe(false);
  });

  it('refuses data of another major version', async () => {
    const first = await start();
    await first.stop();
    const path = join(dataDir, 'postgres', 'PG_VERSION');
    const installed = readFileSync(path, 'utf8');
    writeFileSync(path, '14\n');
    await expect(start()).rejects.toThrow(
      /was made by PostgreSQL 14, the embedded one is \d+: dump it/,
    );
    writeFileSync(path, installed);
  });

  it('refuses a folder it cannot write with one line that says what to do', async () => {
    const locked = join(folder.path, 'locked');
    mkdirSync(locked, { mode: 0o555 });
    const refused = await parent({ dataDir: locked, ...(root ? { become: stranger } : {}) });
    expect(refused.error).toMatch(
      /^EmbeddedError: cannot write in the data folder .*EACCES.*\(chown\), or set DATA_DIR to another folder, or DATABASE_URL [^\n]*$/,
    );
  });

  it('restores the library links that an install without scripts leaves out', async () => {
    const link = join(packageCopy, 'native', 'lib', 'libpq.so.5');
    rmSync(link, { force: true });
    const postgres = await start({ packageRoot: packageCopy });
    expect(processState(postgres.pid)).toBe('running');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });
});

// These are about dropping root's rights, or about being refused what only root may: they have no
// meaning for another user, who runs everything above as himself.
if (root) {
  describe('startEmbedded as root', () => {
    it('runs the server as another user', async () => {
      const postgres = await start();
      expect(statSync(`/proc/${postgres.pid}`).uid).toBe(statSync(join(dataDir, 'postgres')).uid);
      expect(statSync(`/proc/${postgres.pid}`).uid).not.toBe(0);
    });

    it('puts the database where that user can reach it, and finds it again', async () => {
      const closed = join(folder.path, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      const hidden = join(closed, 'data');
      const first = await start({ dataDir: hidden });
      await write(first.url, 'kept');
      await first.stop();
      const base = readlinkSync(join(hidden, 'postgres'));
      expect(base.startsWith(`${elsewhere}/`)).toBe(true);
      expect(log.join()).toContain(`the database is in ${base}`);

      const second = await start({ dataDir: hidden });
      expect(second.created).toBe(false);
      expect(await read(second.url)).toContain('kept');
      await second.stop();

      rmSync(base, { recursive: true });
      await expect(start({ dataDir: hidden })).rejects.toThrow(/links to a folder that is gone/);
    });

    it('copies programs that the other user cannot reach', async () => {
      chmodSync(packageCopy, 0o700);
      const postgres = await start({ packageRoot: packageCopy });
      chmodSync(packageCopy, 0o755);
      expect(processState(postgres.pid)).toBe('running');
      expect(log.join()).toContain(`PostgreSQL's programs run from ${elsewhere}/postgresql-18`);
    });
  });

  describe('startEmbedded as an ordinary user', () => {
    it('runs the server as himself, with a copy of a package he may not repair', async () => {
      const home = join(folder.path, 'home');
      mkdirSync(home);
      chownSync(home, stranger, stranger);
      rmSync(join(packageCopy, 'native', 'lib', 'libpq.so.5'), { force: true });
      const his = { dataDir: join(home, 'data'), packageRoot: packageCopy };
      const postgres = await parent({ ...his, become: stranger });
      expect(postgres.error).toBeUndefined();
      expect(postgres.log.join()).toContain(
        `PostgreSQL's programs run from ${his.dataDir}/postgresql-18`,
      );
      expect(statSync(`/proc/${postgres.pid}`).uid).toBe(stranger);
      await write(postgres.url, 'kept');
      await postgres.end();

      // Root comes later, and goes on as the owner of the data.
      const second = await start(his);
      expect(statSync(`/proc/${second.pid}`).uid).toBe(stranger);
      expect(await read(second.url)).toContain('kept');
    });

    it("refuses another user's data", async () => {
      chmodSync(dataDir, 0o777);
      const refused = await parent({ become: stranger, packageRoot: packageCopy });
      chmodSync(dataDir, 0o711);
      expect(refused.error).toMatch(/belongs to uid \d+, PostgreSQL would run as uid \d+: chown/);
    });
  });
}

type Options = Partial<Parameters<typeof startParent>[0]>;

async function start(options: Options = {}): Promise<EmbeddedPostgres> {
  const tell = (line: string) => log.push(line);
  const server = await startEmbedded({
    dataDir,
    elsewhere,
    settings: { shared_buffers: '16MB', max_wal_size: '64MB', min_wal_size: '32MB' },
    log: { info: tell, warn: tell },
    ...options,
  });
  servers.push(server);
  return server;
}

async function parent(options: Options = {}): Promise<EmbeddedParent> {
  const started = await startParent({ dataDir, elsewhere, ...options });
  parents.push(started);
  return started;
}

async function write(url: string, word: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS said (word text)');
    await client.query('INSERT INTO said VALUES ($1)', [word]);
  });
}

async function read(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS said (word text)');
    const { rows } = await client.query<{ word: string }>('SELECT word FROM said');
    return rows.map(({ word }) => word);
  });
}

function socketFolder(url: string): string {
  return new URL(url).searchParams.get('host') ?? '';
}

function ownerOf(path: string): number {
  return statSync(path).uid;
}

function strangersUid(): number {
  const taken = ['root', 'smppgate', 'postgres', 'nobody'];
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const users = lines
    .map((line) => line.split(':'))
    .filter(([name]) => !taken.includes(name ?? ''));
  return Number(users[0]?.[2]);
}
