import type { ClientBase, Pool } from 'pg';
import { z } from 'zod';
import type { CostHistory } from '../../domain/cost-history.ts';
import { credits, formatCredits } from '../../domain/money.ts';
import { type CompiledTariff, compileTariffSpec } from '../../domain/tariff.ts';
import { readCostHistories } from '../../store/cost-versions.ts';
import {
  addInvoiceLines,
  beginInvoice,
  compareInvoice,
  endInvoice,
  type InvoiceComparison,
  type InvoiceCosts,
} from '../../store/invoice.ts';
import { findKnownCarrier } from '../../store/known-carriers.ts';
import { loadResources } from '../../store/resource-rows.ts';
import { costOfGroup } from '../books/counter.ts';
import { type Api, type ApiDeps, nameParams } from './api.ts';
import { money } from './posting.ts';
import { notFound } from './problem.ts';
import { time } from './time.ts';

/** Lines of one request, and the octets that they take at most. */
const LINES_MAX = 20_000;
const BODY_MAX_OCTETS = 8 * 1024 * 1024;
/** Differences of one answer. */
const DIFFERENCES_MAX = 100_000;

/**
 * A carrier's invoice against what it accepted from us: begun, its lines sent in pages (a file has millions), compared,
 * forgotten. Nothing of it changes money.
 */
export function addInvoiceRoutes(app: Api, deps: ApiDeps): void {
  addBegin(app, deps);
  addLines(app, deps);
  addComparison(app, deps);
  addEnd(app, deps);
}

function addBegin(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/carriers/:name/invoices',
    {
      schema: {
        summary: "Begin to compare a carrier's invoice with what it accepted",
        tags: ['carriers'],
        params: nameParams,
        response: { 201: z.object({ run: z.string() }) },
      },
    },
    async (request, reply) => {
      await carrierOf(deps.pool, request.params.name);
      return reply.code(201).send({ run: String(await beginInvoice(deps.pool)) });
    },
  );
}

function addLines(app: Api, deps: ApiDeps): void {
  app.put(
    '/v1/carriers/:name/invoices/:run',
    {
      bodyLimit: BODY_MAX_OCTETS,
      schema: {
        summary: 'Lines of the invoice, a submit_sm each',
        description: `Up to ${LINES_MAX} at once. price is of the whole line, in credits.`,
        tags: ['carriers'],
        params: runParams,
        body: z.strictObject({ lines: z.array(lineSchema).min(1).max(LINES_MAX) }),
        response: { 200: z.object({ lines: z.int() }) },
      },
    },
    async (request) => {
      const { lines } = request.body;
      await addInvoiceLines(
        deps.pool,
        request.params.run,
        lines.map(({ line, id, segments, price, at }) => ({
          line,
          upstreamId: id,
          segments,
          price,
          at,
        })),
      );
      return { lines: lines.length };
    },
  );
}

function addComparison(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/carriers/:name/invoices/:run',
    {
      schema: {
        summary: 'What differs between the invoice and what the carrier accepted',
        description:
          'from <= time < to; by default the times of the invoice. Ids are compared as they stood in submit_sm_resp, or ' +
          'with ids=number but for zeros before them and upper case of ours: the lines then have neither; ' +
          "segments and price where the lines have them, price with the carrier's cost that was in force when it took " +
          'the submit_sm, or with costs=now with the one that stands.',
        tags: ['carriers'],
        params: runParams,
        querystring: z.object({
          from: time.optional(),
          to: time.optional(),
          limit: z.coerce.number().int().min(0).max(DIFFERENCES_MAX).default(1_000),
          ids: z.enum(['text', 'number']).default('text'),
          costs: z.enum(['then', 'now']).default('then'),
        }),
        response: { 200: comparisonSchema },
      },
    },
    async (request) => {
      const { name, run } = request.params;
      const carrier = await carrierOf(deps.pool, name);
      const client = await deps.pool.connect();
      try {
        const { from, to, limit, ids, costs } = request.query;
        const { costsNow, costsThen, ...of } = carrier;
        const costsSince = costs === 'now' ? costsNow : costsThen;
        const wanted = { ...of, costsSince, run, from, to, limit, areNumbers: ids === 'number' };
        const compared = await compareInvoice(client, wanted);
        return comparisonBody(name, compared);
      } finally {
        // Its settings and temporary tables go with it.
        client.release(true);
      }
    },
  );
}

function addEnd(app: Api, deps: ApiDeps): void {
  app.delete(
    '/v1/carriers/:name/invoices/:run',
    {
      schema: {
        summary: 'Forget the lines of an invoice',
        description: 'What is not forgotten goes after a day.',
        tags: ['carriers'],
        params: runParams,
        response: { 200: z.object({ ok: z.literal(true) }) },
      },
    },
    async (request) => {
      await endInvoice(deps.pool, request.params.run);
      return { ok: true as const };
    },
  );
}

const lineSchema = z.strictObject({
  line: z.int().min(1),
  id: z.string().min(1).max(65),
  segments: z.int().min(0).max(255).optional(),
  price: money.optional(),
  at: time.optional(),
});

const runParams = nameParams.extend({
  run: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'must be the number of a comparison')
    .transform(BigInt),
});

const sides = <T extends z.ZodType>(schema: T) =>
  z.object({ ours: schema.nullable(), theirs: schema.nullable() });

const comparisonSchema = z.object({
  ok: z.boolean(),
  carrier: z.string(),
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  lines: z.string(),
  sums: z.array(
    z.object({
      kind: z.string(),
      count: z.string(),
      segments: z.object({ ours: z.string(), theirs: z.string() }),
      price: z.object({ ours: z.string(), theirs: z.string() }),
    }),
  ),
  differences: z.array(
    z.object({
      fault: z.string(),
      id: z.string(),
      line: z.int().nullable(),
      message: z.string().nullable(),
      at: z.iso.datetime().nullable(),
      segments: sides(z.int()),
      price: sides(z.string()),
    }),
  ),
});

function comparisonBody(
  carrier: string,
  compared: InvoiceComparison,
): z.output<typeof comparisonSchema> {
  return {
    ok: compared.sums.every(({ kind }) => kind === 'matched'),
    carrier,
    from: compared.from?.toISOString() ?? null,
    to: compared.to?.toISOString() ?? null,
    lines: String(compared.lines),
    sums: compared.sums.map(({ kind, count, ...sum }) => ({
      kind,
      count: String(count),
      segments: { ours: String(sum.ourSegments), theirs: String(sum.theirSegments) },
      price: { ours: moneyText(sum.ourPrice), theirs: moneyText(sum.theirPrice) },
    })),
    differences: compared.differences.map(({ segments, price, ...each }) => ({
      fault: each.fault,
      id: each.upstreamId,
      line: each.line ?? null,
      message: each.message === undefined ? null : String(each.message),
      at: each.at?.toISOString() ?? null,
      segments: { ours: segments.ours ?? null, theirs: segments.theirs ?? null },
      price: {
        ours: price.ours === undefined ? null : moneyText(price.ours),
        theirs: price.theirs === undefined ? null : moneyText(price.theirs),
      },
    })),
  };
}

async function carrierOf(pool: Pool, name: string) {
  const carrier = await findKnownCarrier(pool, name);
  if (carrier === undefined) throw notFound('carrier', name);
  const { longMessages, cost } = carrier.spec;
  return {
    carrierId: carrier.id,
    isWhole: longMessages === 'payload',
    costsNow: async () => costsOf(await tariffNamed(pool, cost)),
    costsThen: async (client: ClientBase, since: Date | undefined) =>
      costsOf((await readCostHistories(client, since, carrier.id)).get(carrier.id)),
  };
}

/** As it stands; undefined: there is none, or no longer. */
async function tariffNamed(
  pool: Pool,
  name: string | undefined,
): Promise<CompiledTariff | undefined> {
  const { tariffs } = await loadResources(pool);
  const stored = tariffs.find((tariff) => tariff.name === name);
  return stored && compileTariffSpec(stored.name, stored.version, stored.spec);
}

function costsOf(costs: CostHistory | undefined): InvoiceCosts {
  return {
    changesAtMs: costs?.changesAtMs ?? [],
    costOf: (group, atMs) => costs && costOfGroup(costs, group, atMs),
  };
}

function moneyText(micro: bigint): string {
  return formatCredits(credits(micro));
}
