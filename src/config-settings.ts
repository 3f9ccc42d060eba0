import { isCidr } from './domain/cidr.ts';

/** One setting of the daemon: a row of the table in docs (Daemon settings). */
export interface Setting {
  /** Its path in the file: `smpp.tls.port`. */
  readonly key: string;
  /** Its environment variable; a secret also has `<env>_FILE`. */
  readonly env: string;
  readonly doc: string;
  /** null: not set. */
  readonly default: unknown;
  /** Never printed; can come from a file of its own. */
  readonly secret: boolean;
  /** What a text (environment, flag, number of the file) stands for; the text itself where it stands for nothing. */
  parse(text: string): unknown;
  /** What is wrong with a value, never repeating it; undefined when nothing is. */
  problem(value: unknown): string | undefined;
}

/** The command-line flag of a setting: `--smpp-tls-port`. */
export function flagOf(setting: Setting): string {
  const words = setting.key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `--${words.replaceAll('.', '-')}`;
}

interface Form {
  parse(text: string): unknown;
  problem(value: unknown): string | undefined;
}

/** Least PDU that carries a submit_sm with 254 octets of text and all its strings, rounded up. */
const MAX_PDU_LEAST = 1024;
/** Most: beyond it a few hundred sessions would fill the memory. */
const MAX_PDU_MOST = 1_048_576;
const WORKERS_MOST = 64;
/** name:role:token. 16 characters that nobody guesses; a comma or a blank would end the entry. */
export const NAMED_TOKEN =
  /^([A-Za-z0-9._-]{1,64}):(admin|operator|inspector|viewer):([\x21-\x2b\x2d-\x7e]{16,})$/;
/** A key of AES-256 has 32 octets; its text cannot be shorter and as good. */
const CRYPTO_KEY_CHARS = 32;

const text: Form = {
  parse: (value) => value,
  problem: (value) => (typeof value === 'string' && value !== '' ? undefined : 'must be text'),
};
const port = integer(0, 65_535);
const token: Form = {
  parse: (value) => value,
  problem: (value) =>
    typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
      ? undefined
      : 'must be printable ASCII without spaces',
};
const pemPath: Form = {
  parse: (value) => value,
  problem: (value) =>
    typeof value === 'string' && value !== '' && !value.includes('-----BEGIN')
      ? undefined
      : 'must be the path of a PEM file',
};
const flag: Form = {
  parse: (value) =>
    ({ true: true, '1': true, yes: true, false: false, '0': false, no: false })[
      value.toLowerCase()
    ] ?? value,
  problem: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
};
const cidrs = list((item) => isCidr(item), 'must be a list of networks such as 192.0.2.0/24');
const cryptoKeys = list(
  (item) => item.length >= CRYPTO_KEY_CHARS,
  `must be keys of at least ${CRYPTO_KEY_CHARS} characters each`,
);

const namedTokens = list(
  (item) => NAMED_TOKEN.test(item),
  'must be tokens as name:role:token, the role admin, operator, inspector or viewer, the token of 16 characters or more',
);

/** Every setting, in the order of the documentation. */
export const SETTINGS: readonly Setting[] = [
  secret(
    'database.url',
    'DATABASE_URL',
    'PostgreSQL to use; without it an embedded one in dataDir',
    null,
    url('postgres:', 'postgresql:'),
  ),
  secret(
    'redis.url',
    'REDIS_URL',
    'Redis that several nodes share; without it one node',
    null,
    url('redis:', 'rediss:'),
  ),
  plain(
    'dataDir',
    'DATA_DIR',
    'folder of the embedded database and of generated secrets',
    './data',
    text,
  ),
  plain('node.name', 'NODE_NAME', 'label of this node in logs', null, text),
  plain(
    'node.workers',
    'WORKERS',
    'processes that share the ports; more than one needs Redis',
    1,
    integer(1, WORKERS_MOST),
  ),
  plain('smpp.host', 'SMPP_HOST', 'address of the SMPP listener', '0.0.0.0', text),
  plain('smpp.port', 'SMPP_PORT', 'port of the SMPP listener', 2775, port),
  plain(
    'smpp.tls.port',
    'SMPP_TLS_PORT',
    'port of the SMPP listener with TLS, open when there is a certificate',
    2776,
    port,
  ),
  plain('smpp.tls.cert', 'SMPP_TLS_CERT', 'path of its certificate chain (PEM)', null, pemPath),
  plain('smpp.tls.key', 'SMPP_TLS_KEY', 'path of its private key (PEM)', null, pemPath),
  plain(
    'smpp.tls.clientCa',
    'SMPP_TLS_CLIENT_CA',
    'path of the authority that clients must be signed by (PEM)',
    null,
    pemPath,
  ),
  plain(
    'smpp.proxyProtocol.trusted',
    'SMPP_PROXY_TRUSTED',
    'networks of proxies, which must begin with a PROXY protocol header; it is believed',
    [],
    cidrs,
  ),
  plain(
    'smpp.maxPduOctets',
    'SMPP_MAX_PDU',
    'longest PDU taken',
    70_000,
    integer(MAX_PDU_LEAST, MAX_PDU_MOST),
  ),
  plain('http.host', 'HTTP_HOST', 'address of the HTTP listener', '127.0.0.1', text),
  plain('http.port', 'HTTP_PORT', 'port of the HTTP listener', 8080, port),
  plain(
    'http.tls.cert',
    'HTTP_TLS_CERT',
    'path of its certificate chain (PEM); without it plain HTTP',
    null,
    pemPath,
  ),
  plain('http.tls.key', 'HTTP_TLS_KEY', 'path of its private key (PEM)', null, pemPath),
  secret(
    'admin.token',
    'ADMIN_TOKEN',
    'bearer token of the HTTP API; generated at first start',
    null,
    token,
  ),
  secret(
    'admin.tokens',
    'ADMIN_TOKENS',
    'further bearer tokens, each as name:role:token; roles admin, operator, inspector, viewer',
    [],
    namedTokens,
  ),
  secret(
    'metrics.token',
    'METRICS_TOKEN',
    'bearer token of /metrics; without it loopback only',
    null,
    token,
  ),
  secret(
    'crypto.key',
    'CRYPTO_KEY',
    'keys that encrypt what is stored, newest first; required with database.url',
    [],
    cryptoKeys,
  ),
  plain(
    'resources',
    'RESOURCES_FILE',
    'resources file, applied at start and on SIGHUP',
    null,
    text,
  ),
  plain('demo', 'DEMO', 'make demo objects in an empty embedded database', true, flag),
  plain(
    'log.level',
    'LOG_LEVEL',
    'least level that is logged',
    'info',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  ),
];

function plain(key: string, env: string, doc: string, preset: unknown, form: Form): Setting {
  return {
    key,
    env,
    doc,
    default: preset,
    secret: false,
    parse: form.parse,
    problem: form.problem,
  };
}

function secret(key: string, env: string, doc: string, preset: unknown, form: Form): Setting {
  return { key, env, doc, default: preset, secret: true, parse: form.parse, problem: form.problem };
}

function integer(least: number, most: number): Form {
  return {
    parse: (value) => (/^[0-9]{1,15}$/.test(value) ? Number(value) : value),
    problem: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
        ? undefined
        : `must be a whole number from ${least} to ${most}`,
  };
}

function url(...protocols: readonly string[]): Form {
  return {
    parse: (value) => value,
    problem: (value) =>
      typeof value === 'string' &&
      URL.canParse(value) &&
      protocols.includes(new URL(value).protocol)
        ? undefined
        : `must be a URL that starts with ${protocols.map((each) => `${each}//`).join(' or ')}`,
  };
}

function oneOf(...values: readonly string[]): Form {
  return {
    parse: (value) => value,
    problem: (value) =>
      typeof value === 'string' && values.includes(value)
        ? undefined
        : `must be one of ${values.join(', ')}`,
  };
}

/** Entries apart by commas, spaces or lines; a real list in the file. */
function list(fits: (item: string) => boolean, message: string): Form {
  return {
    parse: (value) => value.split(/[\s,]+/).filter((item) => item !== ''),
    problem: (value) =>
      Array.isArray(value) && value.every((item) => typeof item === 'string' && fits(item))
        ? undefined
        : message,
  };
}
