import { z } from 'zod';
import { type BindRecord, listBinds } from '../../store/bind-history.ts';
import type { BindView } from '../runtime.ts';
import type { Api, ApiDeps } from './api.ts';
import { badRequest } from './problem.ts';
import { time } from './time.ts';

/** Sessions that are bound, and that were. */
export function addBindRoutes(app: Api, deps: ApiDeps): void {
  addLive(app, deps);
  addHistory(app, deps);
}

/** A history without `from` covers this long. */
const HISTORY_HOURS = 24;
const HOUR_MS = 3_600_000;
/** Rows of one answer at most: a megabyte or two. */
const LIMIT_MAX = 10_000;

function addLive(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/binds',
    {
      schema: {
        summary: 'Sessions bound to this node now, of customers and to carriers',
        description:
          'Windows are requests without an answer: submits of the ESME, receipts (and messages) of the SMSC. ' +
          'outboundOctets wait for the peer to read. total counts beyond limit.',
        tags: ['binds'],
        querystring: z.object({
          systemId: z.string().max(15).optional(),
          carrier: z.string().max(64).optional(),
          account: z.string().max(64).optional(),
          limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(1000),
        }),
        response: {
          200: z.object({
            node: z.string(),
            total: z.int(),
            historyLost: z.int().describe('entries that the history lacks'),
            binds: z.array(liveSchema),
          }),
        },
      },
    },
    async (request) => {
      const { systemId, carrier, account, limit } = request.query;
      const wanted = deps.runtime
        .binds()
        .filter(
          (bind) =>
            (systemId === undefined || (bind.side === 'customer' && bind.peer === systemId)) &&
            (carrier === undefined || (bind.side === 'carrier' && bind.peer === carrier)) &&
            (account === undefined || bind.account === account),
        );
      return {
        node: deps.runtime.facts.node,
        total: wanted.length,
        historyLost: deps.runtime.bindHistoryLost(),
        binds: wanted.slice(0, limit).map(liveBody),
      };
    },
  );
}

function addHistory(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/binds/history',
    {
      schema: {
        summary: 'Sessions that were bound and binds that were refused, of all nodes, newest first',
        description:
          `event session: one session, bound at some instant of from <= t < until (by default the last ` +
          `${HISTORY_HOURS} hours); endedAt null: it lives. event refused, bound: so many of one address and system_id ` +
          'within the minute at boundAt (reason is the last one); systemId "-" is none of ours, address "*" any. ' +
          'Written some seconds behind; kept 90 days. For the page after send until: boundAt of the last row.',
        tags: ['binds'],
        querystring: z.object({
          systemId: z.string().max(15).optional(),
          carrier: z.string().max(64).optional(),
          from: time.optional(),
          until: time.optional(),
          limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(100),
        }),
        response: { 200: z.object({ binds: z.array(recordSchema) }) },
      },
    },
    async (request) => {
      const { systemId, carrier, from, until, limit } = request.query;
      if (systemId !== undefined && carrier !== undefined)
        throw badRequest('ask for a systemId or for a carrier, not for both');
      const end = until ?? new Date(deps.now() + HOUR_MS);
      const side =
        systemId !== undefined ? 'customer' : carrier !== undefined ? 'carrier' : undefined;
      const rows = await listBinds(deps.pool, {
        side,
        peer: systemId ?? carrier,
        from: from ?? new Date((until?.getTime() ?? deps.now()) - HISTORY_HOURS * HOUR_MS),
        until: end,
        limit,
      });
      return { binds: rows.map(recordBody) };
    },
  );
}

const liveSchema = z.object({
  session: z.int(),
  side: z.enum(['customer', 'carrier']),
  systemId: z.string(),
  carrier: z.string().optional(),
  account: z.string().optional(),
  address: z.string(),
  port: z.int(),
  boundAs: z.string(),
  version: z.string(),
  tls: z.boolean(),
  since: z.iso.datetime(),
  window: z.object({
    submits: z.int(),
    submitsMax: z.int(),
    receipts: z.int(),
    receiptsMax: z.int(),
  }),
  outboundOctets: z.int(),
  submits: z.int(),
  receipts: z.int(),
});

function liveBody(bind: BindView): z.infer<typeof liveSchema> {
  return {
    session: bind.session,
    side: bind.side,
    systemId: bind.systemId,
    ...(bind.side === 'carrier' && { carrier: bind.peer }),
    ...(bind.account !== undefined && { account: bind.account }),
    address: bind.address,
    port: bind.port,
    boundAs: bind.type,
    version: versionText(bind.interfaceVersion),
    tls: bind.tls,
    since: new Date(bind.boundAtMs).toISOString(),
    window: {
      submits: bind.windowInUse,
      submitsMax: bind.windowMax,
      receipts: bind.deliversInUse,
      receiptsMax: bind.deliversMax,
    },
    outboundOctets: bind.outboundOctets,
    submits: bind.submits,
    receipts: bind.delivers,
  };
}

const recordSchema = z.object({
  event: z.enum(['session', 'refused', 'bound']),
  side: z.enum(['customer', 'carrier']),
  systemId: z.string().optional(),
  carrier: z.string().optional(),
  account: z.string().optional(),
  address: z.string(),
  port: z.int().optional(),
  boundAs: z.string().optional(),
  version: z.string().optional(),
  tls: z.boolean().optional(),
  boundAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable().optional(),
  reason: z.string().optional().describe('why it ended, or was refused'),
  detail: z.string().optional(),
  submits: z.int().optional(),
  receipts: z.int().optional(),
  count: z.int(),
  node: z.string().optional(),
});

function recordBody(row: BindRecord): z.infer<typeof recordSchema> {
  const isSession = row.kind === 'session';
  return {
    event: isSession ? 'session' : row.reason === 'bound' ? 'bound' : 'refused',
    side: row.side,
    ...(row.side === 'carrier' ? { carrier: row.peer } : { systemId: row.peer }),
    account: row.account ?? undefined,
    address: row.address,
    port: row.port ?? undefined,
    boundAs: row.boundAs ?? undefined,
    version: row.version === null ? undefined : versionText(row.version),
    tls: row.tls ?? undefined,
    boundAt: row.at.toISOString(),
    endedAt: isSession ? (row.endedAt?.toISOString() ?? null) : undefined,
    reason: row.reason ?? undefined,
    detail: row.detail === null || row.detail === '' ? undefined : row.detail,
    submits: row.submits ?? undefined,
    receipts: row.receipts ?? undefined,
    count: row.count,
    node: row.node ?? undefined,
  };
}

/** 0x34 is "3.4". */
/** Such as 3.4 for 0x34. */
export function versionText(version: number): string {
  return `${version >> 4}.${version & 15}`;
}
