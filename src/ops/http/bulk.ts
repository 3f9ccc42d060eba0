import type { AccountId } from '../../domain/ids.ts';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { BUILT_IN_CLASSES } from '../../domain/resources.ts';
import { everyTurn } from '../../gateway/every-turn.ts';
import { findAccountId } from '../../store/accounts.ts';
import { ALL_ACCOUNTS } from '../../store/opt-outs.ts';
import { readClassNames } from '../../store/resource-rows.ts';
import type { Api, ApiDeps } from './api.ts';
import { badRequest, notFound, type ProblemItem } from './problem.ts';

/*
 * Lists in one request: JSON, or a line an entry as CSV or NDJSON.
 */

/** Entries in one request: about a second of the database. Larger lists go in several. */
export const ENTRIES_MAX = 50_000;
/** As many as JSON, with room. */
export const BULK_MAX_OCTETS = 8 * 1024 * 1024;
/** Errors of a list that are told; the rest would only bury them. */
const ERRORS_MAX = 100;
/** Entries after which it is asked whether the turn is over: some 200 us. */
const ENTRIES_A_LOOK = 64;
const LINE_TYPES = ['text/csv', 'application/x-ndjson'];
/** SMPP 3.4 §5.2.5 and §5.2.6. */
const TON_INTERNATIONAL = 1;
const NPI_ISDN = 1;
/** In place of an account's name: all of them. */
export const EVERY_ACCOUNT = '*';

/** A list as text. */
interface Lines {
  readonly type: string;
  readonly text: string;
}

/** An entry with the place where it stands, for errors. */
export interface Given {
  readonly at: string;
  readonly entry: unknown;
}

/**
 * Routes of a scope that take lists as lines, beside JSON of up to BULK_MAX_OCTETS. A route with a `bodyLimit` of its own
 * would go by that.
 * @param linesMaxOctets of a body of lines
 */
export function addBulkScope(
  app: Api,
  add: (scope: Api) => void,
  linesMaxOctets = BULK_MAX_OCTETS,
): void {
  app.register(async (scope: Api) => {
    for (const type of LINE_TYPES)
      scope.addContentTypeParser(
        type,
        { parseAs: 'string', bodyLimit: linesMaxOctets },
        (_request, body, done) => done(null, { type, text: String(body) } satisfies Lines),
      );
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: BULK_MAX_OCTETS },
      scope.getDefaultJsonParser('error', 'error'),
    );
    add(scope);
  });
}

/**
 * The entries of a body, read as they are asked for. JSON: one, or a list of them under `list`; what stands beside the
 * list holds for each.
 * @param columns of CSV; a first line that has the name of the first of them names them anew
 * @throws Problem 400 for none
 */
export function entriesOf(
  body: unknown,
  list: string,
  columns: readonly string[],
): Iterable<Given> {
  const given = isLines(body)
    ? { [Symbol.iterator]: () => lineEntries(body, columns) }
    : jsonEntries(body, list);
  for (const _ of given) return given;
  throw badRequest(`body: has no ${list}`);
}

/**
 * Each entry as `read` has it, in turns: messages go on between.
 * @throws Problem that names the first hundred wrong ones, or says that there are too many
 */
export async function eachChecked<T>(
  given: Iterable<Given>,
  read: (entry: unknown) => T | { readonly wrong: string },
  most = ENTRIES_MAX,
): Promise<T[]> {
  const items: ProblemItem[] = [];
  const entries: T[] = [];
  const turn = everyTurn();
  for (const { at, entry } of given) {
    const checked = read(entry);
    if (isWrong(checked)) items.push({ at, message: checked.wrong });
    else entries.push(checked);
    if (items.length >= ERRORS_MAX) break;
    if (entries.length > most)
      throw badRequest(`body: has more than ${most} entries: send them in several requests`);
    if (entries.length % ENTRIES_A_LOOK === 0) await turn();
  }
  if (items.length > 0)
    throw badRequest(items.map((item) => `${item.at}: ${item.message}`).join('; '), items);
  return entries;
}

/** A number in international form, or undefined; in a query "+" arrives as a blank. */
export function msisdnOf(text: string): string | undefined {
  const number = normaliseDestination(text.replace(/^ /, '+'), TON_INTERNATIONAL, NPI_ISDN);
  return 'malformed' in number ? undefined : number.msisdn;
}

/** The id of an account by its name, or of all for "*". @throws Problem 404 */
export async function accountNamed(deps: ApiDeps, name: string): Promise<AccountId> {
  if (name === EVERY_ACCOUNT) return ALL_ACCOUNTS;
  const id = await findAccountId(deps.pool, name);
  if (id === undefined) throw notFound('account', name);
  return id;
}

/** The traffic classes that there are. */
export async function classNames({ pool }: ApiDeps): Promise<ReadonlySet<string>> {
  return new Set([...BUILT_IN_CLASSES.keys(), ...(await readClassNames(pool))]);
}

/** What is wrong about an entry for a class that there is not: it would be about no message. */
export function noSuchClass(name: string): string {
  return `class: refers to ${name}, which is not in classes`;
}

/** The keyed hashes under which a number may stand, the current one first. */
export function hashesOf({ sealing }: ApiDeps, msisdn: string): Buffer[] {
  return sealing.numberHashes(msisdn);
}

function isLines(body: unknown): body is Lines {
  return typeof body === 'object' && body !== null && 'type' in body && 'text' in body;
}

function isWrong(checked: unknown): checked is { readonly wrong: string } {
  return typeof checked === 'object' && checked !== null && 'wrong' in checked;
}

function jsonEntries(body: unknown, list: string): Given[] {
  if (typeof body !== 'object' || body === null) return [{ at: 'body', entry: body }];
  const { [list]: entries, ...rest } = body as Record<string, unknown>;
  if (entries === undefined) return [{ at: 'body', entry: body }];
  if (!Array.isArray(entries)) throw badRequest(`body.${list}: must be a list`);
  return entries.map((entry: unknown, i) => ({
    at: `body.${list}.${i}`,
    entry: typeof entry === 'object' ? { ...rest, ...entry } : { ...rest, number: entry },
  }));
}

function* lineEntries({ type, text }: Lines, columns: readonly string[]): Generator<Given> {
  const isCsv = type === 'text/csv';
  let names = columns;
  let isFirst = true;
  let place = 0;
  for (const line of linesOf(text)) {
    place++;
    if (line === '') continue;
    const fields = isCsv ? csvFields(line) : undefined;
    const heading = isFirst ? headingOf(fields, columns) : undefined;
    isFirst = false;
    if (heading !== undefined) names = heading;
    else yield { at: `line ${place}`, entry: fields ? named(fields, names) : jsonLine(line) };
  }
}

/** Trimmed. */
function* linesOf(text: string): Generator<string> {
  for (let from = 0; from <= text.length; ) {
    const found = text.indexOf('\n', from);
    const end = found < 0 ? text.length : found;
    yield text.slice(from, end).trim();
    from = end + 1;
  }
}

/** The columns that a first line names, in whatever case; undefined: it is an entry. */
function headingOf(
  fields: readonly string[] | undefined,
  columns: readonly string[],
): string[] | undefined {
  const names = fields?.map(
    (field) => columns.find((name) => name.toLowerCase() === field.toLowerCase()) ?? field,
  );
  return names?.includes(columns[0] ?? '') === true ? names : undefined;
}

/** RFC 4180 without line breaks in fields; ";" parts them as well. */
function csvFields(line: string): string[] {
  const fields: string[] = [];
  if (line.includes('"'))
    for (const match of line.matchAll(/(?:^|[,;])\s*(?:"((?:[^"]|"")*)"|([^,;]*))/g))
      fields.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim());
  else {
    const text = line.includes(';') ? line.replaceAll(';', ',') : line;
    for (let from = 0; from <= text.length; ) {
      const found = text.indexOf(',', from);
      const end = found < 0 ? text.length : found;
      fields.push(text.slice(from, end).trim());
      from = end + 1;
    }
  }
  return fields;
}

/** Fields by their column; empty ones are absent. */
function named(fields: readonly string[], columns: readonly string[]): Record<string, string> {
  const entry: Record<string, string> = {};
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    if (field !== undefined && field !== '') entry[columns[i] ?? `column ${i + 1}`] = field;
  }
  return entry;
}

function jsonLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
