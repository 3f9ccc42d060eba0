import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { NAMED_TOKEN, SETTINGS, type Setting } from './config-settings.ts';
import { type ConfigError, merge, readEnvironment, readFile, readFlags } from './config-sources.ts';

/** The daemon's settings in force: file < environment < flags. Frozen. Holds secrets: never log it, see {@link describeConfig}. */
export interface Config {
  readonly database: { readonly url: string | undefined };
  readonly redis: { readonly url: string | undefined };
  readonly dataDir: string;
  readonly node: { readonly name: string; readonly workers: number };
  readonly smpp: {
    readonly host: string;
    readonly port: number;
    /** Undefined: no listener with TLS. Paths of PEM files. */
    readonly tls:
      | (TlsFiles & { readonly port: number; readonly clientCa: string | undefined })
      | undefined;
    readonly proxyProtocol: { readonly trusted: readonly string[] };
    readonly maxPduOctets: number;
  };
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly tls: TlsFiles | undefined;
  };
  readonly admin: {
    readonly token: string | undefined;
    /** Further ones with their roles. */
    readonly tokens: readonly NamedToken[];
  };
  readonly metrics: { readonly token: string | undefined };
  /** Newest first; empty: to be generated beside the embedded database. */
  readonly crypto: { readonly keys: readonly string[] };
  /** Path of the resources file. */
  readonly resources: string | undefined;
  readonly demo: boolean;
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  };
  /** NODE_ENV is production. */
  readonly production: boolean;
  /** The settings file that was read. */
  readonly file: string | undefined;
  /** Every setting with its source, secrets hidden. */
  readonly settings: readonly DescribedSetting[];
}

/** Paths of a certificate chain and its key (PEM). */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** A token of the HTTP API; its name stands in the audit. */
export interface NamedToken {
  readonly name: string;
  readonly role: 'admin' | 'operator' | 'inspector' | 'viewer';
  readonly token: string;
}

/** A setting as `config show` prints it. */
export interface DescribedSetting {
  readonly key: string;
  /** Never a secret: "(set)" in its place, of a URL only scheme, host and path. */
  readonly value: string;
  /** `default`, the file's name, an environment variable, or `flag`. */
  readonly source: string;
}

/** Where settings come from. */
export interface ConfigInput {
  readonly env?: NodeJS.ProcessEnv;
  /** Texts of flags by setting: {'smpp.port': '0'}. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  /** `--config`; else SMPPGATE_CONFIG; else smppgate.yaml, .yml or .json of the working folder, where there is one. */
  readonly file?: string | undefined;
}

/** Reads all settings. Every wrong one is told, not only the first. */
export function loadConfig(
  input: ConfigInput = {},
): { readonly ok: Config } | { readonly errors: readonly ConfigError[] } {
  const env = input.env ?? process.env;
  const errors: ConfigError[] = [];
  const file = configFileOf(input, env);
  const fromFile = file === undefined ? new Map<string, unknown>() : readFile(file, errors);
  const fromEnv = readEnvironment(env, errors);
  const fromFlags = readFlags(input.flags ?? {}, errors);
  const values = merge(fromFile, fromEnv, fromFlags);
  for (const setting of SETTINGS) {
    const value = values.get(setting.key);
    const problem = value === null && setting.default === null ? undefined : setting.problem(value);
    if (problem !== undefined) errors.push({ key: setting.key, message: problem });
  }
  if (errors.length > 0) return { errors };
  const sourceOf = (setting: Setting) => {
    if (fromFlags.has(setting.key)) return 'flag';
    const variable = fromEnv.get(setting.key)?.variable;
    return variable ?? (fromFile.has(setting.key) ? (file ?? '') : 'default');
  };
  const settings = SETTINGS.map((setting) =>
    described(setting, values.get(setting.key), sourceOf(setting)),
  );
  const config = build(values, { production: env.NODE_ENV === 'production', file, settings });
  const conflicts = conflictsOf(config, values, settings);
  return conflicts.length > 0 ? { errors: conflicts } : { ok: deepFreeze(config) };
}

/** The settings in force for `config show`. */
export function describeConfig(config: Config): readonly DescribedSetting[] {
  return config.settings;
}

/** The part of the demo's conditions that settings decide; the database must also be empty. */
export function isDemoAllowed(config: Config): boolean {
  return (
    config.demo &&
    !config.production &&
    config.database.url === undefined &&
    config.resources === undefined
  );
}

/** The settings as the demo uses them: it listens on loopback only. A host that is loopback already stays. */
export function withDemoHosts(config: Config): Config {
  const loopback = (host: string) => (LOOPBACK.test(host) ? host : '127.0.0.1');
  return deepFreeze({
    ...config,
    smpp: { ...config.smpp, host: loopback(config.smpp.host) },
    http: { ...config.http, host: loopback(config.http.host) },
  });
}

const LOOPBACK = /^(localhost|127\.[0-9.]+|::1)$/;

/** What a command that talks to a running daemon needs. */
export interface ClientConfig {
  readonly url: string;
  readonly token: string | undefined;
}

const CLIENT_URL = 'http://127.0.0.1:8080'; // where a daemon listens by default

/** Reads SMPPGATE_URL and ADMIN_TOKEN (or ADMIN_TOKEN_FILE). */
export function loadClientConfig(
  env: NodeJS.ProcessEnv = process.env,
): { readonly ok: ClientConfig } | { readonly errors: readonly ConfigError[] } {
  const errors: ConfigError[] = [];
  const token = readEnvironment(pick(env, ['ADMIN_TOKEN', 'ADMIN_TOKEN_FILE']), errors).get(
    'admin.token',
  )?.text;
  const url = env.SMPPGATE_URL || CLIENT_URL;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    errors.push({
      key: 'SMPPGATE_URL',
      message: 'must be a URL that starts with http:// or https://',
    });
  }
  return errors.length > 0 ? { errors } : { ok: { url, token } };
}

function configFileOf(input: ConfigInput, env: NodeJS.ProcessEnv): string | undefined {
  return (
    input.file ||
    env.SMPPGATE_CONFIG ||
    ['smppgate.yaml', 'smppgate.yml', 'smppgate.json'].find((name) => existsSync(name))
  );
}

function described(setting: Setting, value: unknown, source: string): DescribedSetting {
  const unset = value === null || (Array.isArray(value) && value.length === 0);
  const shown = unset
    ? '(not set)'
    : setting.secret
      ? hidden(setting.key, value)
      : Array.isArray(value)
        ? value.join(',')
        : String(value);
  return { key: setting.key, value: shown, source };
}

/** Of a URL the place is told, without user, password and parameters. */
function hidden(key: string, value: unknown): string {
  if (typeof value !== 'string' || !key.endsWith('.url')) return '(set)';
  const { protocol, host, pathname } = new URL(value);
  return host === '' ? '(set)' : `${protocol}//${host}${pathname}`;
}

function build(
  values: ReadonlyMap<string, unknown>,
  rest: Pick<Config, 'production' | 'file' | 'settings'>,
): Config {
  // The casts stand on `problem`, which has judged every value.
  const get = <T>(key: string) => (values.get(key) ?? undefined) as T;
  const tls = (group: string): TlsFiles | undefined => {
    const cert = get<string | undefined>(`${group}.tls.cert`);
    const key = get<string | undefined>(`${group}.tls.key`);
    return cert === undefined || key === undefined ? undefined : { cert, key };
  };
  const smppTls = tls('smpp');
  return {
    ...rest,
    database: { url: get('database.url') },
    redis: { url: get('redis.url') },
    dataDir: get('dataDir'),
    node: {
      name: get<string | undefined>('node.name') ?? hostname(),
      workers: get('node.workers'),
    },
    smpp: {
      host: get('smpp.host'),
      port: get('smpp.port'),
      tls: smppTls && {
        ...smppTls,
        port: get('smpp.tls.port'),
        clientCa: get('smpp.tls.clientCa'),
      },
      proxyProtocol: { trusted: get('smpp.proxyProtocol.trusted') },
      maxPduOctets: get('smpp.maxPduOctets'),
    },
    http: { host: get('http.host'), port: get('http.port'), tls: tls('http') },
    admin: {
      token: get('admin.token'),
      tokens: get<readonly string[]>('admin.tokens').map(namedToken),
    },
    metrics: { token: get('metrics.token') },
    crypto: { keys: get('crypto.key') },
    resources: get('resources'),
    demo: get('demo'),
    log: { level: get('log.level') },
  };
}

/** `problem` has judged the text. */
function namedToken(text: string): NamedToken {
  const [, name = '', role, token = ''] = NAMED_TOKEN.exec(text) ?? [];
  return { name, role: role as NamedToken['role'], token };
}

/** What single settings cannot know of each other. */
function conflictsOf(
  config: Config,
  values: ReadonlyMap<string, unknown>,
  settings: readonly DescribedSetting[],
): ConfigError[] {
  const errors: ConfigError[] = [];
  const isSet = (key: string) =>
    settings.some((setting) => setting.key === key && setting.source !== 'default');
  if (config.database.url !== undefined && config.crypto.keys.length === 0) {
    errors.push({ key: 'crypto.key', message: 'is required with database.url' });
  }
  const { token, tokens } = config.admin;
  const names = ['admin', ...tokens.map((one) => one.name)];
  const texts = [...(token === undefined ? [] : [token]), ...tokens.map((one) => one.token)];
  if (new Set(names).size < names.length || new Set(texts).size < texts.length) {
    const message = 'names and tokens must differ; the name admin is that of admin.token';
    errors.push({ key: 'admin.tokens', message });
  }
  if (config.node.workers > 1 && config.redis.url === undefined) {
    errors.push({ key: 'node.workers', message: 'more than 1 needs redis.url' });
  }
  for (const group of ['smpp', 'http']) {
    const missing =
      (values.get(`${group}.tls.cert`) === null ? 'cert' : '') ||
      (values.get(`${group}.tls.key`) === null ? 'key' : '');
    const wanted = ['cert', 'key', 'port', 'clientCa'].some((name) =>
      isSet(`${group}.tls.${name}`),
    );
    if (wanted && missing !== '')
      errors.push({ key: `${group}.tls.${missing}`, message: 'is required for TLS' });
  }
  return errors;
}

function pick(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
