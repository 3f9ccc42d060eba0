import { z } from 'zod';
import type { Api, ApiDeps } from './api.ts';
import { Authenticator, isLoopback, tokenOf } from './auth.ts';
import { Problem } from './problem.ts';

/**
 * GET /healthz (the process turns its loop), GET /readyz (it should get traffic; 503 with the reasons otherwise), both
 * open, and GET /metrics: with `metricsToken` to who sends it, without it to loopback only. A request that a proxy on
 * this machine forwarded is not loopback.
 */
export function addHealthRoutes(app: Api, deps: ApiDeps, metricsToken: string | undefined): void {
  app.get(
    '/healthz',
    {
      config: { access: 'open' },
      schema: {
        summary: 'Alive',
        security: [],
        response: { 200: z.object({ ok: z.literal(true) }) },
      },
    },
    async () => ({ ok: true }),
  );
  app.get(
    '/readyz',
    {
      config: { access: 'open' },
      schema: {
        summary: 'Ready for traffic; 503 with the reasons otherwise',
        security: [],
        response: { 200: readySchema },
      },
    },
    async (_request, reply) => {
      const { ok, reasons, warnings } = await deps.runtime.ready();
      if (!ok) throw new Problem(503, 'not-ready', reasons.join('; '));
      return reply.send({ ok, reasons, warnings });
    },
  );
  const scrapers =
    metricsToken === undefined ? undefined : metricsAuthenticator(metricsToken, deps.now);
  app.get(
    '/metrics',
    { config: { access: 'open' }, schema: { summary: 'Prometheus metrics', security: [] } },
    async (request, reply) => {
      const { headers, socket } = request;
      if (scrapers === undefined) {
        const forwarded = headers['x-forwarded-for'] ?? headers.forwarded;
        if (!isLoopback(socket.remoteAddress) || forwarded !== undefined) {
          throw new Problem(
            403,
            'metrics-loopback-only',
            'set METRICS_TOKEN to read metrics from another machine',
          );
        }
      } else if (
        scrapers.identify(tokenOf(headers.authorization, true), socket.remoteAddress ?? '') ===
        undefined
      ) {
        throw new Problem(
          401,
          'token-required',
          'send the metrics token: Authorization: Bearer TOKEN',
          {
            headers: { 'www-authenticate': 'Bearer' },
          },
        );
      }
      return reply
        .type(deps.metrics.registry.contentType)
        .serializer(String)
        .send(await deps.metrics.scrape());
    },
  );
}

const readySchema = z.object({
  ok: z.boolean(),
  reasons: z.array(z.string()),
  warnings: z.array(z.string()).describe('what somebody has to see to, while traffic goes on'),
});

function metricsAuthenticator(token: string, now: () => number): Authenticator {
  return new Authenticator([{ name: 'metrics', role: 'viewer', token }], now);
}
