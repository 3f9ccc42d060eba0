import { z } from 'zod';
import { formatCredits } from '../../domain/money.ts';
import { type RefundItem, readItems, readUnknown } from '../../store/refund-items.ts';
import { findRequest, listRequests, type RefundRequest } from '../../store/refund-requests.ts';
import {
  askRefund,
  type ClaimDeps,
  type DecisionOutcome,
  decideRefund,
  type PaymentOutcome,
  payRefund,
} from '../refund-claims.ts';
import { type Api, type ApiDeps, actorOf } from './api.ts';
import { reason, reference } from './posting.ts';
import { badRequest, conflict, notFound, type Problem } from './problem.ts';
import { time } from './time.ts';

/** Messages of one request: some seconds of the database. A larger campaign is several requests. */
const MESSAGES_MAX = 50_000;
/** Of `due`. */
const DUE_FAULT = 'must be overdue, or a time such as 2026-12-01T08:00:00Z, or a day (UTC)';
/** As many as JSON, with room. */
const BODY_MAX_OCTETS = 4 * 1024 * 1024;
/** Items of a request shown with it; the rest by page. */
const ITEMS_SHOWN = 1_000;
const NDJSON = 'application/x-ndjson';

/** Refund requests: asked for, looked into, decided for good, paid. */
export function addRefundRequestRoutes(app: Api, deps: ApiDeps): void {
  app.register(async (scope: Api) => {
    scope.addContentTypeParser(
      NDJSON,
      { parseAs: 'string', bodyLimit: BODY_MAX_OCTETS },
      (_request, body, done) => {
        const lines = bodyOfLines(String(body));
        if ('wrong' in lines) done(badRequest(lines.wrong));
        else done(null, lines.body);
      },
    );
    addAsking(scope, deps);
  });
  addListing(app, deps);
  addShowing(app, deps);
  addDecision(app, deps);
  addPayment(app, deps);
}

function addAsking(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/refund-requests',
    {
      bodyLimit: BODY_MAX_OCTETS,
      schema: {
        summary: 'Ask for the money of messages back',
        description:
          `Up to ${MESSAGES_MAX} ids as the customer got them. Each is checked against the windows of the terms, its ` +
          'timeline and its fault; what cannot be paid any more is refused as it comes, and a request of nothing else is ' +
          `refused at once. The same reference with the same messages is the same request. As ${NDJSON}: the first ` +
          'line is {account, reference, reason}, every other one an id or {message}.',
        tags: ['refunds'],
        body: askSchema,
        response: { 200: requestSchema, 201: requestSchema },
      },
    },
    async (request, reply) => {
      const asked = { ...request.body, actor: actorOf(request) };
      const made = await askRefund(claimDeps(deps), asked);
      if ('request' in made)
        return reply.code(made.existing ? 200 : 201).send(await whole(deps, made.request));
      if (made.refused === 'noSuchAccount') throw notFound('account', asked.account);
      throw conflict('reference-taken', 'this reference is a request for other messages');
    },
  );
}

function addListing(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/refund-requests',
    {
      schema: {
        summary: 'Refund requests, oldest first',
        description:
          'due=overdue: approved and past their day; due=<time>: approved and to be paid before it. next: send it as after.',
        tags: ['refunds'],
        querystring: z.object({
          account: z.string().max(64).optional(),
          state: stateSchema.optional(),
          due: z.union([z.literal('overdue'), time], DUE_FAULT).optional(),
          after: decimalId.default(0n),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: {
          200: z.object({ refundRequests: z.array(headSchema), next: z.string().optional() }),
        },
      },
    },
    async (request) => {
      const { account, state, due, after, limit } = request.query;
      const dueBefore = due === 'overdue' ? new Date(deps.now()) : due;
      const query = { account, state, dueBefore, after, limit: limit + 1 };
      const found = await listRequests(deps.pool, query);
      const shown = found.slice(0, limit);
      return {
        refundRequests: shown.map((one) => headBody(deps, one)),
        ...(found.length > limit && { next: shown.at(-1)?.id.toString() }),
      };
    },
  );
}

function addShowing(app: Api, deps: ApiDeps): void {
  app.get(
    '/v1/refund-requests/:id',
    {
      schema: {
        summary: 'A refund request with its messages and their evidence',
        description:
          `${ITEMS_SHOWN} messages at once; next: send it as after for those after them. finding is alreadyRefunded as ` +
          'soon as something else gave the money back: evidence.refunded names the outage or the other request.',
        tags: ['refunds'],
        params: idParams,
        querystring: z.object({ after: decimalId.default(0n) }),
        response: { 200: requestSchema },
      },
    },
    async (request) => {
      const found = await findRequest(deps.pool, request.params.id);
      if (found === undefined) throw noRequest(request.params.id);
      return whole(deps, found, request.query.after);
    },
  );
}

function addDecision(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/refund-requests/:id/decision',
    {
      schema: {
        summary: 'Approve or refuse a refund request, for good',
        description:
          'investigate marks an open one. An approval judges each message anew and sets the day until which it is to be ' +
          'paid; 409 while a message is under way, and when nothing of it can be refunded. A decision stays: 409.',
        tags: ['refunds'],
        params: idParams,
        body: z.strictObject({ decision: z.enum(['investigate', 'approve', 'refuse']), reason }),
        response: { 200: requestSchema },
      },
    },
    async (request) => {
      const wanted = { ...request.body, id: request.params.id, actor: actorOf(request) };
      const decided = await decideRefund(claimDeps(deps), wanted);
      if ('refused' in decided) throw decisionProblem(wanted.id, decided);
      return whole(deps, decided);
    },
  );
}

function addPayment(app: Api, deps: ApiDeps): void {
  app.post(
    '/v1/refund-requests/:id/payment',
    {
      schema: {
        summary: 'Pay an approved refund request',
        description:
          'A ledger entry `refund` of cause `request` for each message, never more than it cost. The same reference twice ' +
          'is one payment.',
        tags: ['refunds'],
        params: idParams,
        body: z.strictObject({ reference }),
        response: { 200: requestSchema, 201: requestSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const payment = { reference: request.body.reference, actor: actorOf(request) };
      const paid = await payRefund(claimDeps(deps), id, payment);
      if ('refused' in paid) throw paymentProblem(id, paid);
      if (paid.paid > 0n)
        deps.metrics.credits.child(paid.request.account, 'refund').inc(Number(paid.paid));
      return reply.code(paid.existing ? 200 : 201).send(await whole(deps, paid.request));
    },
  );
}

/** Why it is not decided. A total switch: a new refusal does not compile until it has a status. */
function decisionProblem(id: bigint, why: Exclude<DecisionOutcome, RefundRequest>): Problem {
  switch (why.refused) {
    case 'noSuchRequest':
      return noRequest(id);
    case 'decided':
      return conflict('already-decided', decidedText(why.request));
    case 'notEnded':
      return conflict('messages-under-way', `${why.messages} of its messages have not ended yet`);
    case 'nothingRefundable':
      return conflict(
        'nothing-refundable',
        'nothing of it can be refunded: no fault that the terms refund, nor an outage; refuse it',
      );
  }
}

function paymentProblem(id: bigint, why: Extract<PaymentOutcome, { refused: string }>): Problem {
  switch (why.refused) {
    case 'noSuchRequest':
      return noRequest(id);
    case 'notApproved':
      return conflict('not-approved', `this refund request is ${why.request.state}`);
    case 'otherReference':
      return conflict('already-paid', `it was paid under ${why.request.payment?.reference}`);
  }
}

function decidedText({ state, decision }: RefundRequest): string {
  return decision === undefined
    ? `this refund request is ${state}`
    : `this refund request was decided by ${decision.by} at ${decision.at.toISOString()} (${state}); that is final`;
}

function noRequest(id: bigint): Problem {
  return notFound('refund-request', id.toString());
}

function claimDeps(deps: ApiDeps): ClaimDeps {
  return { pool: deps.pool, destinationsOf: (ids) => deps.runtime.destinationsOf(ids) };
}

const askSchema = z.strictObject({
  account: z.string().min(1).max(64),
  reference,
  reason,
  messages: z.array(z.string().min(1).max(65)).min(1).max(MESSAGES_MAX),
});

/** A campaign file: what is asked in the first line, then an id a line. */
function bodyOfLines(text: string): { body: unknown } | { wrong: string } {
  const messages: string[] = [];
  let head: object | undefined;
  for (const [n, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '') continue;
    const value = jsonOf(trimmed);
    if (head === undefined) {
      if (typeof value !== 'object' || value === null)
        return { wrong: `line ${n + 1}: must be {account, reference, reason}` };
      head = value;
      continue;
    }
    const line_ = lineSchema.safeParse(value);
    if (!line_.success) return { wrong: `line ${n + 1}: must be an id, or {message}` };
    messages.push(typeof line_.data === 'string' ? line_.data : line_.data.message);
  }
  return { body: { ...head, messages } };
}

const lineSchema = z.union([
  z.string().min(1).max(65),
  z.strictObject({ message: z.string().min(1).max(65) }),
]);

/** An id may stand as it is: as a number JSON would round it. */
function jsonOf(line: string): unknown {
  if (!/^["{]/.test(line)) return line;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const decimalId = z
  .string()
  .regex(/^[0-9]{1,18}$/, 'must be an id')
  .transform((text) => BigInt(text));
const idParams = z.object({ id: decimalId });
const stateSchema = z.enum(['open', 'investigating', 'approved', 'refused', 'paid']);
const headSchema = z.object({
  id: z.string(),
  account: z.string(),
  reference: z.string(),
  state: stateSchema,
  reason: z.string(),
  requestedBy: z.string(),
  at: z.iso.datetime(),
  messages: z.int(),
  unknown: z.int().describe('ids that are no message of the account'),
  credits: z.string().describe('payable by what is known; once paid, what was'),
  decision: z
    .object({ reason: z.string(), by: z.string(), at: z.iso.datetime() })
    .optional()
    .describe('final; by terms: there was nothing to decide'),
  dueAt: z.iso.datetime().optional(),
  overdue: z.boolean(),
  payment: z.object({ reference: z.string(), by: z.string(), at: z.iso.datetime() }).optional(),
});
const requestSchema = headSchema.extend({
  items: z.array(
    z.object({
      message: z.string(),
      asked: z.string(),
      finding: z.string(),
      credits: z.string(),
      evidence: z.looseObject({}),
    }),
  ),
  unknownIds: z.array(z.string()),
  next: z.string().optional(),
});

function headBody(deps: ApiDeps, one: RefundRequest): z.output<typeof headSchema> {
  const { decision, dueAt, payment } = one;
  return {
    id: one.id.toString(),
    account: one.account,
    reference: one.reference,
    state: one.state,
    reason: one.reason,
    requestedBy: one.actor,
    at: one.at.toISOString(),
    messages: one.messages,
    unknown: one.unknown,
    credits: formatCredits(one.amount),
    ...(decision && { decision: { ...decision, at: decision.at.toISOString() } }),
    ...(dueAt && { dueAt: dueAt.toISOString() }),
    overdue: one.state === 'approved' && dueAt !== undefined && dueAt.getTime() < deps.now(),
    ...(payment && { payment: { ...payment, at: payment.at.toISOString() } }),
  };
}

async function whole(
  deps: ApiDeps,
  one: RefundRequest,
  after = 0n,
): Promise<z.output<typeof requestSchema>> {
  const items = await readItems(deps.pool, one.id, { after, limit: ITEMS_SHOWN + 1 });
  const shown = items.slice(0, ITEMS_SHOWN);
  return {
    ...headBody(deps, one),
    items: shown.map(itemBody),
    unknownIds: one.unknown === 0 ? [] : await readUnknown(deps.pool, one.id),
    ...(items.length > ITEMS_SHOWN && { next: shown.at(-1)?.message.toString() }),
  };
}

function itemBody(item: RefundItem): z.output<typeof requestSchema>['items'][number] {
  return {
    message: item.message.toString(),
    asked: item.asked,
    finding: item.finding,
    credits: formatCredits(item.amount),
    evidence: { ...item.evidence },
  };
}
