import { z } from 'zod';
import { type AuditEntry, readAudit } from '../../store/audit.ts';
import type { Api, ApiDeps } from './api.ts';
import { time } from './time.ts';

/** An audit without `from` covers this long. */
const AUDIT_DAYS = 30;
const DAY_MS = 86_400_000;
/** Rows are stamped by the database, whose clock may be ahead of ours by less than this. */
const CLOCKS_APART_MS = 60_000;

/** Who did what, when, and from where. */
export function addAuditRoutes(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/audit',
    {
      schema: {
        summary: 'Acts of operators and of the daemon itself, newest first',
        description:
          `from <= at < until; by default the last ${AUDIT_DAYS} days. actor: the name of the token, RESOURCES_FILE, ` +
          'policy and such; address: of the request, absent where the daemon acted by itself. action: in full, or up ' +
          'to a dot (account has account.topUp). next: send it as before for the page after.',
        tags: ['audit'],
        querystring: z.object({
          actor: z.string().max(64).optional(),
          action: z.string().max(64).optional(),
          subject: z.string().max(200).optional(),
          from: time.optional(),
          until: time.optional(),
          before: z.coerce.bigint().min(1n).optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: { 200: z.object({ entries: z.array(entrySchema), next: z.string().optional() }) },
      },
    },
    async (request) => {
      const { actor, action, subject, before, limit } = request.query;
      const until = request.query.until ?? new Date(deps.now() + CLOCKS_APART_MS);
      const from = request.query.from ?? new Date(until.getTime() - AUDIT_DAYS * DAY_MS);
      const query = { actor, action, subject, from, until, before, limit: limit + 1 };
      const rows = await readAudit(deps.pool, query);
      const entries = rows.slice(0, limit).map(bodyOf);
      return { entries, ...(rows.length > limit && { next: entries.at(-1)?.id }) };
    },
  );
}

const entrySchema = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  actor: z.string(),
  address: z.string().optional(),
  action: z.string(),
  subject: z.string().optional(),
  detail: z.record(z.string(), z.unknown()),
});

function bodyOf({ id, at, subject, address, detail, ...rest }: AuditEntry) {
  return {
    id: id.toString(),
    at: at.toISOString(),
    ...rest,
    ...(subject !== null && { subject }),
    ...(address !== undefined && { address }),
    detail: { ...detail },
  };
}
