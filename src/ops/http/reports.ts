import { Readable } from 'node:stream';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { CarrierId } from '../../domain/ids.ts';
import { findAccount } from '../../store/accounts.ts';
import { findKnownCarrier } from '../../store/known-carriers.ts';
import {
  type DeliveryQuery,
  readDeliveries,
  readMargin,
  readUsage,
  USAGE_ROWS_MAX,
} from '../../store/usage-read.ts';
import { dayOf } from '../books/carrier-files.ts';
import { carrierReport, DAY_MS } from '../books/carrier-report.ts';
import {
  DELIVERY_BY,
  foldDeliveries,
  foldMargin,
  foldUsage,
  MARGIN_BY,
  type ReportRow,
  reportCsv,
  USAGE_BY,
} from '../books/report.ts';
import { type Api, type ApiDeps, nameParams } from './api.ts';
import { badRequest, notFound, Problem } from './problem.ts';

/** Days of one report. */
const DAYS_MAX = 400;

/** What was sent, what it cost and how it went, by day and whatever else is asked for. */
export function addReportRoutes(app: Api, deps: ApiDeps): void {
  addUsage(app, deps);
  addDeliveries(app, deps);
  addMargin(app, deps);
  addCarrier(app, deps);
}

const DAYS_TEXT =
  'Days are UTC: from <= day < to, by default this month. Accept: text/csv gives the rows as CSV.';

function addUsage(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/reports/usage',
    {
      schema: {
        summary: 'Messages, segments and money, held against the ledger',
        description:
          `${DAYS_TEXT} Money counts on the day of its ledger entry, what a message got back on request or for an outage too. pending: in the ledger, and not counted by group ` +
          'yet. ok is false where the sums are not those of the ledger, with the differences.',
        tags: ['reports'],
        querystring: z.object({ ...daysShape, by: byList(USAGE_BY, ['day']) }),
        response: { 200: usageSchema },
      },
    },
    async (request, reply) => {
      const query = await queryOf(deps, request.query);
      const report = some(await readUsage(deps.pool, query));
      const folded = foldUsage(report, request.query.by);
      if (wantsCsv(request)) return sendCsv(reply, folded.rows);
      return {
        ok: folded.differences.length === 0,
        account: request.query.account ?? null,
        from: query.from,
        to: query.to,
        countedUntil: report.countedUntil.toISOString(),
        ...folded,
      };
    },
  );
}

function addDeliveries(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/reports/deliveries',
    {
      schema: {
        summary: 'How messages ended, and the time from accept to the answer of the carrier',
        description: `${DAYS_TEXT} A message counts on the day of its end.`,
        tags: ['reports'],
        querystring: z.object({ ...carrierShape, by: byList(DELIVERY_BY, ['day', 'carrier']) }),
        response: { 200: rowsSchema },
      },
    },
    async (request, reply) => {
      const query = await queryOf(deps, request.query);
      const { rows: ends, countedUntil } = some(await readDeliveries(deps.pool, query));
      const rows = foldDeliveries(ends, request.query.by);
      return wantsCsv(request) ? sendCsv(reply, rows) : rowsBody(query, countedUntil, rows);
    },
  );
}

function addMargin(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/reports/margin',
    {
      schema: {
        summary: 'What messages brought, and what carriers took for them',
        description:
          `${DAYS_TEXT} Of messages that ended: what was paid and not given back (what came back later, on the day when it did), and the cost of every segment that a ` +
          "carrier took, by the carriers' cost for the minute in which it did.",
        tags: ['reports'],
        querystring: z.object({ ...carrierShape, by: byList(MARGIN_BY, ['day', 'carrier']) }),
        response: { 200: rowsSchema },
      },
    },
    async (request, reply) => {
      const query = await queryOf(deps, request.query);
      const { ends, costs, late, countedUntil } = some(await readMargin(deps.pool, query));
      const rows = foldMargin(ends, costs, late, request.query.by);
      return wantsCsv(request) ? sendCsv(reply, rows) : rowsBody(query, countedUntil, rows);
    },
  );
}

function addCarrier(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/reports/carriers/:name',
    {
      schema: {
        summary: 'What a carrier answered on a day, a submit_sm a row, as CSV',
        description:
          'The day is UTC. cost is what was in force when the carrier took it; empty until the message is counted, some ' +
          '25 s after accept. Neither number nor text is in it.',
        tags: ['reports'],
        params: nameParams,
        querystring: z.object({ day }),
      },
    },
    async (request, reply) => {
      const { pool } = deps;
      const carrier = await carrierOf(pool, request.params.name);
      async function* pieces(): AsyncGenerator<string> {
        const client = await pool.connect();
        try {
          yield* carrierReport(client, carrier, request.query.day);
        } finally {
          client.release();
        }
      }
      return reply.type('text/csv').send(Readable.from(pieces()));
    },
  );
}

const day = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d$/, 'must be a day such as 2026-11-21')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'is no day');
const daysShape = {
  account: z.string().min(1).max(64).optional(),
  from: day.optional(),
  to: day.optional(),
};
const carrierShape = { ...daysShape, carrier: z.string().min(1).max(64).optional() };

/** A list with commas: `day,country`. */
function byList<By extends string>(allowed: readonly By[], byDefault: readonly By[]) {
  return z
    .string()
    .optional()
    .transform((text, context): By[] => {
      const names = text === undefined ? byDefault : text.split(',').filter((each) => each !== '');
      const wrong = names.filter((each) => !(allowed as readonly string[]).includes(each));
      if (wrong.length > 0)
        context.addIssue({ code: 'custom', message: `is a list of ${allowed.join(', ')}` });
      return [...new Set(names as By[])];
    });
}

const figures = z.record(z.string(), z.union([z.string(), z.number()]));
const countedUntilSchema = z.iso
  .datetime()
  .describe(
    'what ended later is not counted yet; some seconds ago, longer where the books were behind',
  );
const rowsSchema = z.object({
  from: day,
  to: day,
  countedUntil: countedUntilSchema,
  rows: z.array(figures),
});
const usageSchema = z.object({
  ok: z.boolean(),
  account: z.string().nullable(),
  from: day,
  to: day,
  countedUntil: countedUntilSchema,
  rows: z.array(figures),
  total: figures,
  pending: figures,
  ledger: figures,
  differences: z.array(z.object({ what: z.string(), counted: z.string(), ledger: z.string() })),
  otherEntries: z.record(z.string(), z.string()),
});

interface Asked {
  readonly account?: string | undefined;
  readonly carrier?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

async function queryOf(deps: ApiDeps, asked: Asked): Promise<DeliveryQuery> {
  const nowMs = deps.now();
  const to = asked.to ?? dayOf(nowMs + DAY_MS);
  const from = asked.from ?? `${dayOf(Date.parse(to) - DAY_MS).slice(0, 7)}-01`;
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS;
  if (days <= 0) throw badRequest('to must be after from');
  if (days > DAYS_MAX) throw badRequest(`a report has at most ${DAYS_MAX} days`);
  const account = asked.account && (await findAccount(deps.pool, asked.account));
  if (asked.account !== undefined && !account) throw notFound('account', asked.account);
  return {
    from,
    to,
    accountId: account ? account.id : undefined,
    carrierId: asked.carrier === undefined ? undefined : await carrierOf(deps.pool, asked.carrier),
  };
}

async function carrierOf(pool: Pool, name: string): Promise<CarrierId> {
  const carrier = await findKnownCarrier(pool, name);
  if (carrier === undefined) throw notFound('carrier', name);
  return carrier.id;
}

function rowsBody(
  { from, to }: DeliveryQuery,
  countedUntil: Date,
  rows: ReportRow[],
): z.input<typeof rowsSchema> {
  return { from, to, countedUntil: countedUntil.toISOString(), rows };
}

function some<T>(rows: T | undefined): T {
  if (rows !== undefined) return rows;
  throw new Problem(
    422,
    'too-large',
    `over ${USAGE_ROWS_MAX} rows: ask for fewer days or one account`,
  );
}

function wantsCsv(request: {
  readonly headers: { readonly accept?: string | undefined };
}): boolean {
  return request.headers.accept?.includes('text/csv') === true;
}

function sendCsv(
  reply: {
    type(type: string): { serializer(of: typeof String): { send(text: string): unknown } };
  },
  rows: readonly ReportRow[],
): unknown {
  return reply.type('text/csv').serializer(String).send(reportCsv(rows));
}
