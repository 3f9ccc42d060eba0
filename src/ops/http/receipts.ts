import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ParkedReceiptView } from '../../gateway/parked-receipts.ts';
import type { ReadReceipt, ReceiptExplanation } from '../../gateway/receipt-explain.ts';
import { hideNumber } from '../trace/redact.ts';
import type { Api, ApiDeps } from './api.ts';
import { auditContent, mayContent } from './content-access.ts';
import { badRequest, notFound } from './problem.ts';

/** How receipts of carriers are matched with messages: explained, and those that match none. */
export function addReceiptRoutes(app: Api, deps: ApiDeps): void {
  addExplanation(app, deps);
  addUnmatched(app, deps);
  addParked(app, deps);
}

/** A receipt's text is a short_message, or for the longest dialects a message_payload. */
const TEXT_MAX = 4_000;
const REASON_MAX = 500;

function addExplanation(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/receipts/explain',
    {
      config: { changes: false },
      schema: {
        summary: "How a carrier's receipt would be read and matched, and what would be done",
        description:
          'By the code that decides about receipts; nothing changes. destination is the number that the message went ' +
          'to and source its sender, as the receipt states them.',
        tags: ['receipts'],
        body: z.strictObject({
          carrier: z.string().min(1).max(64),
          text: z.string().max(TEXT_MAX),
          source: z.string().max(20).default(''),
          destination: z.string().max(20).default(''),
          messageId: z.string().min(1).max(64).optional().describe('TLV receipted_message_id'),
          state: z.int().min(0).max(255).optional().describe('TLV message_state'),
        }),
        response: { 200: explanationSchema },
      },
    },
    async (request) => {
      const { carrier, ...receipt } = request.body;
      const explanation = await deps.runtime.explainReceipt(carrier, receipt);
      if (explanation === undefined) throw notFound('carrier', carrier);
      // Who asks has the numbers already.
      return explanationBody(explanation, true);
    },
  );
}

const contentQuery = {
  content: z.enum(['true', 'false']).default('false'),
  reason: z.string().trim().min(1).max(REASON_MAX).optional(),
};

function addUnmatched(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/receipts/unmatched',
    {
      schema: {
        summary: 'Receipts that fit no message, newest first',
        description:
          'reason says why when it came: unknownId, otherDestination, ambiguous or unreadable. Whole numbers only with ' +
          'content=true, which needs a role that may, and a reason, and is audited. next: send it as before for the ' +
          'page after.',
        tags: ['receipts'],
        querystring: z.object({
          carrier: z.string().min(1).max(64).optional(),
          before: decimalId.optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
          ...contentQuery,
        }),
        response: {
          200: z.object({ receipts: z.array(parkedSchema), next: z.string().optional() }),
        },
      },
    },
    async (request) => {
      const { carrier, before, limit } = request.query;
      const content = await contentAsked(deps, request, request.query, carrier ?? 'all');
      const found = await deps.runtime.parkedReceipts({ carrier, before, limit: limit + 1 });
      if (found === undefined) throw notFound('carrier', carrier ?? '');
      const receipts = found
        .slice(0, limit)
        .map((parked) => parkedBody(parked, content, deps.now()));
      return { receipts, ...(found.length > limit && { next: receipts.at(-1)?.id }) };
    },
  );
}

function addParked(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/receipts/unmatched/:id',
    {
      schema: {
        summary: 'One parked receipt, and what would be done with it now',
        tags: ['receipts'],
        params: z.object({ id: decimalId }),
        querystring: z.object(contentQuery),
        response: { 200: parkedSchema.extend({ explanation: explanationSchema.optional() }) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const content = await contentAsked(deps, request, request.query, id.toString());
      const found = await deps.runtime.explainParked(id);
      if (found === undefined) throw notFound('receipt', id.toString());
      const { parked, explanation } = found;
      return {
        ...parkedBody(parked, content, deps.now()),
        ...(explanation && { explanation: explanationBody(explanation, content) }),
      };
    },
  );
}

/** Whether whole numbers may be shown: asked for, by a role that may, with a reason, and written down. */
async function contentAsked(
  deps: ApiDeps,
  request: FastifyRequest,
  asked: { readonly content: 'true' | 'false'; readonly reason?: string | undefined },
  subject: string,
): Promise<boolean> {
  if (asked.content !== 'true') return false;
  mayContent(request);
  if (asked.reason === undefined) throw badRequest('content needs a reason');
  await auditContent(deps, request, 'receipts.content', subject, { reason: asked.reason });
  return true;
}

/** An id in decimal. */
const decimalId = z
  .string()
  .regex(/^[0-9]{1,18}$/, 'must be an id')
  .transform((text) => BigInt(text));

const readingSchema = z.enum(['same', 'hexToDecimal', 'decimalToHex']);
const sourceSchema = z.enum(['tlv', 'text']);

const readSchema = z.object({
  ids: z.array(
    z.object({
      source: sourceSchema,
      id: z.string(),
      means: z.array(z.object({ reading: readingSchema, key: z.string() })),
    }),
  ),
  state: z.string().optional(),
  stat: z.string().optional(),
  err: z.string().optional(),
  intermediate: z.boolean(),
  destination: z.string(),
  sender: z.string(),
  submitDate: z.string().optional(),
  doneDate: z.string().optional(),
  userReference: z.int().optional(),
});

const explanationSchema = z.object({
  carrier: z.string(),
  read: readSchema.nullable(),
  learnt: z.array(
    z.object({
      source: sourceSchema,
      reading: readingSchema.nullable(),
      evidence: z.record(readingSchema, z.int()),
    }),
  ),
  candidates: z.array(
    z.object({
      message: z.string(),
      segment: z.int(),
      attempt: z.int(),
      carrier: z.string(),
      upstreamId: z.string(),
      sentAt: z.iso.datetime(),
      source: sourceSchema,
      reading: readingSchema,
      destination: z.string().describe('number lastDigits notStated notAsked other'),
      reference: z.string().describe('same other unknown'),
      state: z.string().describe('open, or how its message ended'),
      verdict: z.string().describe('taken, or why not'),
    }),
  ),
  matched: z.string().nullable(),
  reason: z.string().nullable(),
  does: z.string(),
  hints: z.array(z.string()),
});

const parkedSchema = z.object({
  id: z.string(),
  carrier: z.string(),
  receivedAt: z.iso.datetime(),
  ageSeconds: z.int(),
  reason: z.string(),
  tries: z.int(),
  nextTryAt: z.iso.datetime().nullable(),
  matched: z.string().nullable(),
  ids: z.array(z.string()),
  state: z.string().optional(),
  err: z.string().optional(),
  destination: z.string(),
  sender: z.string(),
});

function explanationBody(
  explanation: ReceiptExplanation,
  content: boolean,
): z.input<typeof explanationSchema> {
  const { read, learnt, candidates, matched, reason, hints, ...rest } = explanation;
  return {
    ...rest,
    read: read === undefined ? null : readBody(read, content),
    learnt: learnt.map((one) => ({
      source: one.source,
      reading: one.reading ?? null,
      evidence: { ...one.evidence },
    })),
    candidates: candidates.map(({ sentAt, ...candidate }) => ({
      ...candidate,
      sentAt: sentAt.toISOString(),
    })),
    matched: matched ?? null,
    reason: reason ?? null,
    hints: [...hints],
  };
}

function readBody(read: ReadReceipt, content: boolean): z.input<typeof readSchema> {
  return {
    ...read,
    ids: read.ids.map((id) => ({ ...id, means: id.means.map((one) => ({ ...one })) })),
    destination: shown(read.destination, content),
    sender: shown(read.sender, content),
  };
}

function parkedBody(
  parked: ParkedReceiptView,
  content: boolean,
  nowMs: number,
): z.input<typeof parkedSchema> {
  const { arrival } = parked;
  return {
    id: parked.parked.toString(),
    carrier: parked.carrierName,
    receivedAt: parked.receivedAt.toISOString(),
    ageSeconds: Math.max(0, Math.round((nowMs - parked.receivedAt.getTime()) / 1_000)),
    reason: parked.reason,
    tries: parked.tries,
    nextTryAt: parked.nextTryAt?.toISOString() ?? null,
    matched: parked.matched?.toString() ?? null,
    ids: [...(arrival?.ids ?? [])],
    state: arrival?.fields.stat,
    err: arrival?.fields.err,
    destination: shown(arrival?.destination ?? '', content),
    sender: shown(arrival?.sender ?? '', content),
  };
}

function shown(number: string, content: boolean): string {
  return content ? number : hideNumber(number);
}
