import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  FastifyTypeProvider,
  RawServerDefault,
} from 'fastify';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { SecretKeeper } from '../../store/resource-sealing.ts';
import type { Sealing } from '../../store/sealing.ts';
import type { OpsLog } from '../logs.ts';
import type { Metrics } from '../metrics.ts';
import type { OpsRuntime } from '../runtime.ts';
import type { TraceHub } from '../trace/hub.ts';
import type { Recordings } from '../trace/recordings.ts';
import type { Actor } from './auth.ts';

/** Lets fastify infer params, query and body from the zod schemas of a route. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
  serializer: unknown;
}

/** The fastify instance that routes are added to. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypes
>;

/** What every handler may use. */
export interface ApiDeps {
  readonly pool: Pool;
  readonly runtime: OpsRuntime;
  readonly metrics: Metrics;
  readonly log: OpsLog;
  readonly secrets: SecretKeeper;
  /** Traces of this node's sessions: live, and recorded into files. */
  readonly traces: { readonly hub: TraceHub; readonly recordings: Recordings };
  /** Hashes numbers (E.164 digits) as they are stored, seals what the lists keep of them, and opens it again. */
  readonly sealing: Pick<
    Sealing,
    'hashNumberInto' | 'numberHashes' | 'sealNumbers' | 'openNumber' | 'sealRecord' | 'openRecord'
  >;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** How a route is opened: a token (the default), also by Basic for pages in a browser, or to everyone. */
export type Access = 'token' | 'page' | 'open';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** False: a POST that only asks. */
    changes?: boolean;
  }
  interface FastifyRequest {
    actor: Actor | null;
  }
}

/** The name of who asks, for the audit. */
export function actorOf(request: FastifyRequest): string {
  return request.actor?.name ?? 'nobody';
}

/** A name of a resource in a path. 64 as in the resource file. */
export const nameParams = z.object({ name: z.string().min(1).max(64) });

/** The answer to a request that found nothing wrong and has nothing to tell. */
export const okSchema = z.object({ ok: z.literal(true) });
