import { z } from 'zod';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { networkCode } from '../../domain/route-schema.ts';
import { NUMBERS_MAX } from '../../gateway/number-networks.ts';
import { writeAudit } from '../../store/audit.ts';
import {
  countNumberNetworks,
  findNumberNetwork,
  setNumberNetworks,
} from '../../store/number-networks.ts';
import { inTransaction } from '../../store/pool.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { badRequest, conflict, Problem, type ProblemItem } from './problem.ts';

/** Numbers in one request: about a second of the database. Larger lists go in several. */
const ENTRIES_MAX = 50_000;
/** As many as JSON, with room. */
const BODY_MAX_OCTETS = 4 * 1024 * 1024;
/** Errors of a list that are told; the rest would only bury them. */
const ERRORS_MAX = 100;
/** SMPP 3.4 §5.2.5 and §5.2.6. */
const TON_INTERNATIONAL = 1;
const NPI_ISDN = 1;

const LINE_TYPES = ['text/csv', 'application/x-ndjson'];

/** The networks of single numbers (number portability): set, remove, look up, one or many at once. */
export function addNumberNetworkRoutes(app: Api, deps: ApiDeps): void {
  app.register(async (scope: Api) => {
    for (const type of LINE_TYPES)
      scope.addContentTypeParser(
        type,
        { parseAs: 'string', bodyLimit: BODY_MAX_OCTETS },
        (_request, body, done) => done(null, { type, text: String(body) }),
      );
    addLookUp(scope, deps);
    addSetting(scope, deps, 'PUT');
    addSetting(scope, deps, 'DELETE');
  });
}

function addLookUp(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/number-networks',
    {
      schema: {
        summary: 'Look a number up, or without one count them',
        tags: ['routes'],
        querystring: z.object({ number: z.string().max(20).optional() }),
        response: {
          200: z.union([
            z.object({ number: z.string(), network: z.string() }),
            z.object({ numbers: z.int(), most: z.int() }),
          ]),
        },
      },
    },
    async (request) => {
      const { number } = request.query;
      if (number === undefined)
        return { numbers: await countNumberNetworks(deps.pool), most: NUMBERS_MAX };
      const msisdn = numberOf(number);
      if (msisdn === undefined) throw badRequest('querystring.number: is not international');
      const network = await findNumberNetwork(deps.pool, hashesOf(deps, msisdn));
      if (network === undefined)
        throw new Problem(404, 'number-not-found', 'this number is not in the table');
      return { number: msisdn, network };
    },
  );
}

function addSetting(app: Api, deps: ApiDeps, method: 'PUT' | 'DELETE'): void {
  const isPut = method === 'PUT';
  app.route({
    method,
    url: '/v1/number-networks',
    bodyLimit: BODY_MAX_OCTETS,
    schema: {
      summary: isPut ? 'Set the networks of numbers' : 'Remove numbers from the table',
      description:
        `JSON: one entry or \`{"numbers": [...]}\`; application/x-ndjson: an entry a line; text/csv: ` +
        `\`number${isPut ? ',network' : ''}\` a line. At most ${ENTRIES_MAX}; all or nothing. ` +
        '`changed` are those that were not so before.',
      tags: ['routes'],
      response: { 200: z.object({ numbers: z.int(), changed: z.int() }) },
    },
    handler: async (request) => {
      const entries = checked(entriesOf(request.body), isPut);
      const changed = await store(deps, actorOf(request), entries, method);
      return { numbers: entries.length, changed };
    },
  });
}

/** An entry with the place where it stands, for errors. */
interface Given {
  readonly at: string;
  readonly entry: unknown;
}

interface Entry {
  readonly msisdn: string;
  readonly network: string | null;
}

/** Entries as they came, by media type. */
function entriesOf(body: unknown): Given[] {
  const given = isLines(body) ? lineEntries(body) : jsonEntries(body);
  if (given.length === 0) throw badRequest('body: has no numbers');
  if (given.length > ENTRIES_MAX)
    throw badRequest(`body: has more than ${ENTRIES_MAX} numbers: send them in several requests`);
  return given;
}

function isLines(body: unknown): body is { type: string; text: string } {
  return typeof body === 'object' && body !== null && 'type' in body && 'text' in body;
}

function jsonEntries(body: unknown): Given[] {
  if (typeof body !== 'object' || body === null || !('numbers' in body))
    return [{ at: 'body', entry: body }];
  const { numbers } = body;
  if (!Array.isArray(numbers)) throw badRequest('body.numbers: must be a list');
  return numbers.map((entry: unknown, i) => ({ at: `body.numbers.${i}`, entry }));
}

function lineEntries({ type, text }: { type: string; text: string }): Given[] {
  const given: Given[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || (type === 'text/csv' && i === 0 && /^number\b/i.test(trimmed))) continue;
    given.push({
      at: `line ${i + 1}`,
      entry: type === 'text/csv' ? csvEntry(trimmed) : jsonLine(trimmed),
    });
  }
  return given;
}

function csvEntry(line: string): unknown {
  const [number, network] = line
    .split(/[,;]/)
    .map((field) => field.trim().replace(/^"(.*)"$/, '$1'));
  return network === undefined || network === '' ? { number } : { number, network };
}

function jsonLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Every entry in the form of the store. @throws Problem that names the first hundred wrong ones, and no number */
function checked(given: readonly Given[], needsNetwork: boolean): Entry[] {
  const items: ProblemItem[] = [];
  const entries: Entry[] = [];
  for (const { at, entry } of given) {
    const parsed = entrySchema.safeParse(entry);
    const msisdn = parsed.success ? numberOf(parsed.data.number) : undefined;
    const network = parsed.data?.network;
    if (!parsed.success) items.push({ at, message: 'is no {number, network}' });
    else if (msisdn === undefined) items.push({ at, message: 'has no international number' });
    else if (needsNetwork && network === undefined) items.push({ at, message: 'has no network' });
    else entries.push({ msisdn, network: needsNetwork ? (network ?? null) : null });
    if (items.length >= ERRORS_MAX) break;
  }
  if (items.length > 0)
    throw badRequest(items.map((item) => `${item.at}: ${item.message}`).join('; '), items);
  return entries;
}

const entrySchema = z.strictObject({
  number: z.string().min(1).max(20),
  network: networkCode.optional(),
});

async function store(
  deps: ApiDeps,
  actor: string,
  entries: readonly Entry[],
  method: 'PUT' | 'DELETE',
): Promise<number> {
  return inTransaction(deps.pool, async (client) => {
    // Removed it must be found under each key that it may stand under; set it stands under the current one.
    const rows = entries.flatMap(({ msisdn, network }) => {
      const hashes = hashesOf(deps, msisdn);
      return (network === null ? hashes : hashes.slice(0, 1)).map((hash) => ({ hash, network }));
    });
    const changed = await setNumberNetworks(client, rows, NUMBERS_MAX);
    if (changed === 'tooMany')
      throw conflict('too-many-numbers', `the table takes ${NUMBERS_MAX} numbers at the most`);
    if (changed > 0)
      await writeAudit(client, {
        actor,
        action: method === 'PUT' ? 'numberNetworks.set' : 'numberNetworks.remove',
        subject: null,
        detail: { changed },
      });
    return changed;
  });
}

function hashesOf(deps: ApiDeps, msisdn: string): Buffer[] {
  return [deps.hashDestination(msisdn)].flat();
}

/** A number in international form; in a query "+" arrives as a blank. */
function numberOf(text: string): string | undefined {
  const number = normaliseDestination(text.replace(/^ /, '+'), TON_INTERNATIONAL, NPI_ISDN);
  return 'malformed' in number ? undefined : number.msisdn;
}
