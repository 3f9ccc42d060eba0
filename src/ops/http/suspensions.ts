import { z } from 'zod';
import { suspensionSchema } from '../../domain/rules/suspended-destinations.ts';
import { writeAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/pool.ts';
import {
  countSuspensions,
  listSuspensions,
  putSuspension,
  removeSuspension,
  SUSPENSION_CHANNEL,
  suspensionKey,
} from '../../store/suspensions.ts';
import { type Api, type ApiDeps, actorOf, okSchema } from './api.ts';
import { inForce, inForceShape } from './in-force.ts';
import { needKnownNetworks } from './network-known.ts';
import { conflict, Problem } from './problem.ts';

/** Every country and operator of the world several times; all are compiled anew at each change. */
const SUSPENSIONS_MAX = 10_000;

/** Destinations to which nothing goes, of whatever account: by prefix, country or network. */
export function addSuspensionRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/suspensions',
    {
      schema: {
        summary: 'List suspended destinations',
        tags: ['suspensions'],
        response: { 200: listSchema },
      },
    },
    async () => ({
      suspensions: (await listSuspensions(deps.pool)).map(({ at, ...one }) => ({
        ...one,
        at: at.toISOString(),
      })),
    }),
  );
  app.put(
    '/v1/suspensions',
    {
      schema: {
        summary: 'Suspend a destination, or change its order',
        description:
          'Exactly one of prefix, country (ISO 3166-1) and network (MCC, or MCC and MNC). New messages are refused ' +
          '(destinationSuspended); queued ones end REJECTD within seconds, on every node. What a carrier has goes on. An ' +
          'MCC alone is every country that it serves; of MCC and MNC numbers have to be known, else 409.',
        tags: ['suspensions'],
        body: suspensionSchema,
        response: { 200: changedSchema },
      },
    },
    async (request) => {
      const suspension = request.body;
      await inTransaction(deps.pool, async (client) => {
        if ((await countSuspensions(client)) >= SUSPENSIONS_MAX)
          throw conflict('too-many-suspensions', `there may be ${SUSPENSIONS_MAX} at the most`);
        await needKnownNetworks(client, [suspension.network]);
        await putSuspension(client, suspension, actorOf(request));
        await writeAudit(client, {
          actor: actorOf(request),
          action: 'suspensions.put',
          subject: suspensionKey(suspension),
          detail: suspension,
        });
      });
      return { ok: true as const, ...(await inForce(deps, SUSPENSION_CHANNEL)) };
    },
  );
  addRemoval(app, deps);
}

function addRemoval(app: Api, deps: ApiDeps): void {
  app.delete(
    '/v1/suspensions',
    {
      schema: {
        summary: 'Open a destination again',
        tags: ['suspensions'],
        body: z.strictObject({
          prefix: suspensionSchema.shape.prefix,
          country: suspensionSchema.shape.country,
          network: suspensionSchema.shape.network,
          reason: suspensionSchema.shape.reason.optional(),
        }),
        response: { 200: changedSchema },
      },
    },
    async (request) => {
      const { prefix, country, network } = request.body;
      const what = suspensionKey({ prefix, country, network });
      await inTransaction(deps.pool, async (client) => {
        if (!(await removeSuspension(client, what)))
          throw new Problem(404, 'no-such-suspension', `${what} is not suspended`);
        const { reason } = request.body;
        await writeAudit(client, {
          actor: actorOf(request),
          action: 'suspensions.remove',
          subject: what,
          detail: reason === undefined ? {} : { reason },
        });
      });
      return { ok: true as const, ...(await inForce(deps, SUSPENSION_CHANNEL)) };
    },
  );
}

const changedSchema = okSchema.extend(inForceShape);
const listSchema = z.object({
  suspensions: z.array(
    z.object({
      prefix: z.string().optional(),
      country: z.string().optional(),
      network: z.string().optional(),
      reason: z.string(),
      order: z.string().optional(),
      from: z.iso.datetime().optional(),
      until: z.iso.datetime().optional(),
      actor: z.string(),
      at: z.iso.datetime(),
    }),
  ),
});
