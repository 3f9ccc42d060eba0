import { z } from 'zod';
import { writeAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/pool.ts';
import { type Api, type ApiDeps, actorOf, okSchema } from './api.ts';
import { Problem } from './problem.ts';

/** Who may not bind for a while, and how an operator lets him in again. Bans are this node's own. */
export function addBanRoutes(app: Api, deps: ApiDeps): void {
  addBanList(app, deps);
  app.delete(
    '/v1/bans',
    {
      schema: {
        summary: 'Lift a ban',
        description: 'Of this node; 404 when the pair is not banned there.',
        tags: ['bans'],
        querystring: z.object({
          address: z.string().min(1).max(45),
          systemId: z.string().max(15),
        }),
        response: { 200: okSchema },
      },
    },
    async (request) => {
      const { address, systemId } = request.query;
      const isBanned = deps.runtime
        .bans()
        .some((ban) => ban.address === address && ban.systemId === systemId);
      if (!isBanned)
        throw new Problem(404, 'ban-not-found', `${systemId} from ${address} is not banned`);
      await inTransaction(deps.pool, (client) =>
        writeAudit(client, {
          actor: actorOf(request),
          action: 'ban.lift',
          subject: systemId,
          detail: { address },
        }),
      );
      // It may have run out meanwhile, which is as well.
      deps.runtime.liftBan(address, systemId);
      return { ok: true };
    },
  );
}

function addBanList(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/bans',
    {
      schema: {
        summary: 'Pairs of address and system_id that may not bind for a while',
        description: 'Of this node. A system_id stands as it came: it need not be a customer’s.',
        tags: ['bans'],
        response: { 200: z.object({ bans: z.array(banSchema) }) },
      },
    },
    async () => ({
      bans: deps.runtime.bans().map(({ bannedAtMs, untilMs, ...ban }) => ({
        ...ban,
        bannedAt: new Date(bannedAtMs).toISOString(),
        expiresAt: new Date(untilMs).toISOString(),
      })),
    }),
  );
}

const banSchema = z.object({
  address: z.string(),
  systemId: z.string(),
  failures: z.int(),
  bannedAt: z.string(),
  expiresAt: z.string(),
});
