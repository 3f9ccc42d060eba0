import { z } from 'zod';
import { networkCode } from '../../domain/route-schema.ts';
import { NUMBERS_MAX } from '../../gateway/number-networks.ts';
import { writeAudit } from '../../store/audit.ts';
import {
  countNumberNetworks,
  findNumberNetwork,
  NUMBER_NETWORKS_CHANNEL,
  setNumberNetworks,
} from '../../store/number-networks.ts';
import { inTransaction } from '../../store/pool.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { addBulkScope, ENTRIES_MAX, eachChecked, entriesOf, hashesOf, msisdnOf } from './bulk.ts';
import { inForce, inForceShape } from './in-force.ts';
import { badRequest, conflict, Problem } from './problem.ts';

const COLUMNS = ['number', 'network'];

/** The networks of single numbers (number portability): set, remove, look up, one or many at once. */
export function addNumberNetworkRoutes(app: Api, deps: ApiDeps): void {
  addLookUp(app, deps);
  addBulkScope(app, (scope) => {
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
      const msisdn = msisdnOf(number);
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
    schema: {
      summary: isPut ? 'Set the networks of numbers' : 'Remove numbers from the table',
      description:
        `JSON: one entry or \`{"numbers": [...]}\`; application/x-ndjson: an entry a line; text/csv: ` +
        `\`number${isPut ? ',network' : ''}\` a line. At most ${ENTRIES_MAX}; all or nothing. ` +
        '`changed` are those that were not so before.',
      tags: ['routes'],
      response: { 200: z.object({ numbers: z.int(), changed: z.int(), ...inForceShape }) },
    },
    handler: async (request) => {
      const given = entriesOf(request.body, 'numbers', COLUMNS);
      const entries = await eachChecked(given, (entry) => entryOf(entry, isPut));
      const changed = await store(deps, actorOf(request), entries, method);
      return {
        numbers: entries.length,
        changed,
        ...(await inForce(deps, NUMBER_NETWORKS_CHANNEL)),
      };
    },
  });
}

interface Entry {
  readonly msisdn: string;
  readonly network: string | null;
}

/** In the form of the store. What is wrong is said without the number. */
function entryOf(given: unknown, needsNetwork: boolean): Entry | { readonly wrong: string } {
  const parsed = entrySchema.safeParse(given);
  if (!parsed.success) return { wrong: 'is no {number, network}' };
  const { number, network } = parsed.data;
  const msisdn = msisdnOf(number);
  if (msisdn === undefined) return { wrong: 'has no international number' };
  if (!needsNetwork) return { msisdn, network: null };
  return network === undefined ? { wrong: 'has no network' } : { msisdn, network };
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
