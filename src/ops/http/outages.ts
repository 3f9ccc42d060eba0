import { z } from 'zod';
import { formatCredits } from '../../domain/money.ts';
import {
  declareOutage,
  endOutage,
  findOutage,
  listOutages,
  type Outage,
  withdrawOutage,
} from '../../store/outages.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { reason } from './posting.ts';
import { badRequest, conflict, notFound, type Problem } from './problem.ts';
import { time } from './time.ts';

/** Times at which a carrier, or numbers, could not be reached: what failed then is the platform's fault. */
export function addOutageRoutes(app: Api, deps: ApiDeps): void {
  addDeclaration(app, deps);
  addListing(app, deps);
  addEnd(app, deps);
  addWithdrawal(app, deps);
}

function addDeclaration(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/outages',
    {
      schema: {
        summary: 'Declare an outage',
        description:
          'from <= time < until; without until it lasts until it is ended. What was accepted, tried or ended undelivered ' +
          'within it counts as a fault of the platform for refund requests, and is refunded by itself where ' +
          'refundAutomatic has platform. The same declaration twice is one.',
        tags: ['refunds'],
        body: z.strictObject({
          from: time,
          until: time.optional(),
          carrier: z.string().min(1).max(64).optional(),
          prefix: z
            .string()
            .regex(/^[0-9]{1,15}$/, 'must be 1 to 15 digits')
            .optional(),
          reason,
        }),
        response: { 200: outageSchema, 201: outageSchema },
      },
    },
    async (request, reply) => {
      const { from, until, carrier, prefix } = request.body;
      if (until !== undefined && until <= from) throw badRequest('until: must be after from');
      const wanted = {
        ...{ from, until, carrier, prefix },
        reason: request.body.reason,
        actor: actorOf(request),
      };
      const declared = await declareOutage(deps.pool, wanted);
      if (declared === undefined) throw notFound('carrier', carrier ?? '');
      return reply.code(declared.existing ? 200 : 201).send(outageBody(declared.outage));
    },
  );
}

function addListing(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/outages',
    {
      schema: {
        summary: 'Declared outages, newest first',
        tags: ['refunds'],
        querystring: z.object({
          withdrawn: z.stringbool().default(false).describe('those that count no more, too'),
        }),
        response: { 200: z.object({ outages: z.array(outageSchema) }) },
      },
    },
    async (request) => ({
      outages: (await listOutages(deps.pool, request.query)).map(outageBody),
    }),
  );
  app.get(
    '/v1/outages/:id',
    {
      schema: {
        summary: 'A declared outage, with what was refunded for it by itself',
        tags: ['refunds'],
        params: idParams,
        response: { 200: outageSchema },
      },
    },
    async (request) => shown(deps, request.params.id),
  );
}

function addEnd(app: Api, deps: ApiDeps): void {
  app.patch(
    '/v1/outages/:id',
    {
      schema: {
        summary: 'End an outage that lasts',
        tags: ['refunds'],
        params: idParams,
        body: z.strictObject({ until: time }),
        response: { 200: outageSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const wanted = { id, until: request.body.until, actor: actorOf(request) };
      await shown(deps, id);
      if (!(await endOutage(deps.pool, wanted)))
        throw conflict('outage-ended', `outage ${id} has its end, or would end before it began`);
      return shown(deps, id);
    },
  );
}

function addWithdrawal(app: Api, deps: ApiDeps): void {
  app.delete(
    '/v1/outages/:id',
    {
      schema: {
        summary: 'Withdraw an outage: it counts no more, what was refunded for it stays',
        tags: ['refunds'],
        params: idParams,
        response: { 200: outageSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      if (!(await withdrawOutage(deps.pool, { id, actor: actorOf(request) }))) throw noOutage(id);
      return shown(deps, id);
    },
  );
}

async function shown(deps: ApiDeps, id: number): Promise<z.output<typeof outageSchema>> {
  const outage = await findOutage(deps.pool, id);
  if (outage === undefined) throw noOutage(id);
  return outageBody(outage);
}

function noOutage(id: number): Problem {
  return notFound('outage', String(id));
}

const ID_MAX = 2 ** 31 - 1;
const idParams = z.object({ id: z.coerce.number().int().min(1).max(ID_MAX) });
const outageSchema = z.object({
  id: z.int(),
  from: z.iso.datetime(),
  until: z.iso.datetime().nullable(),
  carrier: z.string().nullable(),
  prefix: z.string().nullable(),
  reason: z.string(),
  declaredBy: z.string(),
  at: z.iso.datetime(),
  withdrawnAt: z.iso.datetime().nullable(),
  refundedMessages: z.int().describe('by itself; requests are apart'),
  refunded: z.string(),
});

function outageBody(outage: Outage): z.output<typeof outageSchema> {
  return {
    id: outage.id,
    from: outage.from.toISOString(),
    until: outage.until?.toISOString() ?? null,
    carrier: outage.carrier ?? null,
    prefix: outage.prefix ?? null,
    reason: outage.reason,
    declaredBy: outage.actor,
    at: outage.at.toISOString(),
    withdrawnAt: outage.withdrawnAt?.toISOString() ?? null,
    refundedMessages: outage.refundedMessages,
    refunded: formatCredits(outage.refunded),
  };
}
