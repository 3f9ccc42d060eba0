import { z } from 'zod';
import { normaliseDestination } from '../../domain/msisdn.ts';
import { checkSender } from '../../domain/sender-id.ts';
import { writeAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/pool.ts';
import { type Api, type ApiDeps, actorOf, nameParams } from './api.ts';
import { badRequest, conflict, notFound, Problem } from './problem.ts';

/** Receipts of a test number come in seconds; a request is not held for longer than this. */
const WAIT_SECONDS_MAX = 300;
const WAIT_SECONDS = 60;

/** POST /v1/carriers/{name}/probe: test messages over a bind of its own, and what their receipts tell. */
export function addCarrierProbeRoute(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/carriers/:name/probe',
    {
      schema: {
        summary: 'Send test messages to a carrier and propose its profile',
        description:
          'Nine submit_sm to a number of your own, over one more bind than `binds`; nobody is charged. Answers when the receipts are there, or waitSeconds after the last answer. 502: the carrier refused the bind.',
        tags: ['carriers'],
        params: nameParams,
        body: z.strictObject({
          to: z.string().min(1).max(21),
          from: z.string().max(20).default('smppgate'),
          text: z.string().min(1).max(60).optional(),
          waitSeconds: z.number().min(0).max(WAIT_SECONDS_MAX).default(WAIT_SECONDS),
        }),
        response: { 200: probeSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { to, from, text, waitSeconds } = request.body;
      const number = normaliseDestination(to, 1, 1);
      if ('malformed' in number) throw badRequest(`to: ${number.malformed}`);
      const sender = checkSender(from, 0, 0);
      if ('malformed' in sender) throw badRequest(`from: ${sender.malformed}`);
      if (!deps.runtime.carriers().some((carrier) => carrier.name === name))
        throw notFound('carrier', name);
      // Before anything is sent: what reached a carrier is not to be without its author.
      await inTransaction(deps.pool, (client) =>
        writeAudit(client, {
          actor: actorOf(request),
          action: 'carrier.probe',
          subject: name,
          detail: { waitSeconds },
        }),
      );
      const probe = { to: number.msisdn, from, text, waitMs: waitSeconds * 1_000 };
      const result = await deps.runtime.probeCarrier(name, probe);
      if (result === 'busy') throw conflict('probe-running', `${name} is being probed already`);
      if (result === 'notRunning')
        throw new Problem(503, 'carrier-not-running', `${name} does not run on this node`);
      if ('failed' in result) throw new Problem(502, 'probe-failed', result.failed);
      return { ...result, proposal: { ...result.proposal } };
    },
  );
}

const probeSchema = z.object({
  carrier: z.string(),
  systemId: z.string(),
  interfaceVersion: z.string().nullable(),
  enquireLinkAnswered: z.boolean(),
  messages: z.array(
    z.object({
      purpose: z.string(),
      part: z.int(),
      status: z.string().nullable(),
      messageId: z.string().nullable(),
      answerMs: z.number().nullable(),
    }),
  ),
  receipts: z.int(),
  receiptsRead: z.int(),
  findings: z.array(z.object({ key: z.string(), seen: z.string() })),
  proposal: z.record(z.string(), z.any()),
  yaml: z.string(),
});
