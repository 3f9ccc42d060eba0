import { createServer as createPlainServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import fastifySwagger from '@fastify/swagger';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { z } from 'zod';
import { askedFrom } from '../../store/audit.ts';
import { addAccountTrafficRoutes } from './account-traffic.ts';
import { addAccountRoutes } from './accounts.ts';
import type { Api, ApiDeps } from './api.ts';
import { addAuditRoutes } from './audit.ts';
import { type AccessToken, Authenticator, MAY, tokenOf } from './auth.ts';
import { addBanRoutes } from './bans.ts';
import { addBindRoutes } from './binds.ts';
import { addCarrierProbeRoute } from './carrier-probe.ts';
import { addCarrierProfileRoutes } from './carrier-profiles.ts';
import { addCarrierRoutes } from './carriers.ts';
import { addConsentRoutes } from './consents.ts';
import { addCreditRoutes } from './credit.ts';
import { addDocsRoutes, documentedSchema } from './docs.ts';
import { addHealthRoutes } from './health.ts';
import { addInvoiceRoutes } from './invoices.ts';
import { addMessageRoutes } from './messages.ts';
import { addModerationRoutes } from './moderation.ts';
import { addMoneyRoutes } from './money.ts';
import { addNumberNetworkRoutes } from './number-networks.ts';
import { addOptOutRoutes } from './opt-outs.ts';
import { addOutageRoutes } from './outages.ts';
import { addOpsPage } from './page.ts';
import { addPolicyReplayRoute } from './policy-replay.ts';
import { Problem, toProblem } from './problem.ts';
import { addReceiptRoutes } from './receipts.ts';
import { addRefundRequestRoutes } from './refund-requests.ts';
import { addReportRoutes } from './reports.ts';
import { addResourceVersionRoutes } from './resource-versions.ts';
import { addResourceRoutes } from './resources.ts';
import { addRoutingRoutes } from './routing.ts';
import { addSenderRoutes } from './senders.ts';
import { addSuspensionRoutes } from './suspensions.ts';
import { addTariffRoutes } from './tariffs.ts';
import { addTraceRoutes } from './traces.ts';
import { addWordListRoutes } from './word-lists.ts';

/** How the HTTP server is to be built. */
export interface HttpServerOptions extends ApiDeps {
  /** PEM texts of the certificate chain and its key; undefined serves plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** At least the admin token; further named ones with their roles. */
  readonly tokens: readonly AccessToken[];
  /** Opens /metrics from anywhere to who sends it; undefined: /metrics answers loopback only. */
  readonly metricsToken: string | undefined;
}

/** 64 KiB: every body but a resource file is a handful of fields. */
const BODY_MAX_OCTETS = 65_536;
/** A client has this long to send its request; handlers are bounded by the pool's statement timeout. */
const REQUEST_TIMEOUT_MS = 30_000;
/** An idle kept-alive connection is closed after this long. */
const KEEP_ALIVE_MS = 10_000;
/** Connections at once; one more is closed as it comes. An operator's tools need a handful. */
const CONNECTIONS_MAX = 500;

/**
 * The HTTP server with every route of the operators' API, ready to `listen`. The caller closes it. Every error leaves
 * as RFC 9457 problem details. Bodies above 64 KiB (resources 8 MiB) are 413, slow requests are cut after 30 s.
 */
export async function buildHttpServer(options: HttpServerOptions): Promise<Api> {
  const app = fastify({
    bodyLimit: BODY_MAX_OCTETS,
    serverFactory: (handler) => createServer(options.tls, handler),
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<import('./api.ts').ZodTypes>() as unknown as Api;
  app.setValidatorCompiler(
    ({ schema, httpPart }) =>
      (data) =>
        validate(schema as unknown as z.ZodType, data, httpPart),
  );
  // Response schemas are documentation; the handlers' types hold the shape.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error, request, reply) => sendProblem(options, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      options,
      new Problem(404, 'no-such-path', `there is no ${request.method} ${pathOf(request)}`),
      request,
      reply,
    ),
  );
  addAuthentication(app, options);
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'smppgate',
        description: 'What operators and their tools use.',
        version: options.runtime.facts.version,
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: documentedSchema,
  });
  app.register(async (routes: Api) => addRoutes(routes, options));
  await app.ready();
  return app;
}

function addRoutes(app: Api, options: HttpServerOptions): void {
  addHealthRoutes(app, options, options.metricsToken);
  addDocsRoutes(app);
  addAccountRoutes(app, options);
  addAccountTrafficRoutes(app, options);
  addMoneyRoutes(app, options);
  addCreditRoutes(app, options);
  addMessageRoutes(app, options);
  addModerationRoutes(app, options);
  addResourceRoutes(app, options);
  addResourceVersionRoutes(app, options);
  addTariffRoutes(app, options);
  addCarrierRoutes(app, options);
  addCarrierProfileRoutes(app);
  addCarrierProbeRoute(app, options);
  addRoutingRoutes(app, options);
  addNumberNetworkRoutes(app, options);
  addInvoiceRoutes(app, options);
  addReportRoutes(app, options);
  addBanRoutes(app, options);
  addBindRoutes(app, options);
  addTraceRoutes(app, options);
  addOptOutRoutes(app, options);
  addConsentRoutes(app, options);
  addSuspensionRoutes(app, options);
  addSenderRoutes(app, options);
  addWordListRoutes(app, options);
  addPolicyReplayRoute(app, options);
  addRefundRequestRoutes(app, options);
  addOutageRoutes(app, options);
  addReceiptRoutes(app, options);
  addAuditRoutes(app, options);
  addOpsPage(app, options);
}

function createServer(
  tls: HttpServerOptions['tls'],
  handler: (
    request: import('node:http').IncomingMessage,
    response: import('node:http').ServerResponse,
  ) => void,
): Server {
  const server: Server =
    tls === undefined
      ? createPlainServer(handler)
      : (createTlsServer({ ...tls, minVersion: 'TLSv1.2' }, handler) as unknown as Server);
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}

/** Checks one part of a request against its zod schema; fastify turns the thrown Problem into a 400 with every fault. */
function validate(
  schema: z.ZodType,
  data: unknown,
  part: string | undefined,
): { value: unknown } | { error: Error } {
  const result = schema.safeParse(data ?? {});
  if (result.success) return { value: result.data };
  const items = result.error.issues.map((issue) => ({
    at: [part ?? 'request', ...issue.path].join('.'),
    message: issue.message,
  }));
  return {
    error: new Problem(
      400,
      'bad-request',
      items.map((item) => `${item.at}: ${item.message}`).join('; '),
      { items },
    ),
  };
}

function addAuthentication(app: Api, options: HttpServerOptions): void {
  const authenticator = new Authenticator(options.tokens, options.now);
  app.decorateRequest('actor', null);
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access ?? 'token';
    if (access === 'open') return;
    const token = tokenOf(request.headers.authorization, access === 'page');
    const actor = authenticator.identify(token, request.socket.remoteAddress ?? '');
    if (actor === undefined) {
      throw new Problem(
        401,
        'token-required',
        'send the admin token: Authorization: Bearer TOKEN',
        {
          headers: {
            'www-authenticate':
              access === 'page' ? 'Basic realm="smppgate, password = admin token"' : 'Bearer',
          },
        },
      );
    }
    if (!MAY[actor.role].write && !reads(request)) {
      throw new Problem(403, 'role-too-low', `the token ${actor.name} may only read`);
    }
    request.actor = actor;
  });
  // Around the handler, and what it awaits: the audit says from where. After the body, whose reading has no context.
  app.addHook('preHandler', (request, _reply, done) => {
    askedFrom.run((request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''), done);
  });
}

/** Whether a request changes nothing, so that every role may make it. */
function reads({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD' || routeOptions.config.changes === false;
}

function sendProblem(
  deps: ApiDeps,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = toProblem(error);
  if (problem.status >= 500) {
    deps.log.error('http request failed', {
      method: request.method,
      route: request.routeOptions.url ?? '-',
      status: problem.status,
      reason: error instanceof Error ? error : String(error),
    });
  }
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send({ ...problem.body(), instance: pathOf(request) });
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}
