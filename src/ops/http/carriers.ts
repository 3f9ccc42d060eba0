import { z } from 'zod';
import { setCarrierPaused } from '../../store/resources.ts';
import { countUnknownOutcomes } from '../../store/timeline.ts';
import type { CarrierView, QueueView } from '../runtime.ts';
import { type Api, type ApiDeps, actorOf, nameParams, okSchema } from './api.ts';
import { versionText } from './binds.ts';
import { addCarrierQuality } from './carrier-quality.ts';
import { notFound } from './problem.ts';

/** Carriers, and the end of the daemon's work. */
export function addCarrierRoutes(app: Api, deps: ApiDeps): void {
  addCarrierList(app, deps);
  addCarrierQuality(app, deps);
  addPausing(app, deps, 'pause', true);
  addPausing(app, deps, 'resume', false);
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
      const carriers = deps.runtime
        .carriers()
        .map((carrier) => answerOf(carrier, queues, unknown.get(carrier.name) ?? 0));
      return { carriers };
    },
  );
  app.get(
    '/v1/carriers/:name',
    {
      schema: {
        summary: 'One carrier with each of its binds, its rate and its queues',
        tags: ['carriers'],
        params: nameParams,
        response: { 200: carrierSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const carrier = deps.runtime.carriers().find((one) => one.name === name);
      if (carrier === undefined) throw notFound('carrier', name);
      const unknown = await countUnknownOutcomes(deps.pool);
      return answerOf(carrier, deps.runtime.queues(), unknown.get(name) ?? 0);
    },
  );
}

/** JSON has no Infinity and no undefined: null says that there is none. */
function answerOf(
  carrier: CarrierView,
  queues: readonly QueueView[],
  unknownOutcomes: number,
): z.input<typeof carrierSchema> {
  const { rate, sessions } = carrier;
  return {
    ...carrier,
    ...queuesOf(queues, carrier.name),
    reason: carrier.reason ?? null,
    unknownOutcomes,
    rate: {
      perSecond: Number.isFinite(rate.perSecond) ? rate.perSecond : null,
      configured: rate.configured,
      reason: rate.reason ?? null,
      slowedAt: timeOf(rate.slowedAtMs),
    },
    sessions: sessions.map(({ sinceMs, ...session }) => ({
      ...session,
      since: new Date(sinceMs).toISOString(),
      address: session.address ?? null,
      tlsProtocol: session.tlsProtocol ?? null,
      carrierVersion:
        session.carrierVersion === undefined ? null : versionText(session.carrierVersion),
      lastReason: session.lastReason ?? null,
      nextAttemptSeconds: session.nextAttemptSeconds ?? null,
    })),
  };
}

function timeOf(unixMs: number | undefined): string | null {
  return unixMs === undefined ? null : new Date(unixMs).toISOString();
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
  tls: z.boolean(),
  rate: z.object({
    perSecond: z.number().nullable().describe('segments a second in force; null: no limit'),
    configured: z.number().describe('of the resource; 0: unlimited'),
    reason: z.string().nullable(),
    slowedAt: z.string().nullable(),
  }),
  sessions: z.array(
    z.object({
      type: z.enum(['transmitter', 'receiver', 'transceiver']),
      madeBy: z.enum(['us', 'outbind']),
      state: z.enum(['waiting', 'connecting', 'binding', 'bound', 'closing', 'stopped']),
      since: z.string(),
      address: z.object({ host: z.string(), port: z.int() }).nullable(),
      tlsProtocol: z.string().nullable(),
      carrierVersion: z
        .string()
        .nullable()
        .describe('sc_interface_version of its bind_resp; null: it had none, or is not bound'),
      failures: z.int(),
      lastReason: z.string().nullable(),
      nextAttemptSeconds: z.number().nullable(),
      windowInUse: z.int(),
    }),
  ),
});
