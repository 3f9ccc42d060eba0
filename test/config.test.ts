import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Config,
  type ConfigInput,
  describeConfig,
  isDemoAllowed,
  loadClientConfig,
  loadConfig,
  withDemoHosts,
} from '../src/config.ts';
import { flagOf, SETTINGS } from '../src/config-settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'smppgate-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileOf(text: string, ending = 'yaml'): string {
  const path = join(folder, `${files++}.${ending}`);
  writeFileSync(path, text);
  return path;
}

function ok(input: ConfigInput): Config {
  const loaded = loadConfig({ env: {}, ...input });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  return loaded.ok;
}

function errors(input: ConfigInput) {
  const loaded = loadConfig({ env: {}, ...input });
  return 'errors' in loaded ? loaded.errors.map(({ key, message }) => `${key} ${message}`) : [];
}

const KEY = '0123456789abcdef0123456789abcdef';

describe('loadConfig', () => {
  it('has the documented defaults', () => {
    const { settings: _, ...config } = ok({});
    expect(config).toEqual({
      database: { url: undefined },
      redis: { url: undefined },
      dataDir: './data',
      node: { name: hostname(), workers: 1 },
      smpp: {
        host: '0.0.0.0',
        port: 2775,
        tls: undefined,
        proxyProtocol: { trusted: [] },
        maxPduOctets: 70_000,
      },
      http: { host: '127.0.0.1', port: 8080, tls: undefined },
      admin: { token: undefined, tokens: [] },
      metrics: { token: undefined },
      crypto: { keys: [] },
      resources: undefined,
      demo: true,
      log: { level: 'info' },
      production: false,
      file: undefined,
    });
  });

  it.each([
    ['DATABASE_URL', 'postgres://u:p@db/x', (config: Config) => config.database.url],
    ['REDIS_URL', 'redis://r:6379', (config: Config) => config.redis.url],
    ['DATA_DIR', '/var/lib/smppgate', (config: Config) => config.dataDir],
    ['NODE_NAME', 'n1', (config: Config) => config.node.name],
    ['SMPP_HOST', '10.0.0.1', (config: Config) => config.smpp.host],
    ['HTTP_HOST', '0.0.0.0', (config: Config) => config.http.host],
    ['ADMIN_TOKEN', 'abc', (config: Config) => config.admin.token],
    ['METRICS_TOKEN', 'abc', (config: Config) => config.metrics.token],
    ['RESOURCES_FILE', 'r.yaml', (config: Config) => config.resources],
    ['LOG_LEVEL', 'debug', (config: Config) => config.log.level],
  ])('reads %s', (name, text, get) => {
    expect(get(ok({ env: { CRYPTO_KEY: KEY, [name]: text } }))).toBe(text);
  });

  it('reads numbers, switches and lists of the environment', () => {
    const config = ok({
      env: {
        WORKERS: '2',
        REDIS_URL: 'redis://r',
        SMPP_PORT: '0',
        HTTP_PORT: '9090',
        SMPP_MAX_PDU: '65536',
        SMPP_PROXY_TRUSTED: '10.0.0.0/8, 192.0.2.1',
        CRYPTO_KEY: `${KEY},${KEY}x`,
        DEMO: 'false',
        NODE_ENV: 'production',
      },
    });
    expect(config.node.workers).toBe(2);
    expect(config.smpp).toMatchObject({
      port: 0,
      maxPduOctets: 65_536,
      proxyProtocol: { trusted: ['10.0.0.0/8', '192.0.2.1'] },
    });
    expect(config.http.port).toBe(9090);
    expect(config.crypto.keys).toEqual([KEY, `${KEY}x`]);
    expect(config).toMatchObject({ demo: false, production: true });
  });

  it('opens TLS where there are certificate and key', () => {
    const env = {
      SMPP_TLS_CERT: 'c.pem',
      SMPP_TLS_KEY: 'k.pem',
      SMPP_TLS_CLIENT_CA: 'ca.pem',
      HTTP_TLS_CERT: 'h.pem',
      HTTP_TLS_KEY: 'hk.pem',
    };
    const config = ok({ env });
    expect(config.smpp.tls).toEqual({
      port: 2776,
      cert: 'c.pem',
      key: 'k.pem',
      clientCa: 'ca.pem',
    });
    expect(config.http.tls).toEqual({ cert: 'h.pem', key: 'hk.pem' });
  });

  it('puts the environment over the file, and flags over both', () => {
    const file = fileOf(
      'smpp: {port: 1, host: 10.0.0.1}\nhttp: {port: 1}\nlog: {level: warn}\nsmpp.x: 1\n'.replace(
        'smpp.x: 1\n',
        '',
      ),
    );
    const config = ok({
      file,
      env: { SMPP_PORT: '2', HTTP_PORT: '2' },
      flags: { 'http.port': '3', 'log.level': undefined },
    });
    expect([config.smpp.host, config.smpp.port, config.http.port, config.log.level]).toEqual([
      '10.0.0.1',
      2,
      3,
      'warn',
    ]);
    const sources = Object.fromEntries(
      describeConfig(config).map(({ key, source }) => [key, source]),
    );
    expect(sources).toMatchObject({
      'smpp.host': file,
      'smpp.port': 'SMPP_PORT',
      'http.port': 'flag',
      dataDir: 'default',
    });
  });

  it('reads the file that SMPPGATE_CONFIG names, as JSON too', () => {
    const json = fileOf(
      JSON.stringify({
        crypto: { key: [KEY] },
        smpp: { proxyProtocol: { trusted: ['10.0.0.0/8'] } },
      }),
      'json',
    );
    const config = ok({ env: { SMPPGATE_CONFIG: json } });
    expect(config.crypto.keys).toEqual([KEY]);
    expect(config.smpp.proxyProtocol.trusted).toEqual(['10.0.0.0/8']);
    expect(config.file).toBe(json);
  });

  it('reads secrets from files of their own, without their line end', () => {
    const env = {
      ADMIN_TOKEN_FILE: fileOf('token-of-a-file\n'),
      CRYPTO_KEY_FILE: fileOf(`${KEY}\n${KEY}2\n`),
    };
    const config = ok({ env });
    expect(config.admin.token).toBe('token-of-a-file');
    expect(config.crypto.keys).toEqual([KEY, `${KEY}2`]);
    expect(describeConfig(config)).toContainEqual({
      key: 'admin.token',
      value: '(set)',
      source: 'ADMIN_TOKEN_FILE',
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(ok({ env: { DATABASE_URL: '', SMPP_PORT: '', ADMIN_TOKEN: '' } }).smpp.port).toBe(2775);
  });

  it('tells every wrong setting by its key', () => {
    const env = {
      SMPP_PORT: '27x75',
      HTTP_PORT: '65536',
      WORKERS: '0',
      DEMO: 'maybe',
      LOG_LEVEL: 'loud',
      SMPP_PROXY_TRUSTED: 'home',
      SMPP_TLS_CERT: '-----BEGIN CERTIFICATE-----',
    };
    expect(errors({ env })).toEqual([
      'node.workers must be a whole number from 1 to 64',
      'smpp.port must be a whole number from 0 to 65535',
      'smpp.tls.cert must be the path of a PEM file',
      'smpp.proxyProtocol.trusted must be a list of networks such as 192.0.2.0/24',
      'http.port must be a whole number from 0 to 65535',
      'demo must be true or false',
      'log.level must be one of trace, debug, info, warn, error, fatal, silent',
    ]);
  });

  it('reads named tokens with their roles, and never shows them', () => {
    const config = ok({
      env: { ADMIN_TOKENS: 'ann:inspector:0123456789abcdef, bot:operator:a:b:c:d:e:f:g:h:i' },
    });
    expect(config.admin.tokens).toEqual([
      { name: 'ann', role: 'inspector', token: '0123456789abcdef' },
      { name: 'bot', role: 'operator', token: 'a:b:c:d:e:f:g:h:i' },
    ]);
    const shown = describeConfig(config).find(({ key }) => key === 'admin.tokens');
    expect(shown).toMatchObject({ value: '(set)', source: 'ADMIN_TOKENS' });
    const file = fileOf('admin: {tokens: ["ann:viewer:0123456789abcdef"]}\n');
    expect(ok({ file }).admin.tokens).toHaveLength(1);
    for (const wrong of [
      'ann',
      'ann:king:0123456789abcdef',
      'ann:viewer:short',
      'a b:viewer:0123456789abcdef',
    ]) {
      const [error] = errors({ env: { ADMIN_TOKENS: wrong } });
      expect(error).toMatch(/^admin\.tokens must be tokens as name:role:token/);
      expect(error).not.toContain('0123456789abcdef');
    }
    for (const twice of [
      'a:viewer:0123456789abcdef,a:viewer:0123456789abcdeg',
      'admin:viewer:0123456789abcdef',
      'a:viewer:0123456789abcdef,b:viewer:0123456789abcdef',
    ])
      expect(errors({ env: { ADMIN_TOKENS: twice } })[0]).toContain('must differ');
  });

  it('names line and key of what the file should not have', () => {
    const file = fileOf('smpp:\n  prot: 2775\nhttp: 8080\nadmin: {token: {a: 1}}\nnonsense: 1\n');
    expect(errors({ file })).toEqual([
      `${file}:2 smpp.prot is not a known setting`,
      `${file}:3 http is not a known setting`,
      `${file}:5 nonsense is not a known setting`,
      'admin.token must be printable ASCII without spaces',
    ]);
    const twice = fileOf('smpp:\n  port: 1\n  port: 2\n');
    expect(errors({ file: twice })).toEqual([`${twice}:3 smpp.port stands twice`]);
    expect(errors({ file: join(folder, 'none.yaml') })).toEqual([
      `${join(folder, 'none.yaml')} cannot be read (ENOENT)`,
    ]);
    expect(errors({ file: fileOf('- a list\n') })).toHaveLength(1);
    expect(ok({ file: fileOf('') }).smpp.port).toBe(2775);
  });

  it('refuses settings that do not go together', () => {
    expect(errors({ env: { DATABASE_URL: 'postgres://db/x' } })).toEqual([
      'crypto.key is required with database.url',
    ]);
    expect(errors({ env: { WORKERS: '2' } })).toEqual(['node.workers more than 1 needs redis.url']);
    expect(errors({ env: { SMPP_TLS_CERT: 'c.pem' } })).toEqual([
      'smpp.tls.key is required for TLS',
    ]);
    expect(errors({ env: { SMPP_TLS_PORT: '2776' } })).toEqual([
      'smpp.tls.cert is required for TLS',
    ]);
    expect(errors({ env: { ADMIN_TOKEN: 'a', ADMIN_TOKEN_FILE: fileOf('b') } })).toEqual([
      'admin.token is set by both ADMIN_TOKEN and ADMIN_TOKEN_FILE',
    ]);
    expect(errors({ flags: { 'smpp.prot': '1' } })).toEqual(['smpp.prot is not a known setting']);
  });

  it('never repeats a secret in an error', () => {
    const secret = 'hunter2 hunter2';
    const env = {
      DATABASE_URL: secret,
      REDIS_URL: secret,
      ADMIN_TOKEN: secret,
      METRICS_TOKEN: secret,
      CRYPTO_KEY: secret,
      ADMIN_TOKEN_FILE: join(folder, 'none'),
    };
    const told = errors({ env });
    expect(told.length).toBeGreaterThanOrEqual(6);
    expect(told.join()).not.toContain('hunter2');
    expect(errors({ file: fileOf(`admin: {token: @hunter2}`) }).join()).not.toContain('hunter2');
  });

  it('gives a configuration that cannot be changed', () => {
    const config = ok({});
    expect(Object.isFrozen(config) && Object.isFrozen(config.smpp.proxyProtocol.trusted)).toBe(
      true,
    );
  });
});

describe('describeConfig', () => {
  it('lists every setting once and hides every secret', () => {
    const env = {
      DATABASE_URL: 'postgres://gate:hunter2@db:5432/sms?password=hunter2',
      REDIS_URL: 'redis://:hunter2@cache:6379/0',
      ADMIN_TOKEN: 'hunter2',
      METRICS_TOKEN: 'https://hunter2/',
      CRYPTO_KEY: `hunter2-${KEY}`,
    };
    const described = describeConfig(ok({ env }));
    expect(described.map(({ key }) => key)).toEqual(SETTINGS.map(({ key }) => key));
    expect(JSON.stringify(described)).not.toContain('hunter2');
    expect(described).toContainEqual({
      key: 'database.url',
      value: 'postgres://db:5432/sms',
      source: 'DATABASE_URL',
    });
    expect(described).toContainEqual({
      key: 'smpp.tls.cert',
      value: '(not set)',
      source: 'default',
    });
  });
});

describe('isDemoAllowed', () => {
  it('is true with nothing set, and false with any of its conditions', () => {
    expect(isDemoAllowed(ok({}))).toBe(true);
    expect(isDemoAllowed(ok({ env: { DATABASE_URL: 'postgres://db/x', CRYPTO_KEY: KEY } }))).toBe(
      false,
    );
    expect(isDemoAllowed(ok({ env: { RESOURCES_FILE: 'r.yaml' } }))).toBe(false);
    expect(isDemoAllowed(ok({ env: { DEMO: 'false' } }))).toBe(false);
    expect(isDemoAllowed(ok({ env: { NODE_ENV: 'production' } }))).toBe(false);
    expect(isDemoAllowed(ok({ env: { NODE_ENV: 'test', DEMO: 'true' } }))).toBe(true);
  });
});

describe('withDemoHosts', () => {
  it('listens on loopback only', () => {
    const demo = withDemoHosts(ok({ env: { HTTP_HOST: '0.0.0.0' } }));
    expect([demo.smpp.host, demo.http.host]).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(withDemoHosts(ok({ env: { SMPP_HOST: '127.0.0.9' } })).smpp.host).toBe('127.0.0.9');
  });
});

describe('loadClientConfig', () => {
  it('reads where the daemon is and the token', () => {
    expect(loadClientConfig({})).toEqual({
      ok: { url: 'http://127.0.0.1:8080', token: undefined },
    });
    const env = { SMPPGATE_URL: 'https://gate:8443', ADMIN_TOKEN_FILE: fileOf('secret\n') };
    expect(loadClientConfig(env)).toEqual({ ok: { url: 'https://gate:8443', token: 'secret' } });
    expect(loadClientConfig({ SMPPGATE_URL: 'gate:8443' })).toMatchObject({
      errors: [{ key: 'SMPPGATE_URL' }],
    });
  });
});

describe('flagOf', () => {
  it('writes a key as a flag', () => {
    const flags = SETTINGS.map(flagOf);
    expect(flags).toContain('--smpp-max-pdu-octets');
    expect(flags).toContain('--data-dir');
    expect(new Set(flags).size).toBe(SETTINGS.length);
  });
});
