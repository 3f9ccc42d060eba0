import type { FastifyRequest } from 'fastify';
import { writeAudit } from '../../store/audit.ts';
import { inTransaction } from '../../store/pool.ts';
import { type ApiDeps, actorOf } from './api.ts';
import { MAY } from './auth.ts';
import { Problem } from './problem.ts';

/** Refuses a role that may not see texts and whole numbers. @throws Problem 403 */
export function mayContent(request: FastifyRequest): void {
  const { actor } = request;
  if (actor === null || !MAY[actor.role].content)
    throw new Problem(403, 'role-too-low', `the token ${actorOf(request)} may not see content`);
}

/** Writes down who saw what, and why, before the first of it leaves. */
export function auditContent(
  deps: ApiDeps,
  request: FastifyRequest,
  action: string,
  subject: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  return inTransaction(deps.pool, (client) =>
    writeAudit(client, { actor: actorOf(request), action, subject, detail }),
  );
}
