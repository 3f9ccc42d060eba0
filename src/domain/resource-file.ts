import { stringify } from 'yaml';
import type { z } from 'zod';
import { type CarrierProfiles, withProfiles } from './carrier-profile.ts';
import { inboundName, overlaps } from './inbound.ts';
import { sharedPrefixes } from './networks.ts';
import { referenceErrors, referenceText } from './resource-references.ts';
import { fileSchema } from './resource-schema.ts';
import type { ResourceFile, ResourceSet } from './resources.ts';
import { routeConflicts, routeName } from './route-name.ts';
import { type WordFiles, withWordFiles } from './word-list-schema.ts';
import {
  type DataPath,
  type FileError,
  keyText,
  readYaml,
  type YamlDocument,
} from './yaml-document.ts';

/** Characters of a file: some ten times one of 10,000 accounts (which takes 3 s to read). */
export const FILE_CHARS_MAX = 32 * 1024 * 1024;
/** Errors of a file that are told; the rest would only bury them. */
const ERRORS_MAX = 100;

/** A file that can be applied. */
export interface ParsedResources {
  readonly ok: ResourceFile;
  /** The line of a resource or of one of its keys ([accounts, acme, tariff]), or of the nearest thing around it. */
  lineOf(path: DataPath): number;
}

/** Options of {@link parseResources}. */
export interface ParseOptions {
  /** Makes a random system_id or password to suggest in place of one that SMPP does not allow. */
  readonly suggest?: () => string;
  /** The profiles that carriers may name; without them a carrier's `profile` gives it nothing. */
  readonly profiles?: CarrierProfiles;
  /** The files that word lists may name. */
  readonly wordFiles?: WordFiles;
}

/**
 * Reads a resources file, YAML or JSON, and checks all that can be checked without the store: form, limits, unknown
 * and duplicate keys, unique names and system_ids, references to kinds that are in the file.
 * Errors carry line and key and never a secret.
 */
export function parseResources(
  text: string,
  options: ParseOptions = {},
): ParsedResources | { readonly errors: readonly FileError[] } {
  if (text.length > FILE_CHARS_MAX) return whole('is larger than 32 MiB');
  const document = readYaml(text, keepsSource);
  if ('errors' in document) return { errors: document.errors.slice(0, ERRORS_MAX) };
  if (document.value === null) return { ok: {}, lineOf: () => 1 };
  const filled = withProfiles(document.value, options.profiles ?? NO_PROFILES);
  if (options.profiles !== undefined && filled.unknown.length > 0)
    return {
      errors: filled.unknown.map(({ index, message }) =>
        errorAt(['carriers', index, 'profile'], message, document),
      ),
    };
  const worded = withWordFiles(filled.file, options.wordFiles ?? NO_WORD_FILES);
  if (worded.unknown.length > 0)
    return {
      errors: worded.unknown.map(({ list, message }) =>
        errorAt(['wordLists', list, 'file'], message, document),
      ),
    };
  const parsed = fileSchema.safeParse(worded.file);
  if (!parsed.success) return { errors: schemaErrors(parsed.error, document, options) };
  const duplicates = duplicateErrors(parsed.data, document);
  if (duplicates.length > 0) return { errors: duplicates.slice(0, ERRORS_MAX) };
  const ok = fileOf(parsed.data);
  const lineOf = (path: DataPath) => document.lineOf(indexed(path, parsed.data));
  const dangling = referenceErrors(ok, false).map((error) => ({
    line: lineOf(error.path),
    key: keyText(indexed(error.path, parsed.data)),
    message: referenceText(error, false),
  }));
  return dangling.length > 0 ? { errors: dangling.slice(0, ERRORS_MAX) } : { ok, lineOf };
}

/**
 * Writes resources as a file that {@link parseResources} reads back to the same. Secrets leave as they are stored:
 * hashed or sealed. Opening credit is not written: it counts once.
 */
export function exportResources(set: ResourceSet): string {
  return stringify(
    {
      tariffs: Object.fromEntries(set.tariffs),
      terms: Object.fromEntries(set.terms),
      classes: Object.fromEntries(set.classes),
      wordLists: Object.fromEntries(set.wordLists),
      policies: Object.fromEntries(set.policies),
      accounts: [...set.accounts.values()].map(({ credit: _, ...account }) => account),
      carriers: [...set.carriers.values()],
      networks: Object.fromEntries(set.networks),
      routes: [...set.routes.values()],
      inbound: [...set.inbound.values()],
    },
    { aliasDuplicateObjects: false, lineWidth: 0 },
  );
}

const NO_PROFILES: CarrierProfiles = new Map();
const NO_WORD_FILES: WordFiles = new Map();

type FileData = z.output<typeof fileSchema>;

/** Keys whose numbers are meant as text: money, digits with leading zeros, names, secrets. */
const TEXT_KEYS: ReadonlySet<string | number> = new Set([
  'credit',
  'credits',
  'topUpMinimum',
  'prefix',
  'network',
  'sender',
  'class',
  'cost',
  'operator',
  'systemId',
  'password',
  'formerPassword',
  'name',
  'tariff',
  'terms',
  'policy',
  'trafficClass',
  'number',
  'from',
  'to',
  'keyword',
  'account',
  'carrier',
  'countryCode',
  'strip',
  'add',
  'format',
  'fallback',
  'serviceType',
  'timeZone',
]);

/** Lists whose members are text, were they all digits. */
const TEXT_LISTS: ReadonlySet<string | number | undefined> = new Set([
  'words',
  'certificates',
  'allowed',
  'prefixes',
  'notPrefixes',
  'open',
  'allowedPrefixes',
]);

function keepsSource(path: DataPath): boolean {
  const last = path.at(-1);
  if (typeof last === 'number') return TEXT_LISTS.has(path.at(-2));
  return (
    path[0] === 'tariffs' ||
    path[2] === 'profile' ||
    path[2] === 'prices' ||
    (last !== undefined && TEXT_KEYS.has(last))
  );
}

function whole(message: string): { readonly errors: readonly FileError[] } {
  return { errors: [{ line: 1, key: '', message }] };
}

function schemaErrors(
  error: z.ZodError,
  document: YamlDocument,
  options: ParseOptions,
): FileError[] {
  const errors: FileError[] = [];
  for (const issue of error.issues.slice(0, ERRORS_MAX)) {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys)
        errors.push(errorAt([...path, key], 'is not a known key', document));
    } else {
      errors.push(errorAt(path, issueMessage(issue, path.at(-1), options), document));
    }
  }
  return errors.sort((a, b) => a.line - b.line);
}

function errorAt(path: DataPath, message: string, document: YamlDocument): FileError {
  return { line: document.lineOf(path), key: keyText(path), message };
}

function issueMessage(
  issue: z.core.$ZodIssue,
  key: string | number | undefined,
  options: ParseOptions,
): string {
  const inner = issue.code === 'invalid_key' ? issue.issues[0] : undefined;
  const message = (inner?.message ?? issue.message).replace(/^Invalid (input|option): /, '');
  const suggests =
    options.suggest !== undefined &&
    message.includes('octets') &&
    (key === 'password' || key === 'systemId');
  return suggests ? `${message}; a random one: ${options.suggest()}` : message;
}

/** Names within a kind, system_ids over all accounts, carriers within a route. Keys of maps are unique already. */
function duplicateErrors(data: FileData, document: YamlDocument): FileError[] {
  const errors: FileError[] = [];
  const check = (seen: Set<string>, value: string, path: DataPath) => {
    if (seen.has(value))
      errors.push(errorAt(path, `${value === '' ? '""' : value} stands twice`, document));
    seen.add(value);
  };
  const systemIds = new Set<string>();
  const accounts = new Set<string>();
  for (const [i, account] of (data.accounts ?? []).entries()) {
    check(accounts, account.name, ['accounts', i, 'name']);
    for (const [j, bind] of account.binds.entries()) {
      check(systemIds, bind.systemId, ['accounts', i, 'binds', j, 'systemId']);
    }
  }
  const carriers = new Set<string>();
  for (const [i, carrier] of (data.carriers ?? []).entries())
    check(carriers, carrier.name, ['carriers', i, 'name']);
  const routes = new Set<string>();
  for (const [i, route] of (data.routes ?? []).entries()) {
    const name = routeName(route);
    check(routes, name, ['routes', i, ...(name === route.prefix ? ['prefix'] : [])]);
    const names = new Set<string>();
    for (const [j, { name }] of route.carriers.entries())
      check(names, name, ['routes', i, 'carriers', j, 'name']);
  }
  const inbound = new Set<string>();
  for (const [i, route] of (data.inbound ?? []).entries())
    check(inbound, inboundName(route), ['inbound', i]);
  return [
    ...errors,
    ...overlapErrors(data.inbound ?? [], document),
    ...networkErrors(data.networks ?? {}, document),
    ...routeErrors(data.routes ?? [], document),
  ];
}

/** A prefix that two networks have. */
function networkErrors(
  networks: NonNullable<FileData['networks']>,
  document: YamlDocument,
): FileError[] {
  return sharedPrefixes(Object.entries(networks)).map(({ network, first, index }) => {
    const path = ['networks', network, 'prefixes', index];
    return errorAt(path, `is a prefix of network ${first}`, document);
  });
}

/** Two routes of which none is the more exact: the later one's line is told. */
function routeErrors(routes: NonNullable<FileData['routes']>, document: YamlDocument): FileError[] {
  return routeConflicts(routes).flatMap(({ first, second, why }) => {
    const [one, other] = [routes[first], routes[second]];
    if (one === undefined || other === undefined) return [];
    const message = `${routeName(other)} ${why} ${routeName(one)}`;
    return errorAt(['routes', second, 'hours'], message, document);
  });
}

/** Two ranges that both have a number: the later one's line is told. */
function overlapErrors(
  inbound: NonNullable<FileData['inbound']>,
  document: YamlDocument,
): FileError[] {
  return overlaps(inbound).flatMap(({ first, second }) => {
    const [one, other] = [inbound[first], inbound[second]];
    // The same range twice is told already.
    if (one === undefined || other === undefined || inboundName(one) === inboundName(other))
      return [];
    return errorAt(['inbound', second, 'from'], `overlaps ${inboundName(one)}`, document);
  });
}

function fileOf(data: FileData): ResourceFile {
  return {
    ...(data.tariffs && { tariffs: new Map(Object.entries(data.tariffs)) }),
    ...(data.terms && { terms: new Map(Object.entries(data.terms)) }),
    ...(data.classes && { classes: new Map(Object.entries(data.classes)) }),
    ...(data.wordLists && { wordLists: new Map(Object.entries(data.wordLists)) }),
    ...(data.policies && { policies: new Map(Object.entries(data.policies)) }),
    ...(data.accounts && { accounts: new Map(data.accounts.map((each) => [each.name, each])) }),
    ...(data.carriers && { carriers: new Map(data.carriers.map((each) => [each.name, each])) }),
    ...(data.networks && { networks: new Map(Object.entries(data.networks)) }),
    ...(data.routes && { routes: new Map(data.routes.map((each) => [routeName(each), each])) }),
    ...(data.inbound && {
      inbound: new Map(data.inbound.map((each) => [inboundName(each), each])),
    }),
  };
}

/** Names of listed resources to their places: [accounts, acme, tariff] to [accounts, 0, tariff]. */
function indexed(path: DataPath, data: FileData): DataPath {
  const [kind, name, ...rest] = path;
  if (kind === 'inbound') {
    const at = (data.inbound ?? []).findIndex((each) => inboundName(each) === name);
    return at === -1 ? path : [kind, at, ...rest];
  }
  if (kind === 'routes') {
    const at = (data.routes ?? []).findIndex((each) => routeName(each) === name);
    return at === -1 ? path : [kind, at, ...rest];
  }
  if (kind !== 'accounts' && kind !== 'carriers') return path;
  const items: readonly { readonly name: string }[] = data[kind] ?? [];
  const index = items.findIndex((item) => item.name === name);
  return index === -1 ? path : [kind, index, ...rest];
}
