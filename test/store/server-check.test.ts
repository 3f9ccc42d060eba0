import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkServer, judgeServer, type ServerFacts } from '../../src/store/server-check.ts';
import { type OwnPostgres, ownPostgres, withClient } from '../support/postgres.ts';
import { transactionPooler } from '../support/transaction-pooler.ts';

const fit: ServerFacts = {
  version: 15,
  encoding: 'UTF8',
  fsync: 'on',
  pages: 'on',
  commit: 'on',
  standby: false,
  readOnly: 'off',
};

describe('judgeServer', () => {
  it('takes a durable, writable UTF-8 server from 15 on', () => {
    expect(judgeServer(fit)).toBeUndefined();
    expect(judgeServer({ ...fit, version: 18, commit: 'remote_apply' })).toBeUndefined();
  });

  it.each([
    [{ version: 14 }, 'PostgreSQL 14 is too old: smppgate needs 15 or later'],
    [{ fsync: 'off' }, /^fsync is off .* set fsync = on/],
    [{ pages: 'off' }, /^full_page_writes is off .* set full_page_writes = on/],
    [{ commit: 'off' }, /^synchronous_commit is off .* set synchronous_commit = on/],
    [{ encoding: 'LATIN1' }, /encoding is LATIN1: make one with ENCODING 'UTF8'/],
    [{ standby: true }, /standby .* let DATABASE_URL name the primary/],
    [{ readOnly: 'on' }, /read-only: set default_transaction_read_only to off/],
  ])('refuses %o and says what to do', (change, reason) => {
    expect(judgeServer({ ...fit, ...change })).toMatch(reason);
  });
});

describe('checkServer', () => {
  let server: OwnPostgres;
  let socketDir: string;

  beforeAll(async () => {
    server = await ownPostgres({ empty: true });
    socketDir = new URL(server.url).searchParams.get('host') ?? '';
  });
  afterAll(() => server.dispose());

  it('takes a server of its own', async () => {
    const verdict = await checkServer(server.url);
    expect(verdict).toEqual({ ok: true, version: expect.any(Number) });
  });

  it('refuses a server with fsync off', async () => {
    await execute(`ALTER SYSTEM SET fsync = off`, 'SELECT pg_reload_conf()');
    await expect.poll(() => checkServer(server.url)).toMatchObject({ ok: false });
    expect(await reasonOf(server.url)).toMatch(/^fsync is off/);
    await execute('ALTER SYSTEM RESET fsync', 'SELECT pg_reload_conf()');
    await expect.poll(() => checkServer(server.url)).toMatchObject({ ok: true });
  });

  it('refuses a database that lets its user commit without waiting, or only read', async () => {
    await execute('CREATE DATABASE hasty', 'ALTER DATABASE hasty SET synchronous_commit = off');
    expect(await reasonOf(urlOf({ database: 'hasty' }))).toMatch(/^synchronous_commit is off/);
    await execute(
      'CREATE DATABASE shy',
      'ALTER DATABASE shy SET default_transaction_read_only = on',
    );
    expect(await reasonOf(urlOf({ database: 'shy' }))).toMatch(/read-only/);
  });

  it('refuses a database in another encoding', async () => {
    await execute(
      "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'",
    );
    expect(await reasonOf(urlOf({ database: 'old' }))).toMatch(/encoding is LATIN1/);
  });

  it.each([
    { size: 1, inTurn: false },
    { size: 3, inTurn: false },
    { size: 2, inTurn: true },
    { size: 3, inTurn: true },
  ])('refuses a proxy that pools by transaction (%o)', async (options) => {
    const pooler = await transactionPooler(socketDir, 'postgres', options);
    const url = `postgresql://postgres@127.0.0.1:${pooler.port}/postgres`;
    expect(await reasonOf(url)).toMatch(/pools by transaction .* or set pool_mode=session$/);
    await pooler.stop();
  });

  it('names what is missing or wrong without the password', async () => {
    const secret = 'hunter2';
    expect(await reasonOf(urlOf({ database: 'nowhere', secret }))).toMatch(
      /has no database "nowhere": create it/,
    );
    await requirePassword();
    const wrong = await reasonOf(urlOf({ secret }));
    expect(wrong).toMatch(/refuses the user "postgres": check user and password in DATABASE_URL/);
    const port = await closedPort();
    const unreachable = await reasonOf(`postgresql://u:${secret}@127.0.0.1:${port}/d`);
    expect(unreachable).toBe(
      `PostgreSQL at 127.0.0.1:${port} cannot be reached (ECONNREFUSED): check that it runs and that DATABASE_URL names it`,
    );
    const nonsense = await reasonOf(`postgres//u:${secret}@`);
    for (const reason of [wrong, unreachable, nonsense]) {
      expect(reason).not.toContain(secret);
      expect(reason).not.toContain('\n');
    }
  });

  async function execute(...statements: string[]): Promise<void> {
    await withClient(server.url, async (client) => {
      for (const statement of statements) await client.query(statement);
    });
  }

  // The last test of this server: its own user has no password to come in with any more.
  async function requirePassword(): Promise<void> {
    await withClient(server.url, async (client) => {
      const { rows } = await client.query<{ hba_file: string }>('SHOW hba_file');
      const path = rows[0]?.hba_file ?? '';
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/trust$/gm, 'scram-sha-256'));
      await client.query("ALTER USER postgres PASSWORD 'another'");
      await client.query('SELECT pg_reload_conf()');
    });
    await expect.poll(() => reasonOf(server.url)).toMatch(/password|refuses/);
  }

  function urlOf({ database = 'postgres', secret = '' }): string {
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    url.password = secret;
    return url.href;
  }
});

async function reasonOf(url: string): Promise<string> {
  const verdict = await checkServer(url);
  return verdict.ok ? 'none' : verdict.reason;
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
