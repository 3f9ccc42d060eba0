import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CRYPTO_KEY,
  type DaemonSpec,
  type FailedStart,
  failedStart,
  killDaemons,
} from '../support/daemon.ts';
import { type GuardedFolder, guardedFolder } from '../support/guard.ts';
import {
  createDatabase,
  type OwnPostgres,
  ownPostgres,
  type TestDatabase,
  withClient,
} from '../support/postgres.ts';

const SECRET = 'hunter2-hunter2';

let guard: GuardedFolder;
let database: TestDatabase;

beforeAll(async () => {
  guard = guardedFolder();
  database = await createDatabase();
});

afterAll(async () => {
  await killDaemons();
  await database.drop();
  await guard.release();
});

let starts = 0;

/** Starts one that must fail with one line on stderr and nothing else; gives the line. */
async function refusal(
  code: 1 | 2,
  spec: Partial<DaemonSpec> & { readonly name?: string },
): Promise<string> {
  const folder = join(guard.path, spec.name ?? `bad${starts++}`);
  const failed: FailedStart = await failedStart({ folder, databaseUrl: database.url, ...spec });
  const said = failed.stdout + failed.stderr;
  expect(failed.stderr.trimEnd().split('\n'), said).toHaveLength(1);
  expect({ code: failed.code, signal: failed.signal }, said).toEqual({ code, signal: null });
  expect(said).not.toContain(SECRET);
  expect(said).not.toContain(CRYPTO_KEY);
  expect(said).not.toMatch(/^\s+at /m);
  return failed.stderr.trimEnd();
}

async function occupied(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}

describe.concurrent('wrong settings', () => {
  it('end it with code 2 and name the key', async () => {
    expect(await refusal(2, { env: { SMPP_PORT: '70000' } })).toMatch(/\bsmpp\.port\b/);
    expect(await refusal(2, { env: { HTTP_PORT: 'eighty' } })).toMatch(/\bhttp\.port\b/);
    expect(await refusal(2, { env: { CRYPTO_KEY: undefined } })).toMatch(/\bcrypto\.key\b/);
    expect(await refusal(2, { env: { CRYPTO_KEY: SECRET } })).toMatch(/\bcrypto\.key\b/);
    expect(await refusal(2, { env: { DATABASE_URL: `mysql://root:${SECRET}@db/x` } })).toMatch(
      /\bdatabase\.url\b/,
    );
    expect(await refusal(2, { env: { LOG_LEVEL: 'loud' } })).toMatch(/\blog\.level\b/);
    expect(await refusal(2, { env: { SMPP_PROXY_TRUSTED: '10' } })).toMatch(
      /\bsmpp\.proxyProtocol\.trusted\b/,
    );
  });

  it('are refused rather than not obeyed where their part is not in this version', async () => {
    const env = { WORKERS: '2', REDIS_URL: 'redis://127.0.0.1:6379' };
    expect(await refusal(2, { env })).toMatch(/\bnode\.workers\b/);
  });

  it('of the file are named, also keys that nobody knows', async () => {
    mkdirSync(join(guard.path, 'file'), { recursive: true });
    writeFileSync(join(guard.path, 'file', 'smppgate.yaml'), 'smpp:\n  prot: 2775\n');
    const line = await refusal(2, { name: 'file' });
    expect(line).toMatch(/\bsmpp\.prot\b/);
  });
});

describe.concurrent('a start that cannot be', () => {
  it('says which port is taken', async () => {
    const { server, port } = await occupied();
    try {
      const smpp = await refusal(1, { smppPort: port });
      expect(smpp).toContain(String(port));
      expect(smpp).toMatch(/smpp\.port|SMPP_PORT/);
      const http = await refusal(1, { httpPort: port });
      expect(http).toContain(String(port));
      expect(http).toMatch(/http\.port|HTTP_PORT/);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });

  it('says which file of smpp.tls cannot be used', async () => {
    const pem = join(guard.path, 'not.pem');
    writeFileSync(pem, 'nonsense');
    const env = { SMPP_TLS_CERT: pem, SMPP_TLS_KEY: pem };
    expect(await refusal(1, { env })).toMatch(/smpp\.tls\.cert has no certificate/);
    const absent = join(guard.path, 'absent.pem');
    expect(await refusal(1, { env: { ...env, SMPP_TLS_KEY: absent } })).toMatch(
      /smpp\.tls\.key cannot be read.*absent\.pem/,
    );
  });

  it('says that the data folder cannot be written', async () => {
    const inTheWay = join(guard.path, 'file-in-the-way');
    writeFileSync(inTheWay, '');
    const env = { DATABASE_URL: undefined, DATA_DIR: join(inTheWay, 'data') };
    expect(await refusal(1, { env })).toMatch(/data folder .*DATA_DIR/);
  });

  it('says that the database cannot be reached, and nothing of its password', async () => {
    const away = `postgresql://gate:${SECRET}@127.0.0.1:1/sms`;
    expect(await refusal(1, { databaseUrl: away })).toMatch(/127\.0\.0\.1:1 cannot be reached/);
  });

  it('says that the schema is newer than this version', async () => {
    const newer = await createDatabase();
    await withClient(newer.url, (client) =>
      client.query(
        "insert into schema_migration (number, name, sha256) values (9999, '9999_later.sql', 'x')",
      ),
    );
    expect(await refusal(1, { databaseUrl: newer.url })).toMatch(
      /schema 9999 .*run the version that migrated it or a later one/,
    );
    await newer.drop();
  });

  it('says line and key of a fault in RESOURCES_FILE', async () => {
    const file = join(guard.path, 'resources.yaml');
    writeFileSync(
      file,
      'tariffs:\n  flat:\n    "*": "0.05"\naccounts:\n  - name: acme\n    tarif: flat\n',
    );
    const line = await refusal(1, { env: { RESOURCES_FILE: file } });
    expect(line).toMatch(/line 6/);
    expect(line).toMatch(/tarif\b/);
    expect(
      await refusal(1, { env: { RESOURCES_FILE: join(guard.path, 'absent.yaml') } }),
    ).toContain('absent.yaml');
  });
});

describe.concurrent('a PostgreSQL that cannot be used', () => {
  let postgres: OwnPostgres;

  beforeAll(async () => {
    postgres = await ownPostgres();
  });

  afterAll(async () => {
    await postgres.dispose();
  });

  it('is refused with a wrong password, which is not printed', async () => {
    await withClient(postgres.url, async (client) => {
      await client.query(`create role gate login superuser password 'right'`);
      const { rows } = await client.query<{ data_directory: string }>('show data_directory');
      const rules = 'local all postgres trust\nlocal all all scram-sha-256\n';
      await client.query(
        `copy (select unnest(string_to_array('${rules.trim().replaceAll('\n', ',')}', ','))) to '${rows[0]?.data_directory}/pg_hba.conf'`,
      );
      await client.query('select pg_reload_conf()');
    });
    const wrong = postgres.url.replace('postgres@', `gate:${SECRET}@`);
    expect(await refusal(1, { databaseUrl: wrong })).toMatch(/refuses the user "gate".*password/);
  });

  it('is refused with fsync off', async () => {
    await withClient(postgres.url, async (client) => {
      await client.query('alter system set fsync = off');
      await client.query('select pg_reload_conf()');
    });
    expect(await refusal(1, { databaseUrl: postgres.url })).toMatch(/fsync is off.*set fsync = on/);
  });
});
