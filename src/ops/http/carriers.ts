import { z } from 'zod';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { setCarrierPaused } from '../../store/resources.ts';
import { countUnknownOutcomes } from '../../store/timeline.ts';
import type { QueueView } from '../runtime.ts';
import { type Api, type ApiDeps, actorOf, nameParams, okSchema } from './api.ts';
import { addCarrierQuality } from './carrier-quality.ts';
import { badRequest, notFound } from './problem.ts';

/** Carriers, how a number is routed, and the end of the daemon's work. */
export function addCarrierRoutes(app: Api, deps: ApiDeps): void {
  addCarrierList(app, deps);
  addCarrierQuality(app, deps);
  addPausing(app, deps, 'pause', true);
  addPausing(app, deps, 'resume', false);
  addRouteExplanation(app, deps);
  app.post(
    '/v1/drain',
    {
      schema: {
        summary: 'Take no more traffic, finish what is in flight, end',
        tags: ['daemon'],
        response: { 202: okSchema },
      },
    },
    async (request, reply) => {
      deps.runtime.drain(actorOf(request));
      return reply.code(202).send({ ok: true });
    },
  );
}

function addCarrierList(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/carriers',
    {
      schema: {
        summary: 'Carriers with their state and its reason',
        tags: ['carriers'],
        response: { 200: z.object({ carriers: z.array(carrierSchema) }) },
      },
    },
    async () => {
      const unknown = await countUnknownOutcomes(deps.pool);
      const queues = deps.runtime.queues();
      const carriers = deps.runtime.carriers().map((carrier) => ({
        ...carrier,
        ...queuesOf(queues, carrier.name),
        reason: carrier.reason ?? null,
        unknownOutcomes: unknown.get(carrier.name) ?? 0,
      }));
      return { carriers };
    },
  );
}

function addPausing(app: Api, deps: ApiDeps, verb: 'pause' | 'resume', paused: boolean): void {
  app.post(
    `/v1/carriers/:name/${verb}`,
    {
      schema: {
        summary: paused
          ? 'Send nothing more to a carrier; its receipts still come'
          : 'Send to a carrier again',
        tags: ['carriers'],
        params: nameParams,
        response: { 200: okSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const known = await setCarrierPaused(deps.pool, { name, paused, actor: actorOf(request) });
      if (!known) throw notFound('carrier', name);
      await deps.runtime.catalogChanged();
      return { ok: true };
    },
  );
}

function addRouteExplanation(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/routes/explain',
    {
      schema: {
        summary: 'Where a number would go, and at what price',
        tags: ['carriers'],
        querystring: z.object({
          to: z.string().min(1).max(40),
          account: z.string().max(64).optional(),
        }),
        response: { 200: explanationSchema },
      },
    },
    async (request) => {
      const { to, account } = request.query;
      const number = normaliseDestination(to.replace(/^ /, '+'), 1, 1);
      if ('malformed' in number) throw badRequest(`to: ${number.malformed}`);
      const explanation = deps.runtime.explainRoute(number.msisdn, account);
      if ('noSuchAccount' in explanation) throw notFound('account', explanation.noSuchAccount);
      return explanation;
    },
  );
}

/** The lanes of one carrier, and the age of the oldest message of them all. */
function queuesOf(queues: readonly QueueView[], carrier: string): z.input<typeof queuesSchema> {
  const own = queues.filter((queue) => queue.carrier === carrier);
  return {
    oldestSeconds: Math.max(0, ...own.map((queue) => queue.oldestSeconds)),
    queues: own.map(({ class: lane, messages, oldestSeconds }) => ({
      class: lane,
      messages,
      oldestSeconds,
    })),
  };
}

const queuesSchema = z.object({
  oldestSeconds: z.number(),
  queues: z.array(z.object({ class: z.string(), messages: z.int(), oldestSeconds: z.number() })),
});

const carrierSchema = z.object({
  name: z.string(),
  state: z.enum(['up', 'partial', 'down', 'paused']),
  reason: z.string().nullable(),
  host: z.string(),
  port: z.int(),
  systemId: z.string(),
  binds: z.int(),
  bindAs: z.enum(['transceiver', 'transmitter+receiver']),
  bindsWanted: z.int(),
  windowInUse: z.int(),
  windowMax: z.int(),
  queued: z.int(),
  ...queuesSchema.shape,
  unknownOutcomes: z.int(),
  segmentsPerSecond: z.number(),
  demo: z.boolean(),
});

const explanationSchema = z.object({
  destination: z.string(),
  prefix: z.string().nullable(),
  unitPrice: z.string().nullable(),
  candidates: z.array(
    z.object({
      carrier: z.string(),
      priority: z.int(),
      weight: z.int(),
      usable: z.boolean(),
      reason: z.string().nullable(),
    }),
  ),
});
