import { z } from 'zod';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { writeAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/pool.ts';
import { writeRequeueRequest } from '../../store/requeue-requests.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { badRequest, conflict, notFound, Problem } from './problem.ts';

/** SMPP 3.4 §5.2.5 and §5.2.6. */
const TON_INTERNATIONAL = 1;
const NPI_ISDN = 1;

/** How a message would be routed, and routing anew what is queued. */
export function addRoutingRoutes(app: Api, deps: ApiDeps): void {
  addExplanation(app, deps);
  addRequeue(app, deps);
}

function addExplanation(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/routes/explain',
    {
      schema: {
        summary: 'How a message would be routed, step by step, and at what price',
        tags: ['routes'],
        querystring: z.object({
          to: z.string().min(1).max(40),
          account: z.string().max(64).optional(),
          sender: z.string().max(21).default(''),
          class: z.string().min(1).max(64).optional().describe("default: the account's"),
          at: z.iso.datetime({ offset: true }).optional().describe('default: now'),
        }),
        response: { 200: explanationSchema },
      },
    },
    async (request) => {
      const { to, account, sender, class: trafficClass, at } = request.query;
      const number = normaliseDestination(to.replace(/^ /, '+'), TON_INTERNATIONAL, NPI_ISDN);
      if ('malformed' in number) throw badRequest(`to: ${number.malformed}`);
      const explanation = deps.runtime.explainRoute({
        destination: number.msisdn,
        account,
        sender,
        trafficClass,
        atMs: at === undefined ? deps.now() : Date.parse(at),
      });
      if ('noSuchAccount' in explanation) throw notFound('account', explanation.noSuchAccount);
      if ('notRunning' in explanation) throw notRunning();
      return explanation;
    },
  );
}

function addRequeue(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/routes/requeue',
    {
      schema: {
        summary: 'Route anew what is queued, by the routes as they stand',
        description:
          'What was not leased to its carrier yet. The figures are those of this node; the others do the same behind. ' +
          '`done` is false when it takes longer than two minutes: then it goes on.',
        tags: ['routes'],
        body: z.strictObject({
          carrier: z.string().min(1).max(64).optional().describe('default: all'),
          reason: z.string().max(500).optional(),
        }),
        response: { 200: z.object({ moved: z.int(), kept: z.int(), done: z.boolean() }) },
      },
    },
    async (request) => {
      const { carrier, reason } = request.body;
      const busy = deps.runtime.isRequeuing();
      if (busy === undefined) throw notRunning();
      if (busy) throw conflict('requeue-running', 'what is queued is being routed anew already');
      if (carrier !== undefined && !deps.runtime.carriers().some(({ name }) => name === carrier))
        throw notFound('carrier', carrier);
      const stored = await inTransaction(deps.pool, async (client) => {
        const written = await writeRequeueRequest(client, carrier);
        await writeAudit(client, {
          actor: actorOf(request),
          action: 'routes.requeue',
          subject: carrier ?? null,
          detail: { ...(reason !== undefined && { reason }) },
        });
        return written;
      });
      return deps.runtime.requeue(stored);
    },
  );
}

function notRunning(): Problem {
  return new Problem(503, 'node-not-running', 'this node is starting or has lost its epoch', {
    headers: { 'retry-after': '5' },
  });
}

const explanationSchema = z.object({
  destination: z.string(),
  at: z.iso.datetime(),
  account: z.string().nullable(),
  sender: z.string(),
  class: z.string().nullable(),
  network: z
    .object({
      code: z.string().describe('MCC and MNC, or MCC alone'),
      operator: z.string().nullable(),
      from: z.enum(['number', 'prefix', 'country']),
    })
    .nullable(),
  unitPrice: z.string().nullable(),
  routes: z
    .array(z.object({ name: z.string(), open: z.boolean() }))
    .describe('every route that fits, most exact first'),
  route: z.string().nullable(),
  prefix: z.string().nullable(),
  why: z.string().nullable(),
  select: z.enum(['priority', 'leastCost']).nullable(),
  candidates: z.array(
    z.object({
      carrier: z.string(),
      priority: z.int(),
      weight: z.int(),
      allowLoss: z.boolean(),
      usable: z.boolean(),
      reason: z.string().nullable(),
      cost: z.string().nullable(),
      margin: z.string().nullable(),
      share: z.number().describe('of such messages, from 0 to 1'),
    }),
  ),
  waits: z.boolean().describe('no candidate is usable: it would wait for the one with the share'),
  refused: z.string().nullable().describe('why it would be refused (noRoute)'),
});
